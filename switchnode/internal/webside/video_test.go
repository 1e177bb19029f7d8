package webside

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// films has the app offer video from now on.
func (a *app) films() {
	a.t.Helper()
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if _, err := a.rtc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, only); err != nil {
		a.t.Fatal(err)
	}
}

// refusesVideo checks an answer to audio and video: both are there, in their order, and video has port 0 (RFC 3264, 6).
func refusesVideo(t *testing.T, answer []byte) {
	t.Helper()
	var media []string
	for line := range strings.Lines(string(answer)) {
		if strings.HasPrefix(line, "m=") {
			media = append(media, strings.Join(strings.Fields(line)[:2], " "))
		}
	}
	if len(media) != 2 || media[0] == "m=audio 0" || !strings.HasPrefix(media[0], "m=audio ") || media[1] != "m=video 0" {
		t.Errorf("the answer has %q in\n%s", media, answer)
	}
}

// TestDeskPhonesHaveNoVideo has an app call a desk phone with video, and another one add it in the call: both go on with audio.
func TestDeskPhonesHaveNoVideo(t *testing.T) {
	for _, later := range []bool{false, true} {
		o, d := newOffice(t), newDevice(t)
		phone := o.desk()
		w := o.promises(d, o.plan(), call.Branch{Leg: "desk", Target: phone})
		a, fingerprint := newApp(t)
		a.video = !later
		a.calls(a.enters(d, w, fingerprint))
		gets[call.Start](phone)
		phone.answers()
		answer := a.answered().SDP
		s := &session{t: t, wire: phone.wire}
		if later {
			talk(t, s, a)
			a.films()
			offer, err := a.rtc.CreateOffer(nil)
			if err == nil {
				err = a.rtc.SetLocalDescription(offer)
			}
			if err != nil {
				t.Fatal(err)
			}
			a.says(func(d *sip.Dialog) { d.Reoffer([]byte(a.rtc.LocalDescription().SDP)) })
			answer = sees[sip.OfferAccepted](a).SDP
			if err := a.rtc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
				t.Fatal(err)
			}
		}
		refusesVideo(t, answer)
		talk(t, s, a)
		a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
		gets[call.HangUp](phone)
	}
}
