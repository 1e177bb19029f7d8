//go:build peers

package peers

import (
	"strings"
	"testing"
)

// testSoftphoneOffersCross has both ends of a call change it at the same moment, in each way that they can: each change is made, and
// none ends the call.
func testSoftphoneOffersCross(t *testing.T, d *deployment, finn, gwen *softphone) {
	finn.dials(t, gwen)
	gwen.presses(t, "Answer")
	finn.talks(t)
	gwen.talks(t)
	cross(t, finn, press("Camera"), gwen, press("Camera"))
	finn.sees(t)
	gwen.sees(t)
	cross(t, finn, press("Hold"), gwen, press("Camera")) // off
	finn.shows(t, "On hold")
	gwen.shows(t, "They put you on hold")
	gwen.becomes(t, "Gwen does not film, and sees nobody", "!"+ours+" && !"+theirs)
	finn.presses(t, "Hold")
	finn.talks(t)
	gwen.talks(t)
	gwen.sees(t)
	cross(t, finn, press("Hold"), gwen, press("Hold"))
	for _, s := range []*softphone{finn, gwen} {
		s.shows(t, "On hold")
		s.becomes(t, "nothing goes either way", audio+`.currentDirection === "inactive"`)
	}
	finn.presses(t, "Hold")
	finn.shows(t, "They put you on hold")
	gwen.presses(t, "Hold")
	for _, s := range []*softphone{finn, gwen} {
		s.talks(t)
		s.becomes(t, "audio goes both ways", audio+`.currentDirection === "sendrecv"`)
	}
	finn.hears(t, low)
	gwen.hears(t, high)
	const way = `connections.at(-1).currentRemoteDescription.sdp.match(/^a=ice-ufrag:.*/m)[0]`
	for _, s := range []*softphone{finn, gwen} {
		eval[any](t, s.browser, "{ window.way = "+way+"; null }")
	}
	cross(t, finn, online, gwen, online)
	for _, s := range []*softphone{finn, gwen} {
		s.becomes(t, "the media find a new way", "way !== "+way)
		s.talks(t)
	}
	finn.hears(t, low)
	gwen.hears(t, high)
	finn.presses(t, "Hang up")
	gwen.shows(t, "Call ended")
	if c := d.record(t, finn.account, outcome{"normal", 200, "caller"}); strings.Count(ladder(c), "491") < 4 {
		t.Errorf("of four times two offers none crossed another:\n%s", ladder(c))
	}
}

// audio is an expression for the transceiver of a page's call.
const audio = `connections.at(-1).getTransceivers()[0]`

// change is what somebody does to a call.
type change func(*testing.T, *softphone)

func press(label string) change { return func(t *testing.T, s *softphone) { s.presses(t, label) } }

// online tells a page of another network.
func online(t *testing.T, s *softphone) {
	eval[any](t, s.browser, `dispatchEvent(new Event("online"))`)
}

// cross has each of two change the call that both are in. Neither offer goes out before both are made, so that each gets the
// other's before its own is answered.
func cross(t *testing.T, one *softphone, first change, other *softphone, second change) {
	t.Helper()
	both := []struct {
		s      *softphone
		change change
	}{{one, first}, {other, second}}
	for _, b := range both {
		eval[any](t, b.s.browser, `{
			const { write } = WritableStreamDefaultWriter.prototype;
			const open = new Promise((resolve) => { window.speak = resolve; });
			open.then(() => { WritableStreamDefaultWriter.prototype.write = write; });
			window.offered = false;
			WritableStreamDefaultWriter.prototype.write = async function (what) {
				if (new TextDecoder().decode(what).startsWith("INVITE ")) {
					window.offered = true;
					await open;
				}
				return write.call(this, what);
			};
			null
		}`)
	}
	for _, b := range both {
		b.change(t, b.s)
		b.s.becomes(t, b.s.user.Name+" makes an offer", "offered")
	}
	for _, b := range both {
		eval[any](t, b.s.browser, "speak()")
	}
}
