package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"strowger/pkg/ledger"
)

// Batch is consecutive events of one spool of one node: each seq of [First, Through] is in Events or in Bad.
type Batch struct {
	Node, Spool    string
	First, Through uint64
	Events         []ledger.Event // each with its Seq
	Bad            []BadEvent
}

// BadEvent is an event that was refused. It is kept for people and counts as delivered.
type BadEvent struct {
	Seq uint64
	Why string
	Raw []byte
}

// AppendEvents stores a batch in one transaction; what is stored already is left as it is. If events before First never
// arrived, gap is their number, and a bad event stands for them.
func (s *Store) AppendEvents(ctx context.Context, org string, b Batch) (gap uint64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		var last int64
		err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM (
			SELECT MAX(seq) AS seq FROM events WHERE node = $1 AND spool = $2 UNION ALL
			SELECT MAX(seq) AS seq FROM ledger_bad WHERE node = $1 AND spool = $2) AS delivered`, b.Node, b.Spool).Scan(&last)
		if err != nil {
			return fmt.Errorf("read end of spool %s: %w", b.Spool, err)
		}
		if want := uint64(last) + 1; b.First > want {
			gap = b.First - want
			lost := BadEvent{Seq: b.First - 1, Why: fmt.Sprintf("%d events, %d to %d, never arrived", gap, want, b.First-1)}
			b.Bad = append([]BadEvent{lost}, b.Bad...)
		}
		if err := putEvents(ctx, tx, org, b); err != nil {
			return err
		}
		return putBad(ctx, tx, org, b, s.now())
	})
	if err != nil {
		return 0, fmt.Errorf("append events %d to %d of spool %s of %s: %w", b.First, b.Through, b.Spool, b.Node, err)
	}
	return gap, nil
}

func putEvents(ctx context.Context, tx *sql.Tx, org string, b Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	st, err := tx.PrepareContext(ctx, `INSERT INTO events (org, node, spool, seq, call, at, event)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (node, spool, seq) DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // the transaction's end closes it as well
	for _, e := range b.Events {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(ctx, org, b.Node, b.Spool, int64(e.Seq), e.Call, e.At, string(body)); err != nil {
			return err
		}
	}
	return nil
}

func putBad(ctx context.Context, tx *sql.Tx, org string, b Batch, now time.Time) error {
	for _, e := range b.Bad {
		_, err := tx.ExecContext(ctx, `INSERT INTO ledger_bad (org, node, spool, seq, why, raw, stored_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (node, spool, seq) DO NOTHING`, org, b.Node, b.Spool, int64(e.Seq), e.Why, append([]byte{}, e.Raw...), now.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}

// BadEvents returns the refused events of a node's spool, in order.
func (s *Store) BadEvents(ctx context.Context, org, node, spool string) ([]BadEvent, error) {
	var bad []BadEvent
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var b BadEvent
		err := r.Scan(&b.Seq, &b.Why, &b.Raw)
		bad = append(bad, b)
		return err
	}, `SELECT seq, why, raw FROM ledger_bad WHERE org = $1 AND node = $2 AND spool = $3 ORDER BY seq`, org, node, spool)
	if err != nil {
		return nil, fmt.Errorf("read bad events of %s: %w", node, err)
	}
	return bad, nil
}

// Events returns, by call, the events of calls, each spool's in the order of its seq.
func (s *Store) Events(ctx context.Context, org string, calls []string) (map[string][]ledger.NodeEvent, error) {
	events := make(map[string][]ledger.NodeEvent, len(calls))
	err := s.ofCalls(ctx, org, calls, `SELECT call, node, spool, event FROM events WHERE org = $1 AND call IN (%s) ORDER BY call, node, spool, seq`, func(r *sql.Rows) error {
		var e ledger.NodeEvent
		var call string
		var body sql.RawBytes
		if err := r.Scan(&call, &e.Node, &e.Spool, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &e.Event); err != nil {
			return err
		}
		events[call] = append(events[call], e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events of calls: %w", err)
	}
	return events, nil
}
