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
	cross(t, finn, "Camera", gwen, "Camera")
	finn.sees(t)
	gwen.sees(t)
	cross(t, finn, "Hold", gwen, "Camera") // off
	finn.shows(t, "On hold")
	gwen.shows(t, "They put you on hold")
	gwen.becomes(t, "Gwen does not film, and sees nobody", "!"+ours+" && !"+theirs)
	finn.presses(t, "Hold")
	finn.talks(t)
	gwen.talks(t)
	gwen.sees(t)
	cross(t, finn, "Hold", gwen, "Hold")
	for _, s := range []*softphone{finn, gwen} {
		s.shows(t, "On hold")
		s.becomes(t, "nothing goes either way", audio+`.currentDirection === "recvonly"`)
	}
	finn.presses(t, "Hold")
	finn.shows(t, "They put you on hold")
	gwen.presses(t, "Hold")
	for _, s := range []*softphone{finn, gwen} {
		s.talks(t)
		s.becomes(t, "audio goes both ways", audio+`.currentDirection === "sendrecv"`)
	}
	for _, s := range []*softphone{finn, gwen} {
		s.becomes(t, s.user.Name+" is sent audio", `connections.at(-1).getStats().then((all) => [...all.values()].some((s) => s.type === "inbound-rtp" && s.kind === "audio" && s.audioLevel > 0.01)) && !`+audio+`.receiver.track.muted`)
	}
	finn.presses(t, "Hang up")
	gwen.shows(t, "Call ended")
	if c := d.record(t, finn.account, outcome{"normal", 200, "caller"}); strings.Count(ladder(c), "491") < 3 {
		t.Errorf("of three times two offers none crossed another:\n%s", ladder(c))
	}
}

// audio is an expression for the transceiver of a page's call.
const audio = `connections.at(-1).getTransceivers()[0]`

// cross has each of two press a button of the call that both are in. Neither says a word of it before both have made their offers,
// so that each gets the other's before its own is answered.
func cross(t *testing.T, one *softphone, first string, other *softphone, second string) {
	t.Helper()
	both := []struct {
		s     *softphone
		label string
	}{{one, first}, {other, second}}
	for _, b := range both {
		b.s.becomes(t, "nothing is being agreed on", `connections.at(-1).signalingState === "stable"`)
		eval[any](t, b.s.browser, `{
			const { write } = WritableStreamDefaultWriter.prototype;
			const open = new Promise((resolve) => { window.speak = resolve; });
			open.then(() => { WritableStreamDefaultWriter.prototype.write = write; });
			WritableStreamDefaultWriter.prototype.write = async function (...what) { await open; return write.apply(this, what); };
			null
		}`)
	}
	for _, b := range both {
		b.s.presses(t, b.label)
		b.s.becomes(t, b.s.user.Name+" offers "+b.label, `connections.at(-1).signalingState === "have-local-offer"`)
	}
	for _, b := range both {
		eval[any](t, b.s.browser, "speak()")
	}
}
