package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// work is one kind of load on a SIP server.
type work struct {
	name string
	rate float64
	each int // units of a run
	make func(s server, run int) scenario
}

func (w work) load() string { return fmt.Sprintf("%.0f/s", w.rate) }

// expected is how long a run takes.
func (w work) expected() time.Duration {
	return time.Duration(float64(w.each) / w.rate * float64(time.Second))
}

// registrations measures REGISTER.
func (b *bench) registrations(ctx context.Context) error {
	runs := b.plan.runs
	part := b.plan.phones / runs
	pass := 0
	var works []work
	for i, rate := range b.plan.registerRates {
		if i == 0 {
			works = append(works, work{name: "REGISTER, first", rate: rate, each: part, make: func(s server, run int) scenario {
				return register{phones: s.offices[0].phones[min(run, runs-1)*part:][:part], pass: max(0, run-runs+1)}
			}})
		}
		each := int(rate * b.plan.each.Seconds() / 2)
		works = append(works, work{name: "REGISTER, refresh", rate: rate, each: each, make: func(s server, _ int) scenario {
			pass += 1 + each/b.plan.phones
			return register{phones: s.offices[0].phones, pass: pass + runs}
		}})
	}
	return b.compare(ctx, "register", 1, 2, b.plan.phones, works)
}

// calls measures calls through one switch.
func (b *bench) calls(ctx context.Context) error {
	return b.compare(ctx, "call", 1, b.plan.talkers, 0, b.callWorks("call through one switch", b.plan.callRates))
}

// callsBetween measures calls through two switches and the link between them, for each of the two.
func (b *bench) callsBetween(ctx context.Context) error {
	return b.compare(ctx, "call2", 2, b.plan.talkers/2, 0, b.callWorks("call through two switches, for each", b.plan.betweenRates))
}

// parties has the talkers of the first office call those of the second, or one half of them the other.
func parties(s server) (from, to []phone) {
	if len(s.offices) == 1 {
		t := s.offices[0].talkers
		return t[:len(t)/2], t[len(t)/2:]
	}
	to = slices.Clone(s.offices[1].talkers)
	for i := range to {
		to[i].number = s.offices[1].code + to[i].number
	}
	return s.offices[0].talkers, to
}

func (b *bench) callWorks(name string, rates []float64) (works []work) {
	for _, rate := range rates {
		works = append(works, work{name: name, rate: rate, each: int(rate * b.plan.each.Seconds()), make: func(s server, run int) scenario {
			from, to := parties(s)
			return call{callers: from, callees: to, token: fmt.Sprintf("call%.0f.%d", rate, run)}
		}})
	}
	return works
}

// compare takes each work at Strowger and then at Kamailio, in as many offices, and notes a row for each.
func (b *bench) compare(ctx context.Context, part string, offices, talkers, others int, works []work) error {
	first := len(b.rows)
	for _, w := range works {
		b.rows = append(b.rows, row{Part: part, Name: w.name, Load: w.load(), Unit: "µs", Peer: "Kamailio"})
	}
	rows := b.rows[first:]
	s, err := b.strowger(ctx, offices, talkers, others)
	if err != nil {
		return err
	}
	if err := b.each(ctx, s, works, func(i int, one sample) { rows[i].ours(one, offices) }); err != nil {
		return err
	}
	b.stop()
	if b.alone {
		return nil
	}
	if s, err = b.kamailio(ctx, offices, talkers, others); err != nil {
		return err
	}
	if err := b.each(ctx, s, works, func(i int, one sample) { rows[i].theirs(one, offices) }); err != nil {
		return err
	}
	b.stop()
	return nil
}

// each takes every work at one server.
func (b *bench) each(ctx context.Context, s server, works []work, note func(i int, one sample)) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	defer l.close()
	if err := warmUp(ctx, l, s); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	for i, w := range works {
		for r := range b.plan.runs {
			one, err := b.take(ctx, s, func() (outcome, error) { return l.run(ctx, w.make(s, r), w.each, w.rate) })
			if err != nil {
				return err
			}
			told(s, w.name+" "+w.load(), one)
			note(i, one)
		}
		load := func() (outcome, error) { return l.run(ctx, w.make(s, b.plan.runs), w.each, w.rate) }
		if err := b.profiled(ctx, s, w.name+" "+w.load(), w.expected(), load); err != nil {
			return err
		}
	}
	return nil
}

// told says how a run went.
func told(s server, what string, one sample) {
	progress("%s: %s: %d, %d lost %v, sent again %v, %v each, beside it %v, others used %.0f %% of the machine", s.name, what,
		one.units, one.lost, one.refused, one.repeated, one.main, one.side, 100*one.others)
}

// warmUp registers the talkers and has each call once, as soon as the server serves them.
func warmUp(ctx context.Context, l *load, s server) error {
	const tries, rate = 50, 100.0
	progress("%s: warming up", s.name)
	from, to := parties(s)
	all := slices.Concat(from, to)
	first, usual := []phone{from[0], to[0]}, l.patience
	defer func() { l.patience = usual }()
	for pass := range tries { // until servers are there and have their site copies
		l.patience = usual / 10
		got, err := l.run(ctx, register{phones: first, pass: pass}, len(first), rate)
		if err != nil {
			return err
		}
		if got.lost > 0 && pass < tries-1 {
			continue
		}
		l.patience = usual
		if got, err = l.run(ctx, register{phones: all, pass: tries}, len(all), rate); err == nil && got.lost == 0 {
			got, err = l.run(ctx, call{callers: from, callees: to, token: "warm"}, len(from), rate)
		}
		if err == nil && got.lost > 0 {
			err = fmt.Errorf("%d of %d phones could not register or call: %v", got.lost, got.units, got.refused)
		}
		return err
	}
	return nil
}
