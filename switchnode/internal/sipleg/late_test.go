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
			call.Offered{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma, telephoneEvent}, Direction: sdp.SendOnly}}},
		"fewer codecs": {body("3", "sendrecv", "8"),
			call.Offered{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendRecv}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := up(t)
			var got call.Event
			r.events.do(func() {
				r.leg.late = true
				got = r.leg.acked([]byte(c.answer))
			})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if c.want == nil {
				return
			}
			// Until the other leg has followed, the phone waits with what is next; the call's answer is not for it.
			r.says(func(d *sip.Dialog) { d.PassOffer([]byte(body("3", "inactive", "8"))) })
			if e := expect[sip.OfferRefused](r.calls); e.Code != 491 {
				t.Errorf("refused with %d", e.Code)
			}
			r.do(call.AcceptOffer{Leg: 1, Description: sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.RecvOnly}})
			r.says(func(d *sip.Dialog) { d.PassOffer([]byte(body("3", "inactive", "8"))) })
			expect[call.Offered](r.events)
		})
	}
}

// What callees are offered for a caller who leaves the offer to us can be written, with a payload type for each codec.
func TestSupported(t *testing.T) {
	s := Supported()
	if _, formats := sdp.NewWriter().Offer(s, sdp.Local{}); len(formats) != len(s.Codecs) {
		t.Errorf("formats %+v", formats)
	}
}
