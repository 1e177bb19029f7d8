package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Parties are the nodes for which a call was admitted. The first is the one that asked for it.
type Parties struct {
	Org, Call string
	Nodes     []string
}

// AddParties lets nodes report events of calls, in one transaction. A call that was admitted before gets more parties
// only from one that it has: nobody joins a call by naming its id.
func (s *Store) AddParties(ctx context.Context, ps []Parties) error {
	return inTx(ctx, s.write, func(tx *sql.Tx) error {
		for _, p := range ps {
			for _, n := range p.Nodes {
				_, err := tx.ExecContext(ctx, `INSERT INTO call_parties (org, call, node, admitted)
					SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), $5
					WHERE NOT EXISTS (SELECT 1 FROM call_parties WHERE org = $1 AND call = $2 AND admitted = $5)
					OR EXISTS (SELECT 1 FROM call_parties WHERE org = $1 AND call = $2 AND node = $4)
					ON CONFLICT (org, call, node) DO UPDATE SET admitted = $5`, p.Org, p.Call, n, p.Nodes[0], true)
				if err != nil {
					return fmt.Errorf("add parties of call %s: %w", p.Call, err)
				}
			}
		}
		return nil
	})
}

// ClaimCall lets a node report events of a call that was not admitted for it.
func (s *Store) ClaimCall(ctx context.Context, org, call, node string) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO call_parties (org, call, node, admitted) VALUES ($1, $2, $3, $4)
		ON CONFLICT (org, call, node) DO NOTHING`, org, call, node, false)
	if err != nil {
		return fmt.Errorf("claim call %s for %s: %w", call, node, err)
	}
	return nil
}

// PartiesOf returns the nodes that may report events of a call; none is a call that nobody announced.
func (s *Store) PartiesOf(ctx context.Context, org, call string) ([]string, error) {
	var nodes []string
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var n string
		err := r.Scan(&n)
		nodes = append(nodes, n)
		return err
	}, `SELECT node FROM call_parties WHERE org = $1 AND call = $2 ORDER BY node`, org, call)
	if err != nil {
		return nil, fmt.Errorf("read parties of call %s: %w", call, err)
	}
	return nodes, nil
}

// PutCall stores the record of a call that was made of so many events, unless the stored one was made of more. Legs and
// ladder are not kept: they are made from the events when asked for.
func (s *Store) PutCall(ctx context.Context, c rest.Call, events int) error {
	c.Legs, c.Ladder = nil, nil
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("record of call %s: %w", c.ID, err)
	}
	_, err = s.write.ExecContext(ctx, `INSERT INTO calls
		(org, id, started_at, state, from_user, to_user, from_number, to_number, dialled, events, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (org, id) DO UPDATE SET started_at = excluded.started_at, state = excluded.state,
		from_user = excluded.from_user, to_user = excluded.to_user, from_number = excluded.from_number,
		to_number = excluded.to_number, dialled = excluded.dialled, events = excluded.events, record = excluded.record
		WHERE calls.events <= excluded.events`,
		c.Organization, c.ID, c.StartedAt.UnixMicro(), c.State, c.From.User, c.To.User, c.From.Number, c.To.Number,
		c.Dialled, int64(events), string(body))
	if err != nil {
		return fmt.Errorf("store record of call %s: %w", c.ID, err)
	}
	return nil
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

// CallEvents returns how many events the stored record of a call was made of, 0 for none.
func (s *Store) CallEvents(ctx context.Context, org, call string) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT events FROM calls WHERE org = $1 AND id = $2`, org, call).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("count events of call %s: %w", call, err)
	}
	return n, nil
}
