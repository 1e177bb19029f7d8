//go:build peers

package peers

import "testing"

// testReconnect cuts the connection of a phone in mid-call: the call goes on by the next one, which the phone opens for a request of its own, and by which the
// switch asks it something, and tells it of the end.
func testReconnect(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{transport: "tcp", codec: pcmu, tone: low})
	b := d.y.phone(t, d.y.account(t), handset{codec: pcmu, tone: high})
	toA, toB := listen(t, a.host), listen(t, b.host)
	call(t, a, b, b.dial)
	talk(t, a, b)
	a.host.cutTCP(t)
	a.do(t, "hold", "")
	toB.expectMusic(t, a.tone)
	a.do(t, "resume", "")
	toB.expectTone(t, a.tone)
	toA.expectTone(t, b.tone)

	b.do(t, "hold", "")
	toA.expectMusic(t, b.tone)
	b.do(t, "resume", "")
	toA.expectTone(t, b.tone)
	toB.expectTone(t, a.tone)
	hangUp(t, b, a)
	d.conversation(t, a.account, b.account, pcmu.record, outcome{"normal", 200, "callee"})
}

// cutTCP breaks the connections of a machine to a switch, at both ends.
func (h host) cutTCP(t *testing.T) {
	t.Helper()
	if out, err := h.command(t.Context(), "ss", "-K", "dport", "=", "5060").CombinedOutput(); err != nil || len(out) == 0 {
		t.Fatalf("ss on %s: %v\n%s", h.name, err, out)
	}
}
