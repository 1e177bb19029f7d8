package switchnode

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/threeway"
)

// threeWay joins the two calls of a phone, most of all one on hold and one that talks: in each the switch takes the phone's place, and
// all three meet in the call that dialled the code.
func (c *calls) threeWay(in call.Incoming, d starcode.Dialled) call.Admission {
	return func(ctx context.Context) call.Event {
		all := c.talks(in.From.User, in.Device)
		if len(all) != 2 {
			return refusal(errs.New(errs.Invalid, "%s joins two calls of a phone, and this one is in %d: hold one, call the other, then dial %s", d.Digits, len(all), d.Digits))
		}
		m := threeway.New(c.clock, c.relay)
		who := designation.Party{Number: in.Dialled, Name: d.Does}
		may := func(of designation.Party, talks bool) error {
			if !talks || of.Device != in.Device {
				return errs.New(errs.Gone, "the call is over, or goes on elsewhere")
			}
			return nil
		}
		var guests [2]*call.Guest
		for i, v := range all {
			g := call.NewSeat(m.Guest(), who, "Joined in a call of three", may)
			if !c.post(v.Call, call.Wanted{Ours: v.RemoteTag, Theirs: v.LocalTag, Leg: ident.New(ident.Leg), By: g}) {
				g.Turn(call.CauseOf(errs.Gone, "The call is over"))
			}
			guests[i] = g
		}
		if why := meets(ctx, m, guests); why != nil {
			m.Close()
			return call.Refusal{Cause: *why}
		}
		m.Begin()
		return call.Planned{
			From: in.From, To: who, Anchor: c.anchor, Ring: time.Minute, Branches: []call.Branch{{Leg: ident.New(ident.Leg), Name: d.Does, Target: m.Host()}},
		}
	}
}

// meets waits until the guests have come, or will not, and says why nobody has. Who comes alone is with the host all the same.
func meets(ctx context.Context, m *threeway.Meeting, guests [2]*call.Guest) *ledger.Cause {
	timer := time.NewTimer(replaceTime)
	defer timer.Stop()
	why, turned := call.CauseOf(errs.Gone, "The calls to join do not answer"), 0
	for m.There()+turned < len(guests) {
		select {
		case <-m.Changed():
			continue
		case why = <-guests[0].Turned():
			turned++
			continue
		case why = <-guests[1].Turned():
			turned++
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		break
	}
	if m.There() == 0 {
		return &why
	}
	return nil
}
