package linkside

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/link"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
	"strowger/pkg/trust"
	"strowger/pkg/trust/trusttest"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/routing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const orgID = "org_acme"

// world is two switches, X and Y, that may link, and the key that signs session keys.
type world struct {
	t    *testing.T
	x, y *office
	key  ed25519.PrivateKey
}

// office is a switch with its link side, and calls whose other legs the tests play.
type office struct {
	t        *testing.T
	name     trust.Name
	keyHash  string
	boot     string
	links    *Links
	endpoint *link.Endpoint
	link     link.Config // of endpoint
	relay    *media.Relay
	verifier *sessionkey.Verifier
	streams  chan net.Conn // SIP streams that the other side opened
	gate     sync.Mutex
	ignores  atomic.Bool   // nothing that comes on these streams is heard
	begun    chan *session // calls that came in
	// stopLinks closes every link, as a switch does when it stops.
	stopLinks func()
}

func newWorld(t *testing.T) *world {
	return newWorldOf(t, link.Times{Ping: 50 * time.Millisecond, Dead: time.Minute, Dial: time.Minute})
}

// hasty is a world whose links soon give up, but not before they are up on a busy machine.
func hasty(t *testing.T) *world {
	return newWorldOf(t, link.Times{Ping: 50 * time.Millisecond, Dead: 2 * time.Second, Dial: 3 * time.Second})
}

func newWorldOf(t *testing.T, times link.Times) *world {
	t.Helper()
	root := trusttest.NewRoot(t)
	org := root.Intermediate(t, orgID)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: key}
	w.x, w.y = w.office(root, org, times), w.office(root, org, times)
	return w
}

func (w *world) office(root, org *trusttest.Authority, times link.Times) *office {
	w.t.Helper()
	o := &office{
		t: w.t, name: trust.Name{Org: orgID, Kind: trust.Switch, ID: ident.New(ident.Switch)}, boot: ident.New(ident.Boot),
		streams: make(chan net.Conn, 64), begun: make(chan *session, 64),
	}
	cert := org.Node(w.t, o.name, nil)
	o.keyHash = trust.CertKeyHash(cert.Leaf.RawSubjectPublicKeyInfo)
	log := slog.New(slog.DiscardHandler)
	var err error
	if o.relay, err = media.NewRelay(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), Logger: log, Now: time.Now}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(o.relay.Close)
	o.verifier = &sessionkey.Verifier{
		Node: o.name.ID, Boot: o.boot, Org: orgID, Now: time.Now, Revoked: func(id string) bool { return id == "sw_revoked" },
		Keys: func(kid string) (sessionkey.Key, bool) {
			return sessionkey.Key{Public: w.key.Public().(ed25519.PublicKey), Issuer: kid}, kid == orgID || kid == "org_other"
		},
	}
	o.links = New(Config{
		Node: o.name.ID, Org: orgID, Relay: o.relay, Verify: o.verifier.Verify, Done: o.verifier.Done, Begin: o.begin,
		NameOf: func(id string) string { return id }, Logger: log,
	})
	o.link = link.Config{
		Addr: "127.0.0.1:0", Name: o.name, Boot: o.boot, Certificate: func() tls.Certificate { return cert }, Roots: root.Pool(),
		Authorize: func(trust.Name, string, bool) error { return nil },
		OnSIP: func(c *link.Conn, s net.Conn) {
			o.streams <- s
			o.gate.Lock() // a test may let streams wait
			defer o.gate.Unlock()
			o.links.TakeSIP(c, deaf{s, &o.ignores})
		},
		Logger: log,
		Times:  times,
	}
	if o.endpoint, err = link.Listen(o.link); err != nil {
		w.t.Fatal(err)
	}
	o.run()
	return o
}

// deaf is a stream whose reader hears nothing while it is told so.
type deaf struct {
	net.Conn
	ignores *atomic.Bool
}

func (d deaf) Read(b []byte) (int, error) {
	for {
		n, err := d.Conn.Read(b)
		if err != nil || !d.ignores.Load() {
			return n, err
		}
	}
}

func (o *office) run() {
	start := func(run func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(o.t.Context())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		return sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				o.t.Error(err)
			}
		})
	}
	o.t.Cleanup(start(func(ctx context.Context) error { return o.links.Run(ctx, o.endpoint) }))
	<-o.links.ready
	o.stopLinks = start(o.endpoint.Run)
	o.t.Cleanup(o.stopLinks)
}

// node is what the cloud says of an office.
func (o *office) node() designation.Node {
	return designation.Node{ID: o.name.ID, Addresses: []string{o.endpoint.Addr().String()}, KeyHash: o.keyHash}
}

// claims are those of a good key with which X may bring a call to Y.
func (w *world) claims() sessionkey.Claims {
	now := time.Now()
	return sessionkey.Claims{
		Issuer: orgID, ID: ident.New(ident.Leg), Audience: w.y.name.ID, Boot: w.y.boot,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(sessionkey.Lifetime).Unix(),
		Subject: w.x.name.ID, Confirm: sessionkey.Confirmation{KeyHash: w.x.keyHash}, AddressHash: w.y.node().Hash(),
		Org: orgID, Call: ident.New(ident.Call), Media: []string{"audio"},
		From: designation.Party{Number: "201001", Name: "Ann"}, To: designation.Party{Number: "301001"},
	}
}

func (w *world) sign(c sessionkey.Claims) string {
	w.t.Helper()
	key, err := sessionkey.Sign(c.Issuer, w.key, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// way leads to Y with a key.
func (w *world) way(key string) routing.Way {
	return routing.Way{Designation: designation.Designation{Node: w.y.node(), Leg: "lg_x", Key: key}}
}

// session is a call at one switch. Its leg that is not on the link is played by the test.
type session struct {
	*call.Session
	t     *testing.T
	party *party
	in    call.Incoming // at Y

	mu     sync.Mutex
	events []ledger.Event
}

func (s *session) record(e ledger.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// arrows are the lines of the ladder that contain a word.
func (s *session) arrows(word string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, e := range s.events {
		if e.Kind == ledger.Message && strings.Contains(e.Text, word) {
			found = append(found, e.Text)
		}
	}
	return found
}

// await waits for an event of a kind.
func (s *session) await(k ledger.Kind) {
	s.t.Helper()
	eventually(s.t, string(k), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.ContainsFunc(s.events, func(e ledger.Event) bool { return e.Kind == k })
	})
}

// end waits for the call to be over and returns why its leg of an id ended.
func (s *session) end(leg string) ledger.Cause {
	s.t.Helper()
	select {
	case <-s.Done():
	case <-time.After(time.Minute):
		s.t.Fatal("the call does not end")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.events, func(e ledger.Event) bool { return e.Kind == ledger.LegEnded && e.Leg == leg })
	if i < 0 {
		s.t.Fatalf("no end of leg %s in %+v", leg, s.events)
	}
	return *s.events[i].Cause
}

// party is a leg that says what the test wants, and closes when it is told to end.
type party struct {
	t    *testing.T
	id   call.LegID
	post func(any) bool
	told chan call.LegAction
}

func newParty(t *testing.T, id call.LegID, post func(any) bool) *party {
	return &party{t: t, id: id, post: post, told: make(chan call.LegAction, 64)}
}

func (p *party) Do(a call.LegAction) {
	p.told <- a
	switch a := a.(type) {
	case call.Cancel:
		p.say(call.Refused{Leg: p.id, Cause: a.Cause})
		p.say(call.Closed{Leg: p.id})
	case call.HangUp, call.Refuse:
		p.say(call.Closed{Leg: p.id})
	}
}

func (p *party) Handle(input any) []call.Event { return []call.Event{input.(call.Event)} }
func (p *party) Port() *media.Port             { return nil }

// hangUp ends an answered call.
func (p *party) hangUp() {
	p.say(call.HungUp{Leg: p.id, Cause: call.CauseOf(call.Normal, "")})
	p.say(call.Closed{Leg: p.id})
}

// refuse ends a call that rings.
func (p *party) refuse(code errs.Code) {
	p.say(call.Refused{Leg: p.id, Cause: call.CauseOf(code, "")})
	p.say(call.Closed{Leg: p.id})
}

func (p *party) say(ev call.Event) {
	if !p.post(ev) {
		p.t.Errorf("%T was not taken", ev)
	}
}

// hears waits for an action of type A; others are an error.
func hears[A call.LegAction](p *party) A {
	p.t.Helper()
	select {
	case a := <-p.told:
		want, ok := a.(A)
		if !ok {
			p.t.Fatalf("leg %d was told %T%+v, want %T", p.id, a, a, want)
		}
		return want
	case <-time.After(time.Minute):
		var want A
		p.t.Fatalf("leg %d was not told %T", p.id, want)
		return want
	}
}

// ringing is a Target that the test plays.
type ringing struct {
	s    *session
	made chan<- *session
}

func (r ringing) Dial(s call.Setup) (call.Leg, error) {
	r.s.party = newParty(r.s.t, s.Leg, s.Post)
	r.made <- r.s
	return r.s.party, nil
}

var speech = sdp.Description{Codecs: []sdp.Codec{{Name: "PCMA", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}

func (o *office) session(id, leg string, offer sdp.Description) *session {
	s := &session{t: o.t}
	s.Session = call.NewSession(call.SessionConfig{
		ID: id, CallerLeg: leg, Hops: 60, Breadth: 60, SessionID: strings.Repeat("ab", 16),
		Record: s.record, Count: func(string) {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}, call.New(leg, "", offer), designation.Party{Number: "201001"})
	return s
}

// start runs a session until the test ends.
func (o *office) start(s *session, caller call.Leg, b call.Branch) {
	ctx, cancel := context.WithCancel(o.t.Context())
	go s.Run(ctx, caller, func(context.Context) call.Event {
		return call.Planned{Ring: time.Minute, To: designation.Party{Number: "301001"}, Branches: []call.Branch{b}}
	})
	o.t.Cleanup(func() { cancel(); <-s.Done() })
}

// begin takes a call that comes in and rings the test.
func (o *office) begin(in call.Incoming) error {
	s := o.session(in.Call, in.Leg, in.Offer)
	s.in = in
	leg, err := in.Attach(s.Session)
	if err != nil {
		return err
	}
	o.start(s, leg, call.Branch{Leg: "phone", Target: ringing{s, o.begun}})
	return nil
}

// call has X call Y.
func (w *world) call(way routing.Way) *session {
	s := w.x.session(ident.New(ident.Call), "caller", speech)
	s.party = newParty(w.t, call.Caller, s.PosterOf(call.Caller))
	w.x.start(s, s.party, call.Branch{Leg: "link", Target: w.x.links.Target(way)})
	return s
}

// rings waits for the call at Y.
func (o *office) rings() *session {
	o.t.Helper()
	select {
	case s := <-o.begun:
		hears[call.Start](s.party)
		return s
	case <-time.After(time.Minute):
		o.t.Fatal("no call came in")
		return nil
	}
}

// up is a call from X to Y that was answered, as both see it.
func (w *world) up() (x, y *session) {
	w.t.Helper()
	x = w.call(w.way(w.sign(w.claims())))
	y = w.y.rings()
	y.party.say(call.Ringing{Leg: 1})
	hears[call.Ring](x.party)
	y.party.say(call.Answered{Leg: 1, Description: speech, SessionID: strings.Repeat("cd", 16)})
	hears[call.Accept](x.party)
	eventually(w.t, "ACK", func() bool { return len(y.arrows("ACK")) > 0 })
	return x, y
}
