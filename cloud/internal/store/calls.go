package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Parties are the nodes for which a call was admitted. The first is the one that asked for it. For an app it is the anchor, and
// the app is a party too: its device, which reports nothing, but may be named as who calls.
type Parties struct {
	Org, Call string
	Nodes     []string
}

// AddParties lets nodes report events of calls. A call that was admitted before gets more parties only from one that it
// has: nobody joins a call by naming its id.
func (l LedgerTx) AddParties(ctx context.Context, ps []Parties) error {
	if len(ps) == 0 {
		return nil
	}
	st, err := l.tx.PrepareContext(ctx, `INSERT INTO call_parties (org, call, node, admitted, stored_at)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), $5, CAST($6 AS BIGINT)
		WHERE NOT EXISTS (SELECT 1 FROM call_parties WHERE org = $1 AND call = $2 AND admitted = $5)
		OR EXISTS (SELECT 1 FROM call_parties WHERE org = $1 AND call = $2 AND node = $4)
		ON CONFLICT (org, call, node) DO UPDATE SET admitted = $5`)
	if err != nil {
		return fmt.Errorf("add parties of calls: %w", err)
	}
	defer func() { _ = st.Close() }() // the transaction's end closes it as well
	now := l.s.now().UnixMicro()
	for _, p := range ps {
		for _, n := range p.Nodes {
			if _, err := st.ExecContext(ctx, p.Org, p.Call, n, p.Nodes[0], true, now); err != nil {
				return fmt.Errorf("add parties of call %s: %w", p.Call, err)
			}
		}
	}
	return nil
}

// ClaimCall lets a node report events of a call that was not admitted for it.
func (l LedgerTx) ClaimCall(ctx context.Context, org, call, node string) error {
	_, err := l.tx.ExecContext(ctx, `INSERT INTO call_parties (org, call, node, admitted, stored_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (org, call, node) DO NOTHING`, org, call, node, false, l.s.now().UnixMicro())
	if err != nil {
		return fmt.Errorf("claim call %s for %s: %w", call, node, err)
	}
	return nil
}

// PartiesOf returns, by call, the nodes that may report its events; none is a call that nobody announced.
func (l LedgerTx) PartiesOf(ctx context.Context, org string, calls []string) (map[string][]string, error) {
	nodes := make(map[string][]string, len(calls))
	err := ofCalls(ctx, l.tx, org, calls, `SELECT call, node FROM call_parties WHERE org = $1 AND call IN (%s) ORDER BY call, node`, func(r *sql.Rows) error {
		var call, n string
		err := r.Scan(&call, &n)
		nodes[call] = append(nodes[call], n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read parties of calls: %w", err)
	}
	return nodes, nil
}

// ofCalls runs a query on an organization and some of its calls.
func ofCalls(ctx context.Context, q querier, org string, calls []string, query string, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(calls, maxArgs) {
		args, marks := []any{org}, make([]string, len(part))
		for i, call := range part {
			args = append(args, call)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		if err := rows(ctx, q, scan, fmt.Sprintf(query, strings.Join(marks, ", ")), args...); err != nil {
			return err
		}
	}
	return nil
}

// CallRecord is the record of a call and how many events it was made of.
type CallRecord struct {
	rest.Call
	Events int
}

// PutCalls stores records. Legs and ladder are not kept: they are made from the events when asked for.
func (l LedgerTx) PutCalls(ctx context.Context, calls []CallRecord) error {
	if len(calls) == 0 {
		return nil
	}
	st, err := l.tx.PrepareContext(ctx, `INSERT INTO calls
		(org, id, started_at, state, from_user, to_user, from_number, to_number, dialled, events, record,
		trunk, talked, cost, currency, payer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (org, id) DO UPDATE SET started_at = excluded.started_at, state = excluded.state,
		from_user = excluded.from_user, to_user = excluded.to_user, from_number = excluded.from_number,
		to_number = excluded.to_number, dialled = excluded.dialled, events = excluded.events, record = excluded.record,
		trunk = excluded.trunk, talked = excluded.talked, cost = excluded.cost, currency = excluded.currency, payer = excluded.payer`)
	if err != nil {
		return fmt.Errorf("store records of calls: %w", err)
	}
	defer func() { _ = st.Close() }() // the transaction's end closes it as well
	for _, c := range calls {
		c.Legs, c.Ladder = nil, nil
		body, err := json.Marshal(c.Call)
		if err != nil {
			return fmt.Errorf("record of call %s: %w", c.ID, err)
		}
		line := lineOf(c.Call)
		if _, err := st.ExecContext(ctx, c.Organization, c.ID, c.StartedAt.UnixMicro(), c.State, c.From.User, c.To.User,
			c.From.Number, c.To.Number, c.Dialled, int64(c.Events), string(body),
			line.trunk, line.talked, line.cost, line.currency, line.payer); err != nil {
			return fmt.Errorf("store record of call %s: %w", c.ID, err)
		}
	}
	return nil
}

// Call returns the stored record of a call, or errs.NotFound.
func (s *Store) Call(ctx context.Context, org, id string) (c CallRecord, err error) {
	var body []byte
	err = s.read.QueryRowContext(ctx, `SELECT record, events FROM calls WHERE org = $1 AND id = $2`, org, id).Scan(&body, &c.Events)
	if errors.Is(err, sql.ErrNoRows) {
		return c, errs.New(errs.NotFound, "there is no call %q", id)
	}
	if err == nil {
		err = json.Unmarshal(body, &c.Call)
	}
	if err != nil {
		return c, fmt.Errorf("read record of call %s: %w", id, err)
	}
	return c, nil
}

// CallQuery chooses call records. Empty fields choose nothing.
type CallQuery struct {
	Limit  int    // as of Query
	Cursor string // as of Query
	Number string // of the caller or the callee, or as dialled
	User   string // id of the caller or the callee
	State  string // "setup", "ringing", "answered" or "ended"
	Since  time.Time
	Until  time.Time // exclusive
}

// Calls lists call records, the latest first, without legs and ladder, and the cursor of the next page.
func (s *Store) Calls(ctx context.Context, org string, q CallQuery) (calls []rest.Call, next string, err error) {
	limit, err := Query{Limit: q.Limit}.limit()
	if err != nil {
		return nil, "", err
	}
	where, args, err := q.where(org)
	if err != nil {
		return nil, "", err
	}
	err = rows(ctx, s.read, func(r *sql.Rows) error {
		var body string
		var c rest.Call
		if err := r.Scan(&body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			return err
		}
		calls = append(calls, c)
		return nil
	}, fmt.Sprintf(`SELECT record FROM calls WHERE %s ORDER BY started_at DESC, id DESC LIMIT %d`, where, limit+1), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list calls: %w", err)
	}
	if len(calls) > limit {
		calls = calls[:limit]
		last := calls[limit-1]
		next = encodeCursor(strconv.FormatInt(last.StartedAt.UnixMicro(), 10) + " " + last.ID)
	}
	return calls, next, nil
}

// where is the conditions of q in SQL.
func (q CallQuery) where(org string) (string, []any, error) {
	conds, args := []string{"org = $1"}, []any{org}
	add := func(arg any, cond string) {
		args = append(args, arg)
		conds = append(conds, strings.ReplaceAll(cond, "?", "$"+strconv.Itoa(len(args))))
	}
	for _, text := range []string{q.Number, q.User, q.State} {
		if err := checkText("filter", text); err != nil {
			return "", nil, err
		}
	}
	if q.Number != "" {
		add(q.Number, "(from_number = ? OR to_number = ? OR dialled = ?)")
	}
	if q.User != "" {
		add(q.User, "(from_user = ? OR to_user = ?)")
	}
	if q.State != "" {
		add(q.State, "state = ?")
	}
	if !q.Since.IsZero() {
		add(q.Since.UnixMicro(), "started_at >= ?")
	}
	if !q.Until.IsZero() {
		add(q.Until.UnixMicro(), "started_at < ?")
	}
	if q.Cursor != "" {
		at, id, err := decodeCallCursor(q.Cursor)
		if err != nil {
			return "", nil, err
		}
		add(at, "started_at <= ?")
		args = append(args, id)
		conds = append(conds, fmt.Sprintf("(started_at < $%d OR id < $%d)", len(args)-1, len(args)))
	}
	return strings.Join(conds, " AND "), args, nil
}

func decodeCallCursor(c string) (at int64, id string, err error) {
	text, err := decodeCursor(c)
	if err != nil {
		return 0, "", err
	}
	first, id, ok := strings.Cut(text, " ")
	at, err = strconv.ParseInt(first, 10, 64)
	if !ok || err != nil {
		return 0, "", errs.New(errs.Invalid, "cursor: %q is not one that a list returned", c)
	}
	return at, id, nil
}

// CallEvents returns, by call, how many events its stored record was made of; without a record, none.
func (l LedgerTx) CallEvents(ctx context.Context, org string, calls []string) (map[string]int, error) {
	counts := make(map[string]int, len(calls))
	err := ofCalls(ctx, l.tx, org, calls, `SELECT id, events FROM calls WHERE org = $1 AND id IN (%s)`, func(r *sql.Rows) error {
		var call string
		var n int
		err := r.Scan(&call, &n)
		counts[call] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count events of calls: %w", err)
	}
	return counts, nil
}
