package switchnode

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// TestRoom fills a switch that takes two calls and lets one more wait.
func TestRoom(t *testing.T) {
	c := &calls{roll: roll{sessions: map[string]*call.Session{}, placed: map[string]int{}}, limits: Limits{Calls: 2, Waiting: 1}}
	add := func(in call.Incoming) (bool, error) {
		in.Call = ident.New(ident.Call)
		return c.add(call.NewSession(call.SessionConfig{ID: in.Call}, call.New("lg_1", "", sdp.Description{}), designation.Party{}), in.Call, in)
	}
	for i, want := range []bool{false, false, true} {
		if waits, err := add(call.Incoming{}); err != nil || waits != want {
			t.Errorf("call %d waits: %t, %v", i, waits, err)
		}
	}
	if _, err := add(call.Incoming{}); errs.CodeOf(err) != errs.Congested {
		t.Errorf("one too many: %v", err)
	}
	if waits, err := add(call.Incoming{Help: &designation.Help{}}); err != nil || waits {
		t.Errorf("who calls for help waits: %t, %v", waits, err)
	}
}
