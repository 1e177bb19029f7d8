package call

import (
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// agreed is what an offer and its answer come to. The answer of an app to the offer of an app passes through (2-call-flows,
// "C1'"): the two have found what they have in common, and their media do not come here.
func agreed(offer, answer sdp.Description) (sdp.Description, error) {
	if offer.Body != nil && answer.Body != nil {
		return answer, nil
	}
	return sdp.Common(offer, answer)
}

// Routed says by which pair of addresses the media of a leg go directly to the other: the kinds of its own and of the other's
// ICE candidate.
type Routed struct {
	Leg           LegID
	Local, Remote string // "host", "srflx", "prflx" or "relay"
}

func (Routed) event() {}

func (c *Call) routed(r Routed) []Action {
	if !c.talking(r.Leg) {
		return []Action{Count{"way of media outside the conversation"}}
	}
	l := &c.legs[r.Leg]
	return []Action{note(ledger.Event{Kind: ledger.Media, Leg: l.id, Device: l.device, Codec: c.codec, Local: r.Local, Remote: r.Remote})}
}
