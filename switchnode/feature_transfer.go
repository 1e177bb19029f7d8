package switchnode

import (
	"context"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// transfer is what finds out whether a phone of this switch may have the other party of a call talk to somebody else. The phone is
// judged, as if it called them itself, and the call keeps its id; whoever was in it is not called again, as in a circle.
func (c *calls) transfer(in call.Incoming) call.Transfer {
	return func(ctx context.Context, t call.Transferring) call.Event {
		home := call.Fallback{To: t.By, Branches: func() []call.Branch { return c.router.Phone(t.By) }}
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

// offThePhone notes that somebody has left a call that goes on.
func (c *calls) offThePhone(s *call.Session, user, id string) {
	if user != "" && c.queues(user) {
		c.leave(s, seatOf{user, id})
		c.hall.Freed(user, id)
	}
}
