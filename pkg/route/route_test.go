package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/tariff"
)

// costing is a rate of so many millionths a minute.
func costing(perMinute int64, currency string) *tariff.Rate {
	return &tariff.Rate{Prefix: "+", PerMinute: perMinute, First: 1, Step: 1, Currency: currency}
}

func shown(all []Line) string {
	var parts []string
	for _, l := range all {
		text := l.Switch + ":"
		for _, c := range l.Trunks {
			text += fmt.Sprintf(" %s/%d", c.Trunk, c.Rank)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		trunks []Trunk
		want   string
	}{
		{"order before all", []Trunk{{ID: "a", Switch: "x", Order: 1}, {ID: "b", Switch: "y", Away: 2, Load: 9}}, "y: b/0, x: a/0"},
		{"cost before nearness", []Trunk{{ID: "a", Switch: "x", Rated: true, Rate: costing(2, "EUR")}, {ID: "b", Switch: "y", Away: 2, Rated: true, Rate: costing(1, "EUR")}}, "y: b/0, x: a/0"},
		{"order before cost", []Trunk{{ID: "a", Switch: "x", Order: 1, Rated: true, Rate: costing(1, "EUR")}, {ID: "b", Switch: "x", Rated: true, Rate: costing(2, "EUR")}}, "x: b/0 a/1"},
		{"currencies cannot be compared", []Trunk{{ID: "a", Switch: "x", Rated: true, Rate: costing(2, "EUR")}, {ID: "b", Switch: "y", Away: 1, Rated: true, Rate: costing(1, "USD")}}, "x: a/0, y: b/0"},
		{"what is not rated costs nothing", []Trunk{{ID: "a", Switch: "x", Rated: true, Rate: costing(1, "EUR")}, {ID: "b", Switch: "y", Away: 2}}, "y: b/0, x: a/0"},
		{"a table that lacks the number", []Trunk{{ID: "a", Switch: "x", Rated: true}, {ID: "b", Switch: "y", Away: 2, Rated: true, Rate: costing(9, "EUR")}}, "y: b/0, x: a/0"},
		{"near before load", []Trunk{{ID: "a", Switch: "x", Away: 2}, {ID: "b", Switch: "y", Away: 1, Load: 100}}, "y: b/0, x: a/0"},
		{"load last", []Trunk{{ID: "a", Switch: "x", Away: 1, Load: 2}, {ID: "b", Switch: "y", Away: 1, Load: 1}}, "y: b/0, x: a/0"},
		{"equal ones share", []Trunk{{ID: "a", Switch: "x"}, {ID: "b", Switch: "x"}, {ID: "c", Switch: "x", Order: 1}}, "x: a/0 b/0 c/2"},
		{"a switch tries all of its own", []Trunk{{ID: "a", Switch: "x"}, {ID: "b", Switch: "y", Order: 1}, {ID: "c", Switch: "x", Order: 2}}, "x: a/0 c/1, y: b/0"},
		{"none", nil, ""},
	} {
		if got := shown(Lines(nil, c.trunks)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	trunks := []Trunk{{ID: "a", Switch: "x"}, {ID: "b", Switch: "y", Away: 2, Order: 9}, {ID: "c", Switch: "x", Rated: true, Rate: costing(1, "EUR")}}
	if got := shown(Lines(&Route{Trunks: []string{"b", "gone", "c"}}, trunks)); got != "y: b/0, x: c/0" {
		t.Errorf("by a route: %s", got)
	}
	if got := shown(Nearest([]Trunk{{ID: "a", Switch: "y", Away: 2}, {ID: "b", Switch: "x", Order: 9, Rated: true}, {ID: "c", Switch: "x", Order: 1}})); got != "x: c/0 b/1, y: a/0" {
		t.Errorf("for help: %s", got)
	}
}

func TestFind(t *testing.T) {
	day, _ := tariff.ParseWindow("", "", "mon-fri", "08:00-18:00")
	all := []Route{{ID: "all", Prefix: "+"}, {ID: "uk", Prefix: "+44"}, {ID: "day", Prefix: "+44", When: day}, {ID: "london", Prefix: "+4420"}}
	monday := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		number string
		at     time.Time
		want   string
	}{
		{"+4930123", monday, "all"}, {"+447700900123", monday, "day"}, {"+447700900123", monday.Add(6 * time.Hour), "uk"}, {"+442079460123", monday, "london"},
	} {
		if r := Find(all, c.number, c.at); r == nil || r.ID != c.want {
			t.Errorf("%s: %+v, want %s", c.number, r, c.want)
		}
	}
	if r := Find(all[1:], "+4930123", monday); r != nil {
		t.Errorf("a number without a route: %+v", r)
	}
}

// TestEveryTrunkHasItsPlace once, whatever the trunks: none is lost, none is tried twice, no switch comes twice.
func TestEveryTrunkHasItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var trunks []Trunk
		for i := range rapid.IntRange(0, 8).Draw(t, "trunks") {
			v := Trunk{ID: fmt.Sprint(i), Order: rapid.IntRange(0, 2).Draw(t, "order")}
			v.Away = rapid.IntRange(0, 2).Draw(t, "away")
			v.Switch = fmt.Sprint(v.Away, "-", rapid.IntRange(0, 1).Draw(t, "switch"))
			if v.Rated = rapid.Bool().Draw(t, "rated"); v.Rated && rapid.Bool().Draw(t, "has it") {
				v.Rate = costing(rapid.Int64Range(0, 2).Draw(t, "cost"), rapid.SampledFrom([]string{"EUR", "EUR", "USD"}).Draw(t, "currency"))
			}
			trunks = append(trunks, v)
		}
		for _, all := range [][]Line{Lines(nil, trunks), Nearest(trunks)} {
			var switches, ids []string
			for _, l := range all {
				switches = append(switches, l.Switch)
				for i, c := range l.Trunks {
					ids = append(ids, c.Trunk)
					if i > 0 && c.Rank < l.Trunks[i-1].Rank {
						t.Errorf("ranks fall: %s", shown(all))
					}
				}
			}
			slices.Sort(ids)
			slices.Sort(switches)
			if len(ids) != len(trunks) || len(slices.Compact(ids)) != len(trunks) || len(slices.Compact(switches)) != len(all) {
				t.Errorf("%+v are %s", trunks, shown(all))
			}
		}
	})
}
