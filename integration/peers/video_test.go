//go:build peers

package peers

import "testing"

// Expressions about the video of a page's call.
const (
	theirs = `document.querySelector("video.theirs")`
	ours   = `document.querySelector("video.ours")`
	// decoded is a promise of how many pictures of the other side were decoded.
	decoded = `connections.at(-1).getStats().then((all) => [...all.values()].filter((s) => s.type === "inbound-rtp" && s.kind === "video").reduce((n, s) => n + (s.framesDecoded ?? 0), 0))`
)

// sees waits until a page shows the other side, whose pictures follow one another.
func (s *softphone) sees(t *testing.T) {
	t.Helper()
	s.becomes(t, s.user.Name+" sees the other side", theirs+`?.videoWidth > 0`)
	eval[any](t, s.browser, decoded+`.then((n) => { window.seen = n; })`)
	s.becomes(t, "pictures follow", decoded+`.then((n) => n > seen + 4)`)
}

// testSoftphonesVideo has one softphone call another with video: they see each other, one camera goes off and on, and audio goes on.
func testSoftphonesVideo(t *testing.T, finn, gwen *softphone) {
	finn.presses(t, "Video c"+contact(gwen)[1:])
	gwen.shows(t, "Incoming video call")
	gwen.accessible(t, "incoming video call")
	gwen.presses(t, "Answer with video")
	finn.talks(t)
	gwen.talks(t)
	finn.sees(t)
	gwen.sees(t)
	finn.becomes(t, "Finn sees himself", ours+`?.videoWidth > 0`)
	finn.hears(t, low)
	gwen.hears(t, high)
	finn.accessible(t, "video call")

	gwen.presses(t, "Camera")
	finn.becomes(t, "Gwen's camera is off", "!"+theirs)
	gwen.becomes(t, "Gwen does not film", "!"+ours)
	gwen.sees(t)
	finn.hears(t, low)
	gwen.presses(t, "Mute")
	gwen.presses(t, "Camera")
	finn.sees(t)
	if eval[bool](t, gwen.browser, `connections.at(-1).getSenders().some((s) => s.track?.kind === "audio" && s.track.enabled)`) {
		t.Error("who turns the camera on is not muted any more")
	}
	finn.presses(t, "Hang up")
	gwen.shows(t, "Call ended")
}

// testSoftphoneFilmsDesk has a softphone call a desk phone with video: the two hear each other, and the page says why it shows nothing.
// Another one may not use the camera: its call goes on too.
func testSoftphoneFilmsDesk(t *testing.T, s *softphone, desk *phone) {
	s.becomes(t, "there is the keypad", `document.getElementById("number")`)
	for _, key := range desk.account.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Video call")
	desk.await(t, "CALL_INCOMING")
	desk.do(t, "accept", "")
	desk.await(t, "CALL_ESTABLISHED")
	s.talks(t)
	s.shows(t, "A desk phone has no video. The call has audio only.")
	s.becomes(t, "the camera is off", `!`+ours+` && [...document.querySelectorAll("button")].find((b) => b.ariaLabel === "Camera: a desk phone has no video").disabled`)
	desk.hears(t, high)
	s.hears(t, low)
	s.presses(t, "Hang up")
	desk.await(t, "CALL_CLOSED")

	eval[any](t, s.browser, `{
		const { mediaDevices } = navigator;
		mediaDevices.getUserMedia = (what) => what.video ? Promise.reject(new DOMException("", "NotAllowedError")) : MediaDevices.prototype.getUserMedia.call(mediaDevices, what);
		null
	}`)
	for _, key := range desk.account.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Video call")
	s.shows(t, "This page may not use the camera.")
	eval[any](t, s.browser, "delete navigator.mediaDevices.getUserMedia")
	desk.await(t, "CALL_INCOMING")
	desk.do(t, "accept", "")
	desk.await(t, "CALL_ESTABLISHED")
	s.talks(t)
	s.presses(t, "Hang up")
	desk.await(t, "CALL_CLOSED")
}

// testSoftphoneFilmsApp has a softphone call an app of the SDK, which shows it what it shows.
func testSoftphoneFilmsApp(t *testing.T, d *deployment, s *softphone) {
	app := d.app(t, "Echo", "70013")
	app.runAwake(t, d, "echo")
	s.becomes(t, "there is the keypad", `document.getElementById("number")`)
	for _, key := range app.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Video call")
	for _, event := range []string{"woken", "ringing", "connected", "video-changed"} {
		app.sees(t, event)
	}
	s.talks(t)
	s.sees(t)
	s.hears(t, high)
	s.presses(t, "Camera") // off, and the app sees that
	app.sees(t, "video-changed")
	s.presses(t, "Camera")
	app.sees(t, "video-changed")
	s.sees(t)
	s.presses(t, "Hang up")
	if h := app.sees(t, "ended"); h.Video == nil || h.Video.Sent < 5 || h.Video.Shown < h.Video.Sent {
		t.Errorf("the app's video: %+v", h.Video)
	}
}
