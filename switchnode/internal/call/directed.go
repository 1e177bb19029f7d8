package call

import (
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// Directed is a transfer that a phone asks for by a code, which it dials in a call of its own, instead of by REFER.
type Directed struct {
	Leg  string              // id of the phone's leg, which talks
	To   string              // as dialled
	Told chan<- ledger.Cause // of what became of it: 200, or why not; it has room for one
}

func (Directed) event() {}

// directed is the leg that was told to transfer, and who is told instead of it.
type directed struct {
	leg  LegID
	told chan<- ledger.Cause
}

// direct begins a transfer for a phone.
func (s *Session) direct(d Directed) Event {
	for i, l := range s.call.legs {
		if id := LegID(i); l.id == d.Leg && s.call.talking(id) && s.directed.told == nil {
			s.directed = directed{id, d.Told}
			return Referred{Leg: id, To: d.To}
		}
	}
	d.Told <- CauseOf(errs.Gone, "The call is over, or goes on elsewhere")
	return nil
}

// says passes what a phone would be told of its REFER on to who asked in its place; false: the phone did.
func (d *directed) says(a LegAction) bool {
	if d.told == nil || a.leg() != d.leg {
		return false
	}
	switch a := a.(type) {
	case AcceptRefer:
	case RefuseRefer:
		d.ends(a.Cause)
	case Report:
		if a.Code >= 200 {
			d.ends(ledger.Cause{SIP: a.Code, Words: a.Words})
		}
	default:
		return false
	}
	return true
}

// left says that a leg has closed, or all have: whoever would be told more is not there any more.
func (d *directed) left(leg LegID, all bool) {
	if d.told != nil && (all || leg == d.leg) {
		d.ends(CauseOf(errs.Gone, "The phone has left the call"))
	}
}

func (d *directed) ends(how ledger.Cause) {
	d.told <- how
	d.told = nil
}
