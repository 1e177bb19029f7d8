package records

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

const (
	x, y = "sw_x", "sw_y"
	t0   = int64(1_800_000_000_000_000) // microseconds
	ms   = int64(1000)
)

var (
	alice = designation.Party{User: "us_alice", Device: "dv_alice", Number: "201001", Name: "Alice"}
	bob   = designation.Party{User: "us_bob", Number: "301001", Name: "Bob"}
)

// journal is the events of one node in the order in which it wrote them.
func journal(node string, events ...ledger.Event) []ledger.NodeEvent {
	var all []ledger.NodeEvent
	for i, e := range events {
		e.Seq, e.Call = uint64(i+1), "ca_1"
		all = append(all, ledger.NodeEvent{Node: node, Spool: "sp_" + node, Event: e})
	}
	return all
}

func ev(after int64, k ledger.Kind, change func(*ledger.Event)) ledger.Event {
	e := ledger.Event{At: t0 + after*ms, Kind: k}
	if change != nil {
		change(&e)
	}
	return e
}

func attempt(after int64) ledger.Event {
	return ev(after, ledger.Attempt, func(e *ledger.Event) { e.From, e.To = &alice, &designation.Party{Number: "30-1001"} })
}

func admitted(after int64) ledger.Event {
	return ev(after, ledger.Admitted, func(e *ledger.Event) { e.From, e.To, e.Anchor = &alice, &bob, y })
}

func leg(after int64, k ledger.Kind, id, device string) ledger.Event {
	return ev(after, k, func(e *ledger.Event) { e.Leg, e.Device = id, device })
}

func ended(after int64, by string, c *ledger.Cause) ledger.Event {
	return ev(after, ledger.Ended, func(e *ledger.Event) { e.By, e.Cause = by, c })
}

var normal = &ledger.Cause{Code: "normal", SIP: 200, Q850: 16, Words: "hung up"}

func ofX() []ledger.NodeEvent {
	return journal(x, attempt(0), admitted(5), leg(6, ledger.Trying, "lg_a", "dv_alice"), leg(7, ledger.Trying, "lg_link", ""),
		ev(30, ledger.Answered, func(e *ledger.Event) { e.Leg = "lg_link" }), // late, and not its to decide
		ev(40, ledger.Media, func(e *ledger.Event) {
			e.Leg, e.Codec, e.Local, e.Remote = "lg_a", "PCMU/8000", "192.0.2.1:20000", "192.0.2.9:4000"
		}),
		ev(5030, ledger.LegEnded, func(e *ledger.Event) { e.Leg, e.Cause = "lg_a", &ledger.Cause{Code: "normal", SIP: 200} }),
		ev(5031, ledger.Quality, func(e *ledger.Event) { e.Leg, e.Quality = "lg_a", &ledger.QualityFigures{PacketsReceived: 250} }),
		leg(5032, ledger.LegEnded, "lg_link", ""))
}

func ofY() []ledger.NodeEvent {
	return journal(y, admitted(8), leg(9, ledger.Trying, "lg_link", ""), leg(10, ledger.Trying, "lg_b", "dv_bob"),
		leg(15, ledger.Ringing, "lg_b", ""),
		ev(20, ledger.Answered, func(e *ledger.Event) { e.Leg, e.Codec = "lg_b", "PCMU/8000" }),
		ended(5020, "callee", normal))
}

func micro(after int64) *time.Time {
	t := time.UnixMicro(t0 + after*ms).UTC()
	return &t
}

func TestRecordOfAnAnsweredCall(t *testing.T) {
	c := Record(append(ofX(), ofY()...))
	want := rest.Call{
		ID: "ca_1", State: "ended", From: alice, To: bob, Dialled: "30-1001", Anchor: y, StartedAt: *micro(0), RingingAt: micro(15),
		AnsweredAt: micro(20), EndedAt: micro(5020), Seconds: 5, EndedBy: "callee", Cause: normal, Codec: "PCMU/8000",
		CallDetail: rest.CallDetail{Legs: []rest.CallLeg{
			{
				Leg: "lg_a", Node: x, Device: "dv_alice", Codec: "PCMU/8000", Local: "192.0.2.1:20000", Remote: "192.0.2.9:4000",
				Cause: &ledger.Cause{Code: "normal", SIP: 200, Q850: 31}, Quality: &ledger.QualityFigures{PacketsReceived: 250},
			},
			{Leg: "lg_link", Node: x, Cause: &ledger.Cause{Code: "normal", SIP: 200, Q850: 16, Words: "the call ended"}},
			{Leg: "lg_link", Node: y},
			{Leg: "lg_b", Node: y, Device: "dv_bob", Codec: "PCMU/8000"},
		}},
	}
	want.To.Device = "dv_bob"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestRecordsInEveryState(t *testing.T) {
	busy := &ledger.Cause{Code: "busy", SIP: 486, Q850: 17}
	refused := ev(3, ledger.Refused, func(e *ledger.Event) { e.Cause = &ledger.Cause{Code: "unknown-number", SIP: 404, Q850: 1} })
	for _, c := range []struct {
		name   string
		events []ledger.NodeEvent
		state  string
		by     string
		cause  ledger.Cause
		device string // that answered
	}{
		{"dialled", ofX()[:1], "setup", "", ledger.Cause{}, ""},
		{"admitted", ofX()[:4], "setup", "", ledger.Cause{}, ""},
		{"refused", append(journal(x, attempt(0), refused), ofY()[:0]...), "ended", "system", ledger.Cause{Code: "unknown-number", SIP: 404, Q850: 1}, ""},
		{"rings", append(ofX()[:4], ofY()[:4]...), "ringing", "", ledger.Cause{}, ""},
		{"answered", append(ofX()[:4], ofY()[:5]...), "answered", "", ledger.Cause{}, "dv_bob"},
		{"busy", append(ofX()[:4], journal(y, admitted(8), ended(9, "callee", busy))...), "ended", "callee", *busy, ""},
		{"the anchor never reports, legs are up", ofX()[:6], "answered", "", ledger.Cause{}, ""},
		{"the anchor never reports, one leg is up", ofX()[:8], "answered", "", ledger.Cause{}, ""},
		{"the anchor never reports, all legs ended", ofX(), "ended", "system", ledger.Cause{Code: "normal", SIP: 200, Q850: 16, Words: "the call ended"}, ""},
		{"the anchor's end is still to come", append(ofX(), ofY()[:5]...), "answered", "", ledger.Cause{}, "dv_bob"},
		{"what the anchor left out did not happen", append(ofX(), journal(y, admitted(8), ended(25, "caller", busy))...), "ended", "caller", *busy, ""},
		{"no cause before the answer", journal(x, attempt(0), ended(9, "", nil)), "ended", "system", ledger.Cause{Code: "internal", Q850: 31, Words: "the node gave no cause"}, ""},
		{"a cause of 0", journal(x, attempt(0), ended(9, "system", &ledger.Cause{Q850: 0, SIP: 500})), "ended", "system", ledger.Cause{Code: "internal", SIP: 500, Q850: 31}, ""},
		{"only the middle arrived", ofY()[3:5], "answered", "", ledger.Cause{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Record(c.events)
			if r.State != c.state || r.EndedBy != c.by || r.To.Device != c.device {
				t.Errorf("state %q by %q, answered by %q; want %q by %q, %q", r.State, r.EndedBy, r.To.Device, c.state, c.by, c.device)
			}
			if r.State != "ended" {
				if r.Cause != nil || r.EndedAt != nil || r.Seconds != 0 {
					t.Errorf("not ended, but %+v at %v", r.Cause, r.EndedAt)
				}
				return
			}
			if r.Cause == nil || *r.Cause != c.cause {
				t.Errorf("cause %+v, want %+v", r.Cause, c.cause)
			}
		})
	}
}

// Who was dialled is known of a call that they did not get, too. Whom an anchor refused does not say who called.
func TestRefusedCallHasItsCallee(t *testing.T) {
	refused := ev(3, ledger.Refused, func(e *ledger.Event) { e.From, e.To = &bob, &bob })
	if r := Record(journal(x, attempt(0), refused)); r.To != bob || r.From != alice || r.Dialled != "30-1001" {
		t.Errorf("record %+v", r)
	}
	refused.To = &alice
	if r := Record(journal(x, attempt(0), admitted(2), refused)); r.To != bob {
		t.Errorf("who was admitted to %+v was refused by %+v", bob, r.To)
	}
}

func TestOfflineCallSaysSo(t *testing.T) {
	e := admitted(5)
	e.Offline = true
	if r := Record(journal(x, attempt(0), e)); !r.Offline || r.Anchor != y {
		t.Errorf("record %+v", r)
	}
}

// The order of arrival does not matter, and no clock makes a record run backwards.
func TestTheAnchorKnowsTheCallee(t *testing.T) {
	number := admitted(9) // by a clock that is ahead of the anchor's
	number.To = &designation.Party{Number: bob.Number}
	if c := Record(append(journal(x, attempt(0), number), journal(y, admitted(8))...)); c.To != bob || c.Anchor != y {
		t.Errorf("to %+v at %s", c.To, c.Anchor)
	}
}

func TestStatesFollowEachOther(t *testing.T) {
	c := Record(journal(y, admitted(8), leg(15, ledger.Ringing, "lg_b", ""), leg(12, ledger.Answered, "lg_b", ""), ended(11, "callee", normal)))
	if want := micro(15); !c.RingingAt.Equal(*want) || !c.AnsweredAt.Equal(*want) || !c.EndedAt.Equal(*want) || c.Seconds != 0 {
		t.Errorf("ringing %v, answered %v, ended %v, %v s; the clock was set back after %v", c.RingingAt, c.AnsweredAt, c.EndedAt, c.Seconds, want)
	}
}

func TestRecordKnowsNoOrderAndNoClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := append(ofX(), ofY()...)
		skew := rapid.Int64Range(-10_000, 10_000).Draw(t, "skew of y, ms") * ms
		for i := range events {
			if events[i].Node == y {
				events[i].At += skew
			}
		}
		keep := events[:0:0]
		for _, e := range events {
			if rapid.IntRange(0, 9).Draw(t, "keep") > 0 {
				keep = append(keep, e)
			}
		}
		if len(keep) == 0 {
			return
		}
		want := Record(keep)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(keep), func(i, j int) { keep[i], keep[j] = keep[j], keep[i] })
		if got := Record(keep); !reflect.DeepEqual(got, want) {
			t.Fatalf("shuffled:\n%+v\nin order:\n%+v", got, want)
		}
		for _, at := range []*time.Time{want.RingingAt, want.AnsweredAt, want.EndedAt} {
			if at != nil && at.Before(want.StartedAt) {
				t.Fatalf("%v is before the start: %+v", at, want)
			}
		}
		if want.Seconds < 0 || (want.State == "ended") != (want.Cause != nil) || want.Cause != nil && want.Cause.Q850 == 0 {
			t.Fatalf("record %+v", want)
		}
	})
}
