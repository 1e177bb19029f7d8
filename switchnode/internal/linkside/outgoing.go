package linkside

import (
	"context"
	"strconv"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/link"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/sipleg"
)

// Target is the switch that anchors a call, to be dialled.
func (l *Links) Target(w routing.Way) call.Target { return target{l, w} }

type target struct {
	links *Links
	way   routing.Way
}

// Dial makes the leg. It connects when it is told Start.
func (t target) Dial(s call.Setup) (call.Leg, error) {
	return &outgoing{links: t.links, way: t.way, setup: s}, nil
}

// Linked tells a switch from what else rings.
func (target) Linked() {}

// outgoing is a leg to another switch: nothing while it connects, then a leg like any other. If the other switch was
// restarted since it was designated, or since the link to it came up, the leg asks once more and begins anew, with a key for
// the run that it met; the call notices nothing.
type outgoing struct {
	*leg      // nil until connected
	links     *Links
	way       routing.Way
	setup     call.Setup
	start     call.Start
	met       fabric.Run   // of the other switch
	rang      bool         // a phone was reached: no other attempt
	renewed   bool         // asked again after a refusal
	redialled bool         // asked again after a dead link
	next      finder       // of the next attempt, while the dialog of the last one closes
	cancelled *call.Cancel // the call wants no other attempt
}

// connected is the outcome of an attempt to reach the other switch.
type connected struct {
	conn   *link.Conn
	stream sip.Peer
	port   *media.Port
	key    string
	err    error
}

// Port is the leg's media, nil until connected.
func (o *outgoing) Port() *media.Port {
	if o.leg == nil {
		return nil
	}
	return o.leg.Port()
}

// Do carries out an action of the call.
func (o *outgoing) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		o.start = a
		o.connect(o.designated)
	case call.Cancel:
		o.cancelled = &a
		if o.leg != nil && o.next == nil {
			o.leg.Do(a)
		}
	default:
		if o.leg != nil {
			o.leg.Do(a)
		}
	}
}

// finder names the node to reach and the key to show it.
type finder func(context.Context) (designation.Designation, error)

// connect reaches the node that find names, beside the session, and posts the outcome.
func (o *outgoing) connect(find finder) {
	l, post := o.links, o.setup.Post
	l.work.Go(func() {
		<-l.ready
		c := l.reach(l.ctx, find, o.way.Sign)
		if !post(c) && c.port != nil {
			c.port.Close()
		}
	})
}

// reach connects to the node and opens what a leg needs. A link that was about to close, or is found dead now that it is used, is
// dialled once more.
func (l *Links) reach(ctx context.Context, find finder, sign func(boot string) (string, error)) connected {
	d, err := find(ctx)
	if err != nil {
		return connected{err: err}
	}
	c := l.attempt(ctx, d, sign)
	if code := errs.CodeOf(c.err); code == errs.Gone || code == errs.LinkLost {
		c = l.attempt(ctx, d, sign)
	}
	return c
}

func (l *Links) attempt(ctx context.Context, d designation.Designation, sign func(boot string) (string, error)) (c connected) {
	c.key = d.Key
	if c.conn, c.err = l.link.Connect(ctx, d.Node); c.err != nil {
		c.err = l.unreachable(d.Node, c.err)
		return c
	}
	defer c.conn.Hold()() // until the leg holds it itself
	if sign != nil {
		if c.key, c.err = sign(c.conn.PeerBoot()); c.err != nil {
			return c
		}
	}
	if c.stream, c.err = l.streamOf(ctx, c.conn); errs.CodeOf(c.err) == errs.LinkLost {
		<-c.conn.Done() // Connect finds it no longer
	}
	if c.err != nil {
		return c
	}
	c.port, c.err = l.cfg.Relay.OpenFlow(flows{c.conn})
	return c
}

// unreachable is what people are told of a link that did not come up; the rest is for the log.
func (l *Links) unreachable(n designation.Node, err error) error {
	l.cfg.Logger.Warn("no link to another switch", "peer", n.ID, "addresses", n.Addresses, "error", err)
	code := errs.CodeOf(err)
	if code == errs.Internal {
		code = errs.Unreachable
	}
	return &errs.Error{Code: code}
}

// Handle turns an input into events of the call.
func (o *outgoing) Handle(input any) []call.Event {
	if c, ok := input.(connected); ok {
		return o.connected(c)
	}
	if o.leg == nil {
		return nil
	}
	evs := o.leg.Handle(input)
	if o.next != nil {
		return o.awaitClose(evs)
	}
	for i, ev := range evs {
		if o.next = o.another(ev); o.next != nil {
			return o.awaitClose(evs[i+1:])
		}
	}
	return evs
}

// another is the next attempt after an event, nil for none.
func (o *outgoing) another(ev call.Event) finder {
	if o.cancelled != nil {
		return nil
	}
	switch ev := ev.(type) {
	case call.Ringing, call.Answered:
		o.rang = true
	case call.Refused:
		if ev.Cause.Code == string(errs.Restarted) && !o.renewed {
			o.renewed = true
			return o.again(o.met)
		}
	case call.Lost: // a switch that was killed leaves links behind that are found dead only when they are used
		if o.rang || o.redialled {
			return nil
		}
		o.redialled = true
		if o.way.Again != nil {
			return o.again(fabric.Run{})
		}
		return o.designated
	}
	return nil
}

// again has the cloud designate once more, if it did before.
func (o *outgoing) again(met fabric.Run) finder {
	if o.way.Again == nil {
		return nil
	}
	return func(ctx context.Context) (designation.Designation, error) { return o.way.Again(ctx, met) }
}

// designated is the node of the first attempt.
func (o *outgoing) designated(context.Context) (designation.Designation, error) {
	return o.way.Designation, nil
}

// awaitClose swallows what is left of a dialog that is given up; when it is closed, the leg begins anew, or ends if it was
// cancelled meanwhile.
func (o *outgoing) awaitClose(evs []call.Event) []call.Event {
	if !closed(evs) {
		return nil
	}
	o.leg.Port().Close()
	find := o.next
	o.leg, o.next = nil, nil
	if o.cancelled != nil {
		return o.gaveUp()
	}
	o.connect(find)
	return nil
}

// gaveUp ends a leg that was cancelled while it had no INVITE to take back.
func (o *outgoing) gaveUp() []call.Event {
	id := o.setup.Leg
	return []call.Event{call.Refused{Leg: id, Cause: o.cancelled.Cause}, call.Closed{Leg: id}}
}

func (o *outgoing) connected(c connected) []call.Event {
	id := o.setup.Leg
	switch {
	case o.cancelled != nil:
		if c.port != nil {
			c.port.Close()
		}
		return o.gaveUp()
	case c.err != nil:
		return []call.Event{call.Refused{Leg: id, Cause: call.CauseOfError(c.err)}, call.Closed{Leg: id}}
	}
	o.met = fabric.Run{Node: c.conn.Peer().ID, Boot: c.conn.PeerBoot()}
	o.leg = o.links.calling(o.setup, c)
	o.leg.Do(o.start)
	return nil
}

// calling makes the leg over a link that is up: an INVITE with the session key (RFC 8898).
func (l *Links) calling(s call.Setup, c connected) *leg {
	headers := []sip.Header{sip.NewHeader("Authorization", "Bearer "+c.key), sip.NewHeader("Max-Breadth", strconv.Itoa(s.Breadth))}
	if s.Withheld {
		headers = append(headers, sip.NewHeader("Privacy", "id")) // RFC 3325, 7: the other switch is trusted to keep it
	}
	if s.Auto {
		headers = append(headers, answersItself())
	}
	d := l.sip.NewDialog(sip.InviteParams{
		To:        sip.URI{Scheme: "sip", User: s.To.Number, Host: l.cfg.Org},
		From:      sip.Party{Name: s.From.Name, User: s.From.Number},
		Peer:      c.stream,
		Hops:      s.Hops,
		Headers:   headers,
		SessionID: sip.SessionID{Local: s.SessionID},
		Owner:     func(_ *sip.Dialog, in sip.Input) bool { return s.Post(in) },
	})
	d.SetTrace(sipleg.Tracer(l.cfg.Node, l.cfg.NameOf(c.conn.Peer().ID), s.Trace))
	inner := sipleg.Calling(sipleg.Config{ID: s.Leg, Dialog: d, Port: c.port, Lost: errs.LinkLost, Flows: true})
	return &leg{Leg: inner, id: s.Leg, leave: l.join(c.conn, c.stream, s.Post)}
}

// flows is a link as the relay uses it.
type flows struct{ *link.Conn }

// NewFlow begins to receive.
func (f flows) NewFlow(receive func(packet []byte)) (media.Flow, error) {
	return f.Conn.NewFlow(receive)
}

// Send sends a packet.
func (f flows) Send(flow uint64, packet []byte, late bool) error {
	if late {
		return f.SendLate(flow, packet)
	}
	return f.Conn.Send(flow, packet)
}
