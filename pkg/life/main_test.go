package life_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	ossignal "os/signal"
	"strings"
	"syscall"
	"testing"

	"strowger/pkg/life"
)

// child is set in the environment of the copy of this test that gets the signals.
const child = "STROWGER_LIFE_CHILD"

func TestMain(m *testing.M) {
	var end func(ctx context.Context) error
	switch os.Getenv(child) {
	case "":
		os.Exit(m.Run())
	case "obeys":
		end = func(context.Context) error { return nil }
	case "stubborn":
		end = func(context.Context) error { select {} }
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	os.Exit(life.Main(context.Background(), log, func(ctx context.Context) error {
		fmt.Println("ready")
		<-ctx.Done()
		return end(ctx)
	}))
}

func TestMainReturnsExitCode(t *testing.T) {
	if code := life.Main(t.Context(), discard(), func(context.Context) error { return nil }); code != 0 {
		t.Errorf("exit code %d after success, want 0", code)
	}
	if code := life.Main(t.Context(), discard(), func(context.Context) error { return errors.New("no") }); code != 1 {
		t.Errorf("exit code %d after an error, want 1", code)
	}
}

func TestFirstSignalEndsTheContext(t *testing.T) {
	cmd, _ := start(t, "obeys")
	signal(t, cmd, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}

func TestSecondSignalKills(t *testing.T) {
	cmd, lines := start(t, "stubborn")
	signal(t, cmd, syscall.SIGINT)
	if !lines.Scan() || !strings.Contains(lines.Text(), "a second signal kills") {
		t.Fatalf("the child says %q", lines.Text())
	}
	second := syscall.SIGINT
	if ossignal.Ignored(second) { // as shells have it for what they start in the background; children inherit that
		second = syscall.SIGTERM
	}
	signal(t, cmd, second)
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != second {
		t.Errorf("after %v, the second signal: %v, want killed by it", second, err)
	}
}

// start runs a copy of the test binary and returns when it handles signals.
func start(t *testing.T, mode string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the child says %q, want ready", lines.Text())
	}
	return cmd, lines
}

func signal(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestOpenFiles holds that the process uses what its hard limit allows: the Go runtime sees to that.
func TestOpenFiles(t *testing.T) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	if have, hard := life.OpenFiles(), uint64(l.Max); have < int(min(hard, 1<<30))-1 {
		t.Errorf("%d files may be open, the hard limit is %d", have, hard)
	}
}

// TestShare leaves files to others.
func TestShare(t *testing.T) {
	if all := life.OpenFiles(); life.Share(2, 1<<31) != all/2 || life.Share(1<<31, 9) != 1 {
		t.Errorf("of %d files half is %d, and too small a part %d", all, life.Share(2, 1<<31), life.Share(1<<31, 9))
	}
	if n := life.Share(2, 3); n != 3 {
		t.Errorf("%d, want at most 3", n)
	}
}
