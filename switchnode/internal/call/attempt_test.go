package call

import (
	"context"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// anyway is every occasion.
var anyway = []designation.Occasion{designation.NoAnswer, designation.Busy, designation.Unreachable}

// withFallback is plan with a fall-back: the last targets are rung there.
func withFallback(fallback int, leads []time.Duration, delays ...time.Duration) func(*scene) Admission {
	return func(s *scene) Admission {
		first := plan(0, delays...)(s)
		return func(ctx context.Context) Event {
			p := first(ctx).(Planned)
			for i, lead := range leads {
				p.Branches[i].Lead = lead
			}
			own := len(p.Branches) - fallback
			rest := p.Branches[own:]
			p.Branches = p.Branches[:own]
			p.Fallback = []Fallback{{
				On: anyway, To: designation.Party{Number: "201009"}, Ring: 20 * time.Second,
				Branches: func() []Branch { return rest },
			}}
			return p
		}
	}
}

// A device that sleeps is woken so early that it rings at its turn.
func TestSleeperIsWokenBeforeItsTurn(t *testing.T) {
	delays := []time.Duration{0, 10 * time.Second, 10 * time.Second}
	play(t, delays, withFallback(0, []time.Duration{0, 0, time.Second}, delays...), func(s *scene) {
		s.pass(9*time.Second - time.Millisecond)
		if s.dialled(2) != nil || s.dialled(3) != nil {
			t.Error("started too early")
		}
		s.pass(time.Millisecond)
		if s.dialled(2) != nil || s.dialled(3) == nil {
			t.Error("9 s after the call the sleeper is woken, and only it")
		}
		s.pass(time.Second)
		s.told(2, "start 2")
		s.say(Caller, Cancelled{})
		s.close(1, 2, 3, Caller)
	})
}

// The next in order takes the place of a device that is out; those of one turn start together.
func TestNextInOrder(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(1, Refused{1, busy})
		s.told(2, "start 2")
		s.told(3, "start 3")
		if s.dialled(4) != nil {
			t.Error("the last in order started with the second")
		}
		s.say(2, Refused{2, CauseOf(errs.NoPush, "")}) // its place is taken too, though 3 may answer
		s.told(4, "start 4")
		s.say(3, Answered{3, speech, "", nil})
		s.told(4, "start 4", "cancel 4 elsewhere")
		s.say(3, HungUp{3, normal})
		s.close(1, 2, 3, 4, Caller)
	}, 0, 5*time.Second, 5*time.Second, 30*time.Second)
}

// The first in order may not be there at all: a phone that has not registered is no branch.
func TestFirstInOrderIsNotThere(t *testing.T) {
	perform(t, func(s *scene) {
		s.told(1, "start 1")
		if s.dialled(2) != nil {
			t.Error("both started")
		}
		s.pass(20 * time.Second)
		s.told(2, "start 2")
		s.say(Caller, Cancelled{})
		s.close(1, 2, Caller)
	}, 10*time.Second, 20*time.Second)
}

// Nobody waits for a wake that does not get on; the device may still come.
func TestStalledWake(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(1, Waking{Leg: 1, Step: "requested"})
		s.say(1, Stalled{1})
		s.told(2, "start 2")
		s.say(1, Stalled{1})
		s.say(1, Answered{1, speech, "", nil})
		s.told(2, "start 2", "cancel 2 elsewhere")
		s.say(1, HungUp{1, normal})
		s.say(1, Stalled{1})
		s.close(1, 2, Caller)
		s.counted("stall of a wake that nobody waits for")
	}, 0, 30*time.Second)
}

func TestFallbackAfterTheRing(t *testing.T) {
	delays := []time.Duration{0, 0}
	play(t, delays, withFallback(1, nil, delays...), func(s *scene) {
		s.say(1, Ringing{Leg: 1})
		s.pass(time.Minute)
		s.told(1, "start 1", "cancel 1 no-answer")
		s.told(2, "start 2")
		if to := s.setup(2).To.Number; to != "201009" {
			t.Errorf("the fall-back is shown a call to %s", to)
		}
		if s.setup(2).Breadth != 60 {
			t.Errorf("it may fork into %d branches", s.setup(2).Breadth)
		}
		s.say(1, Refused{1, CauseOf(errs.CallerLeft, "")})
		s.close(1)
		s.say(2, Ringing{Leg: 2})
		s.pass(20 * time.Second)
		s.told(2, "start 2", "cancel 2 no-answer")
		s.close(2, Caller)
		s.told(Caller, "call.Ring", "call.Forward", "call.Ring", "refuse 408")
		s.wrote("admitted", "trying branch1", "ringing branch1", "diverted no-answer", "trying branch2", "leg-ended branch1 no-answer",
			"ringing branch2", "leg-ended caller no-answer", "ended no-answer", "leg-ended branch2 no-answer")
		for _, e := range s.ledger() {
			if e.Kind == ledger.Diverted && (e.Text != "301001" || e.To.Number != "201009") {
				t.Errorf("diverted from %s to %+v", e.Text, e.To)
			}
		}
	})
}

// A device that declines ends the call; one that is engaged, or whose push goes nowhere, sends it on.
func TestWhatLeadsToTheFallback(t *testing.T) {
	for code, goes := range map[errs.Code]bool{
		errs.Busy: true, errs.NoPush: true, errs.Offline: true, errs.LegLost: true, errs.Asleep: true, errs.Declined: false, errs.NoCommonCodec: false,
	} {
		delays := []time.Duration{0, 0}
		play(t, delays, withFallback(1, nil, delays...), func(s *scene) {
			s.say(1, Refused{1, CauseOf(code, "")})
			if went := s.dialled(2) != nil; went != goes {
				t.Errorf("%s: goes to the fall-back %t, want %t", code, went, goes)
			}
			if goes {
				s.say(2, Refused{2, busy})
				s.close(2)
			}
			s.close(1, Caller)
		})
	}
}

// Nobody at the fall-back is there, or there are more than the call may fork into.
func TestFallbackThatCannotRing(t *testing.T) {
	delays := []time.Duration{0, 0, 0}
	for _, c := range []struct {
		fallback, breadth int
		want              string
	}{{0, 60, "refuse 480"}, {2, 1, "refuse 440"}} {
		play(t, delays[:1+c.fallback], within(c.breadth, withFallback(c.fallback, nil, delays[:1+c.fallback]...)), func(s *scene) {
			s.say(1, Refused{1, busy})
			s.close(1, Caller)
			s.told(Caller, "call.Forward", c.want)
		})
	}
}

// What a caller is told of devices that were woken and did not come is not what they are told of a phone that rang.
func TestAsleep(t *testing.T) {
	for _, c := range []struct {
		say  []Event
		want errs.Code
	}{
		{[]Event{Waking{Leg: 1, Step: "requested"}, Waking{Leg: 2, Step: "requested"}}, errs.Asleep},
		{[]Event{Waking{Leg: 1, Step: "requested"}}, errs.NoAnswer}, // the other is a phone that says nothing
		{[]Event{Waking{Leg: 1, Step: "requested"}, Waking{Leg: 2, Step: "requested"}, Ringing{Leg: 2}}, errs.NoAnswer},
	} {
		perform(t, func(s *scene) {
			for _, ev := range c.say {
				id, _ := legOf(ev)
				s.say(id, ev)
			}
			s.pass(time.Minute)
			s.close(1, 2, Caller)
			if r := s.last(Caller).(Refuse); r.Cause.Code != string(c.want) || r.Cause.SIP == 0 || r.Cause.Words == "" {
				t.Errorf("after %v the caller is told %+v", c.say, r.Cause)
			}
		}, 0, 0)
	}
}

// The switch at the other end of a link sends the call on, and the caller is told.
func TestForwardedIsPassedOn(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(1, Ringing{Leg: 1})
		s.say(1, Forwarded{1, "301002"})
		s.say(1, Waking{Leg: 1})
		s.say(1, Ringing{Leg: 1})
		s.told(Caller, "call.Ring", "call.Forward", "call.Wake", "call.Ring")
		if f := s.caller.told[1].(Forward); f.To != "301002" {
			t.Errorf("the caller is told of %q", f.To)
		}
		s.say(1, Answered{1, speech, "", nil})
		s.say(1, Forwarded{1, "301003"})
		s.counted("forwarding of a leg that is over")
		s.say(1, HungUp{1, normal})
		s.close(1, Caller)
	}, 0)
}
