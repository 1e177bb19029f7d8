package sdk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"slices"
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

// media is the WebRTC of one dialog.
type media struct {
	call    *Call
	pc      *webrtc.PeerConnection
	offer   offer
	far     string // fingerprint of the other end's certificate
	track   *track
	sender  *webrtc.RTPSender
	camera  *camera // nil if this phone has no video
	asked   []byte  // the offer that the call came with
	local   []byte  // our answer, or offer, as pion made it
	version int     // of it
	setup   string  // our role of DTLS, which stays
	ears    ears    // set before started

	started chan struct{} // closed when audio may be played
	stopped chan struct{} // closed when the media ends
	loops   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	filmed bool   // the camera is part of our description
	tones  []byte // keys that wait, the one that is sent first
}

// newCertificate makes the certificate of the media of one call.
func newCertificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	c, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	return *c, nil
}

// fingerprintOf is how a certificate is named: "sha-256 AB:CD:..." (RFC 8122, 5).
func fingerprintOf(c webrtc.Certificate) (string, error) {
	all, err := c.GetFingerprints()
	if err != nil {
		return "", err
	}
	for _, f := range all {
		if f.Algorithm == "sha-256" {
			return f.Algorithm + " " + strings.ToUpper(f.Value), nil
		}
	}
	return "", errs.New(errs.Internal, "the certificate of the media has no SHA-256 fingerprint")
}

// newMedia takes the offer of the call's node, or of the app that calls.
func newMedia(c *Call, sdp []byte) (*media, error) {
	o, err := parseOffer(sdp, c.sound.frames)
	if err != nil {
		return nil, err
	}
	far := c.offerer(o)
	if err := o.from(far); err != nil {
		return nil, err
	}
	m, err := openMedia(c, o)
	if err != nil {
		return nil, err
	}
	m.far, m.asked = far, sdp
	return m, nil
}

// openMedia makes the media of formats.
func openMedia(c *Call, o offer) (*media, error) {
	m := &media{call: c, offer: o, track: newTrack(o, c.sound.rate), version: 1, started: make(chan struct{}), stopped: make(chan struct{})}
	if len(c.sound.video) > 0 {
		m.camera = newCamera(m)
	}
	api, err := m.api(c.conn.remote.Addr().IsLoopback())
	if err != nil {
		return nil, err
	}
	if m.pc, err = api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{c.cert}, ICEServers: c.relays()}); err != nil {
		return nil, err
	}
	m.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		m.loop(func() {
			if t.Kind() == webrtc.RTPCodecTypeVideo {
				m.watch(t)
			} else {
				m.listen(t)
			}
		})
		m.loop(func() { drain(r.Read) })
	})
	m.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnecting:
			m.loop(m.search)
		case webrtc.PeerConnectionStateConnected, webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
			c.post(path{m, s})
		}
	})
	if m.sender, err = m.pc.AddTrack(m.track); err != nil {
		m.close(nil)
		return nil, err
	}
	m.loop(func() { drain(m.sender.Read) })
	return m, nil
}

// api is pion with the formats of the offer that we speak, and no others. Loopback is for a node on this machine.
func (m *media) api(loopback bool) (*webrtc.API, error) {
	engine := new(webrtc.MediaEngine)
	reports := new(interceptor.Registry)
	if err := m.formats(engine, reports); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	settings.SetIncludeLoopbackCandidate(loopback)
	settings.SetRelayAcceptanceMinWait(waitRelayed)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if err := m.call.phone.network(&settings); err != nil {
		return nil, err
	}
	settings.DisableCloseByDTLS(true) // SIP says when a call is over, and pion would close beside us
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(reports), webrtc.WithSettingEngine(settings)), nil
}

// formats tells pion what we speak and see, and that reports are made of it; lost video is asked for again.
func (m *media) formats(engine *webrtc.MediaEngine, reports *interceptor.Registry) error {
	for _, f := range slices.Concat(m.offer.speech, m.offer.events) {
		if err := engine.RegisterCodec(parametersOf(f), webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	for _, f := range m.call.sound.video {
		p := webrtc.RTPCodecCapability{MimeType: "video/" + f.Name, ClockRate: uint32(f.Clock), SDPFmtpLine: f.Fmtp, RTCPFeedback: feedback}
		if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: p, PayloadType: webrtc.PayloadType(f.PT)}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	if m.camera != nil {
		if err := webrtc.ConfigureNack(engine, reports); err != nil {
			return err
		}
	}
	return webrtc.ConfigureRTCPReports(reports)
}

// parametersOf is a format in the words of pion.
func parametersOf(f sdp.Format) webrtc.RTPCodecParameters {
	c := webrtc.RTPCodecCapability{MimeType: "audio/" + f.Name, ClockRate: uint32(f.Clock), SDPFmtpLine: f.Fmtp}
	if f.Channels > 1 {
		c.Channels = uint16(f.Channels)
	}
	if f.Name == sdp.TelephoneEvent {
		c.SDPFmtpLine = "0-15"
	}
	return webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(f.PT)}
}

// accept answers the offer that the call came with. Only now pion hears it: from there on it looks for a way for the media, and gives up
// if the user takes longer to answer than it looks.
func (m *media) accept(video sdp.Video) ([]byte, error) {
	if err := m.hear(webrtc.SDPTypeOffer, m.asked); err != nil {
		return nil, errs.New(errs.NoCommonCodec, "the offer of the other side: %w", err)
	}
	return m.answer(video)
}

// answer describes this phone, with its camera if the other side has video too.
func (m *media) answer(video sdp.Video) ([]byte, error) {
	if len(video.Formats) > 0 {
		if err := m.film(); err != nil {
			return nil, err
		}
	}
	a, err := m.pc.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	return m.describe(a)
}

// describe sets our description, and returns it with the addresses that are found in time.
func (m *media) describe(d webrtc.SessionDescription) ([]byte, error) {
	complete := webrtc.GatheringCompletePromise(m.pc)
	g := newGathering()
	m.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			g.found(c.Typ)
		}
	})
	if err := m.pc.SetLocalDescription(d); err != nil {
		return nil, err
	}
	g.wait(m.call.relay.Relays(), complete, m.call.quit)
	return []byte(m.pc.LocalDescription().SDP), nil
}

// searchWithin is how long a way for the media is looked for: pion goes on for twice as long, while nobody hears anything. All pairs of
// addresses are tried in a third of it.
const searchWithin = 15 * time.Second

// search has the call hear when that time is up.
func (m *media) search() {
	t := time.NewTimer(searchWithin)
	defer t.Stop()
	select {
	case <-t.C:
		m.call.post(searched{m})
	case <-m.stopped:
	}
}

// direction is that of who sends and receives.
func direction(sends, receives bool) string {
	switch {
	case sends && receives:
		return "sendrecv"
	case sends:
		return "sendonly"
	case receives:
		return "recvonly"
	}
	return "inactive"
}

// loop runs f in a goroutine that close waits for.
func (m *media) loop(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.loops.Go(f)
	}
}

// close ends the media, and then the audio if it was started.
func (m *media) close(e *ears) {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	close(m.stopped)
	m.call.speech.shut(m)
	_ = m.pc.GracefulClose() // nothing is left to do about it
	m.loops.Wait()
	if e != nil {
		e.stop()
	}
}

// drain reads RTCP, so that pion's reports are made.
func drain(read func([]byte) (int, interceptor.Attributes, error)) {
	for b := make([]byte, 1500); ; {
		if _, _, err := read(b); err != nil {
			return
		}
	}
}

// maxTones is how many keys may wait; more are dropped.
const maxTones = 32

// press sends a key as a telephone event, beside run, if the node takes these.
func (m *media) press(key byte) bool {
	if len(m.offer.events) == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.tones) == maxTones {
		return true
	}
	if m.tones = append(m.tones, key); len(m.tones) == 1 {
		m.loops.Go(m.dial)
	}
	return true
}

// dial sends the keys that wait, one after the other.
func (m *media) dial() {
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for rest := true; rest; {
		m.mu.Lock()
		key := m.tones[0]
		m.mu.Unlock()
		n := m.track.press(key)
		for over := false; !over; {
			select {
			case <-ticker.C:
				over = m.track.step(n)
			case <-m.stopped:
				return
			}
		}
		for range pause / frame {
			select {
			case <-ticker.C:
			case <-m.stopped:
				return
			}
		}
		m.mu.Lock()
		m.tones = m.tones[1:]
		rest = len(m.tones) > 0
		m.mu.Unlock()
	}
}
