// Package route decides by which lines to the phone network a call may leave, and in what order. The cloud and a switch without it
// decide alike.
//
// An admin's route says which trunks take the numbers that begin with its prefix, at its times, and in what order; the longest
// prefix counts. Numbers without a route may take every trunk: the lowest order first, of one order the one that costs least, then
// the one that is nearest, then the one whose switch has the fewest calls.
//
// A call goes from switch to switch, not from trunk to trunk: one that came to a switch tries all of its trunks that may take it.
package route

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"strowger/pkg/tariff"
)

// Route says which trunks take the calls to some numbers.
type Route struct {
	ID     string        `json:"id"`
	Prefix string        `json:"prefix"` // "+44"; "+": every number
	Trunks []string      `json:"trunks"` // ids, the first to be tried first
	When   tariff.Window `json:"when,omitzero"`
}

// Trunk is a line that there is.
type Trunk struct {
	ID, Switch string
	Order      int
	Away       int          // how far it is: 0 at the caller's switch, 1 at the caller's site, 2 elsewhere
	Load       int          // calls of its switch
	Rated      bool         // it has a table of rates
	Rate       *tariff.Rate // of the number now, nil if the table has none
}

// Line is the trunks of a switch that may take a call, the first to be tried first.
type Line struct {
	Switch string
	Trunks []Choice
}

// Choice is a trunk in its place. Those of one rank share their calls by weight.
type Choice struct {
	Trunk string
	Rank  int
	Rate  *tariff.Rate // nil: not known
}

// Find returns the route of a number at a moment, in the zone of its hours; nil if there is none.
func Find(all []Route, number string, at time.Time) (best *Route) {
	for i := range all {
		r := &all[i]
		if !strings.HasPrefix(number, r.Prefix) || !r.When.Holds(at) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(len(r.Prefix), len(best.Prefix)), r.When.Compare(best.When)) > 0 {
			best = r
		}
	}
	return best
}

// Nearest is the lines of an emergency call: no route and no cost holds it up, all trunks are tried.
func Nearest(trunks []Trunk) []Line {
	return grouped(trunks, func(t Trunk) []int64 { return []int64{int64(t.Away), int64(t.Order)} })
}

// Lines is the lines that may take a call, by its route, nil for none.
func Lines(r *Route, trunks []Trunk) []Line {
	if r != nil {
		trunks = slices.DeleteFunc(slices.Clone(trunks), func(t Trunk) bool { return !slices.Contains(r.Trunks, t.ID) })
		return grouped(trunks, func(t Trunk) []int64 { return []int64{int64(slices.Index(r.Trunks, t.ID))} })
	}
	cost := costs(trunks)
	return grouped(trunks, func(t Trunk) []int64 {
		return []int64{int64(t.Order), cost(t), int64(t.Away), int64(t.Load)}
	})
}

// costs returns what trunks are compared by where their costs decide: nothing, where those are in several currencies. A trunk without
// a table costs nothing as far as is known; one whose table lacks the number comes last.
func costs(trunks []Trunk) func(Trunk) int64 {
	currency := ""
	for _, t := range trunks {
		if t.Rate == nil {
			continue
		}
		if currency != "" && currency != t.Rate.Currency {
			return func(Trunk) int64 { return 0 }
		}
		currency = t.Rate.Currency
	}
	return func(t Trunk) int64 {
		switch {
		case !t.Rated:
			return 0
		case t.Rate == nil:
			return math.MaxInt64
		}
		return t.Rate.Usual()
	}
}

// grouped sorts trunks by a key and puts those of a switch together, where its first one stands.
func grouped(trunks []Trunk, key func(Trunk) []int64) (all []Line) {
	sorted := slices.SortedStableFunc(slices.Values(trunks), func(a, b Trunk) int { return slices.Compare(key(a), key(b)) })
	last := make(map[string][]int64)
	for _, t := range sorted {
		i := slices.IndexFunc(all, func(l Line) bool { return l.Switch == t.Switch })
		if i < 0 {
			i, all = len(all), append(all, Line{Switch: t.Switch})
		}
		l, k := &all[i], key(t)
		rank := len(l.Trunks)
		if rank > 0 && slices.Equal(k, last[t.Switch]) {
			rank = l.Trunks[rank-1].Rank
		}
		last[t.Switch] = k
		l.Trunks = append(l.Trunks, Choice{Trunk: t.ID, Rank: rank, Rate: t.Rate})
	}
	return all
}
