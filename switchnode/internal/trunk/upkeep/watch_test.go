package upkeep

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRefusedForAnHour has a registrar refuse for an hour: it is asked a few times, people are told once, and once more when the
// registration is granted.
func TestRefusedForAnHour(t *testing.T) {
	for _, c := range []struct {
		name        string
		answer      Event
		from, until time.Duration // when people are told
	}{
		{"refused", Answer{Code: 403, Words: "Forbidden"}, 0, 100 * time.Second},
		{"broken", Answer{Code: 500}, patience, patience},
		{"silent", Silence{"no answer"}, patience, patience},
	} {
		now := time.Unix(1e9, 0)
		begin, next, look := now, now, time.Time{}
		r, w := NewRegistration(now, func() float64 { return 0.5 }), Watch{}
		var told, back []time.Duration
		asked := 0
		see := func() {
			status := r.Status()
			var notice Notice
			notice, look = w.Look(now, []Server{{Registration: &status}})
			switch notice {
			case Lost:
				told = append(told, now.Sub(begin))
			case Back:
				back = append(back, now.Sub(begin))
			}
		}
		for now.Before(begin.Add(2 * time.Hour)) {
			var acts []Action
			if !look.IsZero() && look.Before(next) {
				now = look
				see()
				continue
			}
			now = next
			acts = r.Step(now, Due{})
			if _, ok := acts[0].(Send); ok {
				ev := c.answer
				asked++
				if now.After(begin.Add(time.Hour)) {
					ev = Answer{Code: 200, Granted: 10 * time.Minute}
				}
				acts = r.Step(now, ev)
			}
			next = acts[0].(Wait).Until
			see()
			if now.Before(begin.Add(time.Hour)) && asked > 8 {
				t.Fatalf("%s: asked %d times in %v", c.name, asked, now.Sub(begin))
			}
		}
		if len(told) != 1 || told[0] < c.from || told[0] > c.until || len(back) != 1 || back[0] < time.Hour || back[0] > 90*time.Minute {
			t.Errorf("%s: told after %v, and back after %v", c.name, told, back)
		}
	}
}

// TestWatch has the servers of a trunk come and go at random: a loss is told of once before its end is, and no loss sooner than a
// while after the last, nor while a server works, and none that lasts is forgotten.
func TestWatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		var w Watch
		var told, since time.Time
		lost := false
		servers := make([]Server, rapid.IntRange(0, 3).Draw(t, "servers"))
		for i := range servers {
			if rapid.Bool().Draw(t, "registers") {
				servers[i].Registration = &Status{State: Trying}
			}
			if servers[i].Registration == nil || rapid.Bool().Draw(t, "asked") {
				servers[i].Health = &Status{}
			}
		}
		look := time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if !look.IsZero() && rapid.Bool().Draw(t, "wait") {
				now = look
			} else {
				now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
				if len(servers) > 0 {
					s := rapid.SampledFrom(servers).Draw(t, "server")
					if s.Health != nil {
						s.Health.State = rapid.SampledFrom([]State{Up, Down}).Draw(t, "health")
					}
					if r := s.Registration; r != nil {
						*r = rapid.SampledFrom([]Status{{State: Registered}, {State: Refused, Code: 403, Failures: 1}, {State: Refused, Code: 403, Failures: 2}, {State: Unreachable, Failures: 9}}).Draw(t, "registration")
					}
				}
			}
			works, all := false, len(servers) > 0
			for _, s := range servers {
				works, all = works || s.works(), all && s.fails()
			}
			if works {
				since = time.Time{}
			} else if all && since.IsZero() {
				since = now
			}
			var notice Notice
			switch notice, look = w.Look(now, servers); {
			case notice == Lost && (lost || !all || !told.IsZero() && now.Sub(told) < quiet), notice == Back && (!lost || !works):
				t.Fatalf("notice %d at %v: lost %v, works %v, all fail %v, told %v", notice, now, lost, works, all, told)
			case notice == Lost:
				lost, told = true, now
			case notice == Back:
				lost = false
			}
			if all && !lost && look.IsZero() || !look.IsZero() && !look.After(now) {
				t.Fatalf("looks again at %v", look)
			}
			if all && !lost && now.Sub(since) >= patience+quiet {
				t.Fatalf("lost since %v, and nobody was told at %v", since, now)
			}
		}
	})
}
