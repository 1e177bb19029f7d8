package webside

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// callers is what an office has for apps that call: the promises that it gave, and the sessions of those who came.
type callers struct {
	mu       sync.Mutex
	promises map[string]call.Planned // by nonce
	placed   map[string]*session     // by call
}

// promises has the office promise a call to whoever has the key that it returns.
func (o *office) promises(d *device, p designation.Plan, branches ...call.Branch) pushseal.Wake {
	o.t.Helper()
	c := o.claims(p, d)
	c.Slot = rand.Text()
	planned := call.Planned{From: p.From, To: p.To, Ring: time.Minute, Branches: branches}
	for _, b := range p.Branches {
		planned.Branches = append(planned.Branches, call.Branch{Leg: b.App.Leg, Device: b.Device, Target: o.web.Target(b, p)})
	}
	o.callers.mu.Lock()
	defer o.callers.mu.Unlock()
	if o.callers.promises == nil {
		o.callers.promises, o.placed = map[string]call.Planned{}, map[string]*session{}
	}
	o.callers.promises[c.Slot] = planned
	return pushseal.Wake{Node: o.node, Key: o.sign(c)}
}

func (o *office) admission(c sessionkey.Claims, _ string) (call.Admission, error) {
	o.callers.mu.Lock()
	defer o.callers.mu.Unlock()
	p, ok := o.callers.promises[c.Slot]
	if !ok {
		return nil, errs.New(errs.Gone, "not promised")
	}
	delete(o.callers.promises, c.Slot)
	return func(context.Context) call.Event { return p }, nil
}

func (o *office) begin(in call.Incoming) error {
	s := &session{t: o.t, office: o}
	machine := call.New(in.Leg, in.Device, in.Offer)
	if in.Early {
		machine.TakeEarly()
	}
	s.Session = call.NewSession(call.SessionConfig{
		ID: in.Call, CallerLeg: in.Leg, Device: in.Device, Hops: in.Hops, Breadth: in.Breadth, SessionID: in.SessionID,
		Record: s.record, Count: func(string) {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, machine, in.From)
	leg, err := in.Attach(s.Session)
	if err != nil {
		return err
	}
	o.callers.mu.Lock()
	o.placed[in.Call] = s
	o.callers.mu.Unlock()
	ctx, cancel := context.WithCancel(o.t.Context())
	go s.Run(ctx, leg, in.Admission)
	o.t.Cleanup(func() { cancel(); <-s.Done() })
	return nil
}

// placedAs is the session of a call that an app placed.
func (o *office) placedAs(id string) (s *session) {
	o.t.Helper()
	eventually(o.t, "the call begins", func() bool {
		o.callers.mu.Lock()
		defer o.callers.mu.Unlock()
		s = o.placed[id]
		return s != nil
	})
	return s
}

// desk is a desk phone that is rung: the test plays it.
type desk struct {
	o     *office
	wire  *wire
	setup call.Setup
	port  *media.Port
	told  chan call.LegAction
}

func (o *office) desk() *desk { return &desk{o: o, wire: &wire{}, told: make(chan call.LegAction, 16)} }

func (d *desk) Dial(s call.Setup) (call.Leg, error) {
	var err error
	d.setup = s
	d.port, err = d.o.relay.OpenFlow(d.wire)
	return d, err
}

func (d *desk) Port() *media.Port             { return d.port }
func (d *desk) Handle(input any) []call.Event { return []call.Event{input.(call.Event)} }

func (d *desk) Do(a call.LegAction) {
	switch a.(type) {
	case call.HangUp, call.Cancel:
		d.setup.Post(call.Closed{Leg: d.setup.Leg})
	}
	d.told <- a
}

// gets waits for what the desk phone is told.
func gets[A call.LegAction](d *desk) A {
	d.o.t.Helper()
	select {
	case a := <-d.told:
		got, ok := a.(A)
		if !ok {
			d.o.t.Fatalf("the desk phone was told %T%+v, want %T", a, a, got)
		}
		return got
	case <-time.After(patience):
		var want A
		d.o.t.Fatalf("the desk phone was not told %T", want)
		return want
	}
}

// rings and answers with PCMA.
func (d *desk) rings() { d.setup.Post(call.Ringing{Leg: d.setup.Leg}) }

func (d *desk) answers() {
	d.port.SetLocal(phone)
	d.port.SetRemote(sdp.Session{Formats: phone[:1], Direction: sdp.SendRecv, Flow: 1}, netip.Addr{})
	d.setup.Post(call.Answered{Leg: d.setup.Leg, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}})
}

// enters brings an app that calls to its node.
func (a *app) enters(d *device, w pushseal.Wake, fingerprint string) sip.Peer {
	a.t.Helper()
	if v := a.arrives(d, w, fingerprint); !v.OK || v.Resumed {
		a.t.Fatalf("let in by %+v", v)
	}
	return a.peer
}

// calls places a call with the app's own offer of PCMU and PCMA.
func (a *app) calls(at sip.Peer) {
	a.t.Helper()
	a.callsWith(at, a.offer())
}

func (a *app) callsWith(at sip.Peer, offer []byte) {
	a.work <- func() {
		a.dialog = a.sip.NewDialog(sip.InviteParams{
			To: sip.URI{Scheme: "sip", User: "30", Host: orgID}, From: sip.Party{Name: "whatever", User: "666", Host: orgID}, Peer: at,
			Owner: func(d *sip.Dialog, in sip.Input) bool {
				a.work <- func() {
					for _, ev := range d.Handle(in) {
						a.events <- ev
					}
				}
				return true
			},
		})
		a.dialog.Invite(offer)
	}
}

func (a *app) offer() []byte {
	a.t.Helper()
	a.listens()
	var err error
	a.voice, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, "audio", "app")
	if err == nil {
		_, err = a.rtc.AddTrack(a.voice)
	}
	if a.video {
		a.films()
	}
	var d webrtc.SessionDescription
	if err == nil {
		d, err = a.rtc.CreateOffer(nil)
	}
	gathered := webrtc.GatheringCompletePromise(a.rtc)
	if err == nil {
		err = a.rtc.SetLocalDescription(d)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	<-gathered
	a.said = []byte(a.rtc.LocalDescription().SDP)
	return a.said
}

// answered takes the answer to the app's offer.
func (a *app) answered() sip.Answered {
	a.t.Helper()
	ev := sees[sip.Answered](a)
	if err := a.rtc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(ev.SDP)}); err != nil {
		a.t.Fatal(err)
	}
	return ev
}

// An app calls a desk phone: it is told that it rings, the two hear each other, and the app hangs up.
func TestAppCallsDeskPhone(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan()
	phone := o.desk()
	w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
	a, fingerprint := newApp(t)
	a.calls(a.enters(d, w, fingerprint))
	if offer := gets[call.Start](phone).Offer; !slices.ContainsFunc(offer.Codecs, pcma.Same) || !slices.ContainsFunc(offer.Codecs, pcmu.Same) {
		t.Errorf("the phone is offered %+v", offer.Codecs)
	}
	phone.rings()
	if ev := sees[sip.Progress](a); ev.Code != 180 {
		t.Errorf("the app hears %+v", ev)
	}
	phone.answers()
	if ev := a.answered(); ev.Proof != "" {
		t.Errorf("a switch answered with the proof %q", ev.Proof)
	}
	talk(t, &session{t: t, wire: phone.wire}, a)
	a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
	gets[call.HangUp](phone)
	if got := o.placedAs(p.Call).ends("desk"); !slices.Equal(got, []string{"trying", "ringing", "answered", "leg-ended normal"}) {
		t.Errorf("ledger: %q", got)
	}
}

// An app calls an app: the descriptions pass through, and the media go from one to the other. Hold does too.
func TestAppCallsApp(t *testing.T) {
	o, caller, callee := newOffice(t), newDevice(t), newDevice(t)
	p := o.plan(callee)
	phone := o.desk()
	a, fingerprint := newApp(t)
	a.calls(a.enters(caller, o.promises(caller, p, call.Branch{Leg: "desk", Target: phone}), fingerprint))
	gets[call.Start](phone)
	w := o.woken(callee)
	if ev := sees[sip.Progress](a); ev.Code != 183 || ev.State != sip.StateWaking {
		t.Errorf("the app hears %+v", ev)
	}
	b, other := newApp(t)
	b.comes(callee, w, other)
	if string(b.dialog.SDP()) != string(a.said) {
		t.Error("the offer did not pass through unchanged")
	}
	b.rings()
	if ev := sees[sip.Progress](a); ev.Code != 180 {
		t.Errorf("the app hears %+v", ev)
	}
	b.answers()
	gets[call.Cancel](phone)
	ev := a.answered()
	var shown proof.Call
	if thumb, err := proof.Open(ev.Proof, proof.TypeCall, &shown); err != nil || thumb != callee.thumbprint() || shown.DTLS != other {
		t.Errorf("answered by %+v of %s, %v", shown, thumb, err)
	}
	if string(ev.SDP) != string(b.said) {
		t.Error("the answer did not pass through unchanged")
	}
	heardDirectly(t, a, b)
	heardDirectly(t, b, a)
	b.says(func(d *sip.Dialog) {
		d.TellPair("host/prflx")
		d.TellPair("host/nonsense")
	})
	b.reoffers(sdp.SendOnly)
	if held := sees[sip.Offered](a); !strings.Contains(string(held.SDP), "a=sendonly") {
		t.Errorf("hold came as %q", held.SDP)
	}
	body := strings.Replace(string(a.said), "a=sendrecv", "a=recvonly", 1)
	a.says(func(d *sip.Dialog) { d.AcceptOffer([]byte(body)) })
	if held := sees[sip.OfferAccepted](b); string(held.SDP) != body {
		t.Errorf("hold was answered by %q", held.SDP)
	}
	b.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
	sees[sip.HungUp](a)
	s := o.placedAs(p.Call)
	s.ends("desk")
	for _, e := range s.events {
		if e.Kind == "quality" || e.Kind == "media" && (e.Local != "host" || e.Remote != "prflx" || e.Leg != p.Branches[0].App.Leg) {
			t.Errorf("media at the switch: %+v", e)
		}
	}
	if !slices.ContainsFunc(s.events, func(e ledger.Event) bool { return e.Kind == ledger.Media }) {
		t.Error("the way of the media is not on record")
	}
}

// heardDirectly has one app speak until the other hears it.
func heardDirectly(t *testing.T, a, b *app) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := uint16(0)
	eventually(t, "an app hears the other", func() bool {
		n++
		packet := []byte{0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'h', 'i'}
		binary.BigEndian.PutUint16(packet[2:], n)
		if _, err := a.voice.Write(packet); err != nil {
			t.Fatal(err)
		}
		<-tick.C
		return len(b.hears()) > 0
	})
}

// An app that calls gives up: by CANCEL, or because its connection ends and it does not come back.
func TestCallingAppGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		give func(*app)
		code errs.Code
	}{
		"cancels":  {func(a *app) { a.says(func(d *sip.Dialog) { d.Cancel(sip.Cause{}) }) }, errs.CallerLeft},
		"vanishes": {func(a *app) { _ = a.session.CloseWithError(0, "") }, errs.LegLost},
		"hangs up": {func(a *app) { a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{}) }) }, errs.CallerLeft},
	} {
		t.Run(name, func(t *testing.T) {
			o, d := newOffice(t), newDevice(t)
			p, phone := o.plan(), o.desk()
			a, fingerprint := newApp(t)
			a.calls(a.enters(d, o.promises(d, p, call.Branch{Leg: "desk", Target: phone}), fingerprint))
			gets[call.Start](phone)
			phone.rings()
			sees[sip.Progress](a)
			c.give(a)
			if told := gets[call.Cancel](phone); told.Cause.Code != string(c.code) {
				t.Errorf("the phone is told %+v", told.Cause)
			}
			s := o.placedAs(p.Call)
			if got := s.ends("desk"); got[len(got)-1] != "leg-ended "+string(c.code) {
				t.Errorf("ledger: %q", got)
			}
			eventually(t, "no connection is left", func() bool { return o.web.Counters().Connections == 0 })
		})
	}
}

// Every misuse of a caller's key is refused, and uses nothing up.
func TestMisuseOfACallersKey(t *testing.T) {
	o, d, thief := newOffice(t), newDevice(t), newDevice(t)
	p, phone := o.plan(), o.desk()
	w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
	good, err := sessionkey.Open(w.Key, o.verifier.Keys)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*sessionkey.Claims)) string {
		c := good
		c.ID = ident.New(ident.Leg)
		change(&c)
		return o.sign(c)
	}
	for name, c := range map[string]struct {
		key  string
		by   *device
		want errs.Code
	}{
		"another device":  {w.Key, thief, errs.WrongPresenter},
		"another node":    {with(func(c *sessionkey.Claims) { c.Audience = "sw_x" }), d, errs.WrongAudience},
		"a restarted one": {with(func(c *sessionkey.Claims) { c.Boot = "bo_x" }), d, errs.Restarted},
		"expired": {with(func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = c.IssuedAt-300, c.NotBefore-300, c.IssuedAt-270
		}), d, errs.KeyExpired},
		"revoked":              {with(func(c *sessionkey.Claims) { c.Subject = "dv_revoked" }), d, errs.Revoked},
		"nothing was promised": {with(func(c *sessionkey.Claims) { c.Slot = "another" }), d, errs.Gone},
		"a key of a leg":       {with(func(c *sessionkey.Claims) { c.Slot = "" }), d, errs.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			if err := o.knock(proof.Entry{Key: c.key, Proof: c.by.proves(t, pushseal.Wake{Node: o.node, Key: c.key, Epoch: map[bool]int{true: 1}[name == "a key of a leg"]}, "", nil)}); code(err) != c.want {
				t.Errorf("%s: %v, want %s", refusal(err), err, c.want)
			}
		})
	}
	a, fingerprint := newApp(t)
	at := a.enters(d, w, fingerprint)
	again := proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil)}
	if err := o.knock(again); code(err) != errs.Replayed {
		t.Errorf("the key once more: %v", err)
	}
	_, other := newApp(t)
	offer := a.offer()
	a.callsWith(at, []byte(strings.Replace(string(offer), strings.TrimPrefix(fingerprint, "sha-256 "), strings.TrimPrefix(other, "sha-256 "), 1)))
	if r := sees[sip.Refused](a); r.Refusal != string(errs.WrongPresenter) {
		t.Errorf("with the certificate of another: %+v", r)
	}
	sees[sip.Closed](a)
	a.callsWith(at, offer)
	if r := sees[sip.Refused](a); r.Refusal != string(errs.Forbidden) {
		t.Errorf("a second call on the connection: %+v", r)
	}
}
