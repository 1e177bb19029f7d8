package sipleg

import (
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// referred is what the peer's REFER asks of the call.
func referred(id call.LegID, to sip.ReferTo) call.Event {
	r := call.Referred{Leg: id, To: to.Number}
	if d := to.Replaces; d != nil {
		r.With = &call.Named{CallID: d.CallID, Ours: d.ToTag, Theirs: d.FromTag}
	}
	return r
}

// sought has somebody take the leg's place, if they know the dialog: RFC 3891, 3, has both tags match.
func (l *Leg) sought(ev sip.Sought) call.Event {
	g, ok := ev.By.(*call.Guest)
	switch {
	case !ok:
		return nil
	case !ev.Right:
		g.Turn(call.CauseOf(errs.Gone, "There is no such call"))
		return nil
	}
	return g.Succession(l.id, ident.New(ident.Leg))
}

// Seek has the owner of the dialog that has those names at an endpoint take a guest in; false: there is none.
func Seek(e *sip.Endpoint, n call.Named, g *call.Guest) bool {
	return e.Seek(sip.Replaces{CallID: n.CallID, ToTag: n.Ours, FromTag: n.Theirs}, g)
}
