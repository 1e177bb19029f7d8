package life_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"strowger/pkg/life"
)

// child is set in the environment of the copy of this test that gets the signals.
const child = "STROWGER_LIFE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(child) {
	case "":
		os.Exit(m.Run())
	case "obeys":
		os.Exit(life.Main(context.Background(), discard(), func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			return nil
		}))
	case "stubborn":
		os.Exit(life.Main(context.Background(), discard(), func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			fmt.Println("draining")
			select {}
		}))
	}
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
	cmd, lines := start(t, "obeys")
	lines.Scan()
	signal(t, cmd, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}

func TestSecondSignalKills(t *testing.T) {
	cmd, lines := start(t, "stubborn")
	lines.Scan()
	signal(t, cmd, syscall.SIGINT)
	lines.Scan()
	// The child may restore the default action just after it says "draining": signals until one kills.
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
				t.Errorf("after the second SIGINT: %v, want killed by it", err)
			}
			return
		default:
			_ = cmd.Process.Signal(syscall.SIGINT) // fails once it is dead
		}
	}
}

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
	return cmd, bufio.NewScanner(out)
}

func signal(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
