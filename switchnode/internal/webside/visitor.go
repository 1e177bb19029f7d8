package webside

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// visitor is a connection of an app that was let in to call: it has one INVITE to send. One that comes back before it has the
// answer sends it again.
type visitor struct {
	claims    sessionkey.Claims
	key       string // the same, as it was shown
	admission call.Admission
	here      joined
	again     bool

	mu   sync.Mutex
	came bool // its INVITE
	leg  func(any) bool
}

// visit judges whether this switch has promised to take the call of a key, and returns the token that takes the call up once it is
// answered. From here on the key is a replay.
func (w *Web) visit(c sessionkey.Claims, key string, p proof.Call) (v *visitor, token string, err error) {
	v = &visitor{claims: c, key: key}
	if v.admission, err = w.cfg.Admission(c, key); err != nil {
		return v, "", err
	}
	w.cfg.Verifier.Done(c.ID)
	token, err = w.legs.visit(c.ID, p, v.post)
	return v, token, err
}

// back judges who comes back with a token. The dialog of a leg that is answered goes on; an app that calls begins its own anew.
func (w *Web) back(g *guest, c sessionkey.Claims, p proof.Call) (err error) {
	if g.post, g.resumed, err = w.legs.resume(g.leg, g.token, p); err == nil && !g.resumed {
		g.calls = &visitor{claims: c, again: true, leg: g.post}
		g.post = g.calls.post
	}
	return err
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
	if j, came := in.(joined); came && !j.resumed {
		return true // the leg is made with it, or hears of it with the INVITE
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
	if v.again {
		d.SetOwner(func(d *sip.Dialog, in sip.Input) bool { return v.leg(ofDialog{d, in}) })
		if !v.leg(repeated{d, &v.here}) { // over since it was let in
			v.here.close()
		}
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
	film := len(s.Video.Formats) > 0 // which goes to another app, and not here
	return w.cfg.Begin(call.Incoming{
		Call: c.Call, Leg: c.ID, Device: c.Subject, From: c.From, Dialled: c.To.Number, Help: c.Help, Offer: offer, Early: !film,
		Hops: d.Hops(), Breadth: d.Breadth(), SessionID: d.SessionID().Remote, Admission: v.admission,
		Attach: func(session *call.Session) (call.Leg, error) { return w.calling(session, d, v, s) },
	})
}
