package webside

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/link"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
	"strowger/pkg/webcert"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const orgID = "org_acme"

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// office is a switch with its web side and its link port. The cloud and the bridge are the test.
type office struct {
	t        *testing.T
	web      *Web
	rtc      *RTC
	relay    *media.Relay
	endpoint *link.Endpoint
	verifier *sessionkey.Verifier
	key      ed25519.PrivateKey // the organization's
	node     designation.Node
	wakes    chan fabric.Wake // that a bridge was asked for
	cancels  chan fabric.Cancel
	reply    func() (fabric.WakeReply, error)
	callers
}

// bridgeOrigin is that of the pages of the organization's bridge.
const bridgeOrigin = "https://bridge.example.com"

func newOffice(t *testing.T) *office {
	t.Helper()
	return newOfficeOf(t, Times{Stranger: time.Hour, Line: time.Hour, Last: patience, Away: 10 * time.Millisecond})
}

func newOfficeOf(t *testing.T, times Times) *office {
	t.Helper()
	times.Early = cmp.Or(times.Early, 10*time.Millisecond)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, log := netip.MustParseAddr("127.0.0.1"), slog.New(slog.DiscardHandler)
	o := &office{t: t, key: key, wakes: make(chan fabric.Wake, 64), cancels: make(chan fabric.Cancel, 64)}
	o.reply = func() (fabric.WakeReply, error) {
		return fabric.WakeReply{Pushes: []fabric.PushResult{{Provider: fabric.APNs, Accepted: true, Tries: 1}}}, nil
	}
	certificates, err := webcert.Open(webcert.Config{Path: filepath.Join(t.TempDir(), "web.pem"), Node: "sw_y", Host: host, Now: time.Now, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	if o.rtc, err = ListenRTC(netip.AddrPortFrom(host, 0), host, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.rtc.Close() })
	if o.relay, err = media.NewRelay(media.Config{Bind: host, Logger: log, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.relay.Close)
	name := trust.Name{Org: orgID, Kind: trust.Switch, ID: ident.New(ident.Switch)}
	boot := ident.New(ident.Boot)
	o.verifier = &sessionkey.Verifier{
		Node: name.ID, Boot: boot, Org: orgID, Now: time.Now, Revoked: func(id string) bool { return id == "dv_revoked" },
		Keys: func(kid string) (sessionkey.Key, bool) {
			return sessionkey.Key{Public: key.Public().(ed25519.PublicKey), Issuer: kid}, kid == orgID || kid == "org_other"
		},
	}
	o.web = New(Config{
		Node: name.ID, Name: "sw-30", Org: orgID, RTC: o.rtc, Relay: o.relay, Verifier: o.verifier, Now: time.Now, Logger: log,
		Wake: func(_ context.Context, q fabric.Wake) (fabric.WakeReply, error) {
			o.wakes <- q
			return o.reply()
		},
		Cancel: func(_ context.Context, q fabric.Cancel) (fabric.WakeReply, error) {
			o.cancels <- q
			return fabric.WakeReply{}, nil
		},
		Times: times, Begin: o.begin, Admission: o.admission,
		Origin: func(origin string) bool { return origin == bridgeOrigin },
	})
	root := trusttest.NewRoot(t)
	cert := root.Intermediate(t, orgID).Node(t, name, nil)
	o.endpoint, err = link.Listen(link.Config{
		Addr: "127.0.0.1:0", Name: name, Boot: boot, Certificate: func() tls.Certificate { return cert }, Roots: root.Pool(),
		OnWeb: o.web.Take, WebCertificate: certificates.Current, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.node = designation.Node{
		ID: name.ID, Addresses: []string{o.endpoint.Addr().String()}, KeyHash: trust.CertKeyHash(cert.Leaf.RawSubjectPublicKeyInfo),
		DTLS: o.rtc.Fingerprint(), Boot: boot, Web: certificates.Hashes(),
	}
	background(t, o.web.Run)
	background(t, o.endpoint.Run)
	<-o.web.ready
	return o
}

// background runs a part until the test ends.
func background(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// device is what an app has from its enrolment.
type device struct {
	id      string
	signing *ecdsa.PrivateKey
	sealing pushseal.PrivateKey
}

func newDevice(t *testing.T) *device {
	t.Helper()
	sealing, err := pushseal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &device{ident.New(ident.Device), trusttest.NewKey(t), sealing}
}

func (d *device) thumbprint() string { return proof.JWKOf(&d.signing.PublicKey).Thumbprint() }

// plan is what the cloud tells the office of a call to devices.
func (o *office) plan(devices ...*device) designation.Plan {
	p := designation.Plan{
		Call: ident.New(ident.Call), Organization: orgID, From: designation.Party{Number: "201001", Name: "Ann"},
		To: designation.Party{Number: "30"}, Ring: time.Minute, Node: &o.node,
	}
	for _, d := range devices {
		c := o.claims(p, d)
		p.Branches = append(p.Branches, designation.Branch{
			Device: d.id, Kind: designation.Mobile, Name: "Ben's phone",
			App: &designation.App{Leg: c.ID, Key: o.sign(c), Seal: d.sealing.Public(), Ticket: "ticket of " + d.id},
		})
	}
	return p
}

// claims are those of a good key for a device.
func (o *office) claims(p designation.Plan, d *device) sessionkey.Claims {
	now := time.Now()
	return sessionkey.Claims{
		Issuer: orgID, ID: ident.New(ident.Leg), Audience: o.node.ID, Boot: o.node.Boot,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(time.Minute).Unix(),
		Subject: d.id, Confirm: sessionkey.Confirmation{Thumbprint: d.thumbprint()}, AddressHash: o.node.Hash(),
		Org: orgID, Call: p.Call, From: p.From, To: p.To, Media: []string{"audio"},
	}
}

func (o *office) sign(c sessionkey.Claims) string {
	o.t.Helper()
	key, err := sessionkey.Sign(c.Issuer, o.key, c)
	if err != nil {
		o.t.Fatal(err)
	}
	return key
}

// woken is what a device finds in the next push; it checks it as it has to.
func (o *office) woken(d *device) pushseal.Wake {
	o.t.Helper()
	select {
	case q := <-o.wakes:
		if q.Ticket != "ticket of "+d.id || q.Epoch != epoch || time.Until(q.Until) < 30*time.Second {
			o.t.Errorf("wake with ticket %q, epoch %d, until %v", q.Ticket, q.Epoch, q.Until)
		}
		w, err := d.sealing.Open(orgID, d.id, q.Sealed)
		if err != nil {
			o.t.Fatal(err)
		}
		c, err := w.Check(o.verifier.Keys, orgID, d.id, d.thumbprint(), time.Now())
		if err != nil || c.From.Name != "Ann" || w.Epoch != epoch {
			o.t.Fatalf("the device does not believe the push: %v, from %+v, epoch %d", err, c.From, w.Epoch)
		}
		return w
	case <-time.After(patience):
		o.t.Fatal("no bridge was asked")
		return pushseal.Wake{}
	}
}

// session is a call whose caller the test plays.
type session struct {
	*call.Session
	t      *testing.T
	office *office
	caller *party
	wire   *wire // of the caller
	mu     sync.Mutex
	events []ledger.Event
	legs   []*leg // of apps
}

// tapped is a target whose legs the test knows.
type tapped struct {
	call.Target
	s *session
}

func (t tapped) Dial(setup call.Setup) (call.Leg, error) {
	made, err := t.Target.Dial(setup)
	if l, ok := made.(*leg); ok {
		t.s.mu.Lock()
		defer t.s.mu.Unlock()
		t.s.legs = append(t.s.legs, l)
	}
	return made, err
}

var (
	pcma   = sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}
	pcmu   = sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}
	digits = sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1, Fmtp: "0-15"}
	g729   = sdp.Codec{Name: "G729", Clock: 8000, Channels: 1}
	speech = sdp.Description{Codecs: []sdp.Codec{pcma, pcmu, digits}, Direction: sdp.SendRecv}
	phone  = []sdp.Format{{Codec: pcma, PT: 8}, {Codec: pcmu, PT: 0}, {Codec: digits, PT: 101}}
)

// call begins a call of a plan.
func (o *office) call(p designation.Plan, offer sdp.Description) *session {
	o.t.Helper()
	s := &session{t: o.t, office: o, wire: &wire{}}
	s.Session = call.NewSession(call.SessionConfig{
		ID: p.Call, CallerLeg: "caller", Hops: 60, Breadth: 60, SessionID: "5e55105e55105e55105e55105e55105e",
		Record: s.record, Count: func(string) {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, call.New("caller", "", offer), p.From)
	port, err := o.relay.OpenFlow(s.wire)
	if err != nil {
		o.t.Fatal(err)
	}
	port.SetLocal(phone)
	port.SetRemote(sdp.Session{Formats: phone, Direction: sdp.SendRecv, Flow: 1}, netip.Addr{})
	s.caller = &party{s, port, make(chan call.LegAction, 64)}
	planned := call.Planned{From: p.From, To: p.To, Ring: p.Ring}
	for _, b := range p.Branches {
		planned.Branches = append(planned.Branches, call.Branch{Leg: b.App.Leg, Device: b.Device, Delay: b.Delay, Target: tapped{o.web.Target(b, p), s}})
	}
	ctx, cancel := context.WithCancel(o.t.Context())
	go s.Run(ctx, s.caller, func(context.Context) call.Event { return planned })
	o.t.Cleanup(func() { cancel(); <-s.Done() })
	return s
}

func (s *session) record(e ledger.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// wrote are the events of a leg in words, without arrows and figures.
func (s *session) wrote(leg string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Leg != leg || e.Kind == ledger.Message || e.Kind == ledger.Quality || e.Kind == ledger.Media {
			continue
		}
		line := string(e.Kind)
		if e.Text != "" {
			line += " " + e.Text
		}
		if e.Cause != nil {
			line += " " + e.Cause.Code
		}
		all = append(all, line)
	}
	return all
}

// writes waits for an event of a leg.
func (s *session) writes(leg, line string) {
	s.t.Helper()
	eventually(s.t, line, func() bool { return slices.Contains(s.wrote(leg), line) })
}

// ends waits for the end of the call and returns what a leg wrote.
func (s *session) ends(leg string) []string {
	s.t.Helper()
	select {
	case <-s.Done():
	case <-time.After(patience):
		s.t.Fatalf("the call does not end: %q", s.wrote(leg))
	}
	return s.wrote(leg)
}

// party is the caller's leg.
type party struct {
	s    *session
	port *media.Port
	told chan call.LegAction
}

func (p *party) Do(a call.LegAction) {
	p.told <- a
	switch a.(type) {
	case call.HangUp, call.Refuse:
		p.say(call.Closed{Leg: call.Caller})
	}
}

func (p *party) Handle(input any) []call.Event { return []call.Event{input.(call.Event)} }
func (p *party) Port() *media.Port             { return p.port }

func (p *party) say(ev call.Event) { p.s.PosterOf(call.Caller)(ev) }

// hangUp ends the call, and cancel does before it was answered.
func (p *party) hangUp() {
	p.say(call.HungUp{Leg: call.Caller, Cause: call.CauseOf(call.Normal, "")})
	p.say(call.Closed{Leg: call.Caller})
}

func (p *party) cancel() {
	p.say(call.Cancelled{})
	p.say(call.Closed{Leg: call.Caller})
}

// hears waits for an action of type A that the caller is told; others are an error.
func hears[A call.LegAction](s *session) A {
	s.t.Helper()
	var want A
	select {
	case a := <-s.caller.told:
		got, ok := a.(A)
		if !ok {
			s.t.Fatalf("the caller was told %T%+v, want %T", a, a, want)
		}
		return got
	case <-time.After(patience):
		s.t.Fatalf("the caller was not told %T", want)
		return want
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// wire is the caller's media: the test speaks as its phone, and hears what that is sent.
type wire struct {
	receive func([]byte)

	mu   sync.Mutex
	sent [][]byte
}

type wireFlow struct{}

func (wireFlow) ID() uint64 { return 1 }
func (wireFlow) Close()     {}

func (w *wire) NewFlow(receive func([]byte)) (media.Flow, error) {
	w.receive = receive
	return wireFlow{}, nil
}

func (w *wire) Send(_ uint64, packet []byte, _ bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, slices.Clone(packet))
	return nil
}

func (w *wire) heard() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// code is that of an error, for comparing.
func code(err error) errs.Code { return errs.CodeOf(err) }
