package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A private PostgreSQL serves all tests of the package: started once, on a socket in a temporary folder, each test in a
// schema of its own. Without PostgreSQL installed those tests are skipped, but not in CI.

var errNoPostgres = errors.New("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb and no initdb on PATH")

// testPostgres is set by TestMain before any test runs.
var testPostgres struct {
	dsn string
	err error
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		stop, err := startPostgres()
		defer stop()
		testPostgres.err = err
		return m.Run()
	}())
}

func startPostgres() (stop func(), err error) {
	stop = func() {}
	bin, err := postgresBin()
	if err != nil {
		return stop, err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return stop, err
	}
	stop = func() { _ = os.RemoveAll(dir) }
	as, err := postgresUser(dir)
	if err != nil {
		return stop, err
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) error {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return stop, err
	}
	options := fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories='%s' -c fsync=off -c max_connections=200", dir)
	if err := run("pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", options, "start"); err != nil {
		return stop, err
	}
	testPostgres.dsn = "postgres://postgres@/postgres?host=" + url.QueryEscape(dir)
	return func() {
		if err := run("pg_ctl", "-D", data, "-m", "immediate", "stop"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		_ = os.RemoveAll(dir)
	}, nil
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

// postgresUser gives dir to the user postgres when we are root, as whom PostgreSQL refuses to run; nil is ourselves.
func postgresUser(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// dsns is a fresh database of each engine.
func dsns(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	return map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a b?#%.db") },
		"postgres": func(t *testing.T) string {
			if errors.Is(testPostgres.err, errNoPostgres) && os.Getenv("CI") != "true" {
				t.Skip(testPostgres.err)
			}
			if testPostgres.err != nil {
				t.Fatal(testPostgres.err)
			}
			schema := strings.ToLower("t" + strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
					return r
				}
				return -1
			}, t.Name()))
			e, err := openEngine(testPostgres.dsn)
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.write.ExecContext(t.Context(), "DROP SCHEMA IF EXISTS "+schema+" CASCADE; CREATE SCHEMA "+schema)
			if err := errors.Join(err, e.close()); err != nil {
				t.Fatal(err)
			}
			return testPostgres.dsn + "&search_path=" + schema
		},
	}
}

func open(t *testing.T, dsn string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onBoth runs a test against a fresh store of each engine.
func onBoth(t *testing.T, test func(ctx context.Context, t *testing.T, s *Store)) {
	for name, dsn := range dsns(t) {
		t.Run(name, func(t *testing.T) { test(t.Context(), t, open(t, dsn(t))) })
	}
}
