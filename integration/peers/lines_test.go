//go:build peers

package peers

import "testing"

// testSIPp has SIPp call SIPp and baresip, with what baresip cannot do by itself.
func testSIPp(t *testing.T, d *deployment) {
	t.Run("extensions", func(t *testing.T) { testExtensions(t, d) })
	t.Run("echo", func(t *testing.T) { testEcho(t, d) })
	t.Run("hold", func(t *testing.T) { testHoldBySIPp(t, d) })
	t.Run("INFO", func(t *testing.T) { testInfo(t, d) })
}

// testEcho has SIPp play a recording to a SIPp that sends it back.
func testEcho(t *testing.T, d *deployment) {
	from, to := d.x.line(t, d.x.account(t)), d.y.line(t, d.y.account(t))
	to.register(t)
	callee := to.run(t, answerScenario, scenario{}, "-rtp_echo")
	from.run(t, playScenario, scenario{User: from.username, Password: from.account.password, Dialled: to.dial}).good(t)
	callee.good(t)
	c := d.conversation(t, from.account, to.account, pcma.record, hungUpByCaller)
	if q := *legOf(c, from.device).Quality; q.PacketsReceived < 50 || q.PacketsSent < q.PacketsReceived*9/10 || q.LostReceived != 0 {
		t.Errorf("call %s: %+v, want a second of audio at least, all of it back", c.ID, q)
	}
}

// testHoldBySIPp has SIPp hold and resume by re-INVITE; baresip on the other side sees both.
func testHoldBySIPp(t *testing.T, d *deployment) {
	from := d.x.line(t, d.x.account(t))
	b := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: high})
	caller := from.run(t, holdScenario, scenario{User: from.username, Password: from.account.password, Dialled: b.dial})
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	caller.good(t) // the answers say recvonly, then sendrecv
	b.await(t, "CALL_CLOSED")
	d.record(t, from.account, hungUpByCaller)
}

// testInfo has SIPp press a key by INFO.
func testInfo(t *testing.T, d *deployment) {
	from := d.x.line(t, d.x.account(t))
	b := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: high})
	caller := from.run(t, infoScenario, scenario{User: from.username, Password: from.account.password, Dialled: b.dial})
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	if got := b.await(t, "CALL_DTMF_START"); got != "5" {
		t.Errorf("the callee got %q, want 5", got)
	}
	caller.good(t)
	b.await(t, "CALL_CLOSED")
}
