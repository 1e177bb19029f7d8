package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// row is one figure of the report: each value once a run, of ours and of a peer.
type row struct {
	Part string `json:"part"`
	Name string `json:"name"`
	Load string `json:"load,omitempty"`
	Unit string `json:"unit"` // of the values

	Ours  []float64 `json:"ours"`
	Cloud []float64 `json:"cloud,omitempty"` // what our cloud took beside it
	Peer  string    `json:"peer,omitempty"`
	Their []float64 `json:"their,omitempty"`

	Lost       int     `json:"lost"`  // units, of ours
	Again      int     `json:"again"` // messages that ours sent again
	TheirLost  int     `json:"their_lost"`
	TheirAgain int     `json:"their_again"`
	Others     float64 `json:"others"` // the most that others used of the machine in a run, from 0 to 1
}

// microseconds of a sample's CPU, for each of the hops.
func (one sample) microseconds(hops int) float64 {
	return float64(one.main.Nanoseconds()) / 1000 / float64(hops)
}

// overloaded says that too much was lost, more than one in twenty, for the rest to tell what a unit costs.
func (one sample) overloaded() bool { return 20*one.lost > one.units }

// ours notes a run of ours; CPU is that of all switches on the way, and the row says it for each.
func (r *row) ours(one sample, hops int) {
	if !one.overloaded() {
		r.Ours = append(r.Ours, one.microseconds(hops))
		r.Cloud = append(r.Cloud, float64(one.side.Nanoseconds())/1000)
	}
	r.Lost += one.lost
	r.Again += total(one.repeated)
	r.Others = max(r.Others, one.others)
}

// theirs notes a run of the peer.
func (r *row) theirs(one sample, hops int) {
	if !one.overloaded() {
		r.Their = append(r.Their, one.microseconds(hops))
	}
	r.TheirLost += one.lost
	r.TheirAgain += total(one.repeated)
	r.Others = max(r.Others, one.others)
}

// total of all kinds.
func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// ratio of the medians; 0 without a peer, or when one of them was overloaded.
func (r row) ratio() float64 {
	if len(r.Ours) == 0 || len(r.Their) == 0 {
		return 0
	}
	return median(r.Ours) / median(r.Their)
}

// median, of an even number of values the greater one in the middle; 0 of none.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(of))[len(of)/2]
}

// spread is the median with the unit and, in parentheses, the least and the most; "" of none.
func spread(of []float64, unit string) string {
	switch len(of) {
	case 0:
		return ""
	case 1:
		return number(of[0]) + " " + unit
	}
	return fmt.Sprintf("%s %s (%s to %s)", number(median(of)), unit, number(slices.Min(of)), number(slices.Max(of)))
}

// number writes three digits or all before the point.
func number(x float64) string {
	switch {
	case x >= 100 || x == 0:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// cells are the columns of the table.
func (r row) cells() []string {
	ratio := ""
	if x := r.ratio(); x != 0 {
		ratio = number(x)
	}
	cloud := ""
	if median(r.Cloud) != 0 {
		cloud = number(median(r.Cloud)) + " " + r.Unit
	}
	peer := ""
	if len(r.Their) > 0 || r.TheirLost > 0 {
		peer = r.Peer + " " + cmp.Or(spread(r.Their, r.Unit), "overloaded")
	}
	return []string{r.Name, r.Load, cmp.Or(spread(r.Ours, r.Unit), "overloaded"), cloud, peer, ratio, r.flaws()}
}

// flaws says what went wrong while it was measured.
func (r row) flaws() string {
	var all []string
	for _, f := range []struct {
		n    int
		what string
	}{{r.Lost, "lost"}, {r.Again, "sent again"}, {r.TheirLost, "lost by " + r.Peer}, {r.TheirAgain, "sent again by " + r.Peer}} {
		if f.n > 0 {
			all = append(all, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if r.Others > 0.1 {
		all = append(all, fmt.Sprintf("others used %.0f %% of the machine", 100*r.Others))
	}
	return strings.Join(all, ", ")
}

// heads are the names of the columns.
func heads() []string {
	return []string{"what", "load", "Strowger", "and its cloud", "peer", "ratio", "flaws"}
}
