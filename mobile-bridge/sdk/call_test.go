package sdk

import (
	"bytes"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sip"
)

// speech is the n-th of a series of frames that differ, as the codec has them.
func speechFrame(n int) []byte {
	linear := make([]int16, 160)
	for i := range linear {
		linear[i] = int16((i*37 + n*1013) % 20000)
	}
	return g711.A.Encode(nil, linear)
}

// TestCall: a push wakes the phone, which rings when the anchor asks, answers, and says what it hears, until it hangs up.
func TestCall(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	if in.thumb != w.thumb || in.proof.Epoch != 1 || in.proof.DTLS == "" {
		t.Errorf("the phone proved %+v by %s", in.proof, in.thumb)
	}
	if c.FromName() != "Bob" || c.FromNumber() != "201001" || c.ToNumber() != "7001" || c.ID() != "call_leg_1" {
		t.Errorf("the call is %s from %q %s to %s", c.ID(), c.FromName(), c.FromNumber(), c.ToNumber())
	}
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	for n := range 20 {
		frame := speechFrame(n)
		in.media.say(frame, 0)
		in.media.hear(func(h rtp.Header, payload []byte) bool { return h.PT == 8 && bytes.Equal(payload, frame) })
	}
	in.media.say(speechFrame(21), 2) // two are lost on the way
	_, first := in.media.hear(func(rtp.Header, []byte) bool { return true })
	if !bytes.Equal(first[:320], bytes.Repeat([]byte{g711.A.Silence()}, 320)) || !bytes.Equal(first[320:], speechFrame(21)) {
		t.Errorf("lost packets are played as % x", first[:16])
	}
	s := c.Statistics()
	if s.Codec != "PCMA" || s.Sent != 21 || s.Received != 21 || s.Path == "" {
		t.Errorf("statistics %+v", s)
	}
	c.Hangup()
	if e := want[sip.HungUp](in); e.Cause.Q850 != 16 {
		t.Errorf("the anchor was told %+v", e.Cause)
	}
	if e := w.seen.want(Woken, Ringing, Connected, Ended); e.Code != "" || e.Call != c {
		t.Errorf("ended with %+v", e)
	}
	if s := c.Statistics(); s.Sent != 21 {
		t.Errorf("statistics after the end %+v", s)
	}
}

// TestTheSamePushRingsOnce: providers may deliver twice, and the anchor wakes again when it hears nothing.
func TestTheSamePushRingsOnce(t *testing.T) {
	w := newWorld(t)
	payload := w.wake(w.claims("leg_1"))
	c, err := w.phone.Push(payload)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.phone.Push(payload)
	if err != nil || again != c {
		t.Errorf("the same push gave %v, %v", again, err)
	}
	in := w.next()
	in.offer(webrtcOffer)
	want[progressed](in)
	w.seen.want(Woken, Ringing)
	in.do(func() { in.dialog.Cancel(sip.Cause{SIP: 200, Text: "Call completed elsewhere"}) })
	if e := w.seen.want(Woken, Ringing, Cancelled); e.Code != string(errs.Elsewhere) || e.Words != "Call completed elsewhere" {
		t.Errorf("cancelled with %+v", e)
	}
	want[sip.Closed](in)
	in.leave()
	<-c.done
	if again, err := w.phone.Push(payload); err != nil || again != c {
		t.Errorf("after the end the same push gave %v, %v", again, err)
	}
	w.seen.want(Woken, Ringing, Cancelled)
}

// TestDecline tells the caller.
func TestDecline(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	c.Decline()
	if e := want[sip.Refused](in); e.Code != 603 {
		t.Errorf("the anchor was told %+v", e)
	}
	if e := w.seen.want(Woken, Ringing, Ended); e.Code != string(errs.Declined) {
		t.Errorf("ended with %+v", e)
	}
}
