package webside

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// How long ICE may find no way before the media of a leg are lost.
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 10 * time.Second
	iceKeepAlive    = 2 * time.Second
)

// How long a way to the app that was found waits for a better one, while nobody hears anything (RFC 8445, 8.1.1). An app behind a NAT
// is never better seen than as peer-reflexive; what is by a relay of its own has more time.
const (
	waitDirect  = 200 * time.Millisecond
	waitRelayed = time.Second
)

// fingerprintLife of the certificate of DTLS is of no meaning: peers know it by its fingerprint (RFC 8122). It outlives the
// run of the switch.
const fingerprintLife = 10 * 365 * 24 * time.Hour

// RTC is the WebRTC of a switch: one UDP port, one TCP port for apps whose UDP is blocked, and one certificate for all its legs.
type RTC struct {
	host        netip.Addr // what apps are told
	public      netip.Addr // and that of a NAT before the switch; zero: none
	socket      net.PacketConn
	mux         ice.UDPMux
	tcp         oneTCPPort
	certificate webrtc.Certificate
	fingerprint string
	quiet       logging.LoggerFactory
}

// ListenRTC opens the port and makes the certificate. host is what apps are told to send to, and so is public, the address of a NAT
// that passes the port on, if it is not zero.
func ListenRTC(addr netip.AddrPort, host, public netip.Addr) (*RTC, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	certificate, err := webrtc.NewCertificate(key, x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "WebRTC"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(fingerprintLife),
	})
	if err != nil {
		return nil, fmt.Errorf("make the certificate of WebRTC: %w", err)
	}
	prints, err := certificate.GetFingerprints()
	if err != nil {
		return nil, fmt.Errorf("fingerprint of the certificate of WebRTC: %w", err)
	}
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen for WebRTC: %w", err)
	}
	// pion's log is about packets of strangers above all; what matters to a call is told as the end of its leg.
	r := &RTC{host: host.Unmap(), public: public, socket: socket, certificate: *certificate, quiet: quiet{new(logging.DefaultLeveledLogger)}}
	r.fingerprint = fingerprintOf(prints[0].Algorithm + " " + prints[0].Value)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket, Logger: r.quiet.NewLogger("ice")})
	r.mux = onePort{mux, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, r.Addr().Port()))}
	if err := r.listenTCP(addr); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for WebRTC over TCP: %w", err), r.mux.Close(), socket.Close())
	}
	return r, nil
}

// quiet has one logger, which says nothing, for all parts of all legs: pion makes one for each, which are 8 kB of a leg.
type quiet struct{ logging.LeveledLogger }

// NewLogger returns it.
func (q quiet) NewLogger(string) logging.LeveledLogger { return q.LeveledLogger }

// fingerprintOf is a fingerprint as designations and proofs have it: "sha-256 AB:CD:..." (RFC 8122, 5: the hash function is
// case-insensitive, the bytes are in upper case).
func fingerprintOf(s string) string {
	hash, value, _ := strings.Cut(strings.TrimSpace(s), " ")
	return strings.ToLower(hash) + " " + strings.ToUpper(strings.TrimSpace(value))
}

// Addr is where the port is.
func (r *RTC) Addr() netip.AddrPort {
	a, _ := r.socket.LocalAddr().(*net.UDPAddr)
	return a.AddrPort()
}

// Fingerprint is that of the certificate, for the designation of this switch.
func (r *RTC) Fingerprint() string { return r.fingerprint }

// Close releases the port.
func (r *RTC) Close() error { return errors.Join(r.tcp.Close(), r.mux.Close(), r.socket.Close()) }

// onePort is a mux whose one host candidate is the address that others are told, be it the machine's or that of a NAT before it.
type onePort struct {
	*ice.UDPMuxDefault
	at *net.UDPAddr
}

// GetListenAddresses returns the address to be told.
func (o onePort) GetListenAddresses() []net.Addr { return []net.Addr{o.at} }

// GetConn returns the connection of an ICE agent, which asks by the address that it was told.
func (o onePort) GetConn(ufrag string, told net.Addr) (net.PacketConn, error) {
	if at, ok := o.LocalAddr().(*net.UDPAddr); ok && !at.IP.IsUnspecified() {
		told = at
	}
	return o.UDPMuxDefault.GetConn(ufrag, told)
}

// peer is the WebRTC of one leg. Its flow is the leg's media.Link: what the relay sends to the leg goes to the app.
type peer struct {
	conn    *webrtc.PeerConnection
	left    []sdp.Format // of the formats that we described, nil for all
	track   track
	receive func([]byte) // to the relay
	trip    func(time.Duration)
	way     func(ok bool)
	work    sync.WaitGroup // readers
	version uint64         // of our description, above that of pion's
	active  bool           // we are the client of DTLS
	told    func(string) string

	mu     sync.Mutex
	closed bool
}

// newPeer makes an offer of formats. way is called when ICE finds a way to the app, and when none is left; to gets what the
// app sends. It takes as long as to find out one's own address. The peer is to be closed.
func (r *RTC) newPeer(ctx context.Context, offer []sdp.Format, to *carrier, way func(bool)) (*peer, []byte, error) {
	p, err := r.connect(offer, to, way)
	if err != nil {
		return nil, nil, err
	}
	body, err := p.offer(ctx)
	if err != nil {
		p.close()
		return nil, nil, fmt.Errorf("make a WebRTC offer: %w", err)
	}
	return p, body, nil
}

// connect makes a peer that says nothing yet.
func (r *RTC) connect(formats []sdp.Format, to *carrier, way func(bool)) (*peer, error) {
	engine, err := mediaEngine(formats)
	if err != nil {
		return nil, err
	}
	reports := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(reports); err != nil {
		return nil, err
	}
	s := webrtc.SettingEngine{LoggerFactory: r.quiet}
	s.SetICEUDPMux(r.mux)
	s.SetICETCPMux(r.tcp)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	s.SetSrflxAcceptanceMinWait(waitDirect)
	s.SetPrflxAcceptanceMinWait(waitDirect)
	s.SetRelayAcceptanceMinWait(waitRelayed)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true) // the mux says which address it is
	s.DisableActiveTCP(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(reports), webrtc.WithSettingEngine(s))
	conn, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{r.certificate}})
	if err != nil {
		return nil, fmt.Errorf("make a WebRTC connection: %w", err)
	}
	p := &peer{conn: conn, receive: to.take, trip: to.measured, way: way, told: r.told}
	p.track.formats = formats
	conn.OnTrack(p.read)
	conn.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			r.spare(conn)
			p.way(true)
		case webrtc.PeerConnectionStateFailed:
			p.way(false)
		}
	})
	return p, nil
}

func (p *peer) offer(ctx context.Context) ([]byte, error) {
	t, err := p.conn.AddTransceiverFromTrack(&p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv})
	if err != nil {
		return nil, err
	}
	p.hearReports(t.Sender())
	d, err := p.conn.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	return p.describe(ctx, d)
}

// describe sets our description, and returns it with its candidates.
func (p *peer) describe(ctx context.Context, d webrtc.SessionDescription) ([]byte, error) {
	gathered := webrtc.GatheringCompletePromise(p.conn)
	if err := p.conn.SetLocalDescription(d); err != nil {
		return nil, err
	}
	select { // RFC 8838 is not for SIP: the description has all candidates
	case <-gathered:
		return []byte(p.told(p.conn.LocalDescription().SDP)), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// restart follows the app to where it is now (RFC 8445, 9), and refuses what it adds. DTLS and SRTP go on as they are.
func (p *peer) restart(ctx context.Context, offer []byte) error {
	if err := p.conn.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		return err
	}
	d, err := p.conn.CreateAnswer(nil)
	if err != nil {
		return err
	}
	_, err = p.describe(ctx, d)
	return err
}

// answer takes the app's answer, whose certificate must be that of the proof.
func (p *peer) answer(body []byte, certificate string) (sdp.Session, error) {
	s, err := sdp.ParseSecure(body)
	if err != nil {
		return s, err
	}
	if err := proven(s, certificate); err != nil {
		return s, err
	}
	err = p.conn.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
	if err != nil {
		return s, errs.New(errs.Invalid, "the answer of the app: %w", err)
	}
	p.active = attribute(string(body), "setup") == "passive"
	return s, nil
}

// proven says whether a description is of the certificate that the app proved to have, and of no other.
func proven(s sdp.Session, certificate string) error {
	if len(s.Fingerprints) == 0 {
		return errs.New(errs.Invalid, "the description of the app names no certificate")
	}
	for _, f := range s.Fingerprints {
		if fingerprintOf(f) != fingerprintOf(certificate) {
			return errs.New(errs.WrongPresenter, "the app shows another certificate than it proved to have")
		}
	}
	return nil
}

// differs says whether an offer has other ICE credentials than the app's last description, or media that this one had not: video,
// which is refused (RFC 3264, 6).
func (p *peer) differs(offer []byte) bool {
	had, now := p.conn.RemoteDescription().SDP, string(offer)
	return attribute(had, "ice-ufrag") != attribute(now, "ice-ufrag") || strings.Count(had, "\nm=") != strings.Count(now, "\nm=")
}

// reanswer answers an offer of the app's within the call. Only the direction changes, which is the relay's business: WebRTC
// goes on as it is, or as a restart left it.
func (p *peer) reanswer(d sdp.Direction) []byte {
	if p.active {
		return p.described(d, "active", p.left) // RFC 8842, 5.5: the association stays, and so do the roles
	}
	return p.described(d, "passive", p.left)
}

// described is our description with another direction and role, and of these formats only, unless they are nil.
func (p *peer) described(d sdp.Direction, setup string, formats []sdp.Format) []byte {
	p.version++
	var b strings.Builder
	for l := range strings.Lines(p.told(p.conn.LocalDescription().SDP)) {
		if l = strings.TrimRight(l, "\r\n"); formats != nil {
			l = only(l, formats)
		}
		switch f := strings.Fields(l); {
		case l == "":
			continue
		case strings.HasPrefix(l, "o=") && len(f) == 6: // RFC 3264, 8: the version goes up by one
			if n, err := strconv.ParseUint(f[2], 10, 64); err == nil {
				f[2] = strconv.FormatUint(n+p.version, 10)
			}
			l = strings.Join(f, " ")
		case l == "a=sendrecv":
			l = "a=" + string(d)
		case strings.HasPrefix(l, "a=setup:"):
			l = "a=setup:" + setup
		}
		b.WriteString(l + "\r\n")
	}
	return []byte(b.String())
}

// attribute is the value of the first attribute of a name in a description.
func attribute(description, name string) string {
	_, rest, _ := strings.Cut(description, "\na="+name+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

// maxPacket is the largest packet taken, in bytes.
const maxPacket = 1500

// read gives what comes on a track to the relay, until the connection is closed.
func (p *peer) read(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.work.Go(func() {
		b := make([]byte, maxPacket)
		for {
			n, _, err := t.Read(b)
			if err != nil {
				return
			}
			p.receive(b[:n])
		}
	})
	p.work.Go(func() { // so that reports can answer those of the app
		b := make([]byte, maxPacket)
		for {
			if _, _, err := r.Read(b); err != nil {
				return
			}
		}
	})
}

// hearReports takes what the app reports of what it is sent (RFC 3550, 6.4), for the quality of the leg. Unread, it would pile up.
func (p *peer) hearReports(s *webrtc.RTPSender) {
	p.work.Go(func() {
		b := make([]byte, maxPacket)
		for {
			n, _, err := s.Read(b)
			if err != nil {
				return
			}
			p.receive(b[:n])
			if stats, ok := s.Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
				p.trip(time.Duration(stats.CurrentRoundTripTime * float64(time.Second)))
			}
		}
	})
}

// close ends the connection and waits for what it started.
func (p *peer) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.conn.GracefulClose() // there is nobody left to tell
	p.work.Wait()
}
