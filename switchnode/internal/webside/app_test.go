package webside

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
)

// dial connects as an app does, and opens the stream.
func dial(t *testing.T, n designation.Node) (*webtransport.Session, *webtransport.Stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	transport := &webtransport.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}, InsecureSkipVerify: true,
			VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
				sum := sha256.Sum256(raw[0])
				if !slices.Contains(n.Web, base64.RawURLEncoding.EncodeToString(sum[:])) {
					return errors.New("not a certificate of the designation")
				}
				return nil
			},
		},
		QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	t.Cleanup(func() { _ = transport.Close() })
	_, session, err := transport.Dial(ctx, "https://"+n.Addresses[0]+"/call", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.CloseWithError(0, "")
		<-session.Context().Done()
	})
	s, err := session.OpenStreamSync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return session, s
}

// enter writes the entry line and reads the answer.
func enter(t *testing.T, s *webtransport.Stream, line []byte) (proof.Verdict, *bufio.Reader) {
	t.Helper()
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(s)
	text, err := r.ReadBytes('\n')
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	var a proof.Verdict
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("answer %q: %v", text, err)
	}
	if err := s.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	return a, r
}

// proves is the proof of a device for a wake. change may be nil.
func (d *device) proves(t *testing.T, w pushseal.Wake, fingerprint string, change func(*proof.Call)) string {
	t.Helper()
	c := proof.Call{Node: w.Node.ID, KeyHash: proof.HashKey(w.Key), DTLS: fingerprint, Epoch: w.Epoch, ID: ident.New(ident.Request), IssuedAt: time.Now().Unix()}
	if change != nil {
		change(&c)
	}
	s, err := proof.Sign(proof.TypeCall, d.signing, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func lineOf(t *testing.T, e proof.Entry) []byte {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// knock shows an entry, returns how it was answered, and leaves.
func (o *office) knock(e proof.Entry) error {
	o.t.Helper()
	if a := o.knockWith(lineOf(o.t, e)); !a.OK {
		return a.Error
	}
	return nil
}

func (o *office) knockWith(line []byte) proof.Verdict {
	o.t.Helper()
	before := o.web.Counters().Connections
	session, s := dial(o.t, o.node)
	a, _ := enter(o.t, s, line)
	if err := session.CloseWithError(0, ""); err != nil {
		o.t.Fatal(err)
	}
	eventually(o.t, "the connection is forgotten", func() bool { return o.web.Counters().Connections <= before })
	return a
}

// app is an app in a call: SIP on its stream, and WebRTC.
type app struct {
	t       *testing.T
	session *webtransport.Session
	sip     *sip.Endpoint
	work    chan func()
	events  chan sip.Event
	invited chan *sip.Dialog
	dialog  *sip.Dialog
	rtc     *webrtc.PeerConnection
	voice   *webrtc.TrackLocalStaticRTP
	video   bool   // its offer has it
	said    []byte // the first
	token   string
	streams uint64
	peer    sip.Peer

	mu    sync.Mutex
	heard [][]byte
}

// newApp makes an app with a certificate for its media.
func newApp(t *testing.T) (a *app, fingerprint string) {
	t.Helper()
	return newAppOn(t, webrtc.NetworkTypeUDP4)
}

// newAppOn makes an app whose media take a kind of network.
func newAppOn(t *testing.T, network webrtc.NetworkType) (a *app, fingerprint string) {
	t.Helper()
	a = &app{t: t, work: make(chan func(), 64), events: make(chan sip.Event, 64), invited: make(chan *sip.Dialog, 4)}
	a.sip = sip.NewEndpoint(sip.Config{Name: "app", AdvertiseHost: "app.invalid", Handler: a, Logger: slog.New(slog.DiscardHandler)})
	background(t, a.sip.Run)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case f := <-a.work:
				f()
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{network})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	var err error
	if a.rtc, err = webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.rtc.GracefulClose() })
	prints, err := a.rtc.GetConfiguration().Certificates[0].GetFingerprints()
	if err != nil {
		t.Fatal(err)
	}
	return a, fingerprintOf(prints[0].Algorithm + " " + prints[0].Value)
}

// Invite takes the call.
func (a *app) Invite(d *sip.Dialog) {
	d.SetOwner(func(d *sip.Dialog, in sip.Input) bool {
		a.work <- func() {
			for _, ev := range d.Handle(in) {
				a.events <- ev
			}
		}
		return true
	})
	a.invited <- d
}

// Register is not for apps.
func (a *app) Register(_ *sip.Request, _ sip.Peer, r sip.Respond) { r(405, "Method Not Allowed") }

// buffered is a stream of which something has been read.
type buffered struct {
	*stream
	r io.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// comes brings an app to its call, up to the INVITE.
func (a *app) comes(d *device, w pushseal.Wake, fingerprint string) {
	a.t.Helper()
	if v := a.arrives(d, w, fingerprint); !v.OK || v.Resumed {
		a.t.Fatalf("let in by %+v", v)
	}
	select {
	case a.dialog = <-a.invited:
	case <-time.After(patience):
		a.t.Fatal("the app is not called")
	}
}

// returns brings it back to a call that it has answered.
func (a *app) returns(d *device, w pushseal.Wake, fingerprint string) {
	a.t.Helper()
	if v := a.arrives(d, w, fingerprint); !v.OK || !v.Resumed {
		a.t.Fatalf("let in by %+v", v)
	}
	a.says(func(d *sip.Dialog) { d.Redirect(a.peer) })
}

// arrives opens a connection, and shows the token that it has.
func (a *app) arrives(d *device, w pushseal.Wake, fingerprint string) proof.Verdict {
	a.t.Helper()
	session, s := dial(a.t, w.Node)
	verdict, r := enter(a.t, s, lineOf(a.t, proof.Entry{Key: w.Key, Proof: d.proves(a.t, w, fingerprint, nil), Resume: a.token}))
	if !verdict.OK {
		return verdict
	}
	a.session, a.token, a.streams = session, verdict.Resume, a.streams+1
	served, err := a.sip.ServeStream(a.t.Context(), buffered{newStream(s, a.streams), r})
	if err != nil {
		a.t.Fatal(err)
	}
	a.peer = served.Peer()
	background(a.t, func(ctx context.Context) error {
		select {
		case <-served.Done():
			return session.CloseWithError(0, "") // it has read the last words
		case <-ctx.Done():
			return nil
		}
	})
	return verdict
}

// says has the app do something in its dialog.
func (a *app) says(f func(*sip.Dialog)) {
	done := make(chan struct{})
	a.work <- func() { f(a.dialog); close(done) }
	<-done
}

// rings alerts.
func (a *app) rings() { a.says(func(d *sip.Dialog) { d.Progress(180, "Ringing") }) }

// answers accepts the call: it hears, and can speak PCMA.
func (a *app) answers() {
	a.t.Helper()
	body := a.answer()
	a.says(func(d *sip.Dialog) { d.Answer(body) })
}

// listens keeps what it hears.
func (a *app) listens() {
	a.rtc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		b := make([]byte, 1500)
		for {
			n, _, err := t.Read(b)
			if err != nil {
				return
			}
			a.mu.Lock()
			a.heard = append(a.heard, slices.Clone(b[:n]))
			a.mu.Unlock()
		}
	})
}

func (a *app) answer() []byte {
	a.t.Helper()
	check := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	a.listens()
	check(a.rtc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(a.dialog.SDP())}))
	var err error
	a.voice, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, "audio", "app")
	check(err)
	_, err = a.rtc.AddTrack(a.voice)
	check(err)
	d, err := a.rtc.CreateAnswer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(a.rtc)
	check(a.rtc.SetLocalDescription(d))
	<-gathered
	a.said = []byte(a.rtc.LocalDescription().SDP)
	return a.said
}

// reoffers changes the direction of the session, as the SDK does.
func (a *app) reoffers(direction sdp.Direction, changes ...string) {
	body := string(a.said)
	body = strings.NewReplacer("a=sendrecv", "a="+string(direction), "a=setup:active", "a=setup:actpass").Replace(body)
	body = strings.NewReplacer(changes...).Replace(body)
	a.says(func(d *sip.Dialog) { d.Reoffer([]byte(body)) })
}

func (a *app) hears() [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.heard)
}

// sees waits for an event of the app's dialog.
func sees[E sip.Event](a *app) E {
	a.t.Helper()
	for {
		select {
		case ev := <-a.events:
			if e, ok := ev.(E); ok {
				return e
			}
			var want E
			switch ev.(type) {
			case sip.Acked:
				continue
			case sip.Progress: // a state may be told again, up to the answer
				if _, ok := any(want).(sip.Answered); ok {
					continue
				}
			}
			a.t.Fatalf("the app saw %T%+v, want %T", ev, ev, want)
		case <-time.After(patience):
			var want E
			a.t.Fatalf("the app saw no %T", want)
		}
	}
}

// refusal is how an entry was answered, in a few letters.
func refusal(err error) string {
	if err == nil {
		return "let in"
	}
	return string(errs.CodeOf(err))
}
