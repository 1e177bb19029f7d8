package switchnode

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// TestOnePhoneLeavesRoomForOthers has a phone place calls that never end.
func TestOnePhoneLeavesRoomForOthers(t *testing.T) {
	c := &calls{sessions: map[string]*call.Session{}, placed: map[string]int{}}
	session := func() *call.Session {
		return call.NewSession(call.SessionConfig{ID: ident.New(ident.Call)}, call.New("lg_1", "", sdp.Description{}), designation.Party{})
	}
	var last *call.Session
	for range maxDeviceCalls {
		last = session()
		if err := c.add(last, "dv_greedy"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.add(session(), "dv_greedy"); errs.CodeOf(err) != errs.Congested {
		t.Errorf("one call more: %v", err)
	}
	for range 2 * maxDeviceCalls { // callers behind another switch are not one phone
		if err := c.add(session(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.add(session(), "dv_modest"); err != nil {
		t.Errorf("another phone: %v", err)
	}
	c.remove(last, "dv_greedy")
	if err := c.add(session(), "dv_greedy"); err != nil {
		t.Errorf("after a call has ended: %v", err)
	}
}
