package call

import (
	"testing"
	"time"
)

func TestExploreOneCallee(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		delay          time.Duration
		caller, callee budget
	}{
		{"digits", 0, budget{offers: 1, digits: 1}, budget{offers: 1, digits: 1}},
		{"a later branch", 5 * time.Second, budget{offers: 1}, budget{offers: 1}},
		{"the caller settles", 0, budget{offers: 1, settles: 1}, budget{offers: 1}},
		{"the callee settles", 0, budget{offers: 1}, budget{offers: 1, settles: 1}},
		{"both settle", 0, budget{settles: 1}, budget{settles: 1}},
		{"a device that sleeps", 0, budget{offers: 1}, budget{offers: 1, wakes: 2}},
		{"a call that is sent on", 0, budget{}, budget{wakes: 1, sent: 2}},
		{"both are reached, and one holds", 0, budget{offers: 1, moves: 1}, budget{moves: 2}},
		{"both are reached, and one settles", 0, budget{moves: 1}, budget{settles: 1, moves: 1}},
	} {
		w := newWorld(c.caller, c.callee, c.delay)
		t.Logf("%s: %+v", c.name, explore[Event](t, w))
	}
}

// TestExploreCrossing has the caller be wanted by the call of the callee's, and callers of other calls come over, at any time.
func TestExploreCrossing(t *testing.T) {
	t.Parallel()
	w := newWorld(budget{}, budget{}, 0)
	if w.crosses, w.joins = 1, 1; *deep {
		w.crosses = 2
	}
	t.Logf("%+v", explore[Event](t, w))
}

// TestExploreQueue has the caller wait, get a turn, wait again, and be sent away, at any time.
func TestExploreQueue(t *testing.T) {
	t.Parallel()
	for joins, turns := range []int{2, 1} {
		w := newWorld(budget{}, budget{}, 0)
		if w.peers, w.queue, w.turns, w.joins = w.peers[:1], "open", turns, joins; *deep {
			w.turns = 2
		}
		t.Logf("%d guests: %+v", joins, explore[Event](t, w))
	}
}

// TestExploreCrowd has the caller wait for room at the switch before it is admitted.
func TestExploreCrowd(t *testing.T) {
	t.Parallel()
	w := newWorld(budget{}, budget{}, 0)
	w.queue, w.crowded, w.turns, w.joins = "open", true, 2, 1
	t.Logf("%+v", explore[Event](t, w))
}

// TestExploreEarlyMedia has the caller hear what a branch plays before it answers, and the switch in a queue, with what codecs
// there are.
func TestExploreEarlyMedia(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*world){
		"one callee": func(w *world) { w.earlies = 2 },
		"two callees": func(w *world) {
			w.earlies, w.branches, w.peers = 1, append(w.branches, Branch{Leg: "b2", Delay: 3 * time.Second}), append(w.peers[:2], peer{})
			w.peers[1].sent = 0
		},
		"a queue": func(w *world) { w.peers, w.queue, w.turns, w.earlies = w.peers[:1], "open", 2, 1 },
		"a crowd": func(w *world) { w.queue, w.crowded, w.turns, w.earlies = "open", true, 1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(budget{}, budget{sent: 1}, 0)
			w.call = New("caller", "dv_a", wide)
			w.call.TakeEarly()
			set(w)
			t.Logf("%+v", explore[Event](t, w))
		})
	}
}

// TestExploreRecall has a caller be called back, not answer, decline, wait for the turn, and hang up, at any time.
func TestExploreRecall(t *testing.T) {
	t.Parallel()
	for turns, caller := range map[int]budget{1: {offers: 1}, 2: {wakes: 1}} {
		w := newWorld(caller, budget{}, 0)
		w.call = NewRecall("caller", "dv_a", bench{})
		w.peers, w.queue, w.turns, w.back = w.peers[:1], "open", turns, true
		w.peers[Caller].phase, w.peers[Caller].started = idle, false
		t.Logf("%+v", explore[Event](t, w))
	}
}

// ends says of an event that it may end a call early.
func ends(ev Event) bool {
	switch ev.(type) {
	case Stop, Cancelled, HungUp, Lost, Refusal:
		return true
	}
	return false
}

func TestRandomThreeBranches(t *testing.T) {
	t.Parallel()
	random(t, *rounds/10, ends, func() *world {
		return newWorld(budget{offers: 2, settles: 2, digits: 1, moves: 3}, budget{offers: 2, settles: 2, digits: 1, wakes: 2, sent: 1, moves: 3}, 0, 0, 3*time.Second)
	})
}

// told says whether a picker of the exploration was turned away.
func (g *Guest) told() bool { return g.spurned }

// TestEveryPickUp explores a call that two others pick up, at any moment: who picks up answers, or is told that there is nothing.
func TestEveryPickUp(t *testing.T) {
	t.Parallel()
	w := newWorld(budget{}, budget{}, 0)
	if w.picks = 1; *deep {
		w.picks = 2
	}
	t.Logf("%+v", explore[Event](t, w))
}
