package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// LedgerTx is a transaction on the call ledger. It holds the ledgers of its organizations alone: what it reads stays so
// until its commit, whatever other cloud instances do.
type LedgerTx struct {
	s  *Store
	tx *sql.Tx
}

// WriteLedger runs f in a transaction on the call ledger of some organizations and commits unless f returns an error.
func (s *Store) WriteLedger(ctx context.Context, orgs []string, f func(LedgerTx) error) error {
	orgs = slices.Compact(slices.Sorted(slices.Values(orgs))) // in one order, so that no two wait for each other
	return s.inTx(ctx, func(tx *sql.Tx) error {
		for _, org := range orgs {
			_, err := tx.ExecContext(ctx, `INSERT INTO ledger_writes (org, writes) VALUES ($1, 1)
				ON CONFLICT (org) DO UPDATE SET writes = ledger_writes.writes + 1`, org)
			if err != nil {
				return fmt.Errorf("lock the call ledger of %s: %w", org, err)
			}
		}
		return f(LedgerTx{s, tx})
	})
}

// Batch is consecutive events of one spool of one node: each seq of [First, Through] is in Events, Bad or Alerts.
type Batch struct {
	Node, Spool    string
	First, Through uint64
	Events         []Event
	Bad            []BadEvent
	Alerts         []rest.Alert // which get their ids when they are stored
}

// Event is an event and its JSON, without line breaks, as it is stored.
type Event struct {
	ledger.Event
	JSON []byte
}

// BadEvent is an event that was refused. It is kept for people and counts as delivered.
type BadEvent struct {
	Seq uint64
	Why string
	Raw []byte
}

// SpoolEnd returns the seq of the last event of a spool that was delivered, 0 if none was.
func (l LedgerTx) SpoolEnd(ctx context.Context, node, spool string) (uint64, error) {
	var last int64
	err := l.tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(through), 0) FROM spools WHERE node = $1 AND spool = $2`, node, spool).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("read end of spool %s: %w", spool, err)
	}
	return uint64(last), nil
}

// Append stores a batch that begins behind the end of its spool.
func (l LedgerTx) Append(ctx context.Context, org string, b Batch) error {
	err := l.putEvents(ctx, org, b)
	if err == nil {
		err = l.putBad(ctx, org, b)
	}
	if err == nil {
		err = l.putAlerts(ctx, org, b.Alerts)
	}
	if err == nil {
		_, err = l.tx.ExecContext(ctx, `INSERT INTO spools (node, spool, through) VALUES ($1, $2, $3)
			ON CONFLICT (node, spool) DO UPDATE SET through = excluded.through`, b.Node, b.Spool, int64(b.Through))
	}
	if err != nil {
		return fmt.Errorf("append events %d to %d of spool %s of %s: %w", b.First, b.Through, b.Spool, b.Node, err)
	}
	return nil
}

// chunk is the events of one call in one batch: one row.
type chunk struct {
	call  string
	first uint64 // seq
	at    int64  // of the newest
	lines []byte
}

func chunks(events []Event) []*chunk {
	var all []*chunk
	ofCall := make(map[string]*chunk)
	for _, e := range events {
		c := ofCall[e.Call]
		if c == nil {
			c = &chunk{call: e.Call, first: e.Seq}
			all, ofCall[e.Call] = append(all, c), c
		} else {
			c.lines = append(c.lines, '\n')
		}
		c.at = max(c.at, e.At)
		c.lines = append(strconv.AppendUint(c.lines, e.Seq, 10), ' ')
		c.lines = append(c.lines, e.JSON...)
	}
	return all
}

func (l LedgerTx) putEvents(ctx context.Context, org string, b Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	st, err := l.tx.PrepareContext(ctx, `INSERT INTO events (org, node, spool, seq, call, at, lines) VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // the transaction's end closes it as well
	for _, c := range chunks(b.Events) {
		if _, err := st.ExecContext(ctx, org, b.Node, b.Spool, int64(c.first), c.call, c.at, string(c.lines)); err != nil {
			return err
		}
	}
	return nil
}

func (l LedgerTx) putBad(ctx context.Context, org string, b Batch) error {
	for _, e := range b.Bad {
		_, err := l.tx.ExecContext(ctx, `INSERT INTO ledger_bad (org, node, spool, seq, why, raw, stored_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (node, spool, seq) DO NOTHING`, org, b.Node, b.Spool, int64(e.Seq), e.Why, append([]byte{}, e.Raw...), l.s.now().UnixMicro())
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
	return eventsOf(ctx, s.read, org, calls)
}

// Events is Store.Events within the transaction.
func (l LedgerTx) Events(ctx context.Context, org string, calls []string) (map[string][]ledger.NodeEvent, error) {
	return eventsOf(ctx, l.tx, org, calls)
}

func eventsOf(ctx context.Context, q querier, org string, calls []string) (map[string][]ledger.NodeEvent, error) {
	events := make(map[string][]ledger.NodeEvent, len(calls))
	err := ofCalls(ctx, q, org, calls, `SELECT call, node, spool, lines FROM events WHERE org = $1 AND call IN (%s) ORDER BY call, node, spool, seq`, func(r *sql.Rows) error {
		var call, node, spool string
		var lines sql.RawBytes
		if err := r.Scan(&call, &node, &spool, &lines); err != nil {
			return err
		}
		for line := range bytes.SplitSeq(lines, []byte("\n")) {
			e, err := parseLine(line)
			if err != nil {
				return fmt.Errorf("call %s, spool %s of %s: %w", call, spool, node, err)
			}
			events[call] = append(events[call], ledger.NodeEvent{Node: node, Spool: spool, Event: e})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events of calls: %w", err)
	}
	return events, nil
}

func parseLine(line []byte) (e ledger.Event, err error) {
	seq, body, _ := bytes.Cut(line, []byte(" "))
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("event %s: %w", seq, err)
	}
	e.Seq, err = strconv.ParseUint(string(seq), 10, 64)
	return e, err
}
