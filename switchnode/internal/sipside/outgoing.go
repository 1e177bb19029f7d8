package sipside

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
)

// lookup bounds the time that DNS may take while the caller waits.
const lookup = 5 * time.Second

// outgoing is the leg to a contact that more than one way leads to. One that has a name is a gateway or a proxy rather than a phone: when
// it cannot be reached where its REGISTER came from, the servers that DNS has for the name are tried in their order (RFC 3263, 4.3). A phone
// with several flows is tried by one after the other (flows.go), and one that takes no profile without encryption is offered the other (RTP/SAVP).
// The call notices nothing.
type outgoing struct {
	*sipleg.Leg // nil while there is no dialog
	target      target
	name        sip.URI // of the contact, or of the proxy before it
	setup       call.Setup
	port        *media.Port
	start       call.Start
	heard       bool                // the callee was reached: no other attempt
	moving      bool                // to another server, when the dialog is closed
	located     bool                // next is what DNS has
	stricter    *sip.Peer           // who is offered encryption alone next; nil: nobody
	next        []sip.Peer          // to be tried
	flows       []registrar.Binding // likewise, of a phone
	failure     call.Event          // of the last attempt
	cancelled   *call.Cancel        // the call wants no other attempt
}

// found is what DNS has.
type found struct{ peers []sip.Peer }

// Port is the leg's media.
func (o *outgoing) Port() *media.Port { return o.port }

// Do carries out an action of the call.
func (o *outgoing) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		o.start = a
		if o.Leg == nil { // its connection is gone
			o.failure = call.Lost{Leg: o.setup.Leg, Cause: call.CauseOf(errs.LegLost, "")}
			o.locate()
			return
		}
	case call.Cancel:
		o.cancelled = &a
		if o.moving {
			return
		}
	}
	if o.Leg != nil {
		o.Leg.Do(a)
	}
}

// locate asks DNS beside the session, and posts what it has.
func (o *outgoing) locate() {
	o.moving, o.located = true, true
	p := o.target.phones
	p.work.Go(func() {
		<-p.ready
		ctx, cancel := context.WithTimeout(p.ctx, lookup)
		defer cancel()
		peers, err := p.cfg.Locate(ctx, o.name, sip.UDP)
		if err != nil {
			p.cfg.Logger.Warn("no other way to a contact", "contact", o.target.binding.URI, "error", err)
		}
		o.setup.Post(found{peers})
	})
}

// Handle turns an input into events of the call.
func (o *outgoing) Handle(input any) []call.Event {
	if f, ok := input.(found); ok {
		o.next = slices.DeleteFunc(f.peers, func(p sip.Peer) bool { return p == o.target.peer() || o.target.phones.isServer(p.Addr.Addr().Unmap()) })
		return o.another()
	}
	if o.Leg == nil {
		return nil
	}
	evs := o.Leg.Handle(input)
	if o.moving {
		return o.awaitClose(evs)
	}
	for i, ev := range evs {
		if o.fails(ev) {
			o.moving, o.failure = true, ev
			return o.awaitClose(evs[i+1:])
		}
	}
	return evs
}

// fails says whether an event is a reason to try another server: no answer, or 503 (RFC 3263, 4.3).
func (o *outgoing) fails(ev call.Event) bool {
	more := o.cancelled == nil && !o.heard && (!o.located || len(o.flows)+len(o.next) > 0)
	switch ev := ev.(type) {
	case call.Ringing, call.Answered:
		o.heard = true
	case call.Refused:
		if to := o.Dialog().Peer(); o.cancelled == nil && !o.heard && ev.Cause.SIP == 488 && o.target.security(to).Lenient() {
			o.stricter = &to // RFC 3264, 6: who cannot have the profile of an offer refuses it
			return true
		}
		return more && (ev.Cause.SIP == 503 || ev.Cause.SIP == 430) // RFC 5626, 11.5: the flow has failed
	case call.Lost:
		return more
	}
	return false
}

// awaitClose swallows what is left of a dialog that is given up.
func (o *outgoing) awaitClose(evs []call.Event) []call.Event {
	if !slices.ContainsFunc(evs, func(ev call.Event) bool { _, ok := ev.(call.Closed); return ok }) {
		return nil
	}
	o.Leg = nil
	if to := o.stricter; to != nil && o.cancelled == nil {
		o.stricter, o.moving, o.target.strict = nil, false, true
		o.Leg = o.target.leg(o.setup, o.port, *to)
		o.Leg.Do(o.start)
		return nil
	}
	if o.located || o.cancelled != nil {
		return o.another()
	}
	o.locate()
	return nil
}

// another tries the next server, or ends the leg as the last one did.
func (o *outgoing) another() []call.Event {
	id := o.setup.Leg
	switch {
	case o.cancelled != nil:
		return []call.Event{call.Refused{Leg: id, Cause: o.cancelled.Cause}, call.Closed{Leg: id}}
	case len(o.flows) > 0:
		o.target.binding, o.flows, o.moving = o.flows[0], o.flows[1:], false
		o.Leg = o.target.leg(o.setup, o.port, o.target.peer())
		o.Leg.Do(o.start)
		return nil
	case len(o.next) == 0:
		return []call.Event{o.failure, call.Closed{Leg: id}}
	}
	to := o.next[0]
	o.next, o.moving = o.next[1:], false
	o.Leg = o.target.leg(o.setup, o.port, to)
	o.Leg.Do(o.start)
	return nil
}

// named returns the URI that leads to a contact through DNS: that of the first proxy before it (RFC 3327), else its own.
// An IP address is no name.
func named(contact sip.URI, path []sip.URI) (sip.URI, bool) {
	if len(path) > 0 {
		contact = path[0]
	}
	_, err := netip.ParseAddr(strings.Trim(contact.Host, "[]"))
	return contact, err != nil
}
