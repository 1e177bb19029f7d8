//go:build peers

package peers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strowger/pkg/rest"
)

// softphonesNetwork is the number of a network that no other test has.
const softphonesNetwork = 14

// TestSoftphones has two users who have nothing but browsers call each other and a desk phone, and their networks change.
func TestSoftphones(t *testing.T) {
	d := deploy(t, softphonesNetwork, longRing)
	bridge := d.webBridge(t, "--relay", ":3478", "--relay-ports", "50000-50999", "--relay-private")
	desk := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	finn, code := d.softphone(t, bridge, "Finn Bell", "70011", high)
	finn.enrols(t, code)
	gwen, code := d.softphone(t, bridge, "Gwen Hale", "70012", low)
	gwen.enrols(t, code)
	finn.open(t, "/#contacts") // with Gwen among them
	finn.shows(t, "Reachable")
	gwen.open(t, "/#contacts")
	gwen.shows(t, "Reachable")
	t.Run("calls that cross", func(t *testing.T) { testSoftphonesCross(t, d, finn, gwen) })
	t.Run("declined", func(t *testing.T) { testSoftphonesDecline(t, finn, gwen) })
	t.Run("missed", func(t *testing.T) { testSoftphonesMiss(t, finn, gwen) })
	t.Run("video", func(t *testing.T) { testSoftphonesVideo(t, finn, gwen) })
	t.Run("offers that cross", func(t *testing.T) { testSoftphoneOffersCross(t, d, finn, gwen) })
	t.Run("video with an app", func(t *testing.T) { testSoftphoneFilmsApp(t, d, finn) })
	t.Run("video to a desk phone", func(t *testing.T) { testSoftphoneFilmsDesk(t, finn, desk) })
	t.Run("two windows", func(t *testing.T) { testSoftphoneWindows(t, d, finn, gwen) })
	t.Run("another network while it rings", func(t *testing.T) { testSoftphoneMovesCalling(t, d, finn, desk) })
	t.Run("another network in a call", func(t *testing.T) { testSoftphoneMoves(t, d, finn, desk) })
	for _, c := range []struct{ name, drop, way string }{
		// By way of the bridge, and media by TCP to the switch, or by TCP to the relay.
		{"no UDP", "meta l4proto udp drop", "tcp"},
		// By way of the bridge, and media by the relay.
		{"no way to the switch", fmt.Sprintf("ip saddr { %s, %s } drop", d.x.machine.addr, d.y.machine.addr), "relay"},
	} {
		t.Run(c.name, func(t *testing.T) {
			finn.host.firewall(t, c.drop)
			testSoftphoneBlocked(t, d, finn, desk, c.way)
		})
	}
	if err := errors.Join(finn.faults(), gwen.faults()); err != nil {
		t.Error(err)
	}
}

func (s *softphone) enrols(t *testing.T, code string) {
	t.Helper()
	s.open(t, "/#"+code)
	s.shows(t, "Reachable")
}

// contact is the button in the list of contacts that calls somebody.
func contact(to *softphone) string { return fmt.Sprintf("Call %s, %s", to.user.Name, to.dial) }

// dials calls somebody of the contacts.
func (s *softphone) dials(t *testing.T, to *softphone) {
	t.Helper()
	s.presses(t, contact(to))
}

// talks waits until the page shows that it is in a call.
func (s *softphone) talks(t *testing.T) {
	t.Helper()
	s.becomes(t, s.user.Name+" is in the call", `document.querySelector("[role=timer]")`)
}

// testSoftphonesCross has one call the other who calls already: that is one call, which nobody has to answer.
func testSoftphonesCross(t *testing.T, d *deployment, finn, gwen *softphone) {
	gwen.becomes(t, "Finn is in the list", button(contact(finn)))
	finn.dials(t, gwen)
	finn.becomes(t, "the call is on its way", `document.querySelector(".state:is(.calling, .waking, .ringing)")`)
	eval[any](t, gwen.browser, button(contact(finn))+".click()")
	finn.talks(t)
	gwen.talks(t)
	finn.hears(t, low)
	gwen.hears(t, high)
	finn.presses(t, "Hang up")
	gwen.shows(t, "Call ended")
	var calls []rest.Call
	eventually(t, "the record of the call", func() error {
		page, err := d.api.Calls().Page(t.Context(), rest.Filter{"user": finn.user.ID}, 10, "")
		if calls = page.Items; err == nil && (len(calls) == 0 || calls[0].State != "ended") {
			err = fmt.Errorf("%+v", calls)
		}
		return err
	})
	if len(calls) != 1 || calls[0].AnsweredAt == nil {
		t.Errorf("the calls of two who call each other: %+v, want one that was answered", calls)
	}
	for _, s := range []*softphone{finn, gwen} {
		eventually(t, "the way of the media of "+s.user.Name, func() error {
			c, err := d.api.Calls().Get(t.Context(), calls[0].ID)
			if l := legOf(c, s.device); err == nil && (l.Local == "" || l.Remote == "" || strings.ContainsAny(l.Local+l.Remote, ".:")) {
				err = fmt.Errorf("%+v, want kinds of addresses: the switch has nothing of it\n%s", l, ladder(c))
			}
			return err
		})
	}
}

func testSoftphonesDecline(t *testing.T, finn, gwen *softphone) {
	finn.dials(t, gwen)
	gwen.rings(t)
	gwen.presses(t, "Decline")
	gwen.shows(t, "You declined")
	gwen.presses(t, "Close")
	finn.shows(t, "They declined")
	finn.presses(t, "Close")
}

// testSoftphonesMiss has the caller hang up before the answer, which leads to a missed call.
func testSoftphonesMiss(t *testing.T, finn, gwen *softphone) {
	finn.dials(t, gwen)
	gwen.rings(t)
	finn.presses(t, "Cancel")
	gwen.shows(t, "The caller hung up")
	gwen.presses(t, "Close")
	gwen.becomes(t, "one call is missed", `document.querySelector(".count")?.ariaLabel === "1 missed"`)
	gwen.presses(t, "Recent")
	gwen.presses(t, "Missed")
	gwen.becomes(t, "the missed call", `document.querySelectorAll(".item.missed").length === 1`)
	gwen.shows(t, finn.user.Name)
}

// testSoftphoneWindows opens the phone in a second window: only the first one rings, until the second one takes the phone, and
// with it the call.
func testSoftphoneWindows(t *testing.T, d *deployment, finn, gwen *softphone) {
	const dialogs = `document.querySelectorAll("[role=alertdialog]").length`
	ctx, closeWindow := chromedp.NewContext(gwen.ctx)
	defer closeWindow()
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	second := &browser{ctx: ctx, host: gwen.host, origin: gwen.origin}
	second.open(t, "/")
	second.shows(t, "Your phone is open in another window")
	finn.dials(t, gwen)
	gwen.rings(t)
	if n := eval[int](t, second, dialogs); n != 0 {
		t.Error("both windows ring")
	}
	second.presses(t, "Use it here")
	second.rings(t)
	gwen.shows(t, "Your phone is open in another window")
	second.presses(t, "Answer")
	second.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
	finn.talks(t)
	second.hears(t, high)
	finn.hears(t, low)
	second.open(t, "") // who closes the window hangs up
	finn.shows(t, "Call ended")
	gwen.presses(t, "Use it here")
	gwen.shows(t, "Reachable")
	if c := d.record(t, finn.account, outcome{"normal", 200, "callee"}); len(c.Legs) != 2 {
		t.Errorf("call %s has %d legs, want one of each user", c.ID, len(c.Legs))
	}
}

// testSoftphoneMoves sends digits both ways, and then has the softphone's machine lose its network in the call and get another:
// the call goes on there.
func testSoftphoneMoves(t *testing.T, d *deployment, s *softphone, desk *phone) {
	desk.do(t, "dial", s.dial)
	s.presses(t, "Answer")
	desk.await(t, "CALL_ESTABLISHED")
	s.talks(t)
	wire := listen(t, desk.host)
	wire.expectTone(t, high)
	s.hears(t, low)
	s.presses(t, "Keypad")
	for key, digit := range map[string]string{"7": "7", "Star": "*", "Hash": "#"} {
		s.presses(t, key)
		if got := desk.await(t, "CALL_DTMF_START"); got != digit {
			t.Errorf("the desk phone is told %q, want %q", got, digit)
		}
	}
	s.presses(t, "Keypad")
	s.watch(t)
	wire.begin()
	before := s.host.addr
	s.host = d.net.move(t, s.host)
	s.becomes(t, "the call goes on elsewhere", `connections.at(-1).getStats().then((all) => [...all.values()].some((c) =>
		c.type === "candidate-pair" && c.nominated && c.state === "succeeded" && all.get(c.localCandidateId).address === `+quote(s.host.addr.String())+`))`)
	s.talks(t)
	wire.expectTone(t, high)
	s.hears(t, low)
	t.Logf("from %s to %s: the longest gap in the audio is %v to the desk phone, %v to the browser", before, s.host.addr, wire.longest(), s.gap(t))
	s.presses(t, "Hold")
	s.shows(t, "On hold")
	s.presses(t, "Hold")
	s.talks(t)
	wire.expectTone(t, high)
	s.presses(t, "Hang up")
	desk.await(t, "CALL_CLOSED")
	d.conversation(t, desk.account, s.account, pcmu.record, outcome{"normal", 200, "callee"})
}

// testSoftphoneMovesCalling has the machine of a softphone that calls get another network: the call is placed there once more, and the
// phone that rings hears nothing of that. Who hangs up while there is no network is heard as soon as there is one.
func testSoftphoneMovesCalling(t *testing.T, d *deployment, s *softphone, desk *phone) {
	calls := func() {
		for _, key := range desk.account.dial {
			s.presses(t, string(key))
		}
		s.presses(t, "Call")
		desk.await(t, "CALL_INCOMING")
		s.shows(t, "Ringing")
	}
	s.becomes(t, "there is the keypad", `document.getElementById("number")`)
	calls()
	s.host = d.net.move(t, s.host)
	desk.do(t, "accept", "")
	desk.await(t, "CALL_ESTABLISHED")
	s.talks(t)
	desk.hears(t, high)
	s.hears(t, low)
	d.net.unplug(t, s.host)
	s.presses(t, "Hang up")
	s.host = d.net.replug(t, s.host)
	desk.await(t, "CALL_CLOSED")
	if c := d.conversation(t, s.account, desk.account, pcmu.record, outcome{"normal", 200, "caller"}); strings.Count(ladder(c), "back on another connection") != 2 {
		t.Errorf("the softphone was not away twice:\n%s", ladder(c))
	}
	s.shows(t, "Reachable")
	calls()
	d.net.unplug(t, s.host)
	s.presses(t, "Cancel")
	s.host = d.net.replug(t, s.host)
	desk.await(t, "CALL_CLOSED")
	d.record(t, s.account, outcome{"caller-left", 487, "caller"})
	s.shows(t, "Reachable")
}

// watch begins to measure how long nothing comes to the browser in its call.
func (s *softphone) watch(t *testing.T) {
	t.Helper()
	eval[any](t, s.browser, `{
		let [heard, at] = [0, performance.now()];
		window.gap = 0;
		setInterval(() => {
			const [now, source] = [performance.now(), connections.at(-1).getReceivers()[0].getSynchronizationSources()[0]];
			if (source && source.rtpTimestamp !== heard) {
				window.gap = Math.max(gap, now - at);
				[heard, at] = [source.rtpTimestamp, now];
			}
		}, 20);
		null
	}`)
}

// gap is the longest time so far, within 20 ms.
func (s *softphone) gap(t *testing.T) time.Duration {
	t.Helper()
	return time.Duration(eval[float64](t, s.browser, "gap")) * time.Millisecond
}

// testSoftphoneBlocked has a softphone whose network lets little through call a desk phone by the way that is left.
func testSoftphoneBlocked(t *testing.T, d *deployment, s *softphone, desk *phone, way string) {
	desk.do(t, "dial", s.dial)
	s.presses(t, "Answer")
	desk.await(t, "CALL_ESTABLISHED")
	s.talks(t)
	desk.hears(t, high)
	s.hears(t, low)
	got := eval[string](t, s.browser, `connections.at(-1).getStats().then((all) => {
		const pair = [...all.values()].find((c) => c.type === "candidate-pair" && c.nominated && c.state === "succeeded");
		const { candidateType, protocol, relayProtocol } = all.get(pair.localCandidateId);
		return candidateType + " " + (relayProtocol ?? protocol);
	})`)
	t.Logf("the media go by %s", got)
	if !strings.Contains(got, way) {
		t.Errorf("the media go by %s, want %s", got, way)
	}
	s.presses(t, "Hang up")
	desk.await(t, "CALL_CLOSED")
	d.conversation(t, desk.account, s.account, pcmu.record, outcome{"normal", 200, "callee"})
}
