package sip

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRFC6665Pace has states come faster than they may be told, and answers that do not come.
func TestRFC6665Pace(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &subscription{}
	sent := func(want bool) {
		t.Helper()
		due, _ := s.next(now)
		if due != want {
			t.Fatalf("due: %v at %v of %+v", due, now, s)
		}
		if due {
			s.notified(now)
		}
	}
	s.subscribed(10*time.Minute, 0, now)
	sent(true) // at once
	for range 5 {
		s.changed()
	}
	sent(false) // one at a time
	s.answered(200, 0, now)
	sent(false) // too soon
	now = now.Add(leastPause)
	sent(true) // all five in one
	s.answered(0, 0, now)
	sent(false)
	now = now.Add(firstRetry)
	sent(true) // what was lost is told again
	s.answered(200, 0, now)
	now = now.Add(time.Minute)
	sent(false) // nothing new
	s.changed()
	sent(true)
	s.answered(503, time.Minute, now)
	now = now.Add(59 * time.Second)
	sent(false)
	s.renew() // it registered
	sent(true)
	s.answered(200, 0, now)
	now = now.Add(10 * time.Minute)
	sent(true) // the end
	if state := s.state(now); state != "terminated;reason=timeout" || s.answered(200, 0, now) || !s.over() {
		t.Errorf("at the end: %q, %+v", state, s)
	}
}

// TestRFC6665Answers has each answer to a NOTIFY do what it must.
func TestRFC6665Answers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for code, lives := range map[int]bool{200: true, 202: true, 481: false, 404: false, 489: false, 501: false, 0: true, 400: true, 403: true, 408: true, 491: true, 500: true, 503: true, 600: true} {
		s := &subscription{}
		s.subscribed(time.Hour, 0, now)
		s.notified(now)
		if goesOn := s.answered(code, 0, now); goesOn != lives {
			t.Errorf("after %d it goes on: %v", code, goesOn)
		}
	}
}

// TestSubscriptionProperty has anything happen to a subscription: while it lives, what changed last is told as soon as the phone
// answers, there is never more than one NOTIFY, and the last one says that it is.
func TestSubscriptionProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		s := &subscription{}
		s.subscribed(time.Hour, 0, now)
		state, sent, told := 1, 0, 0 // states are numbers
		last := false
		pump := func() {
			for due, _ := s.next(now); due; due, _ = s.next(now) {
				if s.open && s.ended == "" {
					t.Fatal("two NOTIFYs at once")
				}
				if last {
					t.Fatal("a NOTIFY after the last")
				}
				s.notified(now)
				sent, last = state, s.ended != ""
			}
			if _, at := s.next(now); !at.IsZero() && !at.After(now) {
				t.Fatalf("to be asked again at %v, at %v: %+v", at, now, s)
			}
		}
		pump()
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				state++
				s.changed()
			case 1, 2:
				if s.open {
					code := rapid.SampledFrom([]int{200, 200, 0, 500, 503, 408}).Draw(t, "code")
					s.answered(code, time.Duration(rapid.IntRange(0, 100).Draw(t, "wait"))*time.Second, now)
					if code == 200 {
						told = sent
					}
				}
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
			case 4:
				s.renew()
			case 5:
				if s.ended == "" && now.Before(s.expires) {
					s.subscribed(time.Duration(rapid.SampledFrom([]int{0, 60, 900}).Draw(t, "expires"))*time.Second, 0, now)
				}
			}
			pump()
			if last {
				return
			}
		}
		for range 20 { // the phone answers, and time passes
			if s.open {
				s.answered(200, 0, now)
				told = sent
			}
			if last {
				return
			}
			now = now.Add(lastRetry / 10)
			pump()
		}
		if told != state && !last {
			t.Fatalf("the phone knows state %d of %d: %+v", told, state, s)
		}
	})
}

// FuzzEvent reads anything as Event: what is taken is written as it is understood.
func FuzzEvent(f *testing.F) {
	for _, v := range []string{"dialog", "dialog;id=7", "message-summary", "presence ; id=a ; max-rate=0.5", "dialog;sla", "a;id=\"x\r\ny\"", ";", "dialog;max-rate=1e-300"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		w, ok := parseEvent(v)
		if !ok {
			return
		}
		again, ok := parseEvent(w.header().Value())
		if !ok || again.Package != w.Package || again.ID != w.ID || w.Pause < 0 || w.Pause > mostPause {
			t.Errorf("%q is %+v, and again %+v, %v", v, w, again, ok)
		}
	})
}
