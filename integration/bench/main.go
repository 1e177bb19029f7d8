package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options is what the command line says.
type options struct {
	quick, alone, verbose           bool
	json, markdown, plots, profiles string // files and folders; "": none
	parts                           []part
}

// part is what can be asked for by name.
type part struct {
	name, what string
	run        func(*bench, context.Context) error
}

func parts() []part {
	return []part{
		{"register", "REGISTER with a digest, first and refresh", (*bench).registrations},
		{"call", "calls through one switch", (*bench).calls},
		{"call2", "calls through two switches", (*bench).callsBetween},
		{"trunk", "calls to a phone company", (*bench).trunks},
		{"rtp", "audio through one switch and over a link, a packet", (*bench).relays},
		{"queue", "callers who wait for one callee", (*bench).queues},
		{"lamps", "lamps that many phones watch", (*bench).lamps},
		{"memory", "memory of phones and calls", (*bench).memories},
		{"admit", "admissions in the cloud, with few and many devices", (*bench).admissions},
		{"trips", "network round trips from INVITE to 180", (*bench).trips},
		{"push", "pushes to Apple, Google and browsers", (*bench).pushes},
		{"webrtc", "calls to apps with WebRTC, and what a leg holds", (*bench).webRTC},
		{"devices", "memory of apps that sleep, and of those that are awake", (*bench).devices},
		{"wake", "network round trips until an app that sleeps rings", (*bench).wakes},
	}
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the command line; what is wrong with it is said there.
func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "small numbers, to see that it works")
	flags.BoolVar(&o.alone, "alone", false, "measure Strowger only, without Kamailio and rtpengine")
	flags.BoolVar(&o.verbose, "verbose", false, "show what the servers say")
	flags.StringVar(&o.json, "json", "", "write every figure to `FILE`")
	flags.StringVar(&o.markdown, "markdown", "", "replace the figures in `FILE`, between the comments that begin and end a part")
	flags.StringVar(&o.plots, "plots", "", "draw the figures into `DIR`, an SVG for each part")
	flags.StringVar(&o.profiles, "profile", "", "write CPU and allocation profiles of our programs into `DIR`, from one more run of each load")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: bench [flags] [part...]; all parts without a name:")
		for _, p := range parts() {
			fmt.Fprintf(flags.Output(), "  %-10s %s\n", p.name, p.what)
		}
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.parts, err = chosen(flags.Args())
	if err != nil {
		fmt.Fprintln(flags.Output(), err)
	}
	return o, err
}

// chosen is the parts of these names, in their own order; all without names.
func chosen(names []string) ([]part, error) {
	all := parts()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("no part is called %q; --help lists them", name)
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(p part) bool { return !slices.Contains(names, p.name) }), nil
}

// bench is one run of the command.
type bench struct {
	options
	*launcher
	plan plan
	rows []row
}

// run measures, in a namespace if that can be, and reports.
func run(ctx context.Context, o options) (err error) {
	dir, inside := os.LookupEnv(insideVariable)
	if !inside {
		if dir, err = os.MkdirTemp("", "strowger-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // in the temporary folder, where the system finds it in the end
		if err := buildPrograms(ctx, dir); err != nil {
			return err
		}
		if err := buildBroker(ctx, dir); err != nil {
			return err
		}
		if os.Geteuid() == 0 {
			return isolated(ctx, dir)
		}
	}
	if inside {
		if err := loopback(ctx); err != nil {
			return err
		}
	}
	b := &bench{options: o, launcher: newLauncher(dir, o.verbose), plan: newPlan(o.quick)}
	b.pin()
	return b.measure(ctx)
}

// measure takes every part and reports what there is, also when one fails.
func (b *bench) measure(ctx context.Context) error {
	m := machine(b.pinned)
	for _, p := range b.parts {
		progress("part %s: %s", p.name, p.what)
		err := p.run(b, ctx)
		b.stop()
		if err != nil {
			return fmt.Errorf("part %s: %w", p.name, err)
		}
	}
	return b.report(m)
}

// progress tells how far it is.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+strings.TrimSpace(format)+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}
