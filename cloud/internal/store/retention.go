package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// forgetAtOnce is how many rows one transaction deletes: calls wait for it.
const forgetAtOnce = 500

// ForgetEvents deletes from before a time events of the call ledger, refused ones, and which nodes were parties of calls,
// and says how many; the records of the calls stay, and how far each spool was delivered.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time) (n int64, err error) {
	for _, query := range [...]string{
		`DELETE FROM events WHERE (node, spool, seq) IN (SELECT e.node, e.spool, e.seq FROM events e WHERE e.at < $1 LIMIT $2)`,
		`DELETE FROM ledger_bad WHERE (node, spool, seq) IN (SELECT b.node, b.spool, b.seq FROM ledger_bad b
			WHERE b.stored_at < $1 AND b.stored_at > 0 LIMIT $2)`,
		`DELETE FROM call_parties WHERE (org, call, node) IN (SELECT p.org, p.call, p.node FROM call_parties p
			WHERE p.stored_at < $1 AND p.stored_at > 0 LIMIT $2)`,
	} {
		for {
			var some int64
			err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
				some, err = affected(tx.ExecContext(ctx, query, before.UnixMicro(), forgetAtOnce))
				return err
			})
			if err != nil {
				return n, fmt.Errorf("forget events before %s: %w", before.UTC().Format(time.DateOnly), err)
			}
			if n += some; some < forgetAtOnce {
				break
			}
		}
	}
	return n, nil
}
