package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// server is one that serves phones.
type server struct {
	name    string
	sip     netip.AddrPort
	main    int     // process
	side    int     // process of what takes part at a distance; 0: nothing
	phones  []phone // to be measured
	talkers []phone // with numbers, to call one another
}

// talkers is how many phones call or are called.
const talkers = 200

// Cores of the machine.
const serverCore, loadCore = "0", "1"

// launcher starts and stops servers.
type launcher struct {
	dir     string
	errors  io.Writer // of servers
	pinned  bool
	running []*exec.Cmd
}

func newLauncher(dir string, verbose bool) (*launcher, error) {
	l := &launcher{dir: dir, errors: io.Discard}
	if verbose {
		l.errors = os.Stderr
	}
	progress("building")
	build := exec.Command("go", "build", "-o", dir, "strowger/cloud/cmd/cloud", "strowger/switchnode/cmd/switchnode")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	own := exec.Command("taskset", "--all-tasks", "--pid", "--cpu-list", loadCore, strconv.Itoa(os.Getpid()))
	l.pinned = runtime.NumCPU() > 1 && own.Run() == nil
	return l, nil
}

// start starts a program; it is killed when the bench ends in any way.
func (l *launcher) start(name string, args ...string) (cmd *exec.Cmd, stdout io.Reader, err error) {
	if l.pinned {
		name, args = "taskset", append([]string{"--cpu-list", serverCore, name}, args...) // it becomes the program
	}
	cmd = exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = l.dir, l.errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdout, err = cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", name, err)
	}
	l.running = append(l.running, cmd)
	return cmd, stdout, nil
}

// announced starts one of our programs and reads where it is reached.
func (l *launcher) announced(decode func([]byte) error, name string, args ...string) (*exec.Cmd, error) {
	cmd, stdout, err := l.start(filepath.Join(l.dir, name), args...)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s says nothing: %w; --verbose shows why", name, err)
	}
	return cmd, decode(line)
}

// stop ends what runs, the last started first.
func (l *launcher) stop() {
	const patience = 10 * time.Second
	for i := len(l.running) - 1; i >= 0; i-- {
		cmd := l.running[i]
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // its figures were taken; how it ends does not matter
		kill.Stop()
	}
	l.running = nil
}

// sample is one run.
type sample struct {
	main, side time.Duration // CPU, for a unit
	lost       int
	refused    map[string]int
	others     float64 // share of the machine that neither server nor load used
}

// take runs a scenario and says what it cost, with what the servers still did right after it.
func take(ctx context.Context, l *load, s server, work scenario, n int, rate float64) (sample, error) {
	before, err := account(s)
	if err != nil {
		return sample{}, err
	}
	got, err := l.run(ctx, work, n, rate)
	if err != nil {
		return sample{}, err
	}
	after, err := settled(ctx, s)
	if err != nil {
		return sample{}, err
	}
	units := time.Duration(max(n-got.lost, 1))
	one := sample{main: (after.main - before.main) / units, side: (after.side - before.side) / units, lost: got.lost, refused: got.refused}
	own := after.main - before.main + after.side - before.side + after.own - before.own
	const tick = 10 * time.Millisecond // USER_HZ of /proc is 100 on every Linux
	if all := time.Duration(after.all-before.all) * tick; all > 0 {
		one.others = max(0, float64(time.Duration(after.used-before.used)*tick-own)/float64(all))
	}
	progress("%s: %s: %d at %.0f/s, %d lost %v, %v each, beside it %v, others used %.0f %% of the machine",
		s.name, work.name(), n, rate, got.lost, got.refused, one.main, one.side, 100*one.others)
	return one, nil
}

// settled waits until the servers have little left to do, and returns what they spent by then.
func settled(ctx context.Context, s server) (a spent, err error) {
	const (
		look   = time.Second
		little = 20 * time.Millisecond
		most   = 20
	)
	if a, err = account(s); err != nil {
		return a, err
	}
	for range most {
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return a, ctx.Err()
		}
		before := a
		if a, err = account(s); err != nil || a.main-before.main+a.side-before.side < little {
			return a, err
		}
	}
	return a, nil
}

// spent is the CPU time up to a moment.
type spent struct {
	main, side, own time.Duration
	used, all       int64
}

func account(s server) (a spent, err error) {
	var errMain, errSide, errOwn, errAll error
	a.main, errMain = cpu(s.main)
	if s.side != 0 {
		a.side, errSide = cpu(s.side)
	}
	var usage syscall.Rusage
	errOwn = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	a.own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	a.used, a.all, errAll = busy()
	return a, errors.Join(errMain, errSide, errOwn, errAll)
}
