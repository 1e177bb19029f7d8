package switchnode

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// TestOnePhoneLeavesRoomForOthers has a phone place calls that never end.
func TestOnePhoneLeavesRoomForOthers(t *testing.T) {
	c := &calls{roll: roll{sessions: map[string]*call.Session{}, placed: map[string]int{}}, limits: Limits{Calls: 1000}}
	var last string
	add := func(device string) error {
		last = ident.New(ident.Call)
		_, err := c.add(call.NewSession(call.SessionConfig{ID: last}, call.New("lg_1", "", sdp.Description{}), designation.Party{}), last, call.Incoming{Device: device})
		return err
	}
	for range maxDeviceCalls {
		if err := add("dv_greedy"); err != nil {
			t.Fatal(err)
		}
	}
	greedy := last
	if err := add("dv_greedy"); errs.CodeOf(err) != errs.Congested {
		t.Errorf("one call more: %v", err)
	}
	for range 2 * maxDeviceCalls { // callers behind another switch are not one phone
		if err := add(""); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("dv_modest"); err != nil {
		t.Errorf("another phone: %v", err)
	}
	ended := &entered{device: "dv_greedy"}
	c.remove(greedy, ended)
	if err := add("dv_greedy"); err != nil {
		t.Errorf("after a call has ended: %v", err)
	}
	c.departed(ended)
	if err := add("dv_greedy"); errs.CodeOf(err) != errs.Congested {
		t.Errorf("a call that has ended counts twice: %v", err)
	}
	had := c.len()
	left := &entered{device: "dv_greedy"}
	c.parts(nil, last, left) // it transferred one, and its other call goes on without it
	c.departed(left)
	if got := c.len(); got != had-1 {
		t.Errorf("%d calls, want %d", got, had-1)
	}
	if err := add("dv_greedy"); err != nil {
		t.Errorf("after it has left a call: %v", err)
	}
	c.remove(last, &entered{})
	c.remove("another", left)
	if got := c.len(); got != had {
		t.Errorf("%d calls at the end, want %d", got, had)
	}
}

// TestCallBeginsAndEndsOnRecord brings a call that finds no leg. Its attempt is the first that the ledger sees, so that a
// crash at any moment leaves no record without an end.
func TestCallBeginsAndEndsOnRecord(t *testing.T) {
	var kinds []ledger.Kind
	c := &calls{
		roll: roll{sessions: map[string]*call.Session{}, placed: map[string]int{}}, now: time.Now, log: slog.New(slog.DiscardHandler),
		record: func(e ledger.Event) { kinds = append(kinds, e.Kind) }, queues: func(string) bool { return false }, occupied: map[*call.Session][]seatOf{}, limits: Limits{Calls: 1},
	}
	err := c.begin(call.Incoming{
		Call: ident.New(ident.Call), Leg: ident.New(ident.Leg), Device: "dv_a", Hops: 70, Breadth: 60,
		Attach: func(s *call.Session) (call.Leg, error) {
			s.Trace(call.Arrow{Sender: "phone", Receiver: "switch", Text: "INVITE", At: time.Now()})
			return nil, errs.New(errs.Congested, "no port is left")
		},
	})
	if errs.CodeOf(err) != errs.Congested || len(c.sessions) != 0 {
		t.Errorf("begun: %v, %d sessions", err, len(c.sessions))
	}
	if want := []ledger.Kind{ledger.Attempt, ledger.Message, ledger.Refused, ledger.Ended}; !slices.Equal(kinds, want) {
		t.Errorf("the ledger has %v, want %v", kinds, want)
	}
}
