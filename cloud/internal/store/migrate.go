package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Cloud instances that start together wait for the one that migrates: 300 tries, a second apart.
const (
	lockEverySeconds = 1
	lockTries        = 300
)

func migrate(ctx context.Context, e engine, log *slog.Logger) error {
	dir, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	// Numbers are given out before migrations are written: a lower one may come after a higher one. They do not build on each other.
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(log), goose.WithAllowOutofOrder(true)}
	if e.dialect == goose.DialectPostgres {
		l, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockEverySeconds, lockTries))
		if err != nil {
			return fmt.Errorf("migration lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(l))
	}
	p, err := goose.NewProvider(e.dialect, e.write, dir, opts...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring database schema up to date: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return fmt.Errorf("database has schema version %d, this release knows %d: it was used by a newer release; run that one, or restore a backup", have, want)
	}
	return nil
}
