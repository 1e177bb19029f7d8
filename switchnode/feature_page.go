package switchnode

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	copies "strowger/pkg/sitecopy"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/paging"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/voice"
)

const (
	maxPaged = 50               // users of one switch, at once
	pageRing = 10 * time.Second // for phones to answer by themselves
	pageTime = 5 * time.Minute  // that somebody speaks at most
)

// nobodyPaged is the clip that says so.
const nobodyPaged = "page-none"

// page has the caller speak to all who are of a paging group and can be spoken to: who is on the phone, or wants no such calls, is left out.
// Each phone has a call of its own, which answers by itself; those of another switch are that one's business, and get one call together.
// Phones are on no record of their own: the call that pages is.
func (c *calls) page(in call.Incoming, d starcode.Dialled) call.Admission {
	if d.Missing() {
		return refuses(errs.New(errs.Invalid, "dial %s and the code of a paging group, such as %s", d.Digits, d.Example))
	}
	return func(ctx context.Context) call.Event {
		group, err := c.site().Paging(in.From.User, d.Number)
		if err != nil {
			return c.unpaged(ctx, in, err)
		}
		phones, ways := c.pageable(in, group), c.offices(in, group, d.Digits+d.Number)
		if len(phones)+len(ways) == 0 {
			return c.unpaged(ctx, in, errs.New(errs.Offline, "nobody of %s can be paged now", group.Name))
		}
		return c.answered(in, group.Name, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
			return c.paged(ctx, v, in, group, append(phones, ways...))
		})(ctx)
	}
}

// unpaged says aloud that nobody is paged; another switch is only told why.
func (c *calls) unpaged(ctx context.Context, in call.Incoming, why error) call.Event {
	if in.Claims != nil {
		return refusal(why)
	}
	return c.speaks(in, why, nobodyPaged)(ctx)
}

// paged has what somebody says be heard, until they hang up.
func (c *calls) paged(ctx context.Context, v *voice.Conversation, in call.Incoming, group copies.Group, all []call.Planned) ledger.Cause {
	page := paging.New(c.clock, c.relay)
	defer page.Close()
	v.Overhear(page.Say)
	defer v.Overhear(nil)
	for _, p := range all {
		if err := c.speaker(in, page, p); err != nil {
			c.log.Warn("a phone is not paged", "call", in.Call, "group", group.Name, "number", p.To.Number, "error", err)
		}
	}
	limit, began := time.NewTimer(pageTime), false
	defer limit.Stop()
	for {
		heard, called := page.Reach()
		switch {
		case heard > 0 && !began:
			began = true
			v.Say(c.clips("page")...)
		case heard+called == 0 && began: // all have hung up
			return voice.Done()
		case heard+called == 0:
			return c.ends(ctx, v, errs.New(errs.Offline, "nobody of %s can be paged now", group.Name), nobodyPaged)
		}
		select {
		case <-ctx.Done():
			return voice.Done()
		case <-limit.C:
			return voice.Done()
		case <-page.Changed():
		}
	}
}

// pageable is the calls to the phones here that can be paged now.
func (c *calls) pageable(in call.Incoming, group copies.Group) (all []call.Planned) {
	site := c.site()
	for _, to := range site.Paged(group, in.From) {
		if c.busy(to.User) {
			continue
		}
		if len(all) == maxPaged {
			c.tally.add("page of more phones than one may")
			break
		}
		p := call.Planned{From: in.From, To: to, Anchor: c.id, Ring: pageRing}
		for _, device := range site.DevicesOf(to.User) {
			at := to
			at.Device = device
			for _, b := range c.router.Phone(at) {
				b.Target = unasked{b.Target}
				p.Branches = append(p.Branches, b)
			}
		}
		if len(p.Branches) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// offices is the calls to the other switches where members live. One that pages for another switch pages its own phones only.
func (c *calls) offices(in call.Incoming, group copies.Group, dialled string) (all []call.Planned) {
	if in.Claims != nil {
		return nil
	}
	for _, id := range group.Switches {
		if id == c.id {
			continue
		}
		all = append(all, call.Planned{To: designation.Party{Number: dialled}, Anchor: id})
	}
	return all
}

// speaker calls a phone, or another switch, for a page.
func (c *calls) speaker(in call.Incoming, page *paging.Page, p call.Planned) error {
	id, leg := ident.New(ident.Call), ident.New(ident.Leg)
	if p.Anchor != c.id {
		from := in.From
		from.Device = "" // this switch speaks for its user; an app signs for the call that pages, not for this one
		way, err := c.asking(id, from, p.To.Number, string(starcode.Page), p.Anchor)
		if err != nil {
			return err
		}
		return c.begin(call.Incoming{
			Call: id, Leg: leg, From: from, Dialled: p.To.Number, Offer: paging.Offer(), Hops: in.Hops, Breadth: in.Breadth, Attach: page.Speaker,
			Admission: func(context.Context) call.Event { return c.router.Ask(from, p.To, []routing.Way{way}) },
		})
	}
	s := call.NewSession(call.SessionConfig{
		ID: id, CallerLeg: leg, Hops: in.Hops - 1, Breadth: in.Breadth, Record: func(ledger.Event) {}, Watch: c.watch, Count: c.tally.add, Now: c.now, Logger: c.log,
	}, call.New(leg, "", paging.Offer()), in.From)
	crowded, err := c.add(s, id, call.Incoming{})
	if err != nil {
		return err
	}
	var caller call.Leg
	if crowded {
		c.leaveCrowd()
		err = c.limits.refusal()
	} else {
		caller, err = page.Speaker(s)
	}
	if err != nil {
		c.remove(id, &entered{})
		c.running.Done()
		return err
	}
	c.inside(s, id)
	go func() {
		defer c.running.Done()
		s.Run(c.ctx, caller, func(context.Context) call.Event { return p })
		c.remove(id, &entered{})
		c.vacate(s)
	}()
	return nil
}
