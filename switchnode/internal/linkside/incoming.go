package linkside

import (
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/link"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// Invite takes a call that another switch brings: it must show a session key for this node (2-call-flows, C2).
func (l *Links) Invite(d *sip.Dialog) {
	if err := l.admit(d); err != nil {
		sipleg.Refuse(d, err)
	}
}

func (l *Links) admit(d *sip.Dialog) error {
	c := l.connOf(d.Peer())
	if c == nil {
		return errs.New(errs.LinkLost, "the stream that the INVITE came on has ended")
	}
	key := bearer(d)
	claims, err := l.cfg.Verify(key, sessionkey.Presenter{
		ID: c.Peer().ID, Confirm: sessionkey.Confirmation{KeyHash: c.PeerKeyHash()}, Resume: d.CallID(),
	})
	if err != nil {
		l.cfg.Logger.Warn("refused a session key", "peer", c.Peer(), "code", errs.CodeOf(err), "error", err)
		return err
	}
	offer, err := sdp.Parse(d.SDP())
	if err != nil {
		return err
	}
	if offer.Flow == 0 {
		return errs.New(errs.Invalid, "the offer on a link names no flow")
	}
	return l.cfg.Begin(call.Incoming{
		Call: claims.Call, Leg: claims.ID, From: claims.From, Dialled: claims.To.Number, Help: claims.Help,
		Offer: offer.Description(), Early: true,
		Hops: d.Hops(), Breadth: d.Breadth(), SessionID: d.SessionID().Remote, Withheld: sip.Withheld(d.Request()), Key: key, Claims: &claims,
		Auto:   unasked(d.Request()),
		Attach: func(s *call.Session) (call.Leg, error) { return l.answering(s, c, d, offer, claims.ID) },
	})
}

// answering makes the caller's leg.
func (l *Links) answering(s *call.Session, c *link.Conn, d *sip.Dialog, offer sdp.Session, id string) (call.Leg, error) {
	port, err := l.cfg.Relay.OpenFlow(flows{c})
	if err != nil {
		return nil, err
	}
	post := s.PosterOf(call.Caller)
	d.SetTrace(sipleg.Tracer(l.cfg.Node, l.cfg.NameOf(c.Peer().ID), s.Trace))
	d.SetOwner(func(_ *sip.Dialog, in sip.Input) bool { return post(in) })
	inner := sipleg.Answering(sipleg.Config{ID: call.Caller, Dialog: d, Port: port, Lost: errs.LinkLost, Flows: true}, offer)
	return &leg{Leg: inner, id: call.Caller, leave: l.join(c, d.Peer(), post), over: func() { l.cfg.Done(id) }}, nil
}

// bearer returns the session key of an INVITE: Authorization: Bearer (RFC 8898).
func bearer(d *sip.Dialog) string {
	for h := range sip.Named(d.Request(), "Authorization") {
		scheme, key, ok := strings.Cut(h.Value(), " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

// answersItself is what a callee's phone is asked to do, by the caller's switch: RFC 5373, 4.1. What callers say of it
// is not passed on; a switch that does not know it lets the phone ring.
func answersItself() sip.Header { return sip.NewHeader("Answer-Mode", "Auto") }

// unasked says whether a callee's phone is to answer by itself.
func unasked(r *sip.Request) bool {
	for h := range sip.Named(r, "Answer-Mode") {
		if mode, _, _ := strings.Cut(h.Value(), ";"); strings.EqualFold(strings.TrimSpace(mode), "Auto") {
			return true
		}
	}
	return false
}

// leg is a leg whose link is up.
type leg struct {
	*sipleg.Leg
	id    call.LegID
	leave func() // the link no longer serves this leg
	over  func() // the leg is answered or over; nil on the calling side
	cut   bool   // the stream ended, and no other is there yet
	bye   *call.HangUp
}

// Do carries out an action of the call.
func (l *leg) Do(a call.LegAction) {
	if _, answered := a.(call.Accept); answered && l.over != nil {
		l.over()
	}
	if h, ok := a.(call.HangUp); ok && l.cut {
		l.bye = &h // on a stream that has ended it would be lost, and the other side would talk on alone
		return
	}
	l.Leg.Do(a)
}

// Handle turns an input into events of the call.
func (l *leg) Handle(input any) []call.Event {
	switch in := input.(type) {
	case cut:
		l.cut = true
		return nil
	case moved:
		l.Dialog().Redirect(in.to)
		l.cut = false
		if l.bye != nil {
			l.Leg.Do(*l.bye)
		} else {
			l.Dialog().Refresh() // a BYE may have been lost with the old stream: whose dialog is over says so
		}
		return nil
	case gone:
		l.Dialog().Abandon() // its Closed follows
		return []call.Event{call.Lost{Leg: l.id, Cause: call.CauseOf(errs.LinkLost, in.cause)}}
	}
	evs := l.Leg.Handle(input)
	if closed(evs) {
		l.leave()
		if l.over != nil {
			l.over()
		}
	}
	return evs
}

// closed says whether events end with the last one of a leg.
func closed(evs []call.Event) bool {
	if len(evs) == 0 {
		return false
	}
	_, last := evs[len(evs)-1].(call.Closed)
	return last
}
