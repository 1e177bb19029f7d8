package call

import (
	"net/netip"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

type legState uint8

const (
	waiting    legState = iota // planned, its delay runs
	trying                     // INVITE sent or received
	ringing                    // alerting
	up                         // answered
	cancelling                 // CANCEL asked for: a final response is due
	ending                     // refused, or BYE sent or received: only Closed is due
	closed
	coming // up in another call, from where it is to come
)

// live says that the leg can still become or is part of a conversation.
func (s legState) live() bool { return s <= up }

type leg struct {
	id     string
	device string
	branch Branch
	state  legState
	woken  bool         // its device sleeps, or slept
	held   bool         // this leg put the other on hold
	talked bool         // it was one of two who talked
	music  bool         // it hears music, for the other holds it
	picks  bool         // it picks the call up
	cause  ledger.Cause // why it ended

	agreed     sdp.Description // its side of the session
	unfollowed bool            // the other leg has not been offered that yet
	asked      []sdp.Codec     // of a branch that rang when somebody else came: what it was offered

	reach Reach
	told  netip.AddrPort // where it sends its media, as it was told: the zero value is here
	stays bool           // it is not told to send elsewhere any more
}

// nobody is the LegID of no leg.
const nobody LegID = -1

// legOf returns the leg that an event is of, if it is of one.
func legOf(ev Event) (LegID, bool) {
	switch ev := ev.(type) {
	case Ringing:
		return ev.Leg, true
	case Waking:
		return ev.Leg, true
	case Parked:
		return ev.Leg, true
	case Stalled:
		return ev.Leg, true
	case Forwarded:
		return ev.Leg, true
	case Waits:
		return ev.Leg, true
	case Early:
		return ev.Leg, true
	case Key:
		return ev.Leg, true
	case Answered:
		return ev.Leg, true
	case Refused:
		return ev.Leg, true
	case HungUp:
		return ev.Leg, true
	case Lost:
		return ev.Leg, true
	case Closed:
		return ev.Leg, true
	case Offered:
		return ev.Leg, true
	case OfferAccepted:
		return ev.Leg, true
	case OfferRefused:
		return ev.Leg, true
	case OfferWithdrawn:
		return ev.Leg, true
	case Reached:
		return ev.Leg, true
	case Routed:
		return ev.Leg, true
	case Pressed:
		return ev.Leg, true
	case Referred:
		return ev.Leg, true
	case Succeeds:
		return ev.Leg, true
	case Arrived:
		return ev.Leg, true
	}
	return nobody, false
}
