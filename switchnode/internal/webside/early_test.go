package webside

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// bench is a queue in which one call waits.
type bench struct{ joined chan *call.Session }

func (b bench) Join(s *call.Session) {
	b.joined <- s
	s.Post(call.Placed{Standing: call.Standing{Position: 1}})
}
func (bench) Return()                    {}
func (bench) Leave(call.Leaving, string) {}

// early waits until the app has the switch's answer to its offer and knows its place, which may come in any order.
func (a *app) early() (body []byte) {
	a.t.Helper()
	for placed := false; !placed || body == nil; {
		ev := sees[sip.Progress](a)
		placed = placed || ev.Code == 182
		if len(ev.SDP) > 0 {
			body = ev.SDP
		}
	}
	return body
}

// An app that waits has the switch's answer before the callee's, and once more when it comes back. The 200 has the same one, and if the
// callee's phone takes less than that says, the app is asked to speak what is left.
func TestAppHearsTheSwitchBeforeTheAnswer(t *testing.T) {
	o, d := newOfficeOf(t, patient), newDevice(t)
	p, phone, queue := o.plan(), o.desk(), bench{make(chan *call.Session, 1)}
	w := o.promises(d, p)
	for slot, promise := range o.callers.promises {
		promise.Queue = queue
		promise.Renew = func(context.Context, []string) []call.Branch { return []call.Branch{{Leg: "desk", Target: phone}} }
		o.callers.promises[slot] = promise
	}
	a, fingerprint := newApp(t)
	a.calls(a.enters(d, w, fingerprint))
	waits := <-queue.joined
	body := a.early()
	if err := a.rtc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}); err != nil {
		t.Fatal(err)
	}
	a.loses()
	a.comesBack(d, w, fingerprint)
	if again := a.early(); !bytes.Equal(again, body) {
		t.Errorf("the app that is back is answered\n%s, want\n%s", again, body)
	}
	waits.Post(call.Turn{})
	if offer := gets[call.Start](phone).Offer; offer.Body != nil || !slices.ContainsFunc(offer.Codecs, pcma.Same) {
		t.Errorf("the phone is offered %+v", offer)
	}
	phone.answers()
	if ev := sees[sip.Answered](a); !bytes.Equal(ev.SDP, body) {
		t.Errorf("the 200 has\n%s, want\n%s", ev.SDP, body)
	}
	s, err := sdp.ParseSecure(sees[sip.Offered](a).SDP)
	if err != nil || len(s.Formats) != 1 || !s.Formats[0].Same(pcma) {
		t.Errorf("the app is offered %+v, %v", s.Formats, err)
	}
	a.says(func(d *sip.Dialog) { d.AcceptOffer([]byte(a.rtc.LocalDescription().SDP)) })
	talk(t, &session{t: t, wire: phone.wire}, a)
	a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
	gets[call.HangUp](phone)
	o.placedAs(p.Call).ends("desk")
}

// What a description says of other formats goes, and all the rest stays.
func TestOnly(t *testing.T) {
	left := []sdp.Format{{PT: 8, Codec: pcma}}
	for line, want := range map[string]string{
		"m=audio 9 UDP/TLS/RTP/SAVPF 9 0 8 101": "m=audio 9 UDP/TLS/RTP/SAVPF 8",
		"m=video 0 UDP/TLS/RTP/SAVPF 96":        "m=video 0 UDP/TLS/RTP/SAVPF 96",
		"a=rtpmap:8 PCMA/8000":                  "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:9 G722/8000":                  "",
		"a=fmtp:101 0-15":                       "",
		"a=rtcp-fb:* transport-cc":              "a=rtcp-fb:* transport-cc",
		"a=mid:0":                               "a=mid:0",
	} {
		if got := only(line, left); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
