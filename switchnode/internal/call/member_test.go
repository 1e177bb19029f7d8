package call

import (
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// called is a call to a queue that rings members, each with two phones.
func called(more bool, members ...string) *Call {
	c := New("caller", "dv_a", speech)
	c.Step(Planned{Queue: bench{}, Ring: time.Minute, To: designation.Party{User: "qu_a", Number: "2000"}})
	c.Step(Turn{Of: members, More: more})
	var branches []Branch
	for _, m := range members {
		branches = append(branches, Branch{Leg: m + " 1", Device: m + "a", User: m, Name: m}, Branch{Leg: m + " 2", Device: m + "b", User: m, Name: m})
	}
	c.Step(Diverted{Branches: branches})
	return c
}

// A member who declines speaks for themselves: the others ring on, and one of them has the call.
func TestMemberDeclines(t *testing.T) {
	c := called(false, "us_1", "us_2")
	want(t, c, Refused{1, declined}, "note leg-ended", "cancel 2 declined")
	acts := c.Step(Answered{3, speech, "", nil})
	var by string
	var member *designation.Party
	for _, a := range acts {
		switch a := a.(type) {
		case Dequeue:
			by = a.By
		case Note:
			if a.Event.Kind == ledger.Answered {
				member = a.Event.To
			}
		}
	}
	if by != "us_2" || member == nil || member.User != "us_2" || member.Name != "us_2" {
		t.Errorf("answered by %q, member %+v", by, member)
	}

	c = called(false, "us_1", "us_2")
	c.Step(Refused{1, declined})
	want(t, c, Refused{3, declined}, "note leg-ended", "call.Dequeue", "cancel 4 declined", "refuse 603", "note leg-ended", "note ended")
}

// While other members are on the phone, a call goes on waiting that those who are free do not take, for whatever reason.
func TestMembersWhoDoNotAnswer(t *testing.T) {
	for name, ev := range map[string]Event{"declined": Refused{1, declined}, "silent": Fired{RingTimer}} {
		c := called(true, "us_1")
		acts := c.Step(ev)
		if _, waits := acts[len(acts)-1].(Requeue); !waits || c.State() != Queued {
			t.Errorf("%s: %q", name, kinds(acts))
		}
	}
	c := called(false, "us_1")
	want(t, c, Fired{RingTimer}, "call.Dequeue", "cancel 1 no-answer", "cancel 2 no-answer", "refuse 408", "note leg-ended", "note ended")

	c = New("caller", "dv_a", speech) // a phone that is no longer registered
	c.Step(Planned{Queue: bench{}, Ring: time.Minute})
	c.Step(Turn{Of: []string{"us_1"}, More: true})
	want(t, c, Diverted{Cause: CauseOf(errs.Offline, "")}, "call.Requeue")
}
