package webside

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// visitor is an app that was let in to call: it has one INVITE to send.
type visitor struct {
	claims    sessionkey.Claims
	admission call.Admission
	here      joined

	mu   sync.Mutex
	came bool // its INVITE
	leg  func(any) bool
}

// visit judges whether this switch has promised to take the call of a key, and returns the token that takes the call up once it is
// answered. From here on the key is a replay.
func (w *Web) visit(c sessionkey.Claims, p proof.Call) (v *visitor, token string, err error) {
	v = &visitor{claims: c}
	if v.admission, err = w.cfg.Admission(c); err != nil {
		return v, "", err
	}
	w.cfg.Verifier.Done(c.ID)
	token, err = w.legs.visit(c.ID, p, v.post)
	return v, token, err
}

// meet expects the INVITE of an app on its stream, and returns what ends that. Who sends none in time has to leave.
func (w *Web) meet(s net.Conn, g guest) (part func()) {
	v, at := g.calls, netip.MustParseAddrPort(s.RemoteAddr().String())
	v.here = joined{at: sip.Peer{Transport: sip.TCP, Addr: at}, dtls: g.dtls, proof: g.proof, close: func() { _ = s.Close() }}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.callers[at] = v
	late := time.AfterFunc(w.cfg.Times.Line, func() {
		if v.comes() {
			v.here.close()
		}
	})
	return func() {
		late.Stop()
		if !v.calling() { // else the leg says when it is over
			w.legs.end(g.leg, call.CauseOf(errs.CallerLeft, ""))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.callers, at)
	}
}

// comes says whether it is the first time.
func (v *visitor) comes() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := !v.came
	v.came = true
	return first
}

// calling says whether the call has begun.
func (v *visitor) calling() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.leg != nil
}

// post tells the leg what happens to the connection.
func (v *visitor) post(in any) bool {
	if j, first := in.(joined); first && !j.resumed {
		return true // the leg is made with it
	}
	v.mu.Lock()
	leg := v.leg
	v.mu.Unlock()
	return leg != nil && leg(in)
}

// caller finds who calls from an address.
func (w *Web) caller(at netip.AddrPort) *visitor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.callers[at]
}

// Invite takes the call of an app that came with a caller's key. Whatever the INVITE says, the key says who calls whom.
func (w *Web) Invite(d *sip.Dialog) {
	v := w.caller(d.Source().Addr)
	if v == nil || !v.comes() {
		sipleg.Refuse(d, errs.New(errs.Forbidden, "an app calls by a key of its own, on a connection of its own"))
		return
	}
	if err := w.begin(d, v); err != nil {
		sipleg.Refuse(d, err)
	}
}

func (w *Web) begin(d *sip.Dialog, v *visitor) error {
	s, err := sdp.ParseSecure(d.SDP())
	if err == nil {
		err = proven(s, v.here.dtls)
	}
	if err != nil {
		return err
	}
	offer := s.Description()
	offer.Codecs = nil // what cannot be carried, others need not hear of
	for _, f := range taken(s.Formats, s.Description()) {
		offer.Codecs = append(offer.Codecs, f.Codec)
	}
	offer.Body = d.SDP()
	c := v.claims
	return w.cfg.Begin(call.Incoming{
		Call: c.Call, Leg: c.ID, Device: c.Subject, From: c.From, Dialled: c.To.Number, Offer: offer,
		Hops: d.Hops(), Breadth: d.Breadth(), SessionID: d.SessionID().Remote, Admission: v.admission,
		Attach: func(session *call.Session) (call.Leg, error) { return w.calling(session, d, v, s) },
	})
}

// calling makes the leg of an app that calls.
func (w *Web) calling(s *call.Session, d *sip.Dialog, v *visitor, offer sdp.Session) (call.Leg, error) {
	post, claims := s.PosterOf(call.Caller), v.claims
	c := &caller{offer: offer, leg: leg{
		web: w, state: inviting, dialog: d, here: &v.here,
		setup:  call.Setup{Call: claims.Call, Leg: call.Caller, ID: claims.ID, From: claims.From, To: claims.To, Post: post, Trace: s.Trace},
		branch: designation.Branch{Device: claims.Subject, App: &designation.App{Leg: claims.ID}},
	}}
	var err error
	if c.port, err = w.cfg.Relay.OpenEnd(&c.carrier, "WebRTC"); err != nil {
		return nil, err
	}
	c.carrier.port.Store(c.port)
	d.SetTrace(sipleg.Tracer(w.cfg.Name, "app "+claims.From.Number, s.Trace))
	d.SetOwner(func(d *sip.Dialog, in sip.Input) bool { return post(ofDialog{d, in}) })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leg = post
	return c, nil
}

// caller is the leg of an app that calls. Once it is answered it is a leg like that of an app that was called.
type caller struct {
	leg
	offer    sdp.Session
	accepted bool // our answer is being made, or was sent
}

// answering is our answer to the app's offer.
type answering struct {
	round int
	peer  *peer
	body  []byte
	err   error
}

// Do carries out an action of the call.
func (c *caller) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Ring:
		c.dialog.SetSessionID(a.SessionID)
		c.dialog.Progress(180, "Ringing")
	case call.Wake: // 2-call-flows, "Honest ring-back"
		c.dialog.Progress(183, "Session Progress", sip.NewHeader(sip.HeaderState, sip.StateWaking))
	case call.Accept:
		c.accept(a)
	case call.Refuse:
		c.refuse(a.Cause)
	case call.HangUp:
		if c.state == inviting { // our answer is being made
			c.refuse(a.Cause)
			return
		}
		c.leg.Do(a)
	default:
		c.leg.Do(a)
	}
}

func (c *caller) refuse(why ledger.Cause) {
	if c.state == inviting {
		sipleg.RefuseWith(c.dialog, why) // its Closed follows
		leave := c.here.close
		c.here = &joined{at: c.here.at, close: func() { time.AfterFunc(c.web.cfg.Times.Last, leave) }} // the app has to read why
		c.over(why)
	}
}

// accept passes the answer of the callee's app on, or makes one of our own to what the callee's phone took.
func (c *caller) accept(a call.Accept) {
	if c.state != inviting {
		return
	}
	c.accepted = true
	c.dialog.SetSessionID(a.SessionID)
	if a.Description.Body != nil {
		c.direct, c.state, c.agreed = true, talking, c.offer.Description()
		c.web.legs.answered(c.branch.App.Leg, c.here.dtls)
		c.dialog.Answer(a.Description.Body, sip.NewHeader(sip.HeaderProof, a.Description.Proof))
		return
	}
	c.formats = taken(c.offer.Formats, a.Description)
	w, round, body, formats, post := c.web, c.round, c.dialog.SDP(), c.formats, c.setup.Post
	to := &c.carrier
	w.work.Go(func() {
		p, answer, err := w.cfg.RTC.answerPeer(w.ctx, body, formats, to, func(ok bool) { post(way{round, ok}) })
		if !post(answering{round, p, answer, err}) && p != nil {
			p.close()
		}
	})
}

// answer sends the answer that was made.
func (c *caller) answer(in answering) []call.Event {
	switch {
	case in.round != c.round || c.state != inviting:
		if in.peer != nil {
			c.web.work.Close(in.peer)
		}
		return nil
	case in.err != nil:
		c.web.cfg.Logger.Warn("the offer of an app is refused", "call", c.setup.Call, "device", c.branch.Device, "error", in.err)
		why := call.CauseOfError(in.err)
		c.refuse(why)
		return []call.Event{call.Lost{Leg: call.Caller, Cause: why}}
	}
	c.carrier.peer.Store(in.peer)
	s := c.offer
	s.Formats, s.Flow = c.formats, theFlow
	c.port.SetLocal(c.formats)
	c.port.SetRemote(s, c.here.at.Addr.Addr())
	c.state, c.agreed = talking, s.Description()
	c.web.legs.answered(c.branch.App.Leg, c.here.dtls)
	c.dialog.Answer(in.body)
	return nil
}

// Handle turns an input into events of the call.
func (c *caller) Handle(input any) (evs []call.Event) {
	switch in := input.(type) {
	case answering:
		return c.answer(in)
	case dropped:
		if c.state == inviting {
			c.dialog.Abandon() // its Closed follows
			return c.left()
		}
	case ofDialog:
		for _, ev := range in.dialog.Handle(in.in) {
			if c.state == inviting {
				evs = append(evs, c.before(ev)...)
			} else {
				evs = append(evs, c.translate(ev)...)
			}
		}
		return evs
	}
	return c.leg.Handle(input)
}

// before takes an event of the dialog before it is answered: whatever ends it, the caller has left.
func (c *caller) before(ev sip.Event) []call.Event {
	switch ev.(type) {
	case sip.Cancelled, sip.HungUp, sip.Lost:
		return c.left()
	case sip.Closed:
		return append(c.left(), c.dialogClosed()...)
	}
	return nil
}

func (c *caller) left() []call.Event {
	why := call.CauseOf(errs.CallerLeft, "")
	c.over(why)
	if c.accepted { // for the call it was answered already
		return []call.Event{call.HungUp{Leg: call.Caller, Cause: why}}
	}
	return []call.Event{call.Cancelled{}}
}
