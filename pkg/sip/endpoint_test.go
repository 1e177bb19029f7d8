package sip

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler is a Handler of functions.
type handler struct {
	invite   func(*Dialog)
	register func(*Request, Peer, Respond)
}

func (h handler) Invite(d *Dialog)                            { h.invite(d) }
func (h handler) Register(req *Request, from Peer, r Respond) { h.register(req, from, r) }

// endpoint runs an endpoint until the test ends.
func endpoint(t *testing.T, h Handler, listen func(*Endpoint)) *Endpoint {
	t.Helper()
	e := NewEndpoint(Config{Name: "test", Handler: h, Logger: slog.New(slog.DiscardHandler)})
	if listen != nil {
		listen(e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	<-e.running
	return e
}

// party owns one dialog, as a call does.
type party struct {
	t      *testing.T
	d      *Dialog
	inputs chan Input
	calls  chan func()
	events chan Event
}

func newParty(t *testing.T) *party {
	p := &party{t: t, inputs: make(chan Input, 64), calls: make(chan func(), 8), events: make(chan Event, 64)}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case in := <-p.inputs:
				for _, e := range p.d.Handle(in) {
					p.events <- e
				}
			case f := <-p.calls:
				f()
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
	return p
}

func (p *party) own(_ *Dialog, in Input) bool {
	select {
	case p.inputs <- in:
		return true
	default:
		return false
	}
}

// do runs a command in the owner's goroutine.
func (p *party) do(f func(*Dialog)) { p.calls <- func() { f(p.d) } }

// expect waits for the next event, which must be of want's type, and equal if want is not its zero.
func (p *party) expect(want Event) Event {
	p.t.Helper()
	select {
	case got := <-p.events:
		if reflect.TypeOf(got) != reflect.TypeOf(want) || !reflect.ValueOf(want).IsZero() && !reflect.DeepEqual(got, want) {
			p.t.Fatalf("event %T%+v, want %T%+v", got, got, want, want)
		}
		return got
	case <-time.After(time.Minute):
		p.t.Fatalf("no event, want %T%+v", want, want)
		return nil
	}
}

// ways are the ways between two endpoints: a callee that listens, and how a caller reaches it.
func ways(t *testing.T) map[string]func(*testing.T, Handler) (caller, callee *Endpoint, to Peer) {
	cert, roots := certificate(t)
	stream := func(transport string, cfg *tls.Config, listen func(*Endpoint) (netip.AddrPort, error)) func(*testing.T, Handler) (*Endpoint, *Endpoint, Peer) {
		return func(t *testing.T, h Handler) (*Endpoint, *Endpoint, Peer) {
			var at netip.AddrPort
			callee := endpoint(t, h, func(e *Endpoint) {
				var err error
				if at, err = listen(e); err != nil {
					t.Fatal(err)
				}
			})
			caller := endpoint(t, nil, nil)
			s, err := caller.Dial(t.Context(), transport, at.String(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return caller, callee, s.Peer()
		}
	}
	return map[string]func(*testing.T, Handler) (*Endpoint, *Endpoint, Peer){
		"udp": func(t *testing.T, h Handler) (*Endpoint, *Endpoint, Peer) {
			var at netip.AddrPort
			listen := func(e *Endpoint) {
				var err error
				if at, err = e.ListenUDP("127.0.0.1:0"); err != nil {
					t.Fatal(err)
				}
			}
			caller := endpoint(t, nil, listen)
			callee := endpoint(t, h, listen)
			return caller, callee, Peer{UDP, at}
		},
		"tcp": stream(TCP, nil, func(e *Endpoint) (netip.AddrPort, error) { return e.ListenTCP("127.0.0.1:0") }),
		"tls": stream(TLS, &tls.Config{RootCAs: roots}, func(e *Endpoint) (netip.AddrPort, error) {
			return e.ListenTLS("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
		}),
		"link": func(t *testing.T, h Handler) (*Endpoint, *Endpoint, Peer) {
			caller, callee := endpoint(t, nil, nil), endpoint(t, h, nil)
			near, far := link("[100::1]:1", "[100::2]:2")
			s, err := caller.ServeStream(t.Context(), near)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := callee.ServeStream(t.Context(), far); err != nil {
				t.Fatal(err)
			}
			return caller, callee, s.Peer()
		},
	}
}

// end is one end of a pipe with an address, as a stream of a link is.
type end struct {
	net.Conn
	local, remote netip.AddrPort
}

func (e end) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(e.local) }
func (e end) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(e.remote) }

func link(a, b string) (near, far net.Conn) {
	x, y := net.Pipe()
	at, bt := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	return end{x, at, bt}, end{y, bt, at}
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// call connects two parties and returns them when the callee has the INVITE.
func call(t *testing.T, way func(*testing.T, Handler) (*Endpoint, *Endpoint, Peer), offer string) (caller, callee *party) {
	t.Helper()
	callee = newParty(t)
	invited := make(chan struct{})
	from, _, to := way(t, handler{invite: func(d *Dialog) {
		callee.d = d
		d.SetOwner(callee.own)
		close(invited)
	}})
	caller = newParty(t)
	caller.d = from.NewDialog(InviteParams{
		To: URI{Scheme: "sip", User: "1001", Host: "example.com"}, From: Party{Name: `Ann "A"`, User: "1002"}, Peer: to,
		Owner: caller.own,
	})
	caller.do(func(d *Dialog) { d.Invite([]byte(offer)) })
	select {
	case <-invited:
	case <-time.After(time.Minute):
		t.Fatal("no INVITE came")
	}
	return caller, callee
}

func TestCallOverEveryTransport(t *testing.T) {
	for name, way := range ways(t) {
		t.Run(name, func(t *testing.T) {
			big := strings.Repeat("a=x-padding:0123456789\r\n", 2500/24+1) // beyond the 1,300 bytes of RFC 3261, 18.1.1
			caller, callee := call(t, way, "v=0 offer")
			if got := string(callee.d.SDP()); got != "v=0 offer" {
				t.Errorf("the callee got the offer %q", got)
			}
			if got := callee.d.Remote(); got.Name != `Ann "A"` || got.User != "1002" {
				t.Errorf("the caller is %+v", got)
			}
			callee.do(func(d *Dialog) { d.Progress(180, "Ringing", NewHeader(HeaderState, "ringing")) })
			caller.expect(Progress{Code: 180, Reason: "Ringing", State: "ringing"})
			callee.do(func(d *Dialog) { d.Answer([]byte(big)) })
			if e := caller.expect(Answered{}).(Answered); !bytes.Equal(e.SDP, []byte(big)) {
				t.Errorf("the answer has %d bytes, want %d", len(e.SDP), len(big))
			}
			callee.expect(Acked{})

			caller.do(func(d *Dialog) { d.Reoffer([]byte("v=0 hold")) })
			callee.expect(Offered{SDP: []byte("v=0 hold")})
			callee.do(func(d *Dialog) { d.AcceptOffer([]byte("v=0 held")) })
			caller.expect(OfferAccepted{SDP: []byte("v=0 held")})
			callee.expect(Acked{})
			callee.do(func(d *Dialog) { d.Reoffer([]byte("v=0 back")) })
			caller.expect(Offered{SDP: []byte("v=0 back")})
			caller.do(func(d *Dialog) { d.RefuseOffer(488, "Not Acceptable Here") })
			callee.expect(OfferRefused{Code: 488})

			for _, key := range []byte("1*#A") {
				caller.do(func(d *Dialog) { d.SendDTMF(key, 160*time.Millisecond) })
			}
			for _, key := range []byte("1*#A") {
				callee.expect(DTMF{Digit: key, Duration: 160 * time.Millisecond})
			}

			callee.do(func(d *Dialog) { d.Bye(Cause{Q850: 16, Text: "Normal; call, clearing"}) })
			caller.expect(HungUp{Cause: Cause{Q850: 16, Text: "Normal; call, clearing"}})
			caller.expect(Closed{})
			callee.expect(Closed{})
		})
	}
}

// A port that is free for UDP may be taken for TCP: another is chosen, unless the port was named.
func TestListenOnOnePort(t *testing.T) {
	e := endpoint(t, handler{}, func(e *Endpoint) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		if at, err := e.Listen(taken.Addr().String()); err == nil || e.udp != nil {
			t.Errorf("listens at %s, which is taken", at)
		}
		at, err := e.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if udp, tcp := e.udp.LocalAddr().String(), e.accepts[TCP].Addr().String(); udp != at.String() || tcp != udp {
			t.Errorf("listens at %s and %s, says %s", udp, tcp, at)
		}
	})
	udp, tcp := Peer{UDP, netip.MustParseAddrPort("127.0.0.1:9")}, Peer{TCP, netip.MustParseAddrPort("127.0.0.1:9")}
	if !e.Connected(udp) || e.Connected(tcp) {
		t.Error("anybody can be sent to over UDP, and over TCP only who is connected")
	}
}
