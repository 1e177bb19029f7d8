package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"strowger/pkg/rest"
)

// queues measures what a caller who waits costs the switch, and how soon the head of a long line rings when the callee is free.
func (b *bench) queues(ctx context.Context) error {
	const callers = 40 // phones, of which none may place more than 32 calls
	s, err := b.strowger(ctx, 1, 2*callers, 0)
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
	from, to := parties(s)
	if err := b.lineUp(ctx, s.registry, to[0].user); err != nil {
		return err
	}
	line := &waits{call: call{callers: from, callees: to[:1], token: "line"}}
	if got, err := l.run(ctx, line, 1, 1); err != nil || got.lost > 0 {
		return fmt.Errorf("the call that the others wait for: %v, %w", got.refused, err)
	}
	line.token, line.queued = "queue", true
	load := fmt.Sprint(b.plan.waiting)
	var join sample
	grown, err := b.grown(ctx, s, b.plan.waiting, func() error {
		join, err = b.take(ctx, s, func() (outcome, error) { return l.run(ctx, line, b.plan.waiting, b.plan.callRates[0]) })
		told(s, "a caller joins a line", join)
		return err
	})
	if err != nil {
		return err
	}
	cpu := row{Part: "queue", Name: "a caller joins, and is told the place", Load: load, Unit: "µs"}
	cpu.ours(join, 1)
	free := row{Part: "queue", Name: "the callee hangs up, until the head rings", Load: load, Unit: "ms"}
	line.served = true
	l.called = func() { free.Ours = append(free.Ours, float64(time.Since(line.left).Microseconds())/1000) }
	turn, err := b.take(ctx, s, func() (outcome, error) { return l.run(ctx, line, b.plan.turns, float64(b.plan.turns)) })
	if err != nil {
		return err
	}
	told(s, "turns", turn)
	turns := row{Part: "queue", Name: "a turn: all who wait are told their new place", Load: load, Unit: "µs"}
	turns.ours(turn, 1)
	b.rows = append(b.rows, cpu,
		row{Part: "queue", Name: "a caller who waits: heap and stacks", Load: load, Unit: "kB", Ours: []float64{kB(grown.live, b.plan.waiting)}},
		row{Part: "queue", Name: "a caller who waits: process", Load: load, Unit: "kB", Ours: []float64{kB(grown.process, b.plan.waiting)}},
		free, turns)
	return nil
}

// lineUp lets calls wait for a user, who is named after their phone.
func (b *bench) lineUp(ctx context.Context, registry rest.Client, name string) error {
	for u, err := range registry.Users().All(ctx, rest.Filter{"name": name}) {
		if err != nil {
			return err
		}
		_, err = registry.Users().Update(ctx, u.ID, u.Version, map[string]any{"queue_length": b.plan.waiting, "queue_seconds": 7200})
		return err
	}
	return fmt.Errorf("there is no user %q", name)
}

// waits has callers call one callee: the first talks, the others wait until the callee is free. Then each that is answered hangs up.
type waits struct {
	call
	queued bool      // a unit is done when it waits
	served bool      // a unit is done when it is answered
	talks  []byte    // the answer of the first
	left   time.Time // when the last BYE was sent
}

func (w *waits) begin(l *load, i int) {
	switch {
	case !w.served:
		w.call.begin(l, i)
	case i == 0:
		w.hangUp(l, 0, "line", w.talks)
	}
}

// hangUp ends the call of a unit whose answer is given.
func (w *waits) hangUp(l *load, i int, token string, answer message) {
	c := w.call
	c.token = token
	w.left = time.Now()
	c.end(l, i, answer)
}

func (w *waits) response(l *load, i int, m message) {
	code, invite := m.code(), bytes.HasSuffix(m.header("CSeq"), []byte("INVITE"))
	switch {
	case code == "182":
		if w.queued && !w.served {
			l.finish(i)
		}
	case code[0] == '1':
	case code == "200" && invite:
		c := w.call
		c.hold = true
		c.acknowledge(l, i, m)
		if w.served {
			w.hangUp(l, i, w.token, m)
		} else {
			w.talks = bytes.Clone(m)
		}
	case code == "200":
	default:
		w.call.response(l, i, m)
	}
}
