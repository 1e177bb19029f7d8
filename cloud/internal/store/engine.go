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

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite reads in parallel with its one writer (WAL); more readers than this only wait for the disk.
const sqliteReaders = 8

// Connections of one cloud instance to PostgreSQL.
const postgresConns = 16

// engine is the open handles of one of the two engines; with PostgreSQL write and read are the same.
type engine struct {
	write, read *sql.DB
	dialect     goose.Dialect
	folder      string // of SQLite's files
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
	return engine{write: write, read: read, dialect: goose.DialectSQLite3, folder: filepath.Dir(path)}, nil
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

// takesNoWrites says whether an error is about the place where the database is kept: full, read-only, or failing.
func takesNoWrites(err error) bool {
	var s *sqlite.Error
	if errors.As(err, &s) {
		switch s.Code() & 0xff { // the primary code
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return true
		}
	}
	var p *pgconn.PgError
	if errors.As(err, &p) { // disk_full, read_only_sql_transaction, io_error
		return p.Code == "53100" || p.Code == "25006" || p.Code == "58030"
	}
	return false
}

// probeSize is how much room a full disk must have again before it counts as one that takes writes, in bytes.
const probeSize = 256 << 10

// explain is what is wrong with the disk if that is why the database cannot be opened: SQLite gives many names to it, which
// look like damage.
func (e engine) explain(err error) error {
	if !takesNoWrites(err) || e.dialect != goose.DialectSQLite3 {
		return err
	}
	if full := e.room(); full != nil {
		return fmt.Errorf("the disk of the database takes no writes: %w; make room there, or mend it, then start again: nothing is lost (%w)", full, err)
	}
	return err
}

// room says whether a file of some size can be written beside SQLite's.
func (e engine) room() error {
	f, err := os.CreateTemp(e.folder, "probe-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// probe says whether the database has room for writes again: a small one may find its place in what SQLite holds already.
func (e engine) probe(ctx context.Context) error {
	if e.dialect == goose.DialectSQLite3 {
		if err := e.room(); err != nil {
			return err
		}
	}
	return transact(ctx, e.write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE goose_db_version SET is_applied = is_applied`)
		return err
	})
}

func (e engine) close() error {
	err := e.write.Close()
	if e.read != e.write {
		err = errors.Join(err, e.read.Close())
	}
	return err
}
