package call

import (
	"net/netip"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// Action is something that a call wants done. Those of legs go to the leg, in order; the session does the rest.
type Action interface{ action() }

// LegAction is what a leg is asked to do.
type LegAction interface {
	Action
	leg() LegID
}

// Start begins a branch with an offer.
type Start struct {
	Leg    LegID
	Branch Branch
	Offer  sdp.Description
}

// Ring tells the caller that the callee is alerted: 180 without SDP (2-call-flows, "Offers and answers").
type Ring struct {
	Leg       LegID
	SessionID string // of the callee
}

// Wake tells the caller that a device of the callee's is being woken: 183 without SDP. It is not ringing yet.
type Wake struct{ Leg LegID }

// Forward tells the caller that the call goes on to somebody else: 181 (RFC 3261, 21.1.3).
type Forward struct {
	Leg LegID
	To  string // number, "" if it is not known
}

// Divert asks what there is to ring at a fall-back; a Diverted follows.
type Divert struct {
	To Fallback
	Of []string // users to ring, nil for all: see Turn
}

// Accept answers the caller.
type Accept struct {
	Leg         LegID
	Description sdp.Description
	SessionID   string // of the callee
}

// Refuse is the final refusal to the caller.
type Refuse struct {
	Leg   LegID
	Cause ledger.Cause
}

// Cancel takes back the INVITE of a branch.
type Cancel struct {
	Leg   LegID
	Cause ledger.Cause
}

// HangUp ends an answered leg.
type HangUp struct {
	Leg   LegID
	Cause ledger.Cause
}

// Offer sends a re-INVITE.
type Offer struct {
	Leg         LegID
	Description sdp.Description
	Insist      bool           // nobody else would try again: a 491 is not the end of it
	To          netip.AddrPort // where the leg is to send RTP, with RTCP to the next port; the zero value: to its port here
}

// AcceptOffer answers a re-INVITE.
type AcceptOffer struct {
	Leg         LegID
	Description sdp.Description
}

// RefuseOffer refuses a re-INVITE; the session goes on as it was (RFC 3261, 14.2).
type RefuseOffer struct {
	Leg    LegID
	Status int
}

// Press sends one DTMF digit by INFO.
type Press struct {
	Leg      LegID
	Digit    byte
	Duration time.Duration
}

// Connect lets media flow between two legs.
type Connect struct{ A, B LegID }

// Arm starts a timer; it replaces one of the same name.
type Arm struct {
	Timer Timer
	After time.Duration
}

// Disarm stops a timer.
type Disarm struct{ Timer Timer }

// Note writes an event to the call ledger; the session fills in the time and the call.
type Note struct{ Event ledger.Event }

// Count is an event that the state did not expect, by name.
type Count struct{ Name string }

// Finish says that all legs are closed: the call can be forgotten.
type Finish struct{}

func (Start) action()       {}
func (Ring) action()        {}
func (Wake) action()        {}
func (Forward) action()     {}
func (Divert) action()      {}
func (Accept) action()      {}
func (Refuse) action()      {}
func (Cancel) action()      {}
func (HangUp) action()      {}
func (Offer) action()       {}
func (AcceptOffer) action() {}
func (RefuseOffer) action() {}
func (Press) action()       {}
func (Connect) action()     {}
func (Arm) action()         {}
func (Disarm) action()      {}
func (Note) action()        {}
func (Count) action()       {}
func (Finish) action()      {}

func (a Start) leg() LegID       { return a.Leg }
func (a Ring) leg() LegID        { return a.Leg }
func (a Wake) leg() LegID        { return a.Leg }
func (a Forward) leg() LegID     { return a.Leg }
func (a Accept) leg() LegID      { return a.Leg }
func (a Refuse) leg() LegID      { return a.Leg }
func (a Cancel) leg() LegID      { return a.Leg }
func (a HangUp) leg() LegID      { return a.Leg }
func (a Offer) leg() LegID       { return a.Leg }
func (a AcceptOffer) leg() LegID { return a.Leg }
func (a RefuseOffer) leg() LegID { return a.Leg }
func (a Press) leg() LegID       { return a.Leg }
