package main

import (
	"context"
	"fmt"
	"time"
)

// audioLoad is an amount of audio.
type audioLoad struct {
	calls  int
	packet float64 // packets a second on each side of a call; a phone sends 50
}

// rate is packets a second in all.
func (a audioLoad) rate() float64 { return 2 * float64(a.calls) * a.packet }

func (a audioLoad) String() string { return fmt.Sprintf("%d calls, %.0f/s", a.calls, a.rate()) }

// relays measures audio from phone to phone, over one switch and over two, beside rtpengine.
func (b *bench) relays(ctx context.Context) error {
	t, err := newTalk()
	if err != nil {
		return err
	}
	defer t.close()
	loads, first := b.plan.audio, len(b.rows)
	for _, name := range []string{"RTP packet, phone to phone", "RTP packet over a link, for each switch"} {
		for _, a := range loads {
			b.rows = append(b.rows, row{Part: "rtp", Name: name, Load: a.String(), Unit: "µs", Peer: "rtpengine"})
		}
	}
	inside, between := b.rows[first:][:len(loads)], b.rows[first+len(loads):]
	for i, rows := range [][]row{inside, between} {
		if err := b.relayed(ctx, t, 1+i, rows); err != nil {
			return err
		}
		b.stop()
	}
	if b.alone {
		return nil
	}
	e, err := b.engine(ctx)
	if err != nil {
		return err
	}
	defer e.close()
	a := audio{here: localhost(), ports: t.ports()}
	for i, load := range loads {
		for len(a.at[callerSide]) < load.calls {
			if err := e.connect(&a); err != nil {
				return err
			}
		}
		note := func(one sample) {
			inside[i].theirs(one, 1)
			between[i].theirs(one, 1)
		}
		if err := b.audio(ctx, e.server, t, &a, load, "RTP", note); err != nil {
			return err
		}
	}
	return nil
}

// relayed measures audio through Strowger.
func (b *bench) relayed(ctx context.Context, t *talk, offices int, rows []row) error {
	s, err := b.strowger(ctx, offices, b.plan.talkers, 0)
	if err != nil {
		return err
	}
	l, err := newLoad()
	if err != nil {
		return err
	}
	defer l.close()
	if err := warmUp(ctx, l, s); err != nil {
		return err
	}
	l.audio = audio{here: localhost(), ports: t.ports()}
	for i, load := range b.plan.audio {
		if err := hold(ctx, l, s, load.calls-len(l.audio.at[callerSide]), fmt.Sprint("held", i)); err != nil {
			return err
		}
		if err := b.audio(ctx, s, t, &l.audio, load, rows[i].Name, func(one sample) { rows[i].ours(one, offices) }); err != nil {
			return err
		}
	}
	return nil
}

// hold sets up n more calls and leaves them up.
func hold(ctx context.Context, l *load, s server, n int, token string) error {
	const rate = 50
	if n <= 0 {
		return nil
	}
	from, to := parties(s)
	got, err := l.run(ctx, call{callers: from, callees: to, token: token, hold: true}, n, rate)
	if err == nil && got.lost > 0 {
		err = fmt.Errorf("%s: %d of %d calls did not come up: %v", s.name, got.lost, n, got.refused)
	}
	return err
}

// audio takes one load at a server.
func (b *bench) audio(ctx context.Context, s server, t *talk, a *audio, load audioLoad, name string, note func(sample)) error {
	to, err := a.destinations(load.calls)
	if err != nil {
		return err
	}
	run := func(length time.Duration) (outcome, error) { return t.run(ctx, to, load.rate(), length) }
	if _, err := run(b.plan.each / 10); err != nil { // ports are heard, buffers grow
		return err
	}
	for range b.plan.runs {
		one, err := b.take(ctx, s, func() (outcome, error) { return counted(ctx, s, func() (outcome, error) { return run(b.plan.each) }) })
		if err != nil {
			return err
		}
		told(s, name+", "+load.String(), one)
		note(one)
	}
	return b.profiled(ctx, s, name+" "+load.String(), b.plan.each, func() (outcome, error) { return run(b.plan.each) })
}
