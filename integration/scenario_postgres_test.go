package integration

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// errNoPostgres is a machine without PostgreSQL: scenarios that need it are skipped, but not in CI.
var errNoPostgres = errors.New("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb and no initdb on PATH")

// TestCallsWithPostgres makes the calls of TestCallInsideOneOffice and TestCallBetweenOffices with a cloud on PostgreSQL.
func TestCallsWithPostgres(t *testing.T) {
	t.Parallel()
	s := &server{}
	t.Cleanup(s.stop)
	err := s.start()
	if errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, key := t.TempDir(), make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	line := "strowger-master-key-1 " + base64.RawStdEncoding.EncodeToString(key) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "master.key"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	w := alone(t, dir, "postgres://postgres@/postgres?host="+url.QueryEscape(s.dir))
	var calls sync.WaitGroup
	calls.Go(func() { callInside(t, w) })
	callBetween(t, w)
	calls.Wait()
}

// server is a private PostgreSQL that listens on a socket in its folder.
type server struct {
	bin, dir string
	as       *syscall.Credential // nil: ourselves
	runs     bool
}

func (s *server) start() (err error) {
	if s.bin, err = postgresBin(); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	if os.Getuid() == 0 { // as whom PostgreSQL refuses to run
		if err := s.become("postgres"); err != nil {
			return err
		}
	}
	if err := s.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return err
	}
	s.runs = true
	options := fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories='%s' -c fsync=off", s.dir)
	return s.run("pg_ctl", "-w", "-l", filepath.Join(s.dir, "log"), "-o", options, "start")
}

func (s *server) stop() {
	if s.runs {
		if err := s.run("pg_ctl", "-m", "immediate", "stop"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // a temporary folder
	}
}

// become has the server run as a user, who gets its folder.
func (s *server) become(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, errU := strconv.ParseUint(u.Uid, 10, 32)
	gid, errG := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errU, errG); err != nil {
		return err
	}
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), append([]string{"-D", filepath.Join(s.dir, "data")}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errNoPostgres
	}
	return filepath.Dir(path), nil
}
