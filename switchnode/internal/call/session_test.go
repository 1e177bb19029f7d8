package call

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

func TestCallFromAdmissionToBye(t *testing.T) {
	perform(t, func(s *scene) {
		s.told(1, "start 1")
		s.say(1, Ringing{Leg: 1})
		s.say(1, Answered{1, speech, "ca11ee", nil})
		s.say(Caller, Offered{Leg: Caller, Description: holding})
		s.say(1, OfferAccepted{1, sdp.Description{Codecs: speech.Codecs, Direction: sdp.RecvOnly}})
		s.say(1, Pressed{1, '5', 0})
		s.say(1, HungUp{1, normal})
		s.close(1, Caller)
		s.told(Caller, "call.Ring", "call.Accept", "accept-offer 0", "press 0 5", "hangup 0 normal")
		s.told(1, "start 1", "offer 1")
		s.wrote("admitted", "trying branch1", "ringing branch1", "answered branch1", "held caller",
			"media branch1", "quality branch1", "leg-ended branch1 normal",
			"media caller", "quality caller", "leg-ended caller normal", "ended normal")
		for _, e := range s.ledger() {
			if e.Call != "ca_1" || e.At != time.Now().Add(time.Hour).UnixMicro() { // time stood still
				t.Errorf("%s is stamped %q, %d", e.Kind, e.Call, e.At)
			}
		}
		if e := s.ledger()[5]; e.Codec != "PCMA/8000" || e.Local != "link flow 2" || e.Device != "dv_1" {
			t.Errorf("media of the branch: %+v", e)
		}
	}, 0)
}

func TestBranchesAreToldWhoCalls(t *testing.T) {
	perform(t, func(s *scene) {
		got := s.setup(1)
		if got.Call != "ca_1" || got.Leg != 1 || got.ID != "branch1" || got.From.Number != "201001" || got.To.Number != "301001" ||
			got.Hops != 69 || got.SessionID != "5e55" {
			t.Errorf("setup: %+v", got)
		}
		got.Trace(Arrow{Sender: "X", Receiver: "Y", Text: "INVITE", At: time.UnixMicro(7)})
		if e := s.ledger()[len(s.ledger())-1]; e.Kind != ledger.Message || e.At != 7 || e.Sender != "X" || e.Receiver != "Y" || e.Text != "INVITE" {
			t.Errorf("arrow: %+v", e)
		}
		s.say(1, Refused{1, busy})
		s.close(1, Caller)
	}, 0)
}

// A phone that floods its call with requests does not fill the ledger: the end of the call has room. What comes of a leg that was
// handed over is written by another call's goroutine.
func TestLadderIsBounded(t *testing.T) {
	perform(t, func(s *scene) {
		trace := s.setup(1).Trace
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				for range ledger.MaxChatter {
					trace(Arrow{Text: "INFO", At: time.Now()})
				}
			})
		}
		both.Wait()
		s.say(1, Refused{1, busy})
		s.close(1, Caller)
		messages := 0
		for _, e := range s.ledger() {
			if e.Kind == ledger.Message {
				messages++
			}
		}
		if last := s.ledger()[len(s.ledger())-1]; messages != ledger.MaxChatter || last.Kind != ledger.Ended {
			t.Errorf("%d messages, then %s", messages, last.Kind)
		}
	}, 0)
}

// RFC 5393, 5.3.3: all branches together may have what came, no more.
func TestBreadthIsShared(t *testing.T) {
	for _, c := range []struct {
		breadth int
		want    []int
	}{{60, []int{20, 20, 20}}, {5, []int{2, 2, 1}}, {3, []int{1, 1, 1}}} {
		delays := []time.Duration{0, 0, time.Second}
		play(t, delays, within(c.breadth, plan(0, delays...)), func(s *scene) {
			s.pass(time.Second)
			for i, want := range c.want {
				if got := s.setup(LegID(i + 1)).Breadth; got != want {
					t.Errorf("of %d, branch %d may have %d, want %d", c.breadth, i+1, got, want)
				}
			}
			s.say(Caller, Cancelled{})
			s.close(1, 2, 3, Caller)
		})
	}
}

func within(breadth int, admit func(*scene) Admission) func(*scene) Admission {
	return func(s *scene) Admission {
		s.breadth = breadth
		return admit(s)
	}
}

func TestCallForksNoWiderThanItMay(t *testing.T) {
	delays := []time.Duration{0, 0}
	play(t, delays, within(1, plan(0, delays...)), func(s *scene) {
		s.told(Caller, "refuse 440")
		if s.dialled(1) != nil {
			t.Error("a branch was dialled")
		}
		s.close(Caller)
		s.wrote("refused too-wide", "leg-ended caller too-wide", "ended too-wide")
	})
}

func TestSlowAdmission(t *testing.T) {
	delays := []time.Duration{0}
	play(t, delays, plan(2*time.Second, delays...), func(s *scene) {
		s.told(Caller)
		s.pass(2 * time.Second)
		s.told(1, "start 1")
		s.say(1, Refused{1, declined})
		s.close(1, Caller)
		s.told(Caller, "refuse 603")
	})
}

func TestFailingAdmission(t *testing.T) {
	refuse := func(*scene) Admission {
		return func(context.Context) Event { return Refusal{Cause: CauseOf(errs.Unknown, "")} }
	}
	play(t, nil, refuse, func(s *scene) {
		s.told(Caller, "refuse 404")
		s.close(Caller)
		s.wrote("refused unknown-number", "leg-ended caller unknown-number", "ended unknown-number")
	})
}

func TestCallerCancelsDuringAdmission(t *testing.T) {
	delays := []time.Duration{0}
	play(t, delays, plan(time.Hour, delays...), func(s *scene) {
		began := time.Now()
		s.say(Caller, Cancelled{})
		s.close(Caller)
		<-s.session.Done()
		if took := time.Since(began); took != 0 {
			t.Errorf("admission held the call for %v", took)
		}
		s.told(Caller)
		s.wrote("leg-ended caller caller-left", "ended caller-left")
	})
}

// A plan that comes after the caller has left rings nobody.
func TestPlanAfterTheEnd(t *testing.T) {
	delays := []time.Duration{0}
	play(t, delays, plan(time.Second, delays...), func(s *scene) {
		s.say(Caller, Cancelled{})
		s.pass(2 * time.Second)
		if s.dialled(1) != nil {
			t.Error("a branch was dialled")
		}
		s.close(Caller)
		s.counted("plan after the end")
	})
}

func TestRingTimeout(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(1, Ringing{Leg: 1})
		s.pass(59 * time.Second)
		s.told(Caller, "call.Ring")
		s.pass(time.Second)
		s.told(Caller, "call.Ring", "refuse 408")
		s.told(1, "start 1", "cancel 1 no-answer")
		s.say(1, Refused{1, CauseOf(errs.CallerLeft, "")})
		s.close(1, Caller)
	}, 0)
}

func TestDelayedBranch(t *testing.T) {
	perform(t, func(s *scene) {
		s.pass(4 * time.Second)
		if s.dialled(2) != nil {
			t.Error("the second branch was dialled too early")
		}
		s.pass(time.Second)
		s.told(2, "start 2")
		s.say(2, Answered{2, speech, "", nil})
		s.told(1, "start 1", "cancel 1 elsewhere")
		s.say(1, Refused{1, CauseOf(errs.CallerLeft, "")})
		s.say(Caller, HungUp{Caller, normal})
		s.close(1, 2, Caller)
		s.wrote("admitted", "trying branch1", "trying branch2", "leg-ended branch3 elsewhere", "answered branch2",
			"leg-ended branch1 elsewhere", "media caller", "quality caller", "leg-ended caller normal",
			"media branch2", "quality branch2", "leg-ended branch2 normal", "ended normal")
	}, 0, 5*time.Second, 10*time.Second)
}

// The failure of a dial waits until the other branches of the same plan are started: they are not skipped, and not
// started after the end.
func TestOneBranchCannotBeDialled(t *testing.T) {
	delays := []time.Duration{0, 0}
	broken := func(s *scene) Admission {
		s.targets[0].err = errs.New(errs.Congested, "no media ports")
		return plan(0, delays...)(s)
	}
	play(t, delays, broken, func(s *scene) {
		s.told(2, "start 2")
		s.told(Caller)
		s.say(2, Refused{2, busy})
		s.close(2, Caller)
		s.told(Caller, "refuse 486")
		s.wrote("admitted", "trying branch1", "trying branch2", "leg-ended branch1 congested", "leg-ended branch2 busy",
			"leg-ended caller busy", "ended busy")
	})
}

func TestNoBranchCanBeDialled(t *testing.T) {
	delays := []time.Duration{0, 0}
	broken := func(s *scene) Admission {
		s.targets[0].err = errs.New(errs.Congested, "no media ports")
		s.targets[1].err = errors.New("contact without a host")
		return plan(0, delays...)(s)
	}
	play(t, delays, broken, func(s *scene) {
		s.told(Caller, "refuse 503")
		s.close(Caller)
	})
}

func TestOverflowEndsTheCall(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(1, Answered{1, speech, "", nil})
		taken := 0
		for s.caller.post(Pressed{Caller, '5', 0}) { // faster than the session reads
			taken++
		}
		synctest.Wait()
		if taken < mailbox {
			t.Errorf("%d inputs were taken, the mailbox holds %d", taken, mailbox)
		}
		if h, ok := s.last(1).(HangUp); !ok || h.Cause.Code != "congested" {
			t.Errorf("the callee was told last %+v", s.last(1))
		}
		s.close(1, Caller)
	}, 0)
}

func TestSwitchStops(t *testing.T) {
	for name, answered := range map[string]bool{"in the call": true, "while it rings": false} {
		t.Run(name, func(t *testing.T) {
			perform(t, func(s *scene) {
				if answered {
					s.say(1, Answered{1, speech, "", nil})
				}
				s.stop()
				synctest.Wait()
				if answered {
					s.told(Caller, "call.Accept", "hangup 0 node-stopped")
					s.told(1, "start 1", "hangup 1 node-stopped")
				} else {
					s.told(Caller, "refuse 503")
					s.told(1, "start 1", "cancel 1 node-stopped")
				}
				s.close(1, Caller)
			}, 0)
		})
	}
}

func TestSwitchStopsDuringAdmission(t *testing.T) {
	play(t, nil, plan(time.Hour), func(s *scene) {
		s.stop()
		synctest.Wait()
		s.told(Caller, "refuse 503")
		s.close(Caller)
	})
}

// A side that loses a leg costs the call 70 s, not for ever, and every leg has its end in the record.
func TestLegsThatNeverClose(t *testing.T) {
	perform(t, func(s *scene) {
		s.say(Caller, Cancelled{})
		began := time.Now()
		<-s.session.Done()
		if took := time.Since(began); took != lastClose {
			t.Errorf("the session ended after %v", took)
		}
		s.counted("leg never closed", "leg never closed")
		s.wrote("admitted", "trying branch1", "leg-ended caller caller-left", "ended caller-left", "leg-ended branch1 caller-left")
	}, 0)
}

func TestInputsThatConcernNobody(t *testing.T) {
	perform(t, func(s *scene) {
		if !s.session.PosterOf(7)(Ringing{Leg: 7}) || !s.session.PosterOf(2)(Ringing{Leg: 2}) {
			t.Error("not taken")
		}
		synctest.Wait()
		s.counted("input of no leg", "input of no leg")
		if !s.session.Post(Stop{CauseOf(errs.Revoked, "")}) {
			t.Error("a stop was not taken")
		}
		synctest.Wait()
		s.told(Caller, "refuse 403")
		s.close(1, Caller)
	}, 0, time.Hour)
}
