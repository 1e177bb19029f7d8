package sipleg

import (
	"reflect"
	"testing"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// An INVITE without an offer gets ours with the 200. Our phone's ACK has no answer, which ends the call.
func TestLateOfferIsNotAnswered(t *testing.T) {
	r := newRig(t)
	r.called("")
	r.do(call.Accept{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcmu, telephoneEvent}, Direction: sdp.SendRecv}})
	ok := parse(t, string(expect[sip.Answered](r.calls).SDP))
	if len(ok.Formats) != 2 || ok.Formats[0].PT != 0 || ok.Direction != sdp.SendRecv {
		t.Errorf("offered %+v", ok)
	}
	if l := expect[call.Lost](r.events); l.Cause.Code != "no-common-codec" {
		t.Errorf("lost with %+v", l.Cause)
	}
	if e := expect[sip.HungUp](r.calls); e.Cause.SIP != 488 {
		t.Errorf("hung up with %+v", e.Cause)
	}
	expect[call.Closed](r.events)
}

// A re-INVITE without an offer is answered with the session as it is.
func TestReofferWithoutOffer(t *testing.T) {
	r := up(t)
	r.says(func(d *sip.Dialog) { d.Reoffer(nil) })
	ok := parse(t, string(expect[sip.OfferAccepted](r.calls).SDP))
	if len(ok.Formats) != 2 || ok.Formats[0].PT != 8 || ok.Version != parse(t, string(r.dialog.SDP())).Version {
		t.Errorf("offered %+v", ok)
	}
}

func TestAnswerInTheAck(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   call.Event
	}{
		"as it was": {body("3", "sendrecv", "8 101"), nil},
		"held": {body("3", "sendonly", "8 101"),
			call.Offered{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma, telephoneEvent}, Direction: sdp.SendOnly}, Settled: true}},
		"fewer codecs": {body("3", "sendrecv", "8"),
			call.Offered{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}, Settled: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := up(t)
			var got call.Event
			r.events.do(func() {
				r.leg.late.stage = due
				got = r.leg.acked([]byte(c.answer))
			})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// lateRinging is a call of a phone that leaves the offer to us and takes it with the 180. It reads SIP itself: our phone
// does neither.
func lateRinging(t *testing.T) (*rig, *rawPhone) {
	r := newRig(t)
	p := r.raw(t)
	p.send("INVITE", 1, "Supported: 100rel\r\n", "")
	<-r.invited
	r.do(call.Ring{Leg: 0})
	return r, p
}

// The offer goes with the 180, the answer comes with the PRACK, and the 200 has neither (RFC 3262, 5).
func TestOfferWithTheRinging(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   sdp.Direction // that the other leg is brought to, "" if it need not be
	}{
		"the same": {body("3", "sendrecv", "8 101"), ""},
		"on hold":  {body("3", "sendonly", "8 101"), sdp.SendOnly},
		"more":     {body("3", "sendrecv", "0 8 101"), sdp.SendRecv},
	} {
		t.Run(name, func(t *testing.T) {
			r, p := lateRinging(t)
			ringing := p.await("180")
			if offer := parse(t, ringing.body); len(offer.Formats) != len(Supported().Codecs) {
				t.Errorf("offered %+v", offer)
			}
			r.do(call.Accept{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcma, telephoneEvent}, Direction: sdp.SendRecv}})
			p.send("PRACK", 2, "RAck: "+ringing.header("RSeq")+" 1 INVITE\r\n", c.answer)
			p.await("200 OK PRACK")
			if ok := p.await("200 OK INVITE"); ok.body != "" {
				t.Errorf("answered with %q", ok.body)
			}
			if got := r.link.passes(8, 0, 101); got != "[8 0 101]" {
				t.Errorf("payload types %s pass", got)
			}
			p.send("ACK", 1, "", "")
			if c.want == "" {
				p.send("BYE", 3, "", "")
				expect[call.HungUp](r.events)
				return
			}
			if o := expect[call.Offered](r.events); !o.Settled || o.Description.Direction != c.want {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestRingingIsAnsweredBadly(t *testing.T) {
	r, p := lateRinging(t)
	ringing := p.await("180")
	p.send("PRACK", 2, "RAck: "+ringing.header("RSeq")+" 1 INVITE\r\n", body("3", "sendrecv", "3"))
	if l := expect[call.Lost](r.events); l.Cause.Code != "no-common-codec" {
		t.Errorf("lost with %+v", l.Cause)
	}
	p.await("488")
	expect[call.Closed](r.events)
}

// The call has its answer, which waits for the PRACK: to the call it is up, so the caller's CANCEL is a hang-up.
func TestCancelOvertakesThePrack(t *testing.T) {
	r, p := lateRinging(t)
	p.await("180")
	r.do(call.Accept{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}})
	p.send("CANCEL", 1, "", "")
	p.await("487")
	if e := expect[call.HungUp](r.events); e.Leg != 0 || e.Cause.Code != "normal" {
		t.Errorf("%+v", e)
	}
	expect[call.Closed](r.events)
}

// An UPDATE that holds travels on as a re-INVITE does; the phone that takes back its re-INVITE says so.
func TestOfferIsWithdrawn(t *testing.T) {
	r := newRig(t)
	p := r.raw(t)
	p.send("INVITE", 1, "", body("3", "sendrecv", "8"))
	<-r.invited
	r.do(call.Accept{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}})
	p.await("200 OK INVITE")
	p.send("ACK", 1, "", "")
	p.send("UPDATE", 2, "", body("3", "sendonly", "8"))
	if o := expect[call.Offered](r.events); o.Settled || o.Description.Direction != sdp.SendOnly {
		t.Errorf("%+v", o)
	}
	r.do(call.AcceptOffer{Leg: 0, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.RecvOnly}})
	if a := parse(t, p.await("200 OK UPDATE").body); a.Direction != sdp.RecvOnly {
		t.Errorf("answered %s", a.Direction)
	}
	p.send("INVITE", 3, "", body("3", "sendrecv", "8"))
	expect[call.Offered](r.events)
	p.send("CANCEL", 3, "", "")
	p.await("487")
	if w := expect[call.OfferWithdrawn](r.events); w.Leg != 0 {
		t.Errorf("%+v", w)
	}
}

// What callees are offered for a caller who leaves the offer to us can be written, with a payload type for each codec.
func TestSupported(t *testing.T) {
	s := Supported()
	if _, formats := sdp.NewWriter().Offer(s, sdp.Local{}); len(formats) != len(s.Codecs) {
		t.Errorf("formats %+v", formats)
	}
}
