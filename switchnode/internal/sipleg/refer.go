package sipleg

import (
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// Referred is what the peer's REFER asks of the call.
func Referred(id call.LegID, to sip.ReferTo) call.Referred {
	r := call.Referred{Leg: id, To: to.Number}
	if d := to.Replaces; d != nil {
		r.With = &call.Named{CallID: d.CallID, Ours: d.ToTag, Theirs: d.FromTag}
	}
	return r
}

// Sought has somebody take a leg's place, if they know the dialog: RFC 3891, 3, has both tags match. It is nil if they do not.
func Sought(id call.LegID, ev sip.Sought) call.Event {
	g, ok := ev.By.(*call.Guest)
	switch {
	case !ok:
		return nil
	case !ev.Right:
		g.Turn(call.CauseOf(errs.Gone, "There is no such call"))
		return nil
	}
	return g.Succession(id, ident.New(ident.Leg))
}

// Seek has the owner of the dialog that has those names at an endpoint take a guest in; false: there is none.
func Seek(e *sip.Endpoint, n call.Named, g *call.Guest) bool {
	return e.Seek(sip.Replaces{CallID: n.CallID, ToTag: n.Ours, FromTag: n.Theirs}, g)
}

// RefuseRefer refuses what the peer's REFER asked for.
func RefuseRefer(d *sip.Dialog, why ledger.Cause) {
	d.RefuseRefer(why.SIP, why.Words, sip.NewHeader(sip.HeaderRefusal, why.Code))
}
