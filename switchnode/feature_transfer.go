package switchnode

import (
	"cmp"
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// transfer is what finds out whether a phone of this switch, or an app, may have the other party of a call talk to somebody else. The phone is
// judged, as if it called them itself, and the call keeps its id; whoever was in it is not called again, as in a circle.
func (c *calls) transfer(in call.Incoming) call.Transfer {
	return func(ctx context.Context, t call.Transferring) call.Event {
		home := c.home(t, func() string { return in.Call })
		if t.With != nil {
			return c.join(t, home)
		}
		if ev, ok := c.parks(in, t, home); ok {
			return ev
		}
		as := in
		as.Device, as.From, as.Dialled, as.Offer = t.By.Device, t.By, t.To, in.Offer
		q := fabric.Admit{
			Header: fabric.Header{ID: ident.New(ident.Request)},
			Call:   in.Call, Device: t.By.Device, Dialled: t.To, Media: []string{"audio"},
			Diversion: []string{t.By.Number, t.For.Number}, For: &t.For,
		}
		var admit call.Admission
		if t.App == nil {
			admit, _ = c.featured(as)
		} else if q.Proof = t.App.Proof; q.Proof == "" {
			return call.Stuck{Cause: call.CauseOf(errs.Forbidden, "The app does not show that it wants this transfer"), Home: home}
		}
		if admit == nil {
			admit = c.asked(as, c.router.FromPhone(q))
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

// home is the phone of who transfers, to which a call comes back. An app is woken by leave of the cloud, for the call that it is then.
func (c *calls) home(t call.Transferring, id func() string) call.Fallback {
	if t.App == nil {
		return call.Fallback{To: t.By, Branches: func() []call.Branch { return c.router.Phone(t.By) }}
	}
	return call.Fallback{To: t.By, Renew: func(ctx context.Context, _ []string) []call.Branch {
		back := call.Back(t.For)
		return c.router.Home(ctx, fabric.Admit{Call: id(), Home: t.App.Key, For: &back, Media: []string{"audio"}})
	}}
}

// join has the other party of one call of a phone take that phone's place in another of its calls (RFC 5589, 7).
func (c *calls) join(t call.Transferring, home call.Fallback) call.Event {
	t.Guest.Allow(c.home(t, t.Guest.Host), func(of designation.Party, _ bool) error {
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

// replaceTime is how long a call may take to answer who is to take the place of one of its legs.
const replaceTime = 10 * time.Second

// replaces has a phone take the place of another one in its call (RFC 3891, 3): one of the same user, or one that may pick up its calls. The
// dialog is named as the phone there has it, or as lamps show it.
func (c *calls) replaces(in call.Incoming) call.Admission {
	return func(ctx context.Context) call.Event {
		from, site := c.session(in), c.site()
		may := func(of designation.Party, talks bool) error {
			switch {
			case in.Device != "" && in.From.User != "" && of.User == in.From.User:
				return nil
			case talks: // all of a site may answer what rings there; nobody takes a call from who talks but who was given the right
				return site.MayTakeOver(in.From, of)
			}
			return site.MayPickUp(in.From, of)
		}
		if from == nil {
			return nil
		}
		g := call.NewSuccessor(from, in.From, in.Replaces.Early, may, call.CauseOf(errs.PickedUp, "Took over a call from another phone"))
		if !c.seek(*in.Replaces, g) && !c.post(in.Replaces.CallID, call.Wanted{Ours: in.Replaces.Ours, Theirs: in.Replaces.Theirs, Leg: ident.New(ident.Leg), By: g}) {
			return refusal(errs.New(errs.Gone, "the call to take over is not, or no longer, at this switch"))
		}
		timer := time.NewTimer(replaceTime)
		defer timer.Stop()
		select {
		case why := <-g.Turned():
			return call.Refusal{Cause: why}
		case <-timer.C:
			if !g.Went() {
				return refusal(errs.New(errs.Gone, "the call to take over does not answer"))
			}
		case <-ctx.Done():
		}
		return nil
	}
}

// post tells a call something; false: it is not here.
func (c *calls) post(id string, ev call.Event) bool {
	c.mu.Lock()
	s := c.sessions[id]
	c.mu.Unlock()
	return s != nil && s.Post(ev)
}

// offThePhone notes that somebody has left a call that goes on.
func (c *calls) offThePhone(s *call.Session, user, id string) {
	if user != "" && c.queues(user) {
		c.leave(s, seatOf{user, id})
		c.hall.Freed(user, id)
	}
}
