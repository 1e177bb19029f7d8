package call

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// LegID numbers the legs of one call: 0 is the caller, 1 and up the branches in the order of the plan.
type LegID int

// Caller is the leg that the call came in on.
const Caller LegID = 0

// Event is something that happened to a call.
type Event interface{ event() }

// Planned is the result of admission: who calls whom, and what to ring.
type Planned struct {
	From, To designation.Party
	Anchor   string // node id of the anchor
	Offline  bool   // admitted by the site copy, not by the cloud
	Ring     time.Duration
	Branches []Branch
	Diverted []designation.Diversion // steps that led to To
	Fallback []Fallback              // where the call goes when nobody answers
	Apps     bool                    // what there is to ring are apps only
	Language string                  // of what the caller is told while they wait, "" for that of the switch
	Queue    Queue                   // where the call waits for its turn to ring the callee, nil: it rings at once
	Barred   bool                    // the caller waits, and cannot be called back
	Renew    Renewal                 // what there is to ring when the turn comes, with Queue
	Crossing string                  // a call of the callee's to the caller that is on its way to this switch, as the cloud knows it
}

// Renewal finds what there is to ring now, of some users, nil for all: see Turn. It may block, and must end with its context.
type Renewal func(ctx context.Context, of []string) []Branch

// Branch is one thing to ring.
type Branch struct {
	Leg    string        // id, for the ledger
	Device string        // id of the device, "" for a link
	User   string        // id of its user, likewise
	Name   string        // of the user
	Delay  time.Duration // before it rings; less if one before it is over
	Lead   time.Duration // from its start until it rings: it is started so much earlier
	Target Target
}

// Fallback is where a call goes when an attempt ended without an answer.
type Fallback struct {
	On       []designation.Occasion
	To       designation.Party
	Diverted []designation.Diversion // steps on the way to To
	Ring     time.Duration
	Branches func() []Branch // what there is to ring now
	Renew    Renewal         // in its place
	Next     []Fallback      // from To, in turn
}

// leads says that there may be something to ring.
func (f Fallback) leads() bool { return f.Branches != nil || f.Renew != nil }

// Diverted is what there is to ring at the fall-back that the call goes to. Without branches the cause says why.
type Diverted struct {
	Branches []Branch
	Cause    ledger.Cause
}

// Refusal says that the call was not admitted.
type Refusal struct {
	Cause ledger.Cause
	To    designation.Party // who was dialled, if that is known
}

// Ringing says that a branch alerts its user.
type Ringing struct {
	Leg       LegID
	SessionID string // of the callee (RFC 7989), "" if it sent none
}

// Waking is a step on the way to a device that sleeps (2-call-flows, "Wake ledger"). A Step of "" tells that the switch at the
// other end of a link is at it: what it does, it writes itself.
type Waking struct {
	Leg   LegID
	Step  string        // as the ledger has it: "requested", "accepted by apns", ...
	Cause *ledger.Cause // of a step that failed
}

// Stalled says that the wake of a device does not get on: it may come, but need not be waited for.
type Stalled struct{ Leg LegID }

// Forwarded says that the switch at the other end of a link sends the call on.
type Forwarded struct {
	Leg LegID
	To  string // number, "" if it does not say
}

// Answered says that a branch accepted the offer.
type Answered struct {
	Leg         LegID
	Description sdp.Description
	SessionID   string // of the callee (RFC 7989), "" if it sent none
	// Unusable is why an answer that shares nothing with the offer is of no use, if that is not its codecs.
	Unusable *ledger.Cause
}

// Refused is a final refusal of a branch.
type Refused struct {
	Leg   LegID
	Cause ledger.Cause
}

// Cancelled says that the caller gave up before the answer; its leg has been answered 487. Keep: one who waits in a queue wants to
// keep the place.
type Cancelled struct{ Keep bool }

// HungUp is a BYE.
type HungUp struct {
	Leg   LegID
	Cause ledger.Cause
}

// Offered is a change of the session that the leg's peer asks for, by re-INVITE or UPDATE.
type Offered struct {
	Leg         LegID
	Description sdp.Description
	Settled     bool // the leg has agreed to it already, in an ACK say: only the other leg is to follow
}

// OfferAccepted answers an Offer that we sent to the leg.
type OfferAccepted struct {
	Leg         LegID
	Description sdp.Description
}

// OfferRefused answers an Offer that we sent to the leg; the session goes on as it was.
type OfferRefused struct {
	Leg    LegID
	Status int // SIP
}

// OfferWithdrawn says that the leg no longer waits for the answer to what it Offered.
type OfferWithdrawn struct{ Leg LegID }

// Pressed is one DTMF digit received by INFO. Digits in RTP (RFC 4733) travel with the media.
type Pressed struct {
	Leg      LegID
	Digit    byte
	Duration time.Duration
}

// Lost says that the leg's peer is gone: no answer to a request, no ACK, the connection ended.
type Lost struct {
	Leg   LegID
	Cause ledger.Cause
}

// Closed is the last event of every leg: nothing more will come from it.
type Closed struct{ Leg LegID }

// Fired says that a timer that was armed ran out.
type Fired struct{ Timer Timer }

// Stop ends the call from outside: an admin, a revocation, the shutdown of the switch.
type Stop struct{ Cause ledger.Cause }

func (Planned) event()        {}
func (Refusal) event()        {}
func (Ringing) event()        {}
func (Waking) event()         {}
func (Stalled) event()        {}
func (Diverted) event()       {}
func (Forwarded) event()      {}
func (Answered) event()       {}
func (Refused) event()        {}
func (Cancelled) event()      {}
func (HungUp) event()         {}
func (Offered) event()        {}
func (OfferAccepted) event()  {}
func (OfferRefused) event()   {}
func (OfferWithdrawn) event() {}
func (Pressed) event()        {}
func (Lost) event()           {}
func (Closed) event()         {}
func (Fired) event()          {}
func (Stop) event()           {}

// Timer names a timer of a call: RingTimer, or the start of the branch of that number.
type Timer int

// RingTimer ends an attempt that nobody answers.
const RingTimer Timer = 0
