//go:build peers

package peers

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: far more than anything takes, and far less than a person would wait for a stuck test.
const patience = time.Minute

// eventually waits until done returns nil, and fails with its last error when that takes too long.
func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		case <-t.Context().Done():
			t.Fatalf("%s: the test ended: %v", what, err)
		}
	}
}

// output is what a process wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is one program that runs until it is stopped or its test ends.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout output
	stderr output
	screen bool          // stdout is redrawn all the time and tells nothing
	done   chan struct{} // closed when it has ended
	err    error         // valid then
}

// start starts a program on a machine, in a session of its own so that no terminal's signal reaches it. When the test
// ends it is killed and waited for; when the test failed, what it wrote is logged.
func start(t *testing.T, h host, name string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: h.command(t.Context(), name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) } // with the processes that it has started
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if !t.Failed() {
			return
		}
		if !p.screen {
			t.Logf("%s on %s (%v) wrote to stdout:\n%s", p.name, h.name, p.err, tail(p.stdout.String()))
		}
		t.Logf("%s on %s (%v) wrote to stderr:\n%s", p.name, h.name, p.err, tail(p.stderr.String()))
	})
	return p
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 24 << 10
	if len(s) > most {
		return "[...]" + s[len(s)-most:]
	}
	return s
}

// kill ends the process at once, as a power cut does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Cancel() // it may have ended
	<-p.done
}

// stop asks the process to end, and wants it to do so with exit code 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop %s: %v", p.name, err)
	}
	if err := p.wait(t); err != nil {
		t.Errorf("%s ended with %v after SIGTERM, want exit code 0", p.name, err)
	}
}

// wait returns how the process ended.
func (p *process) wait(t *testing.T) error {
	t.Helper()
	deadline := time.NewTimer(2 * patience)
	defer deadline.Stop()
	select {
	case <-p.done:
		return p.err
	case <-deadline.C:
		t.Fatalf("%s is still running", p.name)
		return nil
	}
}

// mustRun fails the test if the process has ended.
func (p *process) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
		t.Fatalf("%s has ended by itself, with %v", p.name, p.err)
	default:
	}
}

// firstLine waits for the first line of the standard output.
func (p *process) firstLine(t *testing.T) string {
	t.Helper()
	var line string
	eventually(t, p.name+" says that it runs", func() error {
		p.mustRun(t)
		var whole bool
		if line, _, whole = strings.Cut(p.stdout.String(), "\n"); !whole {
			return errors.New("nothing on the standard output")
		}
		return nil
	})
	return line
}
