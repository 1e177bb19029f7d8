package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// runs is how often each figure is taken; the median counts.
const runs = 3

// plan is how much is measured.
type plan struct {
	phones       int     // registered in all, in as many parts as there are runs
	registerRate float64 // a second
	calls        int     // in each run
	callRate     float64
}

func main() {
	quick := flag.Bool("quick", false, "small numbers, to see that it works")
	verbose := flag.Bool("verbose", false, "show what the servers say")
	flag.Parse()
	p := plan{phones: 1200, registerRate: 400, calls: 600, callRate: 100}
	if *quick {
		p = plan{phones: 300, registerRate: 200, calls: 100, callRate: 50}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, p, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench measures one server after the other and prints the table.
func bench(ctx context.Context, p plan, verbose bool) (err error) {
	dir, err := os.MkdirTemp("", "strowger-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the temporary folder, where the system finds it in the end
	l, err := newLauncher(dir, verbose)
	if err != nil {
		return err
	}
	defer l.stop()
	about(l.pinned)
	ours, err := l.strowger(ctx, p)
	if err != nil {
		return err
	}
	oursDone, err := measure(ctx, p, ours)
	if err != nil {
		return err
	}
	l.stop()
	theirs, err := l.kamailio(p)
	if err != nil {
		return err
	}
	theirsDone, err := measure(ctx, p, theirs)
	if err != nil {
		return err
	}
	table(ours, theirs, oursDone, theirsDone)
	return nil
}

// measure takes every figure of one server.
func measure(ctx context.Context, p plan, s server) (f figures, err error) {
	l, err := newLoad(s.sip)
	if err != nil {
		return f, err
	}
	defer l.close()
	progress("%s: warming up", s.name)
	if err := warmUp(ctx, l, p, s); err != nil {
		return f, fmt.Errorf("%s: %w", s.name, err)
	}
	before, err := memory(s.main)
	if err != nil {
		return f, err
	}
	part := p.phones / runs
	for pass, into := range []*[]sample{&f.first, &f.refresh} {
		for r := range runs {
			one, err := take(ctx, l, s, register{phones: s.phones[r*part:], pass: pass}, part, p.registerRate)
			if err != nil {
				return f, err
			}
			*into = append(*into, one)
		}
		if pass == 0 {
			after, err := memory(s.main)
			if err != nil {
				return f, err
			}
			f.phone = float64(after-before) / float64(p.phones)
		}
	}
	for r := range runs {
		one, err := take(ctx, l, s, call{talkers: s.talkers, token: fmt.Sprint("call", r)}, p.calls, p.callRate)
		if err != nil {
			return f, err
		}
		f.call = append(f.call, one)
	}
	return f, nil
}

// warmUp registers the talkers and has each call once, as soon as the server serves them.
func warmUp(ctx context.Context, l *load, p plan, s server) error {
	const tries = 10
	var got outcome
	for try := range tries {
		var err error
		if got, err = l.run(ctx, register{phones: s.talkers, pass: try}, len(s.talkers), p.registerRate); err != nil {
			return err
		}
		if got.lost == 0 {
			_, err := take(ctx, l, s, call{talkers: s.talkers, token: "warm"}, len(s.talkers)/2, p.callRate)
			return err
		}
	}
	return fmt.Errorf("%d of %d phones could not register: %v", got.lost, len(s.talkers), got.refused)
}

// progress tells how far it is.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
