//go:build peers

package peers

import "testing"

// testSoftphoneWaits has the softphone dial who is on the phone, where it waits: it hears music and the ringing, and the phone then, which
// has another codec than the music. Another time it keeps its place, and is called back.
func testSoftphoneWaits(t *testing.T, d *deployment, s *softphone, desk, other *phone) {
	user, err := d.api.Users().Get(t.Context(), desk.account.user.ID)
	if err == nil {
		_, err = d.api.Users().Update(t.Context(), user.ID, user.Version, map[string]any{"queue_length": 2})
	}
	if err != nil {
		t.Fatal(err)
	}
	waits := func() {
		other.do(t, "dial", desk.account.dial)
		desk.await(t, "CALL_INCOMING")
		desk.do(t, "accept", "")
		other.await(t, "CALL_ESTABLISHED")
		s.shows(t, "Reachable")
		for _, key := range desk.account.dial {
			s.presses(t, string(key))
		}
		s.presses(t, "Call")
		s.shows(t, "They are on the phone. You are next")
		s.becomes(t, "what is played before the answer is heard", `document.getElementById("voice").srcObject`)
	}
	talk := func() {
		desk.await(t, "CALL_INCOMING")
		s.hears(t, 425)
		desk.do(t, "accept", "")
		s.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
		s.hears(t, low)
		desk.hears(t, high)
		s.presses(t, "Hang up")
		desk.await(t, "CALL_CLOSED")
		s.presses(t, "Close")
	}
	waits()
	s.accessible(t, "waiting")
	other.do(t, "hangup", "")
	talk()

	waits()
	s.presses(t, "Keep my place")
	s.shows(t, "You keep your place")
	other.do(t, "hangup", "")
	s.rings(t)
	s.shows(t, "Call back: "+desk.account.user.Name)
	s.presses(t, "Answer")
	talk()
}
