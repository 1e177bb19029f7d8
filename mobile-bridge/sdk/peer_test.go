package sdk

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp"
	"strowger/pkg/sip"
)

type progressed = sip.Progress

// formats are the codecs of an offer; the anchor speaks the first.
type formats []webrtc.RTPCodecParameters

func codec(mime, parameters string, pt uint8) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 8000, SDPFmtpLine: parameters}, PayloadType: webrtc.PayloadType(pt),
	}
}

// webrtcOffer is what a switch offers for a desk phone of PCMA and PCMU.
var webrtcOffer = formats{codec(webrtc.MimeTypePCMA, "", 8), codec(webrtc.MimeTypePCMU, "", 0), codec("audio/telephone-event", "0-15", 101)}

// peerMedia is the WebRTC of an anchor.
type peerMedia struct {
	t        testing.TB
	pc       *webrtc.PeerConnection
	track    *webrtc.TrackLocalStaticRTP
	up       chan struct{} // the path is there
	packets  chan []byte   // what came
	sequence uint16
	stamp    uint32
}

func newPeerMedia(t testing.TB, cert webrtc.Certificate, f formats) *peerMedia {
	t.Helper()
	engine := new(webrtc.MediaEngine)
	for _, c := range f {
		if err := engine.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(
		webrtc.Configuration{Certificates: []webrtc.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	m := &peerMedia{t: t, pc: pc, up: make(chan struct{}), packets: make(chan []byte, 1024)}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if m.track, err = webrtc.NewTrackLocalStaticRTP(f[0].RTPCodecCapability, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(m.track); err != nil {
		t.Fatal(err)
	}
	up := sync.OnceFunc(func() { close(m.up) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			up()
		}
	})
	pc.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for b := make([]byte, 1500); ; {
			n, _, err := in.Read(b)
			if err != nil {
				return
			}
			m.packets <- append([]byte(nil), b[:n]...)
		}
	})
	return m
}

// offer describes the peer, with all its addresses.
func (m *peerMedia) offer() string {
	m.t.Helper()
	o, err := m.pc.CreateOffer(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	complete := webrtc.GatheringCompletePromise(m.pc)
	if err := m.pc.SetLocalDescription(o); err != nil {
		m.t.Fatal(err)
	}
	<-complete
	return m.pc.LocalDescription().SDP
}

func (m *peerMedia) answered(sdp []byte) {
	m.t.Helper()
	if err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(sdp)}); err != nil {
		m.t.Fatalf("answer of the phone: %v\n%s", err, sdp)
	}
	select {
	case <-m.up:
	case <-time.After(patience):
		m.t.Fatal("no path of media came up")
	}
}

// say sends one packet of 20 ms; skip leaves numbers and time of lost ones out before it.
func (m *peerMedia) say(payload []byte, skip int) {
	m.t.Helper()
	m.sequence += uint16(1 + skip)
	m.stamp += uint32(160 * (1 + skip))
	if _, err := m.track.Write(rtp.Header{PT: 8, Sequence: m.sequence, Timestamp: m.stamp}.Append(nil, payload)); err != nil {
		m.t.Fatal(err)
	}
}

// hear waits for a packet that a test wants.
func (m *peerMedia) hear(wanted func(rtp.Header, []byte) bool) (rtp.Header, []byte) {
	m.t.Helper()
	late := time.After(patience)
	for {
		select {
		case b := <-m.packets:
			h, payload, err := rtp.Parse(b)
			if err != nil {
				m.t.Fatal(err)
			}
			if wanted(h, payload) {
				return h, payload
			}
		case <-late:
			m.t.Fatal("the packet did not come")
		}
	}
}

// offer calls the phone with media of the anchor's.
func (in *arrival) offer(f formats) {
	in.anchor.t.Helper()
	in.media = newPeerMedia(in.anchor.t, in.anchor.cert, f)
	in.invite(in.media.offer())
}

// connect takes the phone's answer.
func (in *arrival) connect() {
	in.anchor.t.Helper()
	in.media.answered(want[sip.Answered](in).SDP)
}
