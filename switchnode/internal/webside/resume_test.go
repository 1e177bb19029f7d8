package webside

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"pgregory.net/rapid"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// patient are the times of a switch whose apps come back.
var patient = Times{Stranger: time.Hour, Line: time.Hour, Last: patience, Away: time.Hour}

// An app comes back in the call, while its first connection is still open and after that has ended: the old one is closed, the
// dialog goes on, and so do the media, by an ICE restart, as the source that they were.
func TestAppComesBackInTheCall(t *testing.T) {
	o, d := newOfficeOf(t, patient), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	a, fingerprint := newApp(t)
	w := o.woken(d)
	a.comes(d, w, fingerprint)
	hears[call.Wake](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	before := a.hears()
	first := a.session
	a.returns(d, w, fingerprint)
	select {
	case <-first.Context().Done():
	case <-time.After(patience):
		t.Error("the connection that was replaced stays open")
	}
	a.restarts("passive")
	hearsOn(t, s, a, before[len(before)-1], 3)

	if err := a.session.CloseWithError(0, ""); err != nil { // the network is gone
		t.Fatal(err)
	}
	a.returns(d, w, fingerprint)
	s.sees(cameBack, 2) // what is said before that is lost with the old connection
	s.caller.say(call.Pressed{Leg: call.Caller, Digit: '7', Duration: time.Second})
	if e := sees[sip.DTMF](a); e.Digit != '7' {
		t.Errorf("the app saw %+v", e)
	}
	a.reoffers(sdp.SendOnly) // with the addresses of the restart
	if o := hears[call.Offer](s); o.Description.Direction != sdp.SendOnly {
		t.Errorf("the caller is offered %+v", o.Description)
	}
	s.caller.say(call.OfferAccepted{Leg: call.Caller, Description: sdp.Description{Codecs: speech.Codecs, Direction: sdp.RecvOnly}})
	sees[sip.OfferAccepted](a)
	s.caller.hangUp()
	sees[sip.HungUp](a)
	if got := s.ends(p.Branches[0].App.Leg); got[len(got)-1] != "leg-ended normal" {
		t.Errorf("ledger: %q", got)
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil), Resume: a.token}); code(err) != errs.Gone || err.Error() != "Normal call clearing" {
		t.Errorf("who comes back too late hears %v", err)
	}
	eventually(t, "no connection is left", func() bool { return o.web.Counters().Connections == 0 })
	if n := o.relay.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}

// sees waits for an arrow of the ladder, so many times.
func (s *session) sees(text string, times int) {
	s.t.Helper()
	eventually(s.t, text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, e := range s.events {
			if e.Kind == ledger.Message && e.Text == text {
				n++
			}
		}
		return n == times
	})
}

// restarts offers an ICE restart, and takes the answer, in which the switch has its role of DTLS still.
func (a *app) restarts(setup string) {
	a.t.Helper()
	o, err := a.rtc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		a.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(a.rtc)
	if err := a.rtc.SetLocalDescription(o); err != nil {
		a.t.Fatal(err)
	}
	<-gathered
	a.said = []byte(a.rtc.LocalDescription().SDP)
	a.says(func(d *sip.Dialog) { d.Reoffer(a.said) })
	answer := sees[sip.OfferAccepted](a).SDP
	if s := string(answer); !strings.Contains(s, "a=setup:"+setup) || !strings.Contains(s, "a=sendrecv") {
		a.t.Errorf("the restart is answered by\n%s", answer)
	}
	if err := a.rtc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		a.t.Fatal(err)
	}
}

// An app that called comes back like one that was called, and its key alone is a replay.
func TestCallingAppComesBack(t *testing.T) {
	o, d := newOfficeOf(t, patient), newDevice(t)
	p, phone := o.plan(), o.desk()
	w := o.promises(d, p, call.Branch{Leg: "desk", Target: phone})
	a, fingerprint := newApp(t)
	a.calls(a.enters(d, w, fingerprint))
	gets[call.Start](phone)
	phone.answers()
	a.answered()
	s := &session{t: t, wire: phone.wire}
	talk(t, s, a)
	before := a.hears()
	if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil)}); code(err) != errs.Replayed {
		t.Errorf("the key alone: %v", err)
	}
	if err := a.session.CloseWithError(0, ""); err != nil {
		t.Fatal(err)
	}
	a.returns(d, w, fingerprint)
	a.restarts("active")
	hearsOn(t, s, a, before[len(before)-1], 3)
	a.says(func(d *sip.Dialog) { d.Bye(sip.Cause{Q850: 16}) })
	gets[call.HangUp](phone)
	o.placedAs(p.Call).ends("desk")
}

// hearsOn has another source speak until the app hears it, with numbers that are above that of the last packet, each once.
func hearsOn(t *testing.T, s *session, a *app, last []byte, ssrc byte) {
	t.Helper()
	begun, n := len(a.hears()), byte(0)
	eventually(t, "the app hears on", func() bool {
		n++
		s.wire.receive(append([]byte{0x80, 8, 0, n, 0, 0, n, 0, 0, 0, 0, ssrc}, "on"...))
		return len(a.hears()) >= begun+5
	})
	before, seen := binary.BigEndian.Uint16(last[2:]), map[uint16]bool{}
	for _, b := range a.hears()[begun:] {
		if !slices.Equal(b[8:12], last[8:12]) {
			t.Fatalf("SSRC % x after % x", b[8:12], last[8:12])
		}
		// Some are lost on the way, and after an ICE restart they come by two sockets, of which either may be the first.
		ahead := binary.BigEndian.Uint16(b[2:]) - before
		if ahead == 0 || ahead > 1000 || seen[ahead] {
			t.Fatalf("sequence number %d after %d, for the second time: %t", before+ahead, before, seen[ahead])
		}
		seen[ahead] = true
	}
}

// Once a leg is answered nothing takes it up but the key, a fresh proof by the same device and the same certificate, and the
// token; and the call goes on undisturbed.
func TestWhoMayComeBack(t *testing.T) {
	o, d, other := newOfficeOf(t, patient), newDevice(t), newDevice(t)
	s := o.call(o.plan(d), speech)
	a, fingerprint := newApp(t)
	w := o.woken(d)
	a.comes(d, w, fingerprint)
	hears[call.Wake](s)
	a.answers()
	hears[call.Accept](s)
	shown := d.proves(t, w, fingerprint, nil)
	stale := d.proves(t, w, fingerprint, func(c *proof.Call) { c.IssuedAt -= 600 })
	ghost := d.proves(t, w, fingerprint, func(c *proof.Call) { c.Epoch = 7 })
	for what, c := range map[string]struct {
		proof, token string
		want         errs.Code
	}{
		"without the token":         {d.proves(t, w, fingerprint, nil), "", errs.Replayed},
		"with another token":        {d.proves(t, w, fingerprint, nil), "AAAAAAAAAAAAAAAAAAAAAAAAAA", errs.Replayed},
		"by another device":         {other.proves(t, w, fingerprint, nil), a.token, errs.WrongPresenter},
		"with another certificate":  {d.proves(t, w, "sha-256 00:11", nil), a.token, errs.WrongPresenter},
		"with an old proof":         {stale, a.token, errs.KeyExpired},
		"of another ring attempt":   {ghost, a.token, errs.Ghost},
		"with the key of nobody":    {"x", a.token, errs.KeyMalformed},
		"without a proof of a name": {d.proves(t, w, fingerprint, func(c *proof.Call) { c.ID = "" }), a.token, errs.Replayed},
	} {
		if err := o.knock(proof.Entry{Key: w.Key, Proof: c.proof, Resume: c.token}); code(err) != c.want {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
	}
	talk(t, s, a)
	if err := o.knock(proof.Entry{Key: w.Key, Proof: shown, Resume: a.token}); err != nil {
		t.Errorf("who may come back: %v", err)
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: shown, Resume: a.token}); code(err) != errs.Replayed {
		t.Errorf("a proof that was shown: %v", err)
	}
	var err error
	for n := 0; err == nil && n < 2*maxProofs; n++ {
		err = o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil), Resume: a.token})
	}
	if code(err) != errs.Congested {
		t.Errorf("a device that comes back again and again: %v", err)
	}
	s.caller.hangUp()
	<-s.Done()
}

// A device may be away for a while, and no longer: whatever happens in whatever order, the timer runs exactly while something is
// lacking, and only then the leg is given up, once.
func TestPresence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p presence
		cut, silent, running, over := false, false, false, false
		for i, h := range rapid.SliceOf(rapid.SampledFrom([]happening{streamEnded, streamBack, mediaFailed, mediaBack, timeIsUp, legOver})).Draw(t, "happenings") {
			switch h {
			case streamEnded, streamBack:
				cut = h == streamEnded
			case mediaFailed, mediaBack:
				silent = h == mediaFailed
			}
			want := goOn
			switch lacks := cut || silent; {
			case over:
			case h == legOver && running:
				want, running, over = disarm, false, true
			case h == legOver:
				over = true
			case h == timeIsUp && running:
				want, running, over = giveUp, false, true
			case lacks && !running:
				want, running = arm, true
			case !lacks && running:
				want, running = disarm, false
			}
			if got := p.step(h); got != want {
				t.Fatalf("step %d, happening %d: verdict %d, want %d; %+v", i, h, got, want, p)
			}
			if code, words := p.why(); want == giveUp && (words == "" || (code == errs.LegLost) != cut) {
				t.Fatalf("given up as %s %q, cut %v", code, words, cut)
			}
		}
	})
}
