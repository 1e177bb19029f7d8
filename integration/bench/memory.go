package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// held is what the programs in the path of a call hold, in bytes.
type held struct {
	process int64 // of the machine's memory
	live    int64 // of ours: the heap after garbage collection, and the stacks; 0 of a peer
	cloud   int64 // of the machine's memory
}

// holds looks what a server holds. The process is looked at first, for looking at the heap collects the garbage.
func holds(ctx context.Context, s server) (h held, err error) {
	if h.process, err = memory(s.main); err != nil {
		return h, err
	}
	if h.cloud, err = memory(s.side); err != nil {
		return h, err
	}
	for _, p := range s.main {
		if p.metrics == "" {
			continue
		}
		n, err := live(ctx, p)
		if err != nil {
			return h, err
		}
		h.live += n
	}
	return h, nil
}

// live is the heap that is in use after garbage collection, and the stacks.
func live(ctx context.Context, p program) (int64, error) {
	const collections = 2 // what sync.Pool holds survives one
	var text []byte
	for range collections {
		var err error
		if text, err = get(ctx, fmt.Sprintf("http://%s/debug/pprof/heap?gc=1&debug=1", p.metrics)); err != nil {
			return 0, err
		}
	}
	return parseLive(string(text))
}

// parseLive reads the figures at the end of a heap profile in text form: those of runtime.MemStats.
func parseLive(text string) (int64, error) {
	var heap, stacks int64
	for line := range strings.Lines(text) {
		// Not every line is one of these.
		_, _ = fmt.Sscanf(line, "# HeapAlloc = %d", &heap)
		_, _ = fmt.Sscanf(line, "# Stack = %d /", &stacks)
	}
	if heap == 0 || stacks == 0 {
		return 0, errors.New("a heap profile without HeapAlloc and Stack")
	}
	return heap + stacks, nil
}

// memoryNames are the rows of the part, in the order in which they are measured.
var memoryNames = [...]string{"a registered phone", "a call that is up", "left by a call that came and went"}

// memories measures what phones and calls hold.
func (b *bench) memories(ctx context.Context) error {
	var live, process [len(memoryNames)]row
	for i, name := range memoryNames {
		load := fmt.Sprint([...]int{b.plan.phones, b.plan.held, b.come()}[i])
		live[i] = row{Part: "memory", Name: name + ": heap and stacks", Load: load, Unit: "kB"}
		process[i] = row{Part: "memory", Name: name + ": process", Load: load, Unit: "kB", Peer: "Kamailio"}
	}
	s, err := b.strowger(ctx, 1, b.plan.talkers, b.plan.phones)
	if err != nil {
		return err
	}
	err = b.grows(ctx, s, func(i, units int, grown held) {
		live[i].Ours = []float64{kB(grown.live, units)}
		process[i].Ours, process[i].Cloud = []float64{kB(grown.process, units)}, []float64{kB(grown.cloud, units)}
	})
	if err != nil {
		return err
	}
	b.stop()
	if !b.alone {
		if s, err = b.kamailio(ctx, 1, b.plan.talkers, b.plan.phones); err != nil {
			return err
		}
		err = b.grows(ctx, s, func(i, units int, grown held) { process[i].Their = []float64{kB(grown.process, units)} })
		if err != nil {
			return err
		}
	}
	for i := range memoryNames {
		b.rows = append(b.rows, live[i], process[i])
	}
	return nil
}

func kB(bytes int64, units int) float64 { return float64(bytes) / 1000 / float64(units) }

// come is how many calls come and go.
func (b *bench) come() int { return int(b.plan.soak.Seconds() * b.plan.callRates[0]) }

// grows has phones register, holds calls and then has many calls come and go, and tells what each unit added.
func (b *bench) grows(ctx context.Context, s server, grown func(i, units int, by held)) error {
	l, err := newLoad()
	if err != nil {
		return err
	}
	defer l.close()
	if err := warmUp(ctx, l, s); err != nil {
		return err
	}
	if _, err := b.settled(ctx, s); err != nil {
		return err
	}
	before, err := holds(ctx, s)
	if err != nil {
		return err
	}
	from, to := parties(s)
	phones, rate := s.offices[0].phones, b.plan.callRates[0]
	for i, step := range []struct {
		units int
		rate  float64
		scenario
		settle bool
	}{
		{len(phones), b.plan.registerRates[0], register{phones: phones}, true},
		{b.plan.held, rate, call{callers: from, callees: to, token: "held", hold: true}, true},
		{b.come(), rate, call{callers: from, callees: to, token: "come"}, false},
	} {
		got, err := l.run(ctx, step.scenario, step.units, step.rate)
		if err != nil {
			return err
		}
		progress("%s: %d units of %s, %d lost %v", s.name, step.units, step.name(), got.lost, got.refused)
		if step.settle {
			if _, err := b.settled(ctx, s); err != nil {
				return err
			}
		}
		after, err := holds(ctx, s)
		if err != nil {
			return err
		}
		grown(i, max(1, step.units-got.lost), held{after.process - before.process, after.live - before.live, after.cloud - before.cloud})
		before = after
	}
	return nil
}
