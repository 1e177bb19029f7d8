package sipside

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/pkg/sip/digest"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/registrar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const realm = "org_acme"

var loopback = netip.MustParseAddr("127.0.0.1")

// office is a switch's phone side with real sockets. The phones ann, bob and desk... have the passwords "ann's",
// "bob's" and so on; eve is disabled.
type office struct {
	t         *testing.T
	phones    *Phones
	registrar *registrar.Registrar
	udp, tls  netip.AddrPort // UDP has the address of TCP
	roots     *x509.CertPool
	late      atomic.Int64 // how far the clock was moved; it stands still
	trunks    atomic.Pointer[[]sitecopy.Trunk]
	begin     atomic.Pointer[func(call.Incoming) error]
	locate    atomic.Pointer[func(context.Context, sip.URI) ([]sip.Peer, error)]
	strangers Strangers
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return newOfficeWith(t, Strangers{Rate: 200})
}

func newOfficeWith(t *testing.T, strangers Strangers) *office {
	t.Helper()
	return newOfficeThatWakes(t, strangers, Pushes{})
}

// newOfficeThatWakes has phones woken that sleep.
func newOfficeThatWakes(t *testing.T, strangers Strangers, pushes Pushes) *office {
	t.Helper()
	o := &office{t: t, strangers: strangers}
	o.trunks.Store(&[]sitecopy.Trunk{})
	o.begins(func(call.Incoming) error { t.Error("a call began"); return nil })
	begin := time.Now() // a busy machine must not let it run
	now := func() time.Time { return begin.Add(time.Duration(o.late.Load())) }
	log := slog.New(slog.DiscardHandler)
	relay, err := media.NewRelay(media.Config{Bind: loopback, Logger: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	o.registrar, err = registrar.New(registrar.Config{
		Path: filepath.Join(t.TempDir(), "registrations"), Now: now, Logger: log, OnChange: func([]string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.phones = New(Config{
		Node: "sw-20", Realm: realm, Hosts: Hosts{Host: loopback}, Accounts: account, Registrar: o.registrar, Relay: relay,
		Locate: func(ctx context.Context, u sip.URI, _ string) ([]sip.Peer, error) { return (*o.locate.Load())(ctx, u) },
		Begin:  func(in call.Incoming) error { return (*o.begin.Load())(in) }, Strangers: o.strangers, Now: now, Logger: log,
		Trunks: func() []sitecopy.Trunk { return *o.trunks.Load() }, Pushes: pushes,
		Office: Office{Location: func() string { return "" }, Dialling: func() e164.Plan { return e164.Plan{Country: "DE"} }},
	})
	if o.udp, err = o.phones.Listen(netip.AddrPortFrom(loopback, 0)); err != nil {
		t.Fatal(err)
	}
	if o.tls, err = o.phones.ListenTLS(netip.AddrPortFrom(loopback, 0), o.certificate()); err != nil {
		t.Fatal(err)
	}
	run(t, o.registrar.Run)
	run(t, o.phones.Run)
	return o
}

// begins sets what becomes of the calls that phones make.
func (o *office) begins(f func(call.Incoming) error) { o.begin.Store(&f) }

// finds sets what DNS has.
func (o *office) finds(f func(context.Context, sip.URI) ([]sip.Peer, error)) { o.locate.Store(&f) }

// account has each user's name in all that is his.
func account(user string) (Account, bool) {
	if slices.Contains([]string{"ann", "bob", "eve"}, user) || strings.HasPrefix(user, "desk") {
		return accountOf(user), true
	}
	return Account{}, false
}

func accountOf(user string) Account {
	a1 := user + ":" + realm + ":" + user + "'s"
	m, s := md5.Sum([]byte(a1)), sha256.Sum256([]byte(a1))
	return Account{
		Device: "dv_" + user, Party: designation.Party{Number: user, Device: "dv_" + user}, Enabled: user != "eve",
		HA1: digest.HA1{MD5: hex.EncodeToString(m[:]), SHA256: hex.EncodeToString(s[:])},
	}
}

func (o *office) certificate() *tls.Config {
	o.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{loopback.AsSlice()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		o.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		o.t.Fatal(err)
	}
	o.roots = x509.NewCertPool()
	o.roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func run(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// phone is a desk phone, made of what phones and switches share.
type phone struct {
	t       *testing.T
	office  *office
	user    string
	secret  string
	sip     *sip.Endpoint
	stream  *sip.Stream // nil over UDP
	peer    sip.Peer    // the switch
	contact string
	seq     uint32
	calls   chan *line // that came in
}

// phone starts a phone of a user on a transport.
func (o *office) phone(user, transport string) *phone {
	return o.phoneAt(loopback.String(), user, transport)
}

// phoneAt starts one at an address of its own.
func (o *office) phoneAt(host, user, transport string) *phone {
	o.t.Helper()
	p := &phone{t: o.t, office: o, user: user, secret: user + "'s", peer: sip.Peer{Transport: transport, Addr: o.udp}, calls: make(chan *line, 4)}
	p.sip = sip.NewEndpoint(sip.Config{Name: "phone", AdvertiseHost: host, Handler: p, Logger: slog.New(slog.DiscardHandler)})
	if transport == sip.UDP {
		if _, err := p.sip.ListenUDP(host + ":0"); err != nil {
			o.t.Fatal(err)
		}
	}
	run(o.t, p.sip.Run)
	<-p.sip.Running()
	if transport != sip.UDP {
		if transport == sip.TLS {
			p.peer.Addr = o.tls
		}
		var err error
		if p.stream, err = p.sip.Dial(o.t.Context(), transport, p.peer.Addr.String(), &tls.Config{RootCAs: o.roots}); err != nil {
			o.t.Fatal(err)
		}
	}
	contact := p.sip.Contact(user, p.peer)
	p.contact = "<" + contact.String() + ">"
	return p
}

func (p *phone) credentials() *sip.Credentials {
	if p.secret == "" {
		return nil
	}
	return &sip.Credentials{User: p.user, Password: p.secret}
}

// register sends a REGISTER with headers for an address of record.
func (p *phone) register(aor string, headers ...string) *sip.Response {
	p.t.Helper()
	r := sip.RequestParams{
		Method: "REGISTER", To: sip.URI{Scheme: "sip", Host: loopback.String()}, From: sip.Party{User: aor, Host: loopback.String()},
		Peer: p.peer, CallID: "registration of " + p.user, Seq: p.seq + 1, Credentials: p.credentials(),
	}
	for _, h := range headers {
		name, v, _ := strings.Cut(h, ": ")
		r.Headers = append(r.Headers, sip.NewHeader(name, v))
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	res, err := p.sip.Request(ctx, r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.seq = res.CSeq().SeqNo
	return res
}

// registered registers the phone's own contact.
func (p *phone) registered() *phone {
	p.t.Helper()
	if res := p.register(p.user, "Contact: "+p.contact); res.StatusCode != 200 {
		p.t.Fatalf("registered with %d %s", res.StatusCode, res.Reason)
	}
	return p
}

// line is one call of a phone, with the goroutine that owns it.
type line struct {
	t      *testing.T
	d      *sip.Dialog
	work   chan func()
	events chan sip.Event
}

func newLine(t *testing.T) *line {
	l := &line{t: t, work: make(chan func(), 64), events: make(chan sip.Event, 64)}
	run(t, func(ctx context.Context) error {
		for {
			select {
			case f := <-l.work:
				f()
			case <-ctx.Done():
				return nil
			}
		}
	})
	return l
}

func (l *line) own(_ *sip.Dialog, in sip.Input) bool {
	l.work <- func() {
		for _, ev := range l.d.Handle(in) {
			l.events <- ev
		}
	}
	return true
}

func (l *line) do(f func(*sip.Dialog)) { l.work <- func() { f(l.d) } }

// expect waits for the next event that is a W.
func expect[W sip.Event](l *line) W {
	l.t.Helper()
	for {
		select {
		case ev := <-l.events:
			if w, ok := ev.(W); ok {
				return w
			}
		case <-time.After(time.Minute):
			var w W
			l.t.Fatalf("no %T", w)
		}
	}
}

// Invite takes a call.
func (p *phone) Invite(d *sip.Dialog) {
	l := newLine(p.t)
	l.d = d
	d.SetOwner(l.own)
	p.calls <- l
}

// Register is what no phone is asked for.
func (p *phone) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) {
	respond(405, "Not A Registrar")
}

const speech = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"

// dial calls a number.
func (p *phone) dial(number, offer string) *line {
	p.t.Helper()
	l := newLine(p.t)
	l.d = p.sip.NewDialog(sip.InviteParams{
		To: sip.URI{Scheme: "sip", User: number, Host: loopback.String()}, From: sip.Party{User: "somebody"}, Peer: p.peer,
		Hops: 42, Headers: []sip.Header{sip.NewHeader("Max-Breadth", "7")}, Credentials: p.credentials(), Owner: l.own,
	})
	l.do(func(d *sip.Dialog) { d.Invite([]byte(offer)) })
	return l
}

// connect is what a node does with a call: it rings targets.
func (o *office) connect(targets func() []call.Target) func(call.Incoming) error {
	return func(in call.Incoming) error {
		s := call.NewSession(call.SessionConfig{
			ID: in.Call, CallerLeg: in.Leg, Device: in.Device, Hops: in.Hops - 1, Breadth: in.Breadth, SessionID: in.SessionID,
			Record: func(ledger.Event) {}, Count: func(string) {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		}, call.New(in.Leg, in.Device, in.Offer), in.From)
		leg, err := in.Attach(s)
		if err != nil {
			return err
		}
		planned := call.Planned{Ring: time.Minute, From: in.From, To: designation.Party{Number: in.Dialled, Name: "Bob"}}
		for _, t := range targets() {
			planned.Branches = append(planned.Branches, call.Branch{Leg: ident.New(ident.Leg), Target: t})
		}
		go s.Run(o.t.Context(), leg, func(context.Context) call.Event { return planned })
		o.t.Cleanup(func() { <-s.Done() })
		return nil
	}
}
