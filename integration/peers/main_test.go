//go:build peers

package peers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// binariesVar names the folder of the programs under test. It is set in the process that runs the tests, which is a
// child with namespaces of its own: when that child ends, however it ends, the kernel takes every network, mount and
// process of the tests with it.
const binariesVar = "STROWGER_PEERS_BINARIES"

// names is where ip(8) keeps the names of networks.
const names = "/run/netns"

// tools are what the tests run, with the Debian packages that have them.
var tools = map[string]string{
	"ip": "iproute2", "baresip": "baresip-core", "sipp": "sip-tester", "chromium": "chromium",
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(binariesVar) != "":
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "peers:", err)
			os.Exit(1)
		}
		flag.Parse()
		if err := flag.Set("test.parallel", "12"); err != nil { // those that run side by side wait more than they work
			panic(err) // it is a flag of every test
		}
		goleak.VerifyTestMain(m)
	case missing() != "" && os.Getenv("CI") != "true":
		os.Exit(m.Run()) // every test says why it is skipped
	default:
		os.Exit(isolate())
	}
}

// missing says what the tests lack; "" is nothing.
func missing() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for tool, pkg := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Sprintf("%s is not installed (Debian package %s)", tool, pkg)
		}
	}
	return ""
}

// need skips a test where its tools are missing.
func need(t *testing.T) {
	t.Helper()
	if why := missing(); why != "" {
		t.Skip(why)
	}
}

// isolate builds the programs, runs this test program again in new namespaces, and returns its exit code.
func isolate() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "peers:", err)
		return 1
	}
	if why := missing(); why != "" {
		return fail(errors.New(why))
	}
	dir, err := os.MkdirTemp("", "strowger-peers-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the temporary folder, where the system finds it in the end
	build := exec.Command("go", "build", "-ldflags=-w", "-o", dir, "strowger", "strowger/cloud/cmd/cloud", "strowger/switchnode/cmd/switchnode",
		"strowger/mobile-bridge/cmd/mobile-bridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("build the programs: %w\n%s", err, out))
	}
	inside := exec.Command("/proc/self/exe", os.Args[1:]...)
	inside.Env = append(os.Environ(), binariesVar+"="+dir)
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	var exit *exec.ExitError
	switch err := inside.Run(); {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil:
		return fail(err)
	}
	return 0
}

// settle makes the new namespaces usable: /proc of the new processes, and named networks that nobody outside sees.
func settle() error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.Mkdir(names, 0o755); err != nil {
		return err
	}
	return ip(context.Background(), "link set lo up")
}

// ip runs ip(8).
func ip(ctx context.Context, line string) error {
	out, err := exec.CommandContext(ctx, "ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, out)
	}
	return nil
}

// program is the path of a program under test.
func program(name string) string { return filepath.Join(os.Getenv(binariesVar), name) }
