package tariff

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyRates is tables in which prefixes, prices and windows meet often.
func anyRates(t *rapid.T, most int) []Rate {
	days := []string{"", "mon-fri", "sat,sun"}
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Rate {
		r := Rate{
			Prefix: "+" + rapid.StringMatching(`([1-3][0-3]{0,5})?`).Draw(t, "prefix"), PerMinute: rapid.Int64Range(0, 9).Draw(t, "price") * 100_000,
			First: rapid.IntRange(1, 60).Draw(t, "first"), Step: 1, Currency: "EUR",
		}
		until := rapid.SampledFrom([]string{"", "", "", "2026-01-31"}).Draw(t, "until")
		r.When, _ = ParseWindow("", until, rapid.SampledFrom(days).Draw(t, "days"), "")
		return r
	}), 0, most, func(r Rate) key { return key{r.Prefix, r.When} }).Draw(t, "rates")
}

func anyNumber(t *rapid.T) string {
	return "+" + rapid.StringMatching(`[1-3][0-3]{4,13}`).Draw(t, "number")
}

// TestTableFindsWhatAListDoes for any rates.
func TestTableFindsWhatAListDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := anyRates(t, 20)
		table, number := NewTable(all), anyNumber(t)
		at := time.Date(2026, 1, rapid.IntRange(1, 60).Draw(t, "day"), 12, 0, 0, 0, time.UTC)
		want, ok := Find(all, number, at)
		if got, found := table.Find(number, at); found != ok || got != want || table.Len() != len(all) {
			t.Errorf("%s: %+v, %v, want %+v, %v", number, got, found, want, ok)
		}
	})
	var none *Table
	if _, ok := none.Find("+49", time.Time{}); ok || none.Len() != 0 {
		t.Error("no table has rates")
	}
	if _, ok := NewTable([]Rate{{Prefix: "+"}}).Find("112", time.Time{}); ok {
		t.Error("an emergency number has a rate")
	}
}

// TestCondense never says less than a call costs from then on, and has a rate for each number that the table has one for.
func TestCondense(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		all, most := anyRates(t, 20), rapid.IntRange(1, 25).Draw(t, "most")
		short, condensed := Condense(all, most, now)
		if len(short) > most || condensed != (len(all) > most) {
			t.Fatalf("%d of %d rates, condensed %v", len(short), len(all), condensed)
		}
		number := anyNumber(t)
		for day := range 7 {
			at := now.AddDate(0, 0, day)
			want, ok := Find(all, number, at)
			got, found := Find(short, number, at)
			if ok && (!found || got.Cheaper(want) < 0) {
				t.Errorf("%s: %+v, %v, where the table has %+v", number, got, found, want)
			}
		}
	})
}

// BenchmarkTable is what a call pays for a table of 50,000 rates.
func BenchmarkTable(b *testing.B) {
	var all []Rate
	for i := range 50_000 {
		all = append(all, Rate{Prefix: fmt.Sprint("+", 100_000+i), PerMinute: int64(i % 300), First: 60, Step: 60, Currency: "EUR"})
	}
	t, now := NewTable(append(all, Rate{Prefix: "+1"})), time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		if _, ok := t.Find("+123456789012345", now); !ok {
			b.Fatal("no rate")
		}
	}
}
