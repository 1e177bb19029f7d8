package call

import (
	"slices"
	"testing"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// fromApp is the offer of an app, and toApp the answer of another: they pass through.
var (
	fromApp = sdp.Description{Codecs: wide.Codecs, Direction: sdp.SendRecv, Body: []byte("v=0 of the caller")}
	toApp   = sdp.Description{Codecs: speech.Codecs, Direction: sdp.SendRecv, Body: []byte("v=0 of the callee"), Proof: "proof"}
)

// The kind of the branch that wins decides: an app's answer passes through and nothing is bridged, a phone's is what both have
// in common, and its media are the switch's.
func TestKindOfTheWinnerDecides(t *testing.T) {
	for name, tt := range map[string]struct {
		answer  sdp.Description
		bridged bool
	}{"app": {toApp, false}, "phone": {speech, true}} {
		t.Run(name, func(t *testing.T) {
			c := New("caller", "dv_a", fromApp)
			c.Step(Planned{Branches: []Branch{{Leg: "desk"}, {Leg: "app"}}, Ring: time.Minute})
			winner := map[bool]LegID{true: 1, false: 2}[tt.bridged]
			var accepted *Accept
			bridged := false
			for _, a := range c.Step(Answered{Leg: winner, Description: tt.answer}) {
				switch a := a.(type) {
				case Accept:
					accepted = &a
				case Connect:
					bridged = true
				}
			}
			if accepted == nil || bridged != tt.bridged || (accepted.Description.Body == nil) != tt.bridged || tt.bridged == (accepted.Description.Proof != "") {
				t.Fatalf("accepted %+v, bridged %v", accepted, bridged)
			}
			notes := c.Step(Routed{Leg: winner, Local: "host", Remote: "relay"})
			if n, ok := notes[0].(Note); !ok || n.Event.Kind != ledger.Media || n.Event.Local != "host" || n.Event.Remote != "relay" {
				t.Errorf("the way of the media: %+v", notes)
			}
			hold := fromApp
			hold.Direction = sdp.SendOnly
			asked := c.Step(Offered{Leg: Caller, Description: hold})
			if o, ok := asked[0].(Offer); !ok || o.Leg != winner || !slices.Equal(o.Description.Body, hold.Body) {
				t.Errorf("hold is passed on as %+v", asked)
			}
		})
	}
	c := New("caller", "dv_a", fromApp)
	if acts := c.Step(Routed{Leg: Caller, Local: "host", Remote: "host"}); len(acts) != 1 || acts[0] != (Count{"way of media outside the conversation"}) {
		t.Errorf("before the answer: %+v", acts)
	}
}
