package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// TestReport sums calls up by the days of a zone, the currencies apart, on both engines.
func TestReport(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		must(t, err)
		var calls []CallRecord
		add := func(at string, trunk, currency string, seconds, cost int64) {
			start, err := time.ParseInLocation("2006-01-02 15:04", at, berlin)
			must(t, err)
			c := rest.Call{ID: fmt.Sprint("ca_", len(calls)), Organization: "org_1", State: "ended", StartedAt: start, From: designation.Party{User: "us_1"}}
			if trunk != "" {
				c.Line = &rest.CallLine{Trunk: trunk, Seconds: seconds, Cost: cost}
			}
			if currency != "" {
				c.Line.Rate, c.Line.SIP = &tariff.Rate{Currency: currency}, 200
			}
			calls = append(calls, CallRecord{Call: c})
		}
		add("2026-03-28 23:59", "tk_a", "EUR", 60, 5) // before the clocks change
		add("2026-03-29 00:00", "tk_a", "EUR", 60, 10)
		add("2026-03-29 23:59", "tk_b", "EUR", 30, 20)
		add("2026-03-29 12:00", "tk_b", "USD", 30, 7)
		add("2026-03-29 12:00", "tk_b", "", 0, 0) // refused
		add("2026-03-29 12:00", "", "", 0, 0)     // inside
		add("2026-03-30 00:00", "tk_a", "EUR", 1, 1)
		onLedger(ctx, t, s, func(l LedgerTx) error { return l.PutCalls(ctx, calls) })
		from := time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)
		for by, want := range map[string][]rest.ReportRow{
			"day": {
				{Key: "2026-03-29", Calls: 1}, {Key: "2026-03-29", Currency: "EUR", Calls: 2, Answered: 2, Seconds: 90, Cost: 30},
				{Key: "2026-03-29", Currency: "USD", Calls: 1, Answered: 1, Seconds: 30, Cost: 7},
			},
			"trunk": {
				{Key: "tk_b", Calls: 1}, {Key: "tk_a", Currency: "EUR", Calls: 1, Answered: 1, Seconds: 60, Cost: 10},
				{Key: "tk_b", Currency: "EUR", Calls: 1, Answered: 1, Seconds: 30, Cost: 20}, {Key: "tk_b", Currency: "USD", Calls: 1, Answered: 1, Seconds: 30, Cost: 7},
			},
			"user": {
				{Key: "us_1", Calls: 1}, {Key: "us_1", Currency: "EUR", Calls: 2, Answered: 2, Seconds: 90, Cost: 30},
				{Key: "us_1", Currency: "USD", Calls: 1, Answered: 1, Seconds: 30, Cost: 7},
			},
		} {
			got, err := s.Report(ctx, "org_1", by, from, from.AddDate(0, 0, 1), berlin)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("by %s: %v\n%+v, want\n%+v", by, err, got, want)
			}
		}
		if _, err := s.Report(ctx, "org_1", "moon", from, from, berlin); err == nil {
			t.Error("a report by the moon")
		}
	})
}
