package sipside

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
	"strowger/switchnode/internal/trunk"
)

// makingWay is how long an emergency call waits for the call to go that is ended for it.
const makingWay = 2 * time.Second

// try invites a carrier once there is a channel of its trunk; a trunk without one is passed over.
func (c *toCarrier) try(i int) []call.Event {
	to := c.carriers[i].trunk
	if c.line(i) == nil {
		c.failure = call.CauseOf(errs.NoLine, fmt.Sprintf("trunk %s: the call has none of its codecs: %s, may be used are %s", to.Name, sdp.Names(c.start.Offer.Codecs), strings.Join(to.Speech.Codecs, ", ")))
		return c.follow(nil, c.course.Step(trunk.Failed{Carrier: i, Moves: true}))
	}
	if c.use != nil && c.use.Trunk == to.ID { // another server of it
		c.invite(i)
		return nil
	}
	if c.use != nil {
		c.uses = append(c.uses, c.use)
	}
	u, post := &trunk.Use{Trunk: to.ID, Help: c.course.Help}, c.setup.Post
	u.End = func() { post(leaves{}) }
	u.Ready = func() { post(room{u, i}) }
	c.use = u
	switch c.phones.channels.Take(u, to.Channels) {
	case trunk.Taken:
		c.invite(i)
	case trunk.Waits:
		c.pending = true
		time.AfterFunc(makingWay, func() { post(room{u, i}) })
	case trunk.Full:
		c.use = nil
		c.failure = call.CauseOf(errs.NoLine, "trunk "+to.Name+": every line is taken")
		return c.follow(nil, c.course.Step(trunk.Failed{Carrier: i, Moves: true}))
	}
	return nil
}

// enter invites the carrier that an emergency call has waited for.
func (c *toCarrier) enter(r room) {
	if !c.pending || r.use != c.use {
		return
	}
	c.pending = false
	c.phones.channels.Insist(c.use)
	if !c.course.Over() {
		c.invite(r.carrier)
	}
}

// release gives back the channels of trunks whose carriers are done with the call.
func (c *toCarrier) release() {
	open := func(u *trunk.Use) bool {
		return slices.ContainsFunc(c.tries, func(t *try) bool { return t.open && t.use == u })
	}
	c.uses = slices.DeleteFunc(c.uses, func(u *trunk.Use) bool {
		if open(u) {
			return false
		}
		c.phones.channels.Release(u)
		return true
	})
	if c.use != nil && c.course.Over() && !c.pending && !open(c.use) {
		c.phones.channels.Release(c.use)
	}
}

// fromCarrier is the leg of a call that a phone company brings: it has a channel of its trunk.
type fromCarrier struct {
	*sipleg.Leg
	phones *Phones
	use    *trunk.Use
}

// Do carries out an action of the call.
func (l fromCarrier) Do(a call.LegAction) {
	if _, ok := a.(call.Accept); ok {
		l.phones.channels.Answered(l.use)
	}
	l.Leg.Do(a)
}

// Handle turns an input into events of the call.
func (l fromCarrier) Handle(input any) []call.Event {
	if _, ok := input.(leaves); ok {
		return []call.Event{call.Stop{Cause: call.CauseOf(errs.Preempted, "")}}
	}
	evs := l.Leg.Handle(input)
	if slices.ContainsFunc(evs, func(ev call.Event) bool { _, ok := ev.(call.Closed); return ok }) {
		l.phones.channels.Release(l.use)
	}
	return evs
}
