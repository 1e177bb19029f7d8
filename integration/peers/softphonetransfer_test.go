//go:build peers

package peers

import "testing"

// testSoftphoneTransfers has the softphone transfer the desk phone that it talks with to another one: without a word before, to who cannot be
// reached, and after a word. The network tells what they hear: a baresip that was held records nothing any more.
func testSoftphoneTransfers(t *testing.T, s *softphone, nobody account, desk, other *phone) {
	toDesk, toOther := listen(t, desk.host), listen(t, other.host)
	s.open(t, "/")
	s.shows(t, "Reachable")
	up := func(p *phone) {
		t.Helper()
		p.await(t, "CALL_INCOMING")
		p.do(t, "accept", "")
		p.await(t, "CALL_ESTABLISHED")
	}
	talk := func() {
		t.Helper()
		s.types(t, "#number", desk.account.dial)
		s.presses(t, "Call")
		up(desk)
		s.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
		s.hears(t, desk.tone)
	}
	joined := func() {
		t.Helper()
		s.shows(t, "The call was transferred")
		toDesk.expectTone(t, other.tone)
		toOther.expectTone(t, desk.tone)
		desk.do(t, "hangup", "")
		other.await(t, "CALL_CLOSED")
		s.becomes(t, "the keypad is back", `document.querySelector("#number")`)
	}
	talk()
	s.presses(t, "Transfer")
	s.accessible(t, "transfer")
	s.types(t, "#send-to", nobody.dial)
	s.presses(t, "Transfer now")
	s.shows(t, "Not transferred: ")
	s.becomes(t, "the call goes on", `document.querySelector("[role=timer]")`)
	s.hears(t, desk.tone)
	toDesk.expectTone(t, high)
	s.presses(t, "Transfer")
	s.types(t, "#send-to", other.account.dial)
	s.presses(t, "Transfer now")
	s.shows(t, "Transferring to "+other.account.dial)
	up(other)
	joined()

	talk()
	s.presses(t, "Transfer")
	s.types(t, "#send-to", other.account.dial)
	s.presses(t, "Ask them first")
	up(other)
	toOther.expectTone(t, high)
	s.shows(t, desk.account.user.Name+" is on hold")
	s.accessible(t, "two calls")
	s.presses(t, "Join")
	joined()
}
