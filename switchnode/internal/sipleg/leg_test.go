package sipleg

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

func TestCallOfAPhone(t *testing.T) {
	r := newRig(t)
	r.called(body("3", "sendrecv", "8 0 101"))
	r.do(call.Ring{Leg: 0, SessionID: strings.Repeat("ca", 16)})
	if p := expect[sip.Progress](r.calls); p.Code != 180 || len(p.SDP) > 0 || r.dialog.SessionID().Remote != strings.Repeat("ca", 16) {
		t.Errorf("progress %+v, session id %+v", p, r.dialog.SessionID())
	}
	r.do(call.Accept{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcmu}, Direction: sdp.SendRecv}, SessionID: strings.Repeat("ca", 16)})
	ok := parse(t, string(expect[sip.Answered](r.calls).SDP))
	if len(ok.Formats) != 1 || ok.Formats[0].PT != 0 || ok.Flow != 1 {
		t.Errorf("answer: %+v", ok)
	}
	if got := r.dialog.SessionID().Remote; got != strings.Repeat("ca", 16) {
		t.Errorf("the callee's session id came as %q", got)
	}
	if got := r.link.passes(8, 0, 9); got != "[0]" {
		t.Errorf("payload types %s pass, want [0]", got)
	}
	r.says(func(d *sip.Dialog) { d.SendDTMF('7', 80*time.Millisecond) })
	if p := expect[call.Pressed](r.events); p.Digit != '7' || p.Duration != 80*time.Millisecond {
		t.Errorf("digit: %+v", p)
	}
	r.do(call.Press{Leg: 0, Digit: '#', Duration: 100 * time.Millisecond})
	if d := expect[sip.DTMF](r.calls); d.Digit != '#' {
		t.Errorf("digit: %+v", d)
	}
	r.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 31}) })
	if e := expect[call.HungUp](r.events); e.Cause.Code != "normal" || e.Cause.Q850 != 31 {
		t.Errorf("hang-up: %+v", e)
	}
	expect[call.Closed](r.events)
	expect[sip.Closed](r.calls)
}

func TestCallToAPhone(t *testing.T) {
	r := newRig(t)
	r.calling(pcma, g722)
	offer := parse(t, string(r.dialog.SDP()))
	if len(offer.Formats) != 2 || offer.Direction != sdp.SendRecv || offer.Flow != 1 {
		t.Errorf("offer: %+v", offer)
	}
	r.says(func(d *sip.Dialog) { d.Progress(183, "Session Progress") }) // not ringing
	r.says(func(d *sip.Dialog) { d.Progress(180, "Ringing") })
	rings := expect[call.Ringing](r.events)
	r.says(func(d *sip.Dialog) { d.Answer([]byte(body("3", "sendrecv", "9"))) })
	a := expect[call.Answered](r.events)
	if len(a.Description.Codecs) != 1 || !a.Description.Codecs[0].Same(g722) || a.SessionID == "" || rings.SessionID != a.SessionID {
		t.Errorf("rang as %q, answer: %+v", rings.SessionID, a)
	}
	r.do(call.HangUp{Leg: 1, Cause: call.CauseOf(errs.NodeStopped, "")})
	if e := expect[sip.HungUp](r.calls); e.Cause.SIP != 503 || e.Cause.Q850 != 41 || e.Cause.Text != "The switch stopped" {
		t.Errorf("reason of the BYE: %+v", e.Cause)
	}
	expect[call.Closed](r.events)
}

// What waits for a device to wake hears so in a 183 without SDP, and over a link it is passed on; what it is not is ringing.
func TestWaking(t *testing.T) {
	r := newRig(t)
	r.called(body("3", "sendrecv", "8"))
	r.do(call.Wake{Leg: 0})
	if p := expect[sip.Progress](r.calls); p.Code != 183 || p.State != "waking" || len(p.SDP) > 0 {
		t.Errorf("progress %+v", p)
	}
	r = newRig(t)
	r.calling(pcma)
	r.says(func(d *sip.Dialog) {
		d.Progress(183, "Session Progress", sip.NewHeader(sip.HeaderState, sip.StateWaking))
	})
	if w := expect[call.Waking](r.events); w.Leg != 1 || w.Step != "" {
		t.Errorf("%+v", w)
	}
}

func TestCancelSaysWhy(t *testing.T) {
	r := newRig(t)
	r.calling(pcma)
	r.says(func(d *sip.Dialog) { d.Progress(180, "Ringing") })
	expect[call.Ringing](r.events)
	r.do(call.Cancel{Leg: 1, Cause: call.CauseOf(errs.Elsewhere, "")})
	// 2-call-flows, "Branches, and who is told what".
	if e := expect[sip.Cancelled](r.calls); e.Cause.SIP != 200 || e.Cause.Text != "Call completed elsewhere" {
		t.Errorf("reason of the CANCEL: %+v", e.Cause)
	}
	expect[call.Closed](r.events)
}

func TestCallerCancels(t *testing.T) {
	r := newRig(t)
	r.called(body("3", "sendrecv", "8"))
	r.do(call.Ring{Leg: 0})
	expect[sip.Progress](r.calls)
	r.says(func(d *sip.Dialog) { d.Cancel(sip.Cause{}) })
	expect[call.Cancelled](r.events)
	expect[call.Closed](r.events)
}

// What a phone refuses with, and what the caller is then told.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		phrase string
		extra  []sip.Header
		want   ledger.Cause
	}{
		{486, "Busy Here", nil, ledger.Cause{Code: "busy", SIP: 486, Q850: 17, Words: "Busy Here"}},
		{603, "Decline", nil, ledger.Cause{Code: "declined", SIP: 603, Q850: 21, Words: "Decline"}},
		{488, "Not Acceptable Here", nil, ledger.Cause{Code: "no-common-codec", SIP: 488, Q850: 88, Words: "Not Acceptable Here"}},
		{487, "Request Terminated", nil, ledger.Cause{Code: "offline", SIP: 480, Q850: 20, Words: "Request Terminated"}},
		{302, "Moved Temporarily", []sip.Header{sip.NewHeader("Contact", "<sip:1@192.0.2.1>")},
			ledger.Cause{Code: "offline", SIP: 480, Q850: 20, Words: "Moved Temporarily"}},
		{401, "Unauthorized", []sip.Header{sip.NewHeader("WWW-Authenticate", `Digest realm="x", nonce="y"`)},
			ledger.Cause{Code: "forbidden", SIP: 403, Q850: 21, Words: "Unauthorized"}},
		{408, "No answer", []sip.Header{sip.NewHeader(sip.HeaderRefusal, "no-answer")},
			ledger.Cause{Code: "no-answer", SIP: 408, Q850: 19, Words: "No answer"}},
	} {
		t.Run(c.phrase, func(t *testing.T) {
			r := newRig(t)
			r.calling(pcma)
			r.says(func(d *sip.Dialog) { d.Refuse(c.status, c.phrase, sip.Cause{}, c.extra...) })
			if e := expect[call.Refused](r.events); e.Cause != c.want {
				t.Errorf("cause %+v, want %+v", e.Cause, c.want)
			}
			expect[call.Closed](r.events)
		})
	}
}

func TestTellingARefusal(t *testing.T) {
	r := newRig(t)
	r.called(body("3", "sendrecv", "8"))
	// Words may come from anywhere: no line end among them begins a header.
	r.do(call.Refuse{Leg: 0, Cause: call.CauseOf(errs.Busy, "in a\r\nCall-ID: meeting\n")})
	e := expect[sip.Refused](r.calls)
	if e.Code != 486 || e.Refusal != "busy" || e.Cause.Q850 != 17 || strings.ContainsAny(e.Reason+e.Cause.Text, "\r\n") || !strings.Contains(e.Reason, "meeting") {
		t.Errorf("%+v", e)
	}
	expect[call.Closed](r.events)
}

// An INVITE that is refused before it has a leg: a session key is asked for by a Bearer challenge (RFC 8898, 2.1).
func TestRefuse(t *testing.T) {
	r := newRig(t)
	r.dial("v=0\r\n" + strings.Repeat("x", 3000) + "\r\n")
	e := expect[sip.Refused](r.calls)
	if e.Code != 400 || e.Refusal != "invalid" || len(e.Reason) > 256 {
		t.Errorf("%d %q, %q", e.Code, e.Reason, e.Refusal)
	}
}

func TestAnswerThatCannotBeRead(t *testing.T) {
	for name, answer := range map[string]string{
		"none": "", "malformed": "v=0\r\nbroken", "no audio": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=image 9 udptl t38\r\n",
		"no flow": strings.Replace(body("3", "sendrecv", "8"), "a=strowger-flow:3\r\n", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.calling(pcma)
			r.says(func(d *sip.Dialog) { d.Answer([]byte(answer)) })
			if a := expect[call.Answered](r.events); len(a.Description.Codecs) > 0 {
				t.Errorf("answer: %+v", a)
			}
		})
	}
}

func TestPhoneHolds(t *testing.T) {
	r := up(t)
	r.says(func(d *sip.Dialog) { d.Reoffer([]byte(body("3", "sendonly", "8 101"))) })
	o := expect[call.Offered](r.events)
	if o.Description.Direction != sdp.SendOnly {
		t.Errorf("offered %s", o.Description.Direction)
	}
	r.do(call.AcceptOffer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}})
	a := parse(t, string(expect[sip.OfferAccepted](r.calls).SDP))
	if a.Direction != sdp.RecvOnly { // RFC 3264, 6.1
		t.Errorf("answered %s", a.Direction)
	}
}

func TestPhoneIsHeld(t *testing.T) {
	r := up(t)
	for _, c := range []struct{ ask, answer sdp.Direction }{{sdp.SendOnly, sdp.RecvOnly}, {sdp.Inactive, sdp.Inactive}, {sdp.SendRecv, sdp.SendRecv}} {
		r.do(call.Offer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: c.ask}})
		if o := parse(t, string(expect[sip.Offered](r.calls).SDP)); o.Direction != c.ask {
			t.Errorf("offered %s, want %s", o.Direction, c.ask)
		}
		r.says(func(d *sip.Dialog) { d.AcceptOffer([]byte(body("3", string(c.answer), "8"))) })
		if a := expect[call.OfferAccepted](r.events); a.Description.Direction != c.answer {
			t.Errorf("answered %s, want %s", a.Description.Direction, c.answer)
		}
	}
}

// A re-INVITE that asks us for an offer is not supported, nor one that cannot be read: the session goes on (RFC 3261,
// 14.2).
func TestReofferThatCannotBeRead(t *testing.T) {
	r := up(t)
	for _, offer := range []string{"v=0\r\nbroken", body("3", "sendrecv", "101")} {
		r.says(func(d *sip.Dialog) { d.Reoffer([]byte(offer)) })
		if e := expect[sip.OfferRefused](r.calls); e.Code != 488 {
			t.Errorf("%q was refused with %d", offer, e.Code)
		}
	}
	if got := r.link.passes(8); got != "[8]" {
		t.Errorf("payload types %s pass, want [8]", got)
	}
}

func TestRefusedReofferLeavesThePayloadTypes(t *testing.T) {
	for _, c := range []struct{ status, want int }{{488, 488}, {603, 488}, {401, 488}, {404, 488}, {503, 503}} {
		r := up(t)
		if got := r.link.passes(8, 0, 101); got != "[8 101]" {
			t.Fatalf("before: payload types %s pass", got)
		}
		r.do(call.Offer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcmu}, Direction: sdp.SendRecv}})
		refused := parse(t, string(expect[sip.Offered](r.calls).SDP))
		if got := r.link.passes(8, 0); got != "[8 0]" { // the phone may send by either
			t.Errorf("while the offer is out: payload types %s pass", got)
		}
		r.says(func(d *sip.Dialog) { d.RefuseOffer(c.status, "No") })
		if e := expect[call.OfferRefused](r.events); e.Status != c.want {
			t.Errorf("%d is told as %d, want %d", c.status, e.Status, c.want)
		}
		if got := r.link.passes(8, 0, 101); got != "[8 101]" {
			t.Errorf("after %d: payload types %s pass", c.status, got)
		}
		// What was agreed stands, under a version later than the refused one (RFC 3264, 8).
		r.says(func(d *sip.Dialog) { d.Reoffer(nil) })
		s := parse(t, string(expect[sip.OfferAccepted](r.calls).SDP))
		if s.Version != refused.Version+1 || len(s.Formats) != 2 || s.Formats[0].PT != 8 {
			t.Errorf("after %d: described %+v", c.status, s)
		}
	}
}

func TestAcceptedReofferChangesThePayloadTypes(t *testing.T) {
	r := up(t)
	r.do(call.Offer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcmu}, Direction: sdp.SendRecv}})
	expect[sip.Offered](r.calls)
	r.says(func(d *sip.Dialog) { d.AcceptOffer([]byte(body("3", "sendrecv", "0"))) })
	expect[call.OfferAccepted](r.events)
	if got := r.link.passes(8, 0); got != "[0]" {
		t.Errorf("payload types %s pass, want [0]", got)
	}
}

// An answer to a re-INVITE that cannot be used is a refusal: nobody is told that the session changed.
func TestReofferAnsweredBadly(t *testing.T) {
	for _, answer := range []string{"", "v=0\r\nbroken", body("3", "sendrecv", "9")} {
		r := up(t)
		r.do(call.Offer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcmu}, Direction: sdp.SendRecv}})
		expect[sip.Offered](r.calls)
		r.says(func(d *sip.Dialog) { d.AcceptOffer([]byte(answer)) })
		if e := expect[call.OfferRefused](r.events); e.Status != 488 {
			t.Errorf("%q is told as %d", answer, e.Status)
		}
		if got := r.link.passes(8, 0); got != "[8]" {
			t.Errorf("after %q payload types %s pass", answer, got)
		}
	}
}

func TestRefusingAReoffer(t *testing.T) {
	r := up(t)
	r.says(func(d *sip.Dialog) { d.Reoffer([]byte(body("3", "sendrecv", "9"))) })
	expect[call.Offered](r.events)
	r.do(call.RefuseOffer{Leg: 1, Status: 488})
	if e := expect[sip.OfferRefused](r.calls); e.Code != 488 {
		t.Errorf("refused with %d", e.Code)
	}
	// An answer that has none of the offered codecs is no answer.
	r.says(func(d *sip.Dialog) { d.Reoffer([]byte(body("3", "sendrecv", "9"))) })
	expect[call.Offered](r.events)
	r.do(call.AcceptOffer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcmu}, Direction: sdp.SendRecv}})
	if e := expect[sip.OfferRefused](r.calls); e.Code != 488 {
		t.Errorf("refused with %d", e.Code)
	}
}

func TestByeCause(t *testing.T) {
	for in, want := range map[sip.Cause]ledger.Cause{
		{}:                                 {Code: "normal", SIP: 200, Q850: 16, Words: "Normal call clearing"},
		{SIP: 200, Text: "bye"}:            {Code: "normal", SIP: 200, Q850: 16, Words: "bye"},
		{SIP: 503, Q850: 41, Text: "stop"}: {Code: "congested", SIP: 503, Q850: 41, Words: "stop"},
		{Q850: 31}:                         {Code: "normal", SIP: 200, Q850: 31, Words: "Normal call clearing"},
	} {
		if got := ByeCause(in); got != want {
			t.Errorf("%+v: %+v, want %+v", in, got, want)
		}
	}
}

func TestTracer(t *testing.T) {
	var got []call.Arrow
	tell := Tracer("sw-20", "phone 1001", func(a call.Arrow) { got = append(got, a) })
	tell(true, sip.Peer{}, "INVITE", time.UnixMicro(1))
	tell(false, sip.Peer{}, "100 Trying", time.UnixMicro(2))
	if len(got) != 2 || got[0] != (call.Arrow{Sender: "sw-20", Receiver: "phone 1001", Text: "INVITE", At: time.UnixMicro(1)}) ||
		got[1] != (call.Arrow{Sender: "phone 1001", Receiver: "sw-20", Text: "100 Trying", At: time.UnixMicro(2)}) {
		t.Errorf("%+v", got)
	}
}

func TestInputsOfOthersAreNothing(t *testing.T) {
	if evs := (&Leg{}).Handle("not an input"); evs != nil {
		t.Errorf("%v", evs)
	}
}
