package sdk

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
)

// anchor is the node of a call as phones see it: WebTransport, SIP as the caller, WebRTC. Each connection that it admits is an
// arrival, which the test tells what to do.
type anchor struct {
	t        testing.TB
	node     designation.Node
	cert     webrtc.Certificate
	arrivals chan *arrival

	mu     sync.Mutex
	refuse *errs.Error // the verdict of the next entries; nil: ok
	token  string      // that they are given
}

func newAnchor(t testing.TB) *anchor {
	t.Helper()
	media, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	dtls, err := fingerprintOf(media)
	if err != nil {
		t.Fatal(err)
	}
	web := webCertificate(t, 10*24*time.Hour)
	a := &anchor{t: t, cert: media, arrivals: make(chan *arrival, 8)}
	mux := http.NewServeMux()
	wt := &webtransport.Server{H3: &http3.Server{
		TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{web}, MinVersion: tls.VersionTLS13}), Handler: mux,
	}}
	webtransport.ConfigureHTTP3Server(wt.H3)
	mux.HandleFunc("/call", func(w http.ResponseWriter, r *http.Request) {
		s, err := wt.Upgrade(w, r)
		if err != nil {
			return // the phone left
		}
		a.admit(s)
	})
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(web.Certificate[0])
	a.node = designation.Node{
		ID: "sw_a", Addresses: []string{udp.LocalAddr().String()}, KeyHash: "k", DTLS: dtls, Web: []string{base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	var served sync.WaitGroup
	served.Go(func() { _ = wt.Serve(udp) })
	t.Cleanup(func() {
		_ = wt.Close()
		_ = udp.Close()
		served.Wait()
	})
	return a
}

// webCertificate is one that apps may know by its hash.
func webCertificate(t testing.TB, lives time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotBefore: from, NotAfter: from.Add(lives), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *anchor) refuses(e *errs.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = e
}

// gives sets the token of the next verdicts.
func (a *anchor) gives(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

// admit takes the one stream of a connection.
func (a *anchor) admit(s *webtransport.Session) {
	str, err := s.AcceptStream(s.Context())
	if err != nil {
		return
	}
	var e proof.Entry
	if err := proof.ReadLine(str, proof.MaxEntry, &e); err != nil {
		a.t.Errorf("entry: %v", err)
		return
	}
	var p proof.Call
	thumb, err := proof.Open(e.Proof, proof.TypeCall, &p)
	if err != nil || p.KeyHash != proof.HashKey(e.Key) || p.Node != a.node.ID || proof.Fresh(p.IssuedAt, time.Now()) != nil {
		a.t.Errorf("proof %+v: %v", p, err)
	}
	a.mu.Lock()
	refuse, token := a.refuse, a.token
	a.mu.Unlock()
	if e.Resume != "" && e.Resume != token {
		a.t.Errorf("the phone shows the token %q, not %q", e.Resume, token)
	}
	if err := proof.WriteLine(str, proof.Verdict{OK: refuse == nil, Error: refuse, Resume: token}); err != nil {
		a.t.Errorf("verdict: %v", err)
	}
	if refuse != nil {
		_ = str.Close()
		<-s.Context().Done()
		return
	}
	a.arrive(s, &arrival{anchor: a, session: s, key: e.Key, proof: p, thumb: thumb}, newStream(str))
}

// arrive serves SIP until the connection ends.
func (a *anchor) arrive(s *webtransport.Session, in *arrival, c net.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	in.sip = sip.NewEndpoint(sip.Config{Name: "anchor", AdvertiseHost: "org_a", Handler: nobody{}, Logger: slog.New(slog.DiscardHandler)})
	in.mail, in.events, in.over = make(chan any, 64), make(chan sip.Event, 64), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() { _ = in.sip.Run(ctx) })
	if _, err := in.sip.ServeStream(ctx, c); err != nil {
		a.t.Errorf("serve: %v", err)
	}
	in.peer = sip.Peer{Transport: sip.TCP, Addr: netip.MustParseAddrPort(c.RemoteAddr().String())}
	work.Go(func() { in.own(ctx) })
	a.arrivals <- in
	<-s.Context().Done()
	cancel()
	work.Wait()
	close(in.over)
}

// nobody takes no requests outside of dialogs.
type nobody struct{}

func (nobody) Invite(d *sip.Dialog)                                     { d.Refuse(486, "Busy Here", sip.Cause{}) }
func (nobody) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) { respond(405, "No") }

// arrival is a phone that came with a key.
type arrival struct {
	anchor  *anchor
	session *webtransport.Session
	key     string
	proof   proof.Call
	thumb   string
	sip     *sip.Endpoint
	peer    sip.Peer
	dialog  *sip.Dialog
	mail    chan any
	events  chan sip.Event // of the dialog
	over    chan struct{}  // the connection ended

	media *peerMedia
}

// own owns the dialog.
func (in *arrival) own(ctx context.Context) {
	for {
		select {
		case m := <-in.mail:
			switch m := m.(type) {
			case func():
				m()
			case sip.Input:
				for _, e := range in.dialog.Handle(m) {
					in.events <- e
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func (in *arrival) do(f func()) { in.mail <- f }

// leave ends the connection as a node does whose leg is over.
func (in *arrival) leave() {
	_ = in.session.CloseWithError(0, "")
	<-in.over
}

// invite calls with an offer.
func (in *arrival) invite(sdp string) {
	in.do(func() {
		in.dialog = in.sip.NewDialog(sip.InviteParams{
			To: sip.URI{Scheme: "sip", User: "dev_a", Host: "org_a"}, From: sip.Party{Name: "Never shown", User: "666"}, Peer: in.peer,
			Owner: func(_ *sip.Dialog, m sip.Input) bool { in.mail <- m; return true },
		})
		in.dialog.Invite([]byte(sdp))
	})
}

// want waits for the next event of a type; any other is an error.
func want[E sip.Event](in *arrival) E {
	in.anchor.t.Helper()
	select {
	case e := <-in.events:
		got, ok := e.(E)
		if !ok {
			in.anchor.t.Fatalf("the anchor saw %T %+v, want %T", e, e, got)
		}
		return got
	case <-time.After(patience):
		var none E
		in.anchor.t.Fatalf("the anchor waits for %T in vain", none)
		return none
	}
}

// patience is how long tests wait for what must come.
const patience = 30 * time.Second

// next waits for a phone.
func (a *anchor) next() *arrival {
	a.t.Helper()
	select {
	case in := <-a.arrivals:
		return in
	case <-time.After(patience):
		a.t.Fatal("no phone came")
		return nil
	}
}
