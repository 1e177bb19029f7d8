package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/postgrestest"
)

// A private PostgreSQL serves all tests of the package: started once, on a socket in a temporary folder, each test in a
// schema of its own. Without PostgreSQL installed those tests are skipped, but not in CI.

// testPostgres is set by TestMain before any test runs.
var testPostgres struct {
	server *postgrestest.Server
	err    error
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		testPostgres.server, testPostgres.err = postgrestest.New()
		if testPostgres.err != nil {
			return m.Run()
		}
		code := m.Run()
		if err := testPostgres.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		return code
	}())
}

// dsns is a fresh database of each engine.
func dsns(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	return map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a b?#%.db") },
		"postgres": func(t *testing.T) string {
			if errors.Is(testPostgres.err, postgrestest.ErrMissing) && os.Getenv("CI") != "true" {
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
			e, err := openEngine(testPostgres.server.DSN())
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.write.ExecContext(t.Context(), "DROP SCHEMA IF EXISTS "+schema+" CASCADE; CREATE SCHEMA "+schema)
			if err := errors.Join(err, e.close()); err != nil {
				t.Fatal(err)
			}
			return testPostgres.server.DSN() + "&search_path=" + schema
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
