package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Cores of the machine.
const serverCore, loadCore = "0", "1"

// insideVariable tells the bench that it runs in its namespace, and where its programs are.
const insideVariable = "STROWGER_BENCH_INSIDE"

// patienceToStop is how long a program may take to end before it is killed.
const patienceToStop = 10 * time.Second

// buildPrograms puts ours into a folder.
func buildPrograms(ctx context.Context, dir string) error {
	progress("building")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", dir, "strowger/cloud/cmd/cloud", "strowger/switchnode/cmd/switchnode",
		"strowger/mobile-bridge/cmd/mobile-bridge", "strowger/integration/bench/bare")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// isolated runs the bench again in a network namespace of its own, where nothing is but what it sends.
func isolated(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * patienceToStop
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return errors.New("not all was measured") // it has said why
	} else if err != nil {
		return fmt.Errorf("run in a network namespace: %w", err)
	}
	return nil
}

// loopback brings up the only interface of a new namespace.
func loopback(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("bring up the loopback of the namespace by ip of iproute2: %w %s", err, out)
	}
	// Janus has no candidate on a loopback interface; packets to an address of one's own go over it all the same.
	for _, args := range [][]string{{"link", "add", "bench0", "type", "veth", "peer", "bench1"}, {"addr", "add", "10.99.0.1/24", "dev", "bench0"}, {"link", "set", "bench0", "up"}, {"link", "set", "bench1", "up"}} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("make an interface in the namespace by ip of iproute2: %w %s", err, out)
		}
	}
	return nil
}

// running is a program that was started. One that is ours is killed in the end: there is nothing that it must save.
type running struct {
	*exec.Cmd
	ours bool
	said *tail // on its standard error
}

// launcher starts and stops programs.
type launcher struct {
	dir     string
	errors  io.Writer // of programs
	pinned  bool
	running []running
	names   int
}

// unique is a part of a name that nothing else of this run has.
func (l *launcher) unique() string {
	l.names++
	return strconv.Itoa(l.names)
}

func newLauncher(dir string, verbose bool) *launcher {
	l := &launcher{dir: dir, errors: io.Discard}
	if verbose {
		l.errors = os.Stderr
	}
	return l
}

// pin keeps the load, and so this process, away from the servers' core, if that can be.
func (l *launcher) pin() {
	own := exec.Command("taskset", "--all-tasks", "--pid", "--cpu-list", loadCore, strconv.Itoa(os.Getpid()))
	l.pinned = runtime.NumCPU() > 1 && own.Run() == nil
}

// start starts a program; it is killed when the bench ends in any way.
func (l *launcher) start(name string, args ...string) (cmd *exec.Cmd, stdout io.Reader, err error) {
	return l.startWith(nil, name, args...)
}

// startWith starts a program with more in its environment.
func (l *launcher) startWith(environment []string, name string, args ...string) (cmd *exec.Cmd, stdout io.Reader, err error) {
	program := name
	if l.pinned {
		program, args = "taskset", append([]string{"--cpu-list", serverCore, name}, args...) // it becomes the program
	}
	cmd = exec.Command(program, args...)
	said := &tail{}
	cmd.Dir, cmd.Stderr, cmd.Env = l.dir, io.MultiWriter(l.errors, said), append(os.Environ(), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdout, err = cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", name, err)
	}
	l.running = append(l.running, running{Cmd: cmd, said: said})
	return cmd, stdout, nil
}

// tail is the last that a program said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// announced starts one of our programs and reads where it is reached.
func (l *launcher) announced(decode func([]byte) error, name string, args ...string) (pid int, err error) {
	cmd, stdout, err := l.start(filepath.Join(l.dir, name), args...)
	if err != nil {
		return 0, err
	}
	started := &l.running[len(l.running)-1]
	started.ours = true
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return 0, fmt.Errorf("%s does not start: %w: %s", name, err, started.said)
	}
	return cmd.Process.Pid, decode(line)
}

// stop ends what runs, the last started first.
func (l *launcher) stop() {
	for i := len(l.running) - 1; i >= 0; i-- {
		cmd, how := l.running[i], syscall.SIGTERM
		if cmd.ours {
			how = syscall.SIGKILL
		}
		_ = cmd.Process.Signal(how) // it may have ended
		kill := time.AfterFunc(patienceToStop, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // its figures were taken; how it ends does not matter
		kill.Stop()
	}
	l.running = nil
}
