package queue

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
)

// began is when the tests begin.
var began = time.Unix(1_700_000_000, 0)

// world is a line as those around it see it.
type world struct {
	t       *rapid.T
	line    *Line
	now     time.Time
	seats   int
	limits  Limits
	calls   int
	kept    map[string]bool   // on disk
	served  map[string]bool   // have their turn
	other   map[string]bool   // occupy the callee otherwise
	out     map[string]Reason // left
	told    map[string]int    // position
	moves   bool              // an administrator moves calls
	away    map[string]bool   // hung up, and are to be called back
	called  map[string]bool   // are called back: it is their turn
	missed  map[string]int    // times
	refused map[string]bool   // may not be called back
}

func newWorld(t *rapid.T) *world {
	seats := rapid.IntRange(1, 3).Draw(t, "seats")
	return &world{
		t: t, line: NewLine("us_b", seats, NewTeam()), now: began, seats: seats, moves: rapid.Bool().Draw(t, "moves"),
		limits: Limits{Length: rapid.IntRange(1, 5).Draw(t, "length"), Wait: time.Minute},
		kept:   map[string]bool{}, served: map[string]bool{}, other: map[string]bool{}, out: map[string]Reason{}, told: map[string]int{},
		away: map[string]bool{}, called: map[string]bool{}, missed: map[string]int{}, refused: map[string]bool{},
	}
}

func (w *world) step(ev Event) {
	before := w.line.Waiting()
	for _, a := range w.line.Step(w.now, ev) {
		switch a := a.(type) {
		case Keep:
			w.kept[a.Entry.Call] = true
		case Tell:
			if !w.kept[a.Call] {
				w.t.Fatalf("%s is told a position before it is on disk", a.Call)
			}
			w.told[a.Call] = a.Position
		case Turn:
			if w.away[a.Call] {
				w.t.Fatalf("%s is told to ring, and is away", a.Call)
			}
			if _, back := ev.(Reached); !back {
				w.turn(a.Call, before, ev)
			}
			w.served[a.Call] = true
		case Recall:
			if !w.away[a.Entry.Call] || w.called[a.Entry.Call] || !w.kept[a.Entry.Call] {
				w.t.Fatalf("%s is called back: away %v, called %v, kept %v", a.Entry.Call, w.away, w.called, w.kept)
			}
			w.turn(a.Entry.Call, before, ev)
			w.called[a.Entry.Call] = true
		case Drop:
			w.leaves(a.Call, a.Reason)
			delete(w.kept, a.Call)
		case Expel:
			if a.Reason == Full {
				if len(before) < w.limits.Length {
					w.t.Fatalf("the line is full with %d of %d", len(before), w.limits.Length)
				}
				w.leaves(a.Call, Full)
			}
		case Count:
			w.t.Logf("counted: %s", a.Name)
		}
	}
	w.check()
}

// pass lets time go by, with each Tick that is due.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for next := w.line.Next(); !next.IsZero() && !next.After(end); next = w.line.Next() {
		if next.After(w.now) { // else who came back is over their time already
			w.now = next
		}
		w.step(Tick{})
		if again := w.line.Next(); again.Equal(next) {
			w.t.Fatalf("at %v a Tick is due again at once", next)
		}
	}
	w.now = end
}

func (w *world) leaves(call string, why Reason) {
	if was, twice := w.out[call]; twice {
		w.t.Fatalf("%s leaves twice: %s, then %s", call, was, why)
	}
	w.out[call] = why
	delete(w.told, call)
	delete(w.served, call)
	delete(w.called, call)
	delete(w.away, call)
	if why == Missing && w.missed[call] != mostTries && !w.refused[call] {
		w.t.Fatalf("%s was called %d times", call, w.missed[call])
	}
	if why == Returns {
		w.other[call] = true
	}
	if why == Answered {
		w.other[call] = true
	}
}

// turn checks that nobody of the same rank who came earlier still waits.
func (w *world) turn(call string, before []Told, ev Event) {
	delete(w.told, call)
	i := slices.IndexFunc(before, func(t Told) bool { return t.Call == call })
	for _, t := range w.line.Waiting() {
		if w.now.Before(t.Rest) {
			continue
		}
		if i < 0 {
			if k, again := ev.(Kept); again && k.Call == call {
				continue // had the turn, and has it anew
			}
			w.t.Fatalf("%s has a turn at once while %s waits", call, t.Call)
		}
		b := before[i]
		if t.rank() > b.rank() || !w.moves && t.rank() == b.rank() && t.Since.Before(b.Since) {
			w.t.Fatalf("%s (%d, %v) has a turn before %s (%d, %v) after %T", call, b.rank(), b.Since, t.Call, t.rank(), t.Since, ev)
		}
	}
}

func (w *world) check() {
	w.t.Helper()
	waiting := w.line.Waiting()
	if n := len(w.served) + len(w.called); n > w.seats {
		w.t.Fatalf("%d calls have their turn at %d seats", n, w.seats)
	}
	places := map[designation.Party]bool{}
	for i, t := range waiting {
		if t.Absent() && t.From.Trunk != "" && places[t.From] {
			w.t.Fatalf("%+v keeps two places", t.From)
		}
		places[t.From] = places[t.From] || t.Absent()
		if w.told[t.Call] != i+1 && !w.away[t.Call] {
			w.t.Fatalf("%s stands at %d and was told %d", t.Call, i+1, w.told[t.Call])
		}
		if !w.kept[t.Call] {
			w.t.Fatalf("%s waits and is not on disk", t.Call)
		}
		if i > 0 && waiting[i-1].rank() < t.rank() {
			w.t.Fatalf("%s stands behind a lower rank", t.Call)
		}
	}
	rests := func(t Told) bool { return w.now.Before(t.Rest) }
	waiting = slices.DeleteFunc(waiting, rests)
	if len(waiting) > 0 && len(w.served)+len(w.called)+len(w.other) < w.seats && !w.now.Before(w.line.team.rests["us_b"]) {
		w.t.Fatalf("%d wait while the callee is free", len(waiting))
	}
}

// any picks one of a set, in a fixed order.
func (w *world) any(set map[string]bool, label string) string {
	all := []string{}
	for c := range set {
		all = append(all, c)
	}
	if len(all) == 0 {
		w.t.Skip("none")
	}
	slices.Sort(all)
	return rapid.SampledFrom(all).Draw(w.t, label)
}

func (w *world) waiting() map[string]bool {
	set := map[string]bool{}
	for _, t := range w.line.Waiting() {
		set[t.Call] = true
	}
	return set
}

func TestLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		actions := map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				w.calls++
				w.pass(time.Second)
				w.step(Join{Entry{
					Call: fmt.Sprint("c", w.calls), Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
					Emergency: rapid.IntRange(0, 9).Draw(t, "emergency") == 0,
					From:      designation.Party{Trunk: rapid.SampledFrom([]string{"", "tk_1"}).Draw(t, "trunk"), Number: rapid.SampledFrom([]string{"+4930", "+4940"}).Draw(t, "number")},
				}, w.limits})
			},
			"own call": func(t *rapid.T) {
				w.calls++
				call := fmt.Sprint("o", w.calls)
				w.other[call] = true
				w.step(Occupied{call})
			},
			"free": func(t *rapid.T) {
				call := w.any(w.other, "call")
				delete(w.other, call)
				w.step(Freed{call})
			},
			"answer":   func(t *rapid.T) { w.step(Left{Call: w.any(w.served, "call"), Reason: Answered}) },
			"unserved": func(t *rapid.T) { w.step(Left{Call: w.any(w.served, "call"), Reason: Unserved}) },
			"vanish":   func(t *rapid.T) { w.step(Freed{w.any(w.served, "call")}) },
			"busy": func(t *rapid.T) {
				call := w.any(w.served, "call")
				delete(w.served, call)
				w.step(Returned{call})
			},
			"keep": func(t *rapid.T) {
				set := w.waiting()
				maps.Copy(set, w.served)
				call := w.any(set, "call")
				if w.away[call] {
					t.Skip("is away already")
				}
				delete(w.served, call)
				w.away[call] = true
				w.step(Kept{call})
			},
			"reach": func(t *rapid.T) {
				call := w.any(w.called, "call")
				delete(w.called, call)
				delete(w.away, call)
				w.missed[call] = 0
				w.step(Reached{call})
			},
			"miss": func(t *rapid.T) {
				call, counts := w.any(w.called, "call"), rapid.Bool().Draw(t, "counts")
				delete(w.called, call)
				if counts {
					w.missed[call]++
				}
				w.step(Missed{call, Pause, counts})
			},
			"refuse": func(t *rapid.T) {
				call := w.any(w.called, "call")
				w.refused[call] = true
				w.step(Left{Call: call, Reason: Missing})
			},
			"give up": func(t *rapid.T) { w.step(Left{Call: w.any(w.waiting(), "call"), Reason: GaveUp}) },
			"remove":  func(t *rapid.T) { w.step(Removed{w.any(w.waiting(), "call")}) },
			"move": func(t *rapid.T) {
				if !w.moves {
					t.Skip("nobody moves calls")
				}
				w.step(Moved{w.any(w.waiting(), "call"), rapid.IntRange(-1, 6).Draw(t, "position")})
			},
			"time": func(t *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(1, 100_000).Draw(t, "ms")) * time.Millisecond)
			},
			"stray": func(t *rapid.T) {
				w.step(rapid.SampledFrom([]Event{Freed{"x"}, Returned{"x"}, Left{Call: "x", Reason: GaveUp}, Removed{"x"}, Kept{"x"}, Reached{"x"}, Missed{Call: "x"}, Moved{"x", 1}}).Draw(t, "event"))
			},
		}
		for range 8 { // one history is too short to fill lines
			t.Repeat(actions)
		}
		w.empty()
	})
}

// empty lets everybody leave: each entry that came is out in the end, or on the phone.
func (w *world) empty() {
	for range 10_000 {
		switch {
		case len(w.served) > 0:
			w.step(Left{Call: w.any(w.served, "last"), Reason: Answered})
		case len(w.called) > 0:
			call := w.any(w.called, "last")
			delete(w.called, call)
			delete(w.away, call)
			w.step(Reached{call})
		case len(w.other) > 0:
			call := w.any(w.other, "last")
			delete(w.other, call)
			w.step(Freed{call})
		case w.line.Len() > 0:
			if next := w.line.Next(); next.After(w.now) {
				w.now = next
			}
			w.step(Tick{})
		default:
			if len(w.kept) > 0 || !w.line.Idle() {
				w.t.Fatalf("left on disk: %v; line %+v", w.kept, w.line)
			}
			return
		}
	}
	w.t.Fatal("the line does not empty")
}

func TestExpectedWait(t *testing.T) {
	l, now := NewLine("us_b", 1, NewTeam()), began
	for i := range 3 { // calls of 60 s
		call := fmt.Sprint("o", i)
		l.Step(now, Occupied{call})
		now = now.Add(time.Minute)
		if s := l.pace(now).standing(1); i > 0 && s.Known {
			t.Errorf("after %d calls the wait is known to be %v", i, s.Wait)
		}
		l.Step(now, Freed{call})
	}
	l.Step(now, Occupied{"o"})
	now = now.Add(20 * time.Second)
	for i, want := range []time.Duration{40 * time.Second, 100 * time.Second, 160 * time.Second} {
		acts := l.Step(now, Join{Entry{Call: fmt.Sprint("c", i)}, Limits{Length: 9, Wait: time.Hour}})
		tell, ok := acts[len(acts)-1].(Tell)
		if !ok || tell.Position != i+1 || !tell.Known || tell.Wait != want {
			t.Errorf("at position %d: %+v, want %v", i+1, acts, want)
		}
	}
	if acts := l.Step(now.Add(repeat), Tick{}); len(acts) != 3 {
		t.Errorf("after %v %d of 3 callers are told again", repeat, len(acts))
	}
}

// TestLongLine has a line move that is longer than its front: those behind are told a little later, and all of them once.
func TestLongLine(t *testing.T) {
	l, now := NewLine("us_b", 1, NewTeam()), began
	l.Step(now, Occupied{"o"})
	for i := range front + 5 {
		l.Step(now, Join{Entry{Call: fmt.Sprint("c", i)}, Limits{Length: 99, Wait: time.Hour}})
	}
	told := func(acts []Action) (calls []string) {
		for _, a := range acts {
			if tell, ok := a.(Tell); ok {
				calls = append(calls, fmt.Sprint(tell.Call, " ", tell.Position))
			}
		}
		return calls
	}
	now = now.Add(time.Second)
	for i := range 2 {
		acts := l.Step(now, Left{Call: fmt.Sprint("c", i), Reason: GaveUp})
		if got := told(acts); len(got) != front || got[0] != fmt.Sprintf("c%d 1", i+1) {
			t.Errorf("at once are told %q, want the front", got)
		}
	}
	if at := l.Next(); at != began.Add(lag) {
		t.Errorf("the others are told at %v, want %v", at.Sub(began), lag)
	}
	if got := told(l.Step(l.Next(), Tick{})); len(got) != 3 || got[0] != "c12 11" || got[2] != "c14 13" {
		t.Errorf("later are told %q", got)
	}
}

// TestPlaceOfANumber has a number outside keep places by several calls: the last one takes the place of those before. Others who show the
// same number by another trunk, or call inside, are others.
func TestPlaceOfANumber(t *testing.T) {
	l, now := NewLine("us_b", 1, NewTeam()), began
	l.Step(now, Occupied{"o"})
	outside := designation.Party{Trunk: "tk_1", Number: "+4930123"}
	from := map[string]designation.Party{"a": outside, "b": {User: "us_1", Number: "2001"}, "c": outside, "d": {Trunk: "tk_2", Number: "+4930123"}, "e": {User: "us_1", Number: "2001"}}
	left := map[string]Reason{}
	step := func(ev Event) {
		for _, a := range l.Step(now, ev) {
			if d, ok := a.(Drop); ok {
				left[d.Call] += d.Reason
			}
		}
	}
	for _, call := range []string{"a", "b", "c", "d", "e"} {
		now = now.Add(time.Second)
		step(Join{Entry{Call: call, From: from[call]}, Limits{Length: 9, Wait: time.Hour}})
		step(Kept{call})
	}
	order := ""
	for _, w := range l.Waiting() {
		order += w.Call
	}
	if order != "cbde" || len(left) != 1 || left["a"] != GaveUp {
		t.Errorf("there wait %s, have left %v", order, left)
	}
	step(Freed{"o"}) // c is called back, and calls meanwhile
	step(Join{Entry{Call: "f", From: outside}, Limits{Length: 9, Wait: time.Hour}})
	step(Kept{"f"})
	step(Missed{"c", Pause, true})
	if len(left) != 2 || left["c"] != GaveUp {
		t.Errorf("have left %v, want a and c", left)
	}
}
