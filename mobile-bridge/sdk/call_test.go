package sdk

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

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

// TestTheOfferMustBeTheNodes: who offers media by another certificate than the one that the session key covers gets none.
func TestTheOfferMustBeTheNodes(t *testing.T) {
	w := newWorld(t)
	if _, err := w.phone.Push(w.wake(w.claims("leg_1"))); err != nil {
		t.Fatal(err)
	}
	in := w.next()
	other, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	in.invite(newPeerMedia(t, other, webrtcOffer).offer())
	if e := want[sip.Refused](in); e.Code != 488 || e.Refusal != string(errs.WrongNode) {
		t.Errorf("the anchor was told %+v", e)
	}
	in.leave()
	if e := w.seen.want(Woken, Missed); e.Code != string(errs.WrongNode) {
		t.Errorf("missed with %+v", e)
	}
}

// TestNoCommonCodec: a caller that no phone could understand is told so, and nothing rings.
func TestNoCommonCodec(t *testing.T) {
	w := newWorld(t)
	if _, err := w.phone.Push(w.wake(w.claims("leg_1"))); err != nil {
		t.Fatal(err)
	}
	in := w.next()
	in.media = newPeerMedia(t, w.cert, formats{codec(webrtc.MimeTypePCMA, "", 8)})
	in.invite(strings.Replace(in.media.offer(), "PCMA/8000", "G729/8000", 1))
	if e := want[sip.Refused](in); e.Code != 488 || e.Refusal != string(errs.NoCommonCodec) {
		t.Errorf("the anchor was told %+v", e)
	}
	in.leave()
	if e := w.seen.want(Woken, Missed); !strings.Contains(e.Words, "no common codec: the caller speaks G729/8000, this phone G722/8000") {
		t.Errorf("missed with %+v", e)
	}
}

// TestHold: the other side is told, and what either says is not heard meanwhile.
func TestHold(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	local := in.media.pc.LocalDescription().SDP
	c.Hold()
	if o := want[sip.Offered](in); !strings.Contains(string(o.SDP), "a=sendonly") || !strings.Contains(string(o.SDP), "a=setup:actpass") {
		t.Errorf("the anchor was offered\n%s", o.SDP)
	}
	in.do(func() { in.dialog.AcceptOffer([]byte(strings.Replace(local, "a=sendrecv", "a=recvonly", 1))) })
	want[sip.Acked](in)
	w.seen.want(Woken, Ringing, Connected, Held)
	in.media.say(speechFrame(1), 0) // not heard, so that there is no echo
	eventually(t, func() bool { return c.Statistics().Received == 1 })
	c.Resume()
	if o := want[sip.Offered](in); !strings.Contains(string(o.SDP), "a=sendrecv") {
		t.Errorf("the anchor was offered\n%s", o.SDP)
	}
	in.do(func() { in.dialog.AcceptOffer([]byte(local)) })
	want[sip.Acked](in)
	w.seen.want(Woken, Ringing, Connected, Held, Resumed)
	in.media.say(speechFrame(2), 0)
	if _, echo := in.media.hear(func(rtp.Header, []byte) bool { return true }); !bytes.Equal(echo, speechFrame(2)) {
		t.Error("what was said during the hold came back")
	}

	in.do(func() { in.dialog.Reoffer([]byte(strings.Replace(local, "a=sendrecv", "a=sendonly", 1))) })
	if e := want[sip.OfferAccepted](in); !strings.Contains(string(e.SDP), "a=recvonly") {
		t.Errorf("to a hold the phone answered\n%s", e.SDP)
	}
	other, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	foreign := newPeerMedia(t, other, webrtcOffer).offer()
	in.do(func() { in.dialog.PassOffer([]byte(foreign)) })
	if e := want[sip.OfferRefused](in); e.Code != 488 {
		t.Errorf("to media of another the phone answered %+v", e)
	}
	c.Hold()
	want[sip.Offered](in)
	in.do(func() { in.dialog.RefuseOffer(488, "Not Acceptable Here") })
	if e := w.seen.want(Woken, Ringing, Connected, Held, Resumed, Held); e.Words != "the other side is not told" {
		t.Errorf("a hold that the node refuses: %+v", e)
	}
	in.do(func() { in.dialog.Bye(sip.Cause{SIP: 200, Text: "The caller hung up"}) })
	if e := w.seen.want(Woken, Ringing, Connected, Held, Resumed, Held, Ended); e.Words != "The caller hung up" {
		t.Errorf("ended with %+v", e)
	}
}

// TestALostConnectionRingsOn: the phone comes back with the same key and a fresh proof, and the call is answered there.
func TestALostConnectionRingsOn(t *testing.T) {
	w := newWorld(t)
	c, first := w.ring("leg_1")
	first.leave()
	second := w.next()
	if second.key != first.key || second.proof.ID == first.proof.ID {
		t.Errorf("the phone came back with the same key: %v, the same proof: %v", second.key == first.key, second.proof.ID == first.proof.ID)
	}
	c.Answer(NewEcho()) // before the node asks again
	second.offer(webrtcOffer)
	want[progressed](second)
	second.connect()
	w.seen.want(Woken, Ringing, Connected)
	second.leave()
	if e := w.seen.want(Woken, Ringing, Connected, Ended); e.Code != string(errs.LinkLost) {
		t.Errorf("ended with %+v", e)
	}
}

// TestTheCallIsOverWhenItComesBack: a call whose connection is lost goes on until the node says that it is over, and why.
func TestTheCallIsOverWhenItComesBack(t *testing.T) {
	w := newWorld(t)
	w.gives("token")
	c, in := w.ring("leg_1")
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	w.refuses(errs.New(errs.Gone, "The caller hung up"))
	in.leave()
	if e := w.seen.want(Woken, Ringing, Connected, Reconnecting, Ended); e.Code != string(errs.Gone) || e.Words != "The caller hung up" {
		t.Errorf("ended with %+v", e)
	}
}

// TestAnswerThatNeverArrived: the node asks again on the next connection, and the call is answered there by itself.
func TestAnswerThatNeverArrived(t *testing.T) {
	w := newWorld(t)
	w.gives("token")
	c, first := w.ring("leg_1")
	c.Answer(NewEcho())
	eventually(t, func() bool { return len(first.events) > 0 }) // our 200
	first.leave()
	second := w.next()
	second.offer(webrtcOffer)
	want[progressed](second)
	second.connect()
	if e := w.seen.want(Woken, Ringing, Connected); e.Call != c {
		t.Errorf("connected %+v", e)
	}
}

// TestDeclinedBeforeItRings: the node is told as soon as it asks.
func TestDeclinedBeforeItRings(t *testing.T) {
	w := newWorld(t)
	c, err := w.phone.Push(w.wake(w.claims("leg_1")))
	if err != nil {
		t.Fatal(err)
	}
	c.Decline()
	w.seen.want(Woken, Ended)
	in := w.next()
	in.offer(webrtcOffer)
	if e := want[sip.Refused](in); e.Code != 603 {
		t.Errorf("the anchor was told %+v", e)
	}
	in.leave()
	<-c.done
	w.seen.want(Woken, Ended)
}

// TestBusy: the node hears that the user talks to somebody else, before it rings and while it does.
func TestBusy(t *testing.T) {
	for _, rings := range []bool{false, true} {
		w := newWorld(t)
		c, err := w.phone.Push(w.wake(w.claims("leg_1")))
		if err != nil {
			t.Fatal(err)
		}
		if !rings {
			c.Busy()
		}
		in := w.next()
		in.offer(webrtcOffer)
		if rings {
			w.seen.want(Woken, Ringing)
			want[progressed](in)
			c.Busy()
		}
		c.Busy() // once more is nothing
		if e := want[sip.Refused](in); e.Code != 486 || e.Cause.Q850 != 17 {
			t.Errorf("the anchor was told %+v", e)
		}
		in.leave()
		<-c.done
		kinds := map[bool][]string{false: {Woken, Missed}, true: {Woken, Ringing, Cancelled}}[rings]
		if e := w.seen.want(kinds...); e.Code != string(errs.Busy) {
			t.Errorf("ended with %+v", e)
		}
	}
}

// TestCloseHangsUp: the other side is not left to talk alone.
func TestCloseHangsUp(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	c.Answer(NewRecording(make([]byte, 1600)))
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	in.media.hear(func(h rtp.Header, payload []byte) bool { return h.PT == 8 && len(payload) == 160 })
	w.phone.Close()
	if e := want[sip.HungUp](in); e.Cause.Q850 != 16 {
		t.Errorf("the anchor was told %+v", e)
	}
	if e := w.seen.want(Woken, Ringing, Connected, Ended); e.Code != string(errs.NodeStopped) {
		t.Errorf("ended with %+v", e)
	}
	if _, err := w.phone.Push(w.wake(w.claims("leg_2"))); errs.CodeOf(err) != errs.NodeStopped {
		t.Errorf("a push to a closed phone: %v", err)
	}
}

// TestRecordingAndMute: what is said arrives whole and in order; what is muted is silence, not nothing.
func TestRecordingAndMute(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	var pcm []byte
	for n := range 5 {
		for _, s := range g711.A.Decode(nil, speechFrame(n)) {
			pcm = append(pcm, byte(s), byte(s>>8))
		}
	}
	c.Answer(NewRecording(pcm))
	in.connect()
	silence := bytes.Repeat([]byte{g711.A.Silence()}, 160)
	whatever := func(rtp.Header, []byte) bool { return true }
	for n := range 5 {
		if h, said := in.media.hear(whatever); !bytes.Equal(said, speechFrame(n)) || h.Marker != (n == 0) {
			t.Errorf("frame %d: % x, marker %v", n, said[:8], h.Marker)
		}
	}
	if _, said := in.media.hear(whatever); !bytes.Equal(said, silence) {
		t.Errorf("after the recording: % x", said[:8])
	}
	c.Hangup()
	want[sip.HungUp](in)
	in.leave()
	w.seen.want(Woken, Ringing, Connected, Ended)
	c.Speak(pcm) // to nobody

	w.seen.all = nil
	c, in = w.ring("leg_2")
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	c.Mute(true)
	in.media.say(speechFrame(1), 0)
	if _, said := in.media.hear(whatever); !bytes.Equal(said, silence) {
		t.Errorf("a muted phone says % x", said[:8])
	}
	c.Mute(false)
	in.media.say(speechFrame(2), 0)
	if _, said := in.media.hear(whatever); !bytes.Equal(said, speechFrame(2)) {
		t.Errorf("a phone that is muted no more says % x", said[:8])
	}
}
