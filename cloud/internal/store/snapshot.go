package store

import (
	"context"
	"database/sql"
	"sync"

	"github.com/pressly/goose/v3"
)

// statements keeps what a registry is read with prepared: SQLite takes longer to parse these queries than to run them for a
// small office. The driver of PostgreSQL does the same by itself.
type statements struct {
	mu   sync.Mutex
	kept map[string]*sql.Stmt
}

// maxStatements bounds what is kept; queries that name many values differ by how many these are.
const maxStatements = 64

// get also says whether a query that is not kept should be.
func (p *statements) get(query string) (stmt *sql.Stmt, room bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[query], len(p.kept) < maxStatements
}

func (p *statements) keep(query string, stmt *sql.Stmt) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept[query] != nil || len(p.kept) == maxStatements {
		return false
	}
	p.kept[query] = stmt
	return true
}

// snapshot is a database at one moment, in a transaction that reads.
type snapshot struct {
	*sql.Tx
	db         *sql.DB
	statements *statements // nil when the driver keeps them
	missed     []string
}

func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	v := &snapshot{Tx: tx, db: s.read}
	if s.dialect == goose.DialectSQLite3 {
		v.statements = &s.statements
	}
	return v, nil
}

// QueryContext is that of the transaction.
func (v *snapshot) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if v.statements != nil {
		stmt, room := v.statements.get(query)
		if stmt != nil {
			return v.StmtContext(ctx, stmt).QueryContext(ctx, args...)
		}
		if room {
			v.missed = append(v.missed, query)
		}
	}
	return v.Tx.QueryContext(ctx, query, args...)
}

// end gives the connection back, and then prepares what there was to parse: before, that would wait for a second connection,
// which snapshots that do the same may hold. What cannot be prepared now is parsed again.
func (v *snapshot) end(ctx context.Context) {
	_ = v.Rollback() // nothing was written
	for _, query := range v.missed {
		if stmt, err := v.db.PrepareContext(ctx, query); err == nil && !v.statements.keep(query, stmt) {
			_ = stmt.Close() // another snapshot was first
		}
	}
}
