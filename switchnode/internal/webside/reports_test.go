package webside

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/ledger"
	"strowger/pkg/rtp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// RTCP ends at the switch: what the app reports of what it is sent is the quality of its leg, and nothing of it, nor what it asks to
// have sent again, comes to the caller. The round trip is that of ICE.
func TestReportsEndAtTheSwitch(t *testing.T) {
	o, d := newOfficeOf(t, patient), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	hears[call.Wake](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	s.mu.Lock()
	port := s.legs[0].carrier.port.Load()
	s.mu.Unlock()
	packet := make([]byte, 12, 172)
	packet[0], packet[1], packet[11] = 0x80, 8, 9
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for n := 0; ; n++ {
		if q := port.Stats(); q.LostSent > 0 && q.RoundTrip > 0 && q.JitterSent > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the quality of the leg: %+v", port.Stats())
		}
		binary.BigEndian.PutUint16(packet[2:], uint16(2*n)) // each other one is lost
		binary.BigEndian.PutUint32(packet[4:], uint32(320*n))
		s.wire.receive(append(packet[:12:12], "speech"...))
		<-tick.C
	}
	for _, b := range s.wire.heard() {
		if rtp.IsControl(b) {
			t.Fatalf("the caller was sent % x", b)
		}
	}
	s.caller.hangUp()
	sees[sip.HungUp](a)
	s.ends(p.Branches[0].App.Leg)
	for _, e := range s.events {
		if e.Kind == ledger.Quality && e.Leg == p.Branches[0].App.Leg && (e.Quality == nil || e.Quality.LostSent <= 0) {
			t.Errorf("the ledger says %+v", e.Quality)
		}
	}
}

// What an app offers beside audio is refused by port 0, in its place (RFC 3264, 6), when the callee has audio only.
func TestVideoToADeskPhone(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p, phone := o.plan(), o.desk()
	a, fingerprint := newApp(t)
	at := a.enters(d, o.promises(d, p, call.Branch{Leg: "desk", Target: phone}), fingerprint)
	video := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly} // pion does not take a refusal of its own
	if _, err := a.rtc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, video); err != nil {
		t.Fatal(err)
	}
	a.calls(at)
	gets[call.Start](phone)
	phone.answers()
	answer := string(a.answered().SDP)
	if !strings.Contains(answer, "\nm=video 0 ") {
		t.Errorf("video is answered by\n%s", answer)
	}
	talk(t, &session{t: t, wire: phone.wire}, a)
	a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
	gets[call.HangUp](phone)
	o.placedAs(p.Call).ends("desk")
}
