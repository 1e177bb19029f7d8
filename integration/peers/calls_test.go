//go:build peers

package peers

import (
	"errors"
	"fmt"
	"testing"
)

// TestOffices is every kind of call between the phones of two offices, in one deployment. Phones wait more than they work: some
// calls run side by side, but not beside browsers, for whom each new machine is a change of their network.
func TestOffices(t *testing.T) {
	t.Parallel()
	d := deployLarge(t, 1, shortRing, manyPhones)
	t.Run("calls", func(t *testing.T) { testCalls(t, d) })
	t.Run("stop", func(t *testing.T) { testStop(t, d) })
}

func testCalls(t *testing.T, d *deployment) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *deployment)
	}{
		{"audio", testAudio},
		{"one switch", testOneSwitch},
		{"new phone", testNewPhone},
		{"hold", testHold},
		{"transfer", testTransfer},
		{"attended transfer", testAttended},
		{"referred", testReferred},
		{"transfer forbidden", testForbidden},
		{"pick-up", testPickUp},
		{"pick-up elsewhere", testPickUpElsewhere},
		{"park", testPark},
		{"retrieve elsewhere", testRetrieveElsewhere},
		{"echo test", testEchoTest},
		{"three-way", testThreeWay},
		{"SRTP", testSRTP},
		{"reconnect", testReconnect},
		{"digits", testDigits},
		{"digits as tones", testDigitsAsTones},
		{"cancel", testCancel},
		{"busy", testBusy},
		{"rejected", testRejected},
		{"no common codec", testNoCommonCodec},
		{"no callee", testNoCallee},
		{"disabled", testDisabled},
		{"wrong password", testWrongPassword},
		{"enrolment", testEnrolment},
		{"no answer", testNoAnswer}, // the longest are the last, which begin first
		{"trunk", testTrunk},
		{"sipp", testSIPp},
		{"desk", testDesk},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, d)
		})
	}
}

// testAudio has phones of every transport and codec hear each other.
func testAudio(t *testing.T, d *deployment) {
	for _, test := range []struct {
		name     string
		from, to handset
	}{
		{"UDP, PCMU", handset{transport: "udp", codec: pcmu}, handset{transport: "udp", codec: pcmu}},
		{"TCP, PCMA", handset{transport: "tcp", codec: pcma}, handset{transport: "tcp", codec: pcma}},
		{"TLS, PCMU", handset{transport: "tls", codec: pcmu}, handset{transport: "tls", codec: pcmu}},
		{"TLS to UDP, G.722", handset{transport: "tls", codec: g722}, handset{transport: "udp", codec: g722}},
		{"UDP to TCP, Opus", handset{transport: "udp", codec: opus}, handset{transport: "tcp", codec: opus}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.from.tone, test.to.tone = low, high
			a := d.x.phone(t, d.x.account(t), test.from)
			b := d.y.phone(t, d.y.account(t), test.to)
			call(t, a, b, b.dial)
			talk(t, a, b)
			hangUp(t, a, b)
			d.conversation(t, a.account, b.account, test.from.codec.record, hungUpByCaller)
		})
	}
}

// testOneSwitch has two phones of one office call each other by extension; the callee hangs up.
func testOneSwitch(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.x, pcmu)
	call(t, a, b, b.extension)
	talk(t, a, b)
	hangUp(t, b, a)
	d.conversation(t, a.account, b.account, pcmu.record, outcome{"normal", 200, "callee"})
}

// testNewPhone adds a phone to a running deployment: it can sign in and be called.
func testNewPhone(t *testing.T, d *deployment) {
	l := d.settle(t, d.x, "2001")
	callee := l.run(t, answerScenario, scenario{})
	a := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: low})
	a.do(t, "dial", l.dial)
	a.await(t, "CALL_ESTABLISHED")
	a.do(t, "hangup", "")
	callee.good(t)
}

// testHold has either party put the other on hold and take it back: who is held hears music, who holds nothing, and then both hear each
// other. The networks tell: a baresip that was held records nothing any more.
func testHold(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	toA, toB := listen(t, a.host), listen(t, b.host)
	for _, holds := range []struct {
		holder, held     *phone
		toHolder, toHeld *tap
	}{{a, b, toA, toB}, {b, a, toB, toA}} {
		holds.holder.do(t, "hold", "")
		holds.toHeld.expectMusic(t, holds.holder.tone)
		holds.toHolder.expectSilence(t)
		holds.holder.do(t, "resume", "")
		holds.toHolder.expectTone(t, holds.held.tone)
		holds.toHeld.expectTone(t, holds.holder.tone)
	}
	hangUp(t, a, b)
	c := d.conversation(t, a.account, b.account, pcmu.record, hungUpByCaller)
	held := map[string]int{}
	for _, e := range c.Ladder {
		held[string(e.Kind)]++
	}
	if held["held"] == 0 || held["held"] != held["resumed"] {
		t.Errorf("call %s: %d events of hold and %d of resume", c.ID, held["held"], held["resumed"])
	}
}

// testDigits has phones press keys during a call, by RFC 4733.
func testDigits(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	for _, digit := range []string{"7", "#"} {
		a.do(t, "sndcode", digit)
		if got := b.await(t, "CALL_DTMF_START"); got != digit {
			t.Errorf("the callee got %q, want %q", got, digit)
		}
	}
	b.do(t, "sndcode", "3")
	if got := a.await(t, "CALL_DTMF_START"); got != "3" {
		t.Errorf("the caller got %q, want 3", got)
	}
	talk(t, a, b)
	hangUp(t, a, b)
	d.conversation(t, a.account, b.account, pcmu.record, hungUpByCaller)
}

// testStop has every program end as the operator asks it to.
func testStop(t *testing.T, d *deployment) {
	d.x.sw.stop(t)
	d.y.sw.stop(t)
	d.cloud.stop(t)
}

// expectMusic waits until half a second has come of what is neither silence nor one tone.
func (w *tap) expectMusic(t *testing.T, tone float64) {
	t.Helper()
	w.forget()
	eventually(t, "music", func() error {
		samples := w.heard()
		if len(samples) < pcmu.rate {
			return fmt.Errorf("%d samples so far, less than a second", len(samples))
		}
		if got, purity := strongest(samples[len(samples)-pcmu.rate/2:], pcmu.rate); got == 0 || got == tone && purity > 0.9 {
			return fmt.Errorf("heard %v Hz with a purity of %.2f, want music", got, purity)
		}
		return nil
	})
}

// expectSilence waits until no more audio comes.
func (w *tap) expectSilence(t *testing.T) {
	t.Helper()
	const enough = 6 // looks, of 50 ms each: fifteen packets of a stream
	quiet := 0
	eventually(t, "silence", func() error {
		if n := len(w.heard()); n > 0 {
			w.forget()
			quiet = 0
			return fmt.Errorf("%d samples came", n)
		}
		if quiet++; quiet < enough {
			return errors.New("not yet long enough")
		}
		return nil
	})
}

// expectTone waits until a second of one tone has come.
func (w *tap) expectTone(t *testing.T, tone float64) {
	t.Helper()
	w.forget()
	eventually(t, fmt.Sprintf("%v Hz", tone), func() error { return expectTone(w.heard(), pcmu.rate, tone) })
}

// expectOthers waits until a second has come of the tones of others, and not of the phone's own.
func (w *tap) expectOthers(t *testing.T, own *phone, others ...*phone) {
	t.Helper()
	var tones []float64
	for _, o := range others {
		tones = append(tones, o.tone)
	}
	w.forget()
	eventually(t, fmt.Sprintf("%v Hz and not %v", tones, own.tone), func() error { return expectTones(w.heard(), pcmu.rate, own.tone, tones...) })
}
