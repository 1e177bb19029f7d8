package switchnode

import (
	"cmp"
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// transfer is what finds out whether a phone of this switch may have the other party of a call talk to somebody else. The phone is
// judged, as if it called them itself, and the call keeps its id; whoever was in it is not called again, as in a circle.
func (c *calls) transfer(in call.Incoming) call.Transfer {
	return func(ctx context.Context, t call.Transferring) call.Event {
		home := call.Fallback{To: t.By, Branches: func() []call.Branch { return c.router.Phone(t.By) }}
		if t.With != nil {
			return c.join(t, home)
		}
		if ev, ok := c.parks(in, t, home); ok {
			return ev
		}
		as := in
		as.Device, as.From, as.Dialled, as.Offer = t.By.Device, t.By, t.To, in.Offer
		admit, ok := c.featured(as)
		if !ok {
			admit = c.asked(as, c.router.FromPhone(fabric.Admit{
				Header: fabric.Header{ID: ident.New(ident.Request)},
				Call:   in.Call, Device: t.By.Device, Dialled: t.To, Media: []string{"audio"},
				Diversion: []string{t.By.Number, t.For.Number}, For: &t.For,
			}))
		}
		switch ev := admit(ctx).(type) {
		case call.Planned:
			ev.From = t.By
			return call.Onward{Planned: ev, Home: home}
		case call.Refusal:
			return call.Stuck{Cause: ev.Cause, Home: home}
		}
		return call.Stuck{Cause: call.CauseOf("", ""), Home: home}
	}
}

// join has the other party of one call of a phone take that phone's place in another of its calls (RFC 5589, 7).
func (c *calls) join(t call.Transferring, home call.Fallback) call.Event {
	t.Guest.Allow(home, func(of designation.Party) error {
		if of.Device != "" && of.Device == t.By.Device || of.User != "" && of.User == t.By.User {
			return nil
		}
		return errs.New(errs.Forbidden, "the call with %s is none of this phone's: only one's own two calls can be joined", cmp.Or(of.Name, of.Number, "somebody else"))
	})
	if !c.seek(*t.With, t.Guest) { // RFC 3891, 3: 481 for a dialog that is not known
		return call.Stuck{Cause: call.CauseOf(errs.Gone, "The other call is not, or no longer, at this switch"), Home: home}
	}
	return call.Joining{Home: home}
}

// offThePhone notes that somebody has left a call that goes on.
func (c *calls) offThePhone(s *call.Session, user, id string) {
	if user != "" && c.queues(user) {
		c.leave(s, seatOf{user, id})
		c.hall.Freed(user, id)
	}
}
