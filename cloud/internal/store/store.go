// Package store keeps what the cloud must not forget: the registry, wrapped secrets, enrolments, leases, and the call
// ledger. It is the only package that knows SQL, and it speaks one SQL to two engines, SQLite and PostgreSQL.
//
// Rules of that one SQL: times are BIGINT microseconds UTC, ids are TEXT made in Go, JSON is TEXT that only Go reads,
// BYTEA holds bytes, arguments are $n and never a time.Time. Every write to an organization's registry first bumps the
// organization's row, which locks it: what is checked in Go before a write (uniqueness, references, numbering) still
// holds at its commit.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Wishing is the tables of what users and the organization wish of calls.
type Wishing struct {
	Schedules *Table[rest.Schedule]
	Groups    *Table[rest.Group]
	Contacts  *Table[rest.PhoneContact]
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	Organizations *Table[rest.Organization]
	Sites         *Table[rest.Site]
	Switches      *Table[rest.Switch]
	Bridges       *Table[rest.Bridge]
	Users         *Table[rest.User]
	Devices       *Table[rest.Device]
	Numbers       *Table[rest.Number]
	Trunks        *Table[rest.Trunk]
	Routes        *Table[rest.Route]
	Queues        *Table[rest.Queue]
	Alerts        *Table[rest.Alert]
	APIKeys       *Table[rest.APIKey]

	Wishing
	engine
	statements statements // of read
	now        func() time.Time
	known      known
	stuck      atomic.Bool // a write failed because the database takes none

	mu      sync.Mutex
	changed []func(Change)
}

// Open opens the database that dsn names, "sqlite:PATH" or "postgres://...", and brings its schema up to date. A database
// that a newer release has already changed is refused, and a SQLite file whose structure is damaged.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*Store, error) {
	e, err := openEngine(dsn)
	if err != nil {
		return nil, err
	}
	err = e.check(ctx)
	if err == nil {
		err = migrate(ctx, e, log)
	}
	if err != nil {
		return nil, errors.Join(e.explain(err), e.close())
	}
	s := &Store{engine: e, now: time.Now, known: known{leases: make(map[string]Lease)},
		statements: statements{kept: make(map[string]*sql.Stmt)}}
	s.Organizations = organizations(s)
	s.Sites = sites(s)
	s.Switches = switches(s)
	s.Bridges = bridges(s)
	s.Users = users(s)
	s.Devices = devices(s)
	s.Numbers = numbers(s)
	s.Trunks = trunks(s)
	s.Routes = routes(s)
	s.Queues = queues(s)
	s.Schedules = schedules(s)
	s.Groups = groups(s)
	s.Contacts = contacts(s)
	s.Alerts = alerts(s)
	s.APIKeys = apiKeys(s)
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.close() }

// Ping says whether the database answers, and takes writes as far as is known: after one that it did not take, it tries.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("database does not answer: %w", err)
	}
	if !s.stuck.Load() {
		return nil
	}
	if err := s.probe(ctx); err != nil {
		return fmt.Errorf("database takes no writes: %w", err)
	}
	s.stuck.Store(false)
	return nil
}

// inTx runs f in a transaction for writing and commits unless f returns an error. It notes what ctx says must happen once.
// That the database takes no writes at present is errs.CloudAway.
func (s *Store) inTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	var once *Once
	err := transact(ctx, s.write, func(tx *sql.Tx) (err error) {
		if once, err = noteOnce(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
	if takesNoWrites(err) {
		s.stuck.Store(true)
		return errs.New(errs.CloudAway, "the database takes no writes: %w; nothing was changed, try again when there is room on its disk", err)
	}
	if err == nil && once != nil {
		once.noted = true
	}
	return err
}

func transact(ctx context.Context, db *sql.DB, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := f(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rerr))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// rows runs a query and has scan called for each row.
func rows(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rs, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	for rs.Next() {
		if err := scan(rs); err != nil {
			return errors.Join(err, rs.Close())
		}
	}
	return errors.Join(rs.Err(), rs.Close())
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
