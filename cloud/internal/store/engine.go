package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// SQLite reads in parallel with its one writer (WAL); more readers than this only wait for the disk.
const sqliteReaders = 8

// Connections of one cloud instance to PostgreSQL.
const postgresConns = 16

// engine is the open handles of one of the two engines; with PostgreSQL write and read are the same.
type engine struct {
	write, read *sql.DB
	dialect     goose.Dialect
}

func openEngine(dsn string) (engine, error) {
	switch scheme, rest, _ := strings.Cut(dsn, ":"); scheme {
	case "sqlite":
		return openSQLite(rest)
	case "postgres", "postgresql":
		return openPostgres(dsn)
	}
	return engine{}, errors.New("database address must begin with sqlite: or postgres://") // not quoted: it may hold a password
}

func openSQLite(path string) (engine, error) {
	if path == "" {
		return engine{}, errors.New("database address sqlite: lacks a file name")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return engine{}, fmt.Errorf("database file: %w", err)
	}
	// The file holds digests of passwords: nobody else reads it. Its -wal and -shm files take the same mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return engine{}, fmt.Errorf("database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return engine{}, fmt.Errorf("database file %s: %w", path, err)
	}
	// synchronous(FULL): a node deletes what the cloud said it has stored, so a commit must survive a power cut.
	both := "&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)&_dqs=0"
	file := "file:" + (&url.URL{Path: path}).EscapedPath()
	write, err := sql.Open("sqlite", file+"?_txlock=immediate&_pragma=journal_mode(WAL)"+both)
	if err != nil {
		return engine{}, fmt.Errorf("open database file %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", file+"?_pragma=query_only(1)"+both)
	if err != nil {
		return engine{}, errors.Join(fmt.Errorf("open database file %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	return engine{write: write, read: read, dialect: goose.DialectSQLite3}, nil
}

// check looks for damage in a SQLite file: a page that was overwritten would else be found when its rows are needed, or
// spread. It reads the whole file once. PostgreSQL looks after itself.
func (e engine) check(ctx context.Context) error {
	if e.dialect != goose.DialectSQLite3 {
		return nil
	}
	var found string
	if err := e.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return fmt.Errorf("database file cannot be read, restore a backup if it is damaged: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("database file is damaged (%s): move it away and restore a backup", found)
	}
	return nil
}

func openPostgres(dsn string) (engine, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return engine{}, fmt.Errorf("open PostgreSQL: %w", err)
	}
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	return engine{write: db, read: db, dialect: goose.DialectPostgres}, nil
}

func (e engine) close() error {
	err := e.write.Close()
	if e.read != e.write {
		err = errors.Join(err, e.read.Close())
	}
	return err
}
