package webside

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// talk has both sides speak until each has heard 25 packets of the other, and compares them.
func talk(t *testing.T, s *session, a *app) {
	t.Helper()
	packet := func(pt byte, n int, ssrc uint32) []byte {
		b := []byte{0x80, pt, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(n))
		binary.BigEndian.PutUint32(b[4:], uint32(160*n))
		binary.BigEndian.PutUint32(b[8:], ssrc)
		return append(b, fmt.Sprintf("%d/%d", ssrc, n)...)
	}
	const enough = 25
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for n := 0; len(a.hears()) < enough || len(s.wire.heard()) < enough; n++ {
		if time.Now().After(deadline) {
			t.Fatalf("the app heard %d packets, the caller %d", len(a.hears()), len(s.wire.heard()))
		}
		s.wire.receive(packet(8, n, 1))
		if _, err := a.voice.Write(packet(8, n, 2)); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	for who, heard := range map[string][][]byte{"1": a.hears(), "2": s.wire.heard()} {
		for i, b := range heard {
			if pt := b[1] & 0x7f; pt != 8 || !strings.HasPrefix(string(b[12:]), who+"/") {
				t.Fatalf("packet %d of %s: payload type %d, %q", i, who, pt, b[12:])
			}
		}
	}
}

// A desk phone calls an app that sleeps: it is woken, rings, answers, both hear each other, and the caller hangs up.
func TestCallOfASleepingApp(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	a, fingerprint := newApp(t)
	a.comes(d, w, fingerprint)
	offer, err := sdp.ParseSecure(a.dialog.SDP())
	if err != nil || len(offer.Formats) != 3 || !offer.Formats[0].Same(pcma) || len(offer.Fingerprints) == 0 || fingerprintOf(offer.Fingerprints[0]) != w.Node.DTLS {
		t.Fatalf("offer %+v, %v; designated %s", offer, err, w.Node.DTLS)
	}
	if r := a.dialog.Remote(); r.Name != "Ann" || r.User != "201001" {
		t.Errorf("called by %+v", r)
	}
	a.rings()
	hears[call.Ring](s)
	a.answers()
	if accepted := hears[call.Accept](s); !accepted.Description.Codecs[0].Same(pcma) {
		t.Errorf("accepted %+v", accepted.Description)
	}
	talk(t, s, a)
	s.caller.hangUp()
	if bye := sees[sip.HungUp](a); bye.Cause.Text != "Normal call clearing" {
		t.Errorf("hung up because of %+v", bye.Cause)
	}
	got := s.ends(p.Branches[0].App.Leg)
	want := []string{"trying", "wake requested", "wake accepted by apns", "wake connected", "ringing", "answered", "leg-ended normal"}
	slices.Sort(got[1:4]) // the app may be faster than the answer of its provider
	slices.Sort(want[1:4])
	if !slices.Equal(got, want) {
		t.Errorf("ledger: %q", got)
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil)}); code(err) != errs.Replayed {
		t.Errorf("the key once more: %v", err)
	}
	eventually(t, "no connection is left", func() bool { return o.web.Counters().Connections == 0 })
}

// Hold by the desk phone is answered in the app's place, hold by the app goes to the desk phone; the app sends a digit, and
// hangs up.
func TestAppInACall(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	s := o.call(o.plan(d), speech)
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	hears[call.Wake](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	s.caller.say(call.Offered{Leg: call.Caller, Description: sdp.Description{Codecs: speech.Codecs, Direction: sdp.SendOnly}})
	if held := hears[call.AcceptOffer](s); held.Description.Direction != sdp.RecvOnly || !held.Description.Codecs[0].Same(pcma) {
		t.Errorf("hold answered by %+v", held.Description)
	}
	s.caller.say(call.Offered{Leg: call.Caller, Description: sdp.Description{Codecs: []sdp.Codec{g729}, Direction: sdp.SendRecv}})
	if refused := hears[call.RefuseOffer](s); refused.Status != 488 {
		t.Errorf("another codec: %+v", refused)
	}
	for _, hold := range []struct{ offers, offered, answered sdp.Direction }{
		{sdp.SendOnly, sdp.SendOnly, sdp.RecvOnly}, {sdp.Inactive, sdp.SendOnly, sdp.Inactive}, {sdp.SendRecv, sdp.SendRecv, sdp.SendRecv},
	} { // the switch plays in the place of who is silent
		a.reoffers(hold.offers)
		if o := hears[call.Offer](s); o.Description.Direction != hold.offered || !o.Description.Codecs[0].Same(pcma) {
			t.Errorf("the caller is offered %+v", o.Description)
		}
		s.caller.say(call.OfferAccepted{Leg: call.Caller, Description: sdp.Description{Codecs: speech.Codecs, Direction: hold.answered}})
		if got, err := sdp.ParseSecure(sees[sip.OfferAccepted](a).SDP); err != nil || got.Direction != hold.answered {
			t.Errorf("the app's %s was answered by %+v, %v", hold.offers, got, err)
		}
	}
	a.reoffers(sdp.SendOnly)
	hears[call.Offer](s)
	s.caller.say(call.OfferRefused{Leg: call.Caller, Status: 488})
	if got := sees[sip.OfferRefused](a); got.Code != 488 {
		t.Errorf("a refused hold: %+v", got)
	}
	a.reoffers(sdp.SendRecv, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")
	if got := sees[sip.OfferRefused](a); got.Code != 488 {
		t.Errorf("another certificate: %+v", got)
	}
	before := len(a.hears())
	eventually(t, "the app hears on", func() bool {
		s.wire.receive(append([]byte{0x80, 8, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9}, "on"...))
		return len(a.hears()) > before
	})
	a.says(func(d *sip.Dialog) { d.SendDTMF('5', 100*time.Millisecond) })
	if p := hears[call.Press](s); p.Digit != '5' {
		t.Errorf("digit %+v", p)
	}
	a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{}) })
	hears[call.HangUp](s)
	<-s.Done()
}

// An app whose media found no way says so as 500, and the record in its words.
func TestByeCause(t *testing.T) {
	for said, want := range map[sip.Cause]ledger.Cause{
		{SIP: 500, Text: "No media path"}: {Code: string(errs.MediaLost), SIP: 503, Q850: 41, Words: "No media path"},
		{Q850: 16}:                        {Code: string(call.Normal), SIP: 200, Q850: 16, Words: "Normal call clearing"},
	} {
		if got := byeCause(said); got != want {
			t.Errorf("%+v is %+v, want %+v", said, got, want)
		}
	}
}
