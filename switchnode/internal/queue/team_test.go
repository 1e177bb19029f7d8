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

// floor is lines of users and of queues whose members they are, as those around them see it.
type floor struct {
	t     *rapid.T
	hall  *Hall
	now   time.Time
	calls int
	teams map[string][]string // members by line
	rings map[string]designation.Hunt
	line  map[string]string          // of a call
	wait  map[string][]string        // by line, in their order
	offer map[string][]string        // members whom a call rings
	talk  map[string]map[string]bool // calls of members
	out   map[string]Reason
}

func newFloor(t *rapid.T) *floor {
	f := &floor{
		t: t, now: began, line: map[string]string{}, wait: map[string][]string{}, offer: map[string][]string{}, talk: map[string]map[string]bool{}, out: map[string]Reason{},
		hall:  &Hall{lines: map[string]*Line{}, team: NewTeam(), serve: map[string]map[string]bool{}},
		teams: map[string][]string{"qu_a": {"us_1", "us_2", "us_3"}, "qu_b": {"us_3", "us_4"}, "us_1": nil, "us_3": nil},
		rings: map[string]designation.Hunt{},
	}
	for _, line := range []string{"qu_a", "qu_b"} {
		f.rings[line] = rapid.SampledFrom([]designation.Hunt{designation.HuntAll, designation.HuntOrder, designation.HuntIdle, designation.HuntRound}).Draw(t, "ring")
	}
	return f
}

// step has a line take an event, as the hall does, and then the lines share who became free.
func (f *floor) step(line string, ev Event) {
	if j, ok := ev.(Join); ok {
		f.hall.joins(j.Entry)
	}
	acts := f.hall.line(line).Step(f.now, ev)
	f.acts(append(acts, f.hall.share(f.now, map[string]bool{})...))
	f.check()
}

// pass lets time go by, with each Tick that is due.
func (f *floor) pass(d time.Duration) {
	f.now = f.now.Add(d)
	for _, name := range slices.Sorted(maps.Keys(f.hall.lines)) {
		if at := f.hall.lines[name].Next(); !at.IsZero() && !at.After(f.now) {
			f.acts(f.hall.lines[name].Step(f.now, Tick{}))
		}
	}
	f.acts(f.hall.share(f.now, map[string]bool{}))
}

func (f *floor) acts(acts []Action) {
	for _, a := range acts {
		switch a := a.(type) {
		case Turn:
			f.turn(a)
		case Drop:
			if was, twice := f.out[a.Call]; twice {
				f.t.Fatalf("%s leaves twice: %s, then %s", a.Call, was, a.Reason)
			}
			f.out[a.Call] = a.Reason
			f.gone(a.Call)
		case Count:
			f.t.Fatalf("counted: %s", a.Name)
		}
	}
}

// gone takes a call out of where it waits.
func (f *floor) gone(call string) {
	line := f.line[call]
	f.wait[line] = slices.DeleteFunc(f.wait[line], func(c string) bool { return c == call })
}

func (f *floor) turn(a Turn) {
	line := f.line[a.Call]
	members := a.Members
	if f.teams[line] == nil {
		members = []string{line}
	}
	if len(members) == 0 || a.More != (len(a.Members) < len(f.teams[line])) {
		f.t.Fatalf("%s rings %v of %v, more: %t", a.Call, members, f.teams[line], a.More)
	}
	if waits := f.wait[line]; waits[0] != a.Call {
		f.t.Fatalf("%s has its turn before %s", a.Call, waits[0])
	}
	f.gone(a.Call)
	if len(f.wait[line]) > 0 && len(members) > 1 {
		f.t.Fatalf("%s rings %v while %v wait behind it", a.Call, members, f.wait[line])
	}
	for _, m := range members {
		for other, rung := range f.offer {
			if slices.Contains(rung, m) {
				f.t.Fatalf("%s rings %s, as %s does", a.Call, m, other)
			}
		}
		if len(f.talk[m]) > 0 {
			f.t.Fatalf("%s rings %s, who talks: %v", a.Call, m, f.talk[m])
		}
	}
	f.offer[a.Call] = members
}

// free says whether a member could take a call.
func (f *floor) free(m string) bool {
	return len(f.talk[m]) == 0 && !f.now.Before(f.hall.team.rests[m]) &&
		!slices.ContainsFunc(slices.Collect(maps.Values(f.offer)), func(rung []string) bool { return slices.Contains(rung, m) })
}

func (f *floor) check() {
	for line, waits := range f.wait {
		if len(waits) == 0 {
			continue
		}
		members := f.teams[line]
		if members == nil {
			members = []string{line}
		}
		if i := slices.IndexFunc(members, f.free); i >= 0 {
			f.t.Fatalf("%v wait in %s while %s is free", waits, line, members[i])
		}
	}
}

func (f *floor) talks(m, call string) {
	if f.talk[m] == nil {
		f.talk[m] = map[string]bool{}
	}
	f.talk[m][call] = true
}

// pick is one of the keys of a map, in a fixed order.
func pick[V any](t *rapid.T, set map[string]V, label string) string {
	if len(set) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(set))).Draw(t, label)
}

// TestTeams has callers wait for users and for queues that share members: whoever becomes free is offered one call, the order of each line
// holds, nobody is free while somebody waits for them, and each entry leaves once.
func TestTeams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFloor(t)
		over := func(call string) { // the session is over, whatever it was
			delete(f.offer, call)
			for m := range f.talk {
				delete(f.talk[m], call)
			}
			f.step(f.line[call], Freed{call})
		}
		actions := map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				f.calls++
				call, line := fmt.Sprint("c", f.calls), pick(t, f.teams, "line")
				f.line[call] = line
				f.wait[line] = append(f.wait[line], call)
				f.step(line, Join{Entry{Call: call, Line: line, Members: f.teams[line], Ring: f.rings[line]}, Limits{Length: 1000, Wait: 24 * time.Hour}})
			},
			"own call": func(t *rapid.T) {
				f.calls++
				call, m := fmt.Sprint("o", f.calls), fmt.Sprint("us_", rapid.IntRange(1, 4).Draw(t, "member"))
				f.line[call] = m
				f.talks(m, call)
				f.step(m, Occupied{call})
			},
			"answer": func(t *rapid.T) {
				call := pick(t, f.offer, "call")
				by := rapid.SampledFrom(f.offer[call]).Draw(t, "by")
				delete(f.offer, call)
				f.talks(by, call)
				f.step(f.line[call], Left{call, Answered, by})
				f.step(by, Occupied{call}) // as of every call
			},
			"unserved": func(t *rapid.T) {
				call := pick(t, f.offer, "call")
				delete(f.offer, call)
				f.step(f.line[call], Left{Call: call, Reason: Unserved})
			},
			"vanish": func(t *rapid.T) { over(pick(t, f.offer, "call")) },
			"return": func(t *rapid.T) {
				call := pick(t, f.offer, "call")
				delete(f.offer, call)
				line := f.line[call]
				at := 0 // before those who had no turn, behind those who had one earlier
				for at < len(f.wait[line]) && f.hall.line(line).order[at].served > 0 && f.hall.line(line).order[at].served < f.hall.line(line).turns[call].served {
					at++
				}
				f.wait[line] = slices.Insert(f.wait[line], at, call)
				f.step(line, Returned{call})
			},
			"hang up": func(t *rapid.T) {
				talking := map[string]string{}
				for m, calls := range f.talk {
					for call := range calls {
						talking[call] = m
					}
				}
				call := pick(t, talking, "call")
				delete(f.talk[talking[call]], call)
				f.step(f.line[call], Freed{call})
				f.step(talking[call], Freed{call})
			},
			"give up": func(t *rapid.T) {
				waiting := map[string]bool{}
				for _, calls := range f.wait {
					for _, call := range calls {
						waiting[call] = true
					}
				}
				call := pick(t, waiting, "call")
				f.step(f.line[call], Left{Call: call, Reason: GaveUp})
			},
			"time": func(*rapid.T) {
				f.pass(retry)
				f.check()
			},
		}
		for name, act := range actions {
			actions[name] = func(t *rapid.T) { f.pass(time.Second); act(t) }
		}
		for range 4 {
			t.Repeat(actions)
		}
	})
}

// TestOffers rings who is free: all, or in the order that the queue has.
func TestOffers(t *testing.T) {
	limits := Limits{Length: 5, Wait: time.Hour}
	for _, c := range []struct {
		ring designation.Hunt
		want string
	}{
		{designation.HuntAll, "[{[us_3 us_2 us_1] false}] then [{[us_2] true}] then [{[us_1] true}]"},
		{designation.HuntOrder, "[{[us_1 us_2 us_3] false}] then [{[us_1] true}] then [{[us_2] true}]"},
		{designation.HuntIdle, "[{[us_3 us_2 us_1] false}] then [{[us_2] true}] then [{[us_1] true}]"},
		{designation.HuntRound, "[{[us_1 us_2 us_3] false}] then [{[us_2] true}] then [{[us_1] true}]"},
	} {
		team := NewTeam()
		l, now := NewLine("qu_a", 1, team), began
		offers := func(acts []Action) string {
			var all []Offer
			for _, a := range acts {
				if t, ok := a.(Turn); ok {
					all = append(all, t.Offer)
				}
			}
			return fmt.Sprint(all)
		}
		join := func(call string) string {
			now = now.Add(time.Second)
			return offers(l.Step(now, Join{Entry{Call: call, Line: "qu_a", Members: []string{"us_1", "us_2", "us_3"}, Ring: c.ring}, limits}))
		}
		for i := range 2 { // of us_3 nobody heard yet
			own := NewLine(fmt.Sprint("us_", 2-i), 1, team)
			own.Step(now, Occupied{"o"})
			now = now.Add(time.Second)
			own.Step(now, Freed{"o"})
		}
		got := join("a")
		l.Step(now, Left{"a", Answered, "us_3"})
		team.take([]string{"us_1", "us_2"}, "x")
		join("b")
		join("c")
		team.release([]string{"us_1", "us_2"}, "x")
		now = now.Add(time.Second)
		acts := l.Step(now, Tick{})
		for _, a := range acts {
			if t, ok := a.(Turn); ok {
				got += " then " + fmt.Sprint([]Offer{t.Offer})
			}
		}
		if got != c.want {
			t.Errorf("%s: offers %s, want %s", c.ring, got, c.want)
		}
	}
}
