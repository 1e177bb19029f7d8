package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// maxShort is how many rates of a trunk its site's copy holds: some 30 KiB.
const maxShort = 500

// SetRates replaces the rates of a trunk.
func (s *Store) SetRates(ctx context.Context, org, trunk string, all []tariff.Rate) (rest.RateTable, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	var file bytes.Buffer
	if err := tariff.Write(&file, all); err != nil {
		return rest.RateTable{}, fmt.Errorf("write rates of trunk %s: %w", trunk, err)
	}
	v := rest.RateTable{Trunk: trunk, Rates: len(all), StoredAt: now}
	var held []tariff.Rate
	held, v.Condensed = tariff.Condense(all, maxShort, now)
	short, err := json.Marshal(held)
	if err != nil {
		return v, fmt.Errorf("write rates of trunk %s: %w", trunk, err)
	}
	return v, s.changeRates(ctx, org, trunk, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO trunk_rates (trunk, rates, stored_at, csv, short, condensed) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (trunk) DO UPDATE SET rates = excluded.rates, stored_at = excluded.stored_at, csv = excluded.csv, short = excluded.short,
			condensed = excluded.condensed`, trunk, int64(v.Rates), now.UnixMicro(), file.String(), string(short), v.Condensed)
		return err
	})
}

// RemoveRates takes the rates of a trunk away.
func (s *Store) RemoveRates(ctx context.Context, org, trunk string) error {
	return s.changeRates(ctx, org, trunk, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM trunk_rates WHERE trunk = $1`, trunk)
		return err
	})
}

func (s *Store) changeRates(ctx context.Context, org, trunk string, f func(tx *sql.Tx) error) error {
	return s.registryTx(ctx, &Change{Org: org, Rates: []string{trunk}}, func(tx *sql.Tx) error {
		if _, err := s.Trunks.get(ctx, tx, org, trunk); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return fmt.Errorf("store rates of trunk %s: %w", trunk, err)
		}
		return nil
	})
}

// Rates is the file of the rates of a trunk, or errs.NotFound.
func (s *Store) Rates(ctx context.Context, org, trunk string) (file string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT r.csv FROM trunk_rates r JOIN trunks t ON t.id = r.trunk WHERE t.id = $1 AND t.org = $2`, trunk, org).Scan(&file)
	if errors.Is(err, sql.ErrNoRows) {
		t, err := s.Trunks.Get(ctx, org, trunk)
		if err != nil {
			return "", err
		}
		return "", errs.New(errs.NotFound, "trunk %s has no rates: strowger trunk rates import %s FILE.csv", t.Name, t.Name)
	}
	if err != nil {
		return "", fmt.Errorf("read rates of trunk %s: %w", trunk, err)
	}
	return file, nil
}

// rateTables reads the rates of trunks of an organization, of all without any.
func rateTables(ctx context.Context, q querier, org string, only []string) (map[string]*tariff.Table, error) {
	query, args := `SELECT t.id, r.csv FROM trunks t JOIN trunk_rates r ON r.trunk = t.id WHERE t.org = $1`, []any{org}
	if len(only) > 0 {
		marks := make([]string, len(only))
		for i, id := range only {
			args = append(args, id)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		query += ` AND t.id IN (` + strings.Join(marks, ", ") + `)`
	}
	tables := make(map[string]*tariff.Table)
	err := rows(ctx, q, func(r *sql.Rows) error {
		var trunk, file string
		if err := r.Scan(&trunk, &file); err != nil {
			return err
		}
		all, err := tariff.Read(strings.NewReader(file))
		if err != nil {
			return fmt.Errorf("trunk %s: %w", trunk, err)
		}
		tables[trunk] = tariff.NewTable(all)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read rates of trunks: %w", err)
	}
	return tables, nil
}

// shortRates reads what the copy of a site holds of the rates of its trunks.
func shortRates(ctx context.Context, q querier, org, site string) (map[string][]tariff.Rate, error) {
	all := make(map[string][]tariff.Rate)
	err := rows(ctx, q, func(r *sql.Rows) error {
		var trunk, short string
		var v []tariff.Rate
		if err := r.Scan(&trunk, &short); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(short), &v); err != nil {
			return fmt.Errorf("trunk %s: %w", trunk, err)
		}
		all[trunk] = v
		return nil
	}, `SELECT t.id, r.short FROM switches s JOIN trunks t ON t.switch = s.id JOIN trunk_rates r ON r.trunk = t.id
		WHERE s.org = $1 AND s.site = $2`, org, site)
	if err != nil {
		return nil, fmt.Errorf("read rates of trunks of site %s: %w", site, err)
	}
	return all, nil
}
