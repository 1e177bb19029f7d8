package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// line is what a report counts of a call.
type line struct {
	trunk, currency, payer string
	talked, cost           int64
}

func lineOf(c rest.Call) (l line) {
	if c.Line == nil {
		return l
	}
	l.trunk, l.payer, l.talked, l.cost = c.Line.Trunk, c.Line.Payer, c.Line.Seconds, c.Line.Cost
	if c.Line.Rate != nil {
		l.currency = c.Line.Rate.Currency
	}
	if l.talked == 0 && c.Line.SIP/100 == 2 {
		l.talked = max(1, int64(math.Ceil(c.Seconds))) // each one that began
	}
	return l
}

// quarter is a quarter of an hour, in microseconds: a day begins with one in every zone.
const quarter = int64(15 * time.Minute / time.Microsecond)

// reportKey is what rows are made by: the expression, and where its name stands.
func reportKey(by string) (key, name, from string, err error) {
	switch by {
	case "user":
		const pays = "COALESCE(NULLIF(c.payer, ''), c.from_user)"
		return pays, "COALESCE(MAX(u.name), '')", "LEFT JOIN users u ON u.id = " + pays, nil
	case "trunk":
		return "c.trunk", "COALESCE(MAX(t.name), '')", "LEFT JOIN trunks t ON t.id = c.trunk", nil
	case "day":
		return fmt.Sprintf("CAST(c.started_at / %d AS TEXT)", quarter), "MIN(c.started_at)", "", nil
	}
	return "", "", "", errs.New(errs.Invalid, "by: %q is not user, trunk or day", by)
}

// Report sums up, in the database, the calls that trunks were asked to take and that began in [since, until): by "user", by "trunk", or
// by "day" of a zone. Each currency has rows of its own, in the order of keys.
func (s *Store) Report(ctx context.Context, org, by string, since, until time.Time, zone *time.Location) (all []rest.ReportRow, err error) {
	key, name, join, err := reportKey(by)
	if err != nil {
		return nil, err
	}
	err = rows(ctx, s.read, func(r *sql.Rows) error {
		var v rest.ReportRow
		var at int64
		into := any(&v.Name)
		if by == "day" {
			into = &at
		}
		if err := r.Scan(&v.Key, into, &v.Currency, &v.Calls, &v.Answered, &v.Seconds, &v.Cost); err != nil {
			return err
		}
		if by == "day" {
			v.Key = time.UnixMicro(at).In(zone).Format(time.DateOnly)
		}
		if last := len(all) - 1; last >= 0 && all[last].Key == v.Key && all[last].Currency == v.Currency { // quarters of a day
			v.Calls, v.Answered, v.Seconds, v.Cost = v.Calls+all[last].Calls, v.Answered+all[last].Answered, v.Seconds+all[last].Seconds, v.Cost+all[last].Cost
			all = all[:last]
		}
		all = append(all, v)
		return nil
	}, fmt.Sprintf(`SELECT %s, %s, c.currency, COUNT(*), CAST(SUM(CASE WHEN c.talked > 0 THEN 1 ELSE 0 END) AS BIGINT),
		CAST(SUM(c.talked) AS BIGINT), CAST(SUM(c.cost) AS BIGINT) FROM calls c %s
		WHERE c.org = $1 AND c.trunk <> '' AND c.started_at >= $2 AND c.started_at < $3
		GROUP BY 1, c.currency ORDER BY c.currency, %s`, key, name, join, orderOf(by)), org, since.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("report of calls by %s: %w", by, err)
	}
	return all, nil
}

// orderOf has the quarters of a day stand beside each other.
func orderOf(by string) string {
	if by == "day" {
		return "MIN(c.started_at)"
	}
	return "1"
}
