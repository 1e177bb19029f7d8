package main

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"time"

	"strowger/pkg/rest"
)

// program is one process of a server.
type program struct {
	name    string
	pid     int
	metrics string // where it serves its profiles; "": nowhere
}

// office is a place where phones register, and its phones.
type office struct {
	code    string // what others dial before a number of it
	sip     netip.AddrPort
	phones  []phone // to be registered only
	talkers []phone // with numbers
}

// server is what serves phones, in one office or in two.
type server struct {
	name    string
	main    []program // in the path of a call, one for each office
	side    []program // what takes part at a distance
	offices []office

	registry rest.Client // of ours
}

// programs is all of them.
func (s server) programs() []program { return append(s.main[:len(s.main):len(s.main)], s.side...) }

// outcome is what became of the units of a load.
type outcome struct {
	units, lost int
	repeated    map[string]int // messages that a server sent again, by kind
	refused     map[string]int // why units were lost, as far as a server says it: final answers, counters of dropped packets
}

// sample is one run.
type sample struct {
	outcome
	main, side time.Duration // CPU, for a unit
	others     float64       // share of the machine that neither server nor load used
}

// take has a load done and says what it cost, with what the servers still did right after it.
func (b *bench) take(ctx context.Context, s server, load func() (outcome, error)) (sample, error) {
	before, err := account(s)
	if err != nil {
		return sample{}, err
	}
	got, err := load()
	if err != nil {
		return sample{}, err
	}
	after, err := b.settled(ctx, s)
	if err != nil {
		return sample{}, err
	}
	units := time.Duration(max(got.units-got.lost, 1))
	one := sample{outcome: got, main: (after.main - before.main) / units, side: (after.side - before.side) / units}
	own := after.main - before.main + after.side - before.side + after.own - before.own
	const tick = 10 * time.Millisecond // USER_HZ of /proc is 100 on every Linux
	if all := time.Duration(after.all-before.all) * tick; all > 0 {
		one.others = max(0, float64(time.Duration(after.used-before.used)*tick-own)/float64(all))
	}
	return one, nil
}

// settled waits until the servers have little left to do, and returns what they spent by then.
func (b *bench) settled(ctx context.Context, s server) (a spent, err error) {
	const most = 20
	little := b.plan.look / 50
	if a, err = account(s); err != nil {
		return a, err
	}
	for range most {
		if err := pause(ctx, b.plan.look); err != nil {
			return a, err
		}
		before := a
		if a, err = account(s); err != nil || a.main-before.main+a.side-before.side < little {
			return a, err
		}
	}
	return a, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spent is the CPU time up to a moment.
type spent struct {
	main, side, own time.Duration
	used, all       int64
}

func account(s server) (a spent, err error) {
	var errMain, errSide, errOwn, errAll error
	a.main, errMain = cpu(s.main)
	a.side, errSide = cpu(s.side)
	var usage syscall.Rusage
	errOwn = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	a.own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	a.used, a.all, errAll = busy()
	return a, errors.Join(errMain, errSide, errOwn, errAll)
}
