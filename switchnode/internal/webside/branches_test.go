package webside

import (
	"slices"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// Both devices of a callee ring, the first one to answer wins, and the other is told why. A third, which wakes when all is
// over, hears the same, and shows no ring.
func TestTwoDevicesRace(t *testing.T) {
	o := newOffice(t)
	devices := []*device{newDevice(t), newDevice(t), newDevice(t)}
	p := o.plan(devices...)
	s := o.call(p, speech)
	wakes := map[string]fabric.Wake{}
	for range devices {
		w := <-o.wakes
		wakes[w.Ticket] = w
	}
	var apps [2]*app
	for i := range apps {
		d := devices[i]
		w, err := d.sealing.Open(orgID, d.id, wakes["ticket of "+d.id].Sealed)
		if err != nil {
			t.Fatal(err)
		}
		var fingerprint string
		apps[i], fingerprint = newApp(t)
		apps[i].comes(d, w, fingerprint) // the second one while the first one rings
		apps[i].rings()
		s.writes(p.Branches[i].App.Leg, "ringing")
	}
	hears[call.Wake](s)
	hears[call.Ring](s)
	apps[1].answers()
	hears[call.Accept](s)
	if c := sees[sip.Cancelled](apps[0]); c.Cause.SIP != 200 || c.Cause.Text != "Call completed elsewhere" {
		t.Errorf("the loser hears %+v", c.Cause)
	}
	late := devices[2]
	w, err := late.sealing.Open(orgID, late.id, wakes["ticket of "+late.id].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: late.proves(t, w, "", nil)}); code(err) != errs.Gone || err.Error() != "Call completed elsewhere" {
		t.Errorf("who wakes late hears %v", err)
	}
	talk(t, s, apps[1])
	s.caller.hangUp()
	sees[sip.HungUp](apps[1])
	if got := s.ends(p.Branches[2].App.Leg); got[len(got)-1] != "leg-ended elsewhere" || slices.Contains(got, "ringing") {
		t.Errorf("ledger of the one that never came: %q", got)
	}
	if got := o.web.Counters().Wakes; got["came"] != 2 || got["missed"] != 1 {
		t.Errorf("outcomes %v", got)
	}
}

// A device whose connection is lost while it rings may come back; the connection that it had, if there is one, is closed.
func TestDeviceComesBack(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	first, fingerprint := newApp(t)
	first.comes(d, w, fingerprint)
	first.rings()
	hears[call.Ring](s)
	if err := first.session.CloseWithError(0, ""); err != nil { // the network is gone
		t.Fatal(err)
	}
	second, fingerprint := newApp(t)
	second.comes(d, w, fingerprint)
	second.rings()
	third, fingerprint := newApp(t)
	third.comes(d, w, fingerprint)
	<-second.session.Context().Done()
	third.rings()
	third.answers()
	hears[call.Accept](s)
	talk(t, s, third)
	third.says(func(d *sip.Dialog) { d.Bye(sip.Cause{}) })
	hears[call.HangUp](s)
	if got := s.ends(p.Branches[0].App.Leg); got[len(got)-1] != "leg-ended normal" {
		t.Errorf("ledger: %q", got)
	}
	if n := o.relay.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}

// The caller gives up: the device that rings hears it, and the one that comes later.
func TestCallerCancels(t *testing.T) {
	o, d, late := newOffice(t), newDevice(t), newDevice(t)
	p := o.plan(d, late)
	s := o.call(p, speech)
	wakes := map[string]fabric.Wake{}
	for range p.Branches {
		w := <-o.wakes
		wakes[w.Ticket] = w
	}
	w, err := d.sealing.Open(orgID, d.id, wakes["ticket of "+d.id].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	a, fingerprint := newApp(t)
	a.comes(d, w, fingerprint)
	a.rings()
	hears[call.Wake](s)
	hears[call.Ring](s)
	s.caller.cancel()
	if c := sees[sip.Cancelled](a); c.Cause.SIP != 487 || c.Cause.Text != "The caller hung up" {
		t.Errorf("the device hears %+v", c.Cause)
	}
	s.ends(p.Branches[0].App.Leg)
	if w, err = late.sealing.Open(orgID, late.id, wakes["ticket of "+late.id].Sealed); err != nil {
		t.Fatal(err)
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: late.proves(t, w, "", nil)}); code(err) != errs.Gone || err.Error() != "The caller hung up" {
		t.Errorf("who wakes late hears %v", err)
	}
}

// A device declines; an offer that it answers with nothing of it is no answer.
func TestDeviceDeclines(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	hears[call.Wake](s)
	a.says(func(d *sip.Dialog) { d.Refuse(603, "Declined", sip.Cause{}) })
	if r := hears[call.Refuse](s); r.Cause.SIP != 603 {
		t.Errorf("the caller hears %+v", r.Cause)
	}
	s.ends(p.Branches[0].App.Leg)

	p = o.plan(d)
	s = o.call(p, speech)
	a, fingerprint = newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	hears[call.Wake](s)
	a.says(func(d *sip.Dialog) {
		d.Answer([]byte("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 8\r\n"))
	})
	if r := hears[call.Refuse](s); r.Cause.SIP != 488 {
		t.Errorf("the caller hears %+v", r.Cause)
	}
	s.ends(p.Branches[0].App.Leg)
}

// Nobody is woken for a call that it could not take, and who cannot be woken fails at once, in words.
func TestNotWoken(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	s := o.call(o.plan(d), sdp.Description{Codecs: []sdp.Codec{g729}, Direction: sdp.SendRecv})
	if r := hears[call.Refuse](s); r.Cause.SIP != 488 {
		t.Errorf("without a common codec: %+v", r.Cause)
	}
	<-s.Done()
	if len(o.wakes) > 0 {
		t.Error("woken for nothing")
	}
	o.reply = func() (fabric.WakeReply, error) {
		return fabric.WakeReply{Pushes: []fabric.PushResult{{Provider: fabric.FCM, Reason: "UNREGISTERED", Dead: true, Tries: 1}}}, nil
	}
	p := o.plan(d)
	s = o.call(p, speech)
	hears[call.Wake](s)
	if r := hears[call.Refuse](s); r.Cause.Code != "no-push" || r.Cause.Words != "The callee's phone cannot be woken: fcm says UNREGISTERED" {
		t.Errorf("with a dead token: %+v", r.Cause)
	}
	want := []string{"trying", "wake requested", "wake refused by fcm no-push", "leg-ended no-push"}
	if got := s.ends(p.Branches[0].App.Leg); !slices.Equal(got, want) {
		t.Errorf("ledger: %q", got)
	}
	bad := o.plan(d)
	bad.Node = nil
	s = o.call(bad, speech)
	if r := hears[call.Refuse](s); r.Cause.Code != "internal" {
		t.Errorf("a plan without the node: %+v", r.Cause)
	}
	<-s.Done()
}

// In the call a lost connection ends the leg.
func TestConnectionIsLostInTheCall(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, fingerprint := newApp(t)
	a.comes(d, o.woken(d), fingerprint)
	hears[call.Wake](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	if err := a.session.CloseWithError(0, ""); err != nil {
		t.Fatal(err)
	}
	if h := hears[call.HangUp](s); h.Cause.Code != string(errs.LegLost) {
		t.Errorf("the caller hears %+v", h.Cause)
	}
	s.ends(p.Branches[0].App.Leg)
}
