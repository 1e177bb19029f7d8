//go:build peers

package peers

import (
	"fmt"
	"strings"
	"testing"
)

// testTransfer has a phone send the other party of its call to a colleague: the two hear each other, and the first is out of it.
func testTransfer(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	c := d.y.phone(t, d.y.account(t), handset{codec: pcmu, tone: other})
	call(t, a, b, b.dial)
	talk(t, a, b)
	toA := listen(t, a.host)
	b.do(t, "transfer", fmt.Sprintf("sip:%s@%s", c.dial, d.y.started.SIP.Addr()))
	c.await(t, "CALL_INCOMING")
	toA.expectMusic(t, b.tone)
	c.do(t, "accept", "")
	c.await(t, "CALL_ESTABLISHED")
	b.await(t, "CALL_CLOSED")
	toA.expectTone(t, c.tone)
	c.hears(t, a.tone)
	hangUp(t, c, a)
}

// other is the tone of a third phone.
const other = 700

// testPickUp has a phone answer what rings at another one of its office.
func testPickUp(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	c := d.y.phone(t, d.y.account(t), handset{codec: pcmu, tone: other})
	a.do(t, "dial", b.dial)
	b.await(t, "CALL_INCOMING")
	a.await(t, "CALL_RINGING")
	c.do(t, "dial", "**"+b.extension)
	c.await(t, "CALL_ESTABLISHED")
	a.await(t, "CALL_ESTABLISHED")
	if got := b.await(t, "CALL_CLOSED"); strings.Contains(got, "timeout") {
		t.Errorf("the phone that rang saw %q", got)
	}
	talk(t, a, c)
	hangUp(t, a, c)
}

// testPark has a phone park its call, which one of the other office retrieves by the code of the site and the space.
func testPark(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	c := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: other})
	call(t, a, b, b.dial)
	talk(t, a, b)
	toA := listen(t, a.host)
	b.do(t, "transfer", fmt.Sprintf("sip:*8507@%s", d.y.started.SIP.Addr()))
	b.await(t, "CALL_CLOSED")
	toA.expectMusic(t, b.tone)
	c.do(t, "dial", "*86"+d.y.site.Code+"07")
	c.await(t, "CALL_ESTABLISHED")
	toA.expectTone(t, c.tone)
	c.hears(t, a.tone)
	hangUp(t, c, a)
}

// testThreeWay has a phone hold one, call another and join them: each hears the two others and not itself. It ends the call for all.
func testThreeWay(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low, calls: 3})
	b := d.y.phone(t, d.y.account(t), handset{codec: pcmu, tone: high})
	c := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: other})
	call(t, a, b, b.dial)
	talk(t, a, b)
	toA, toB, toC := listen(t, a.host), listen(t, b.host), listen(t, c.host)
	a.do(t, "hold", "")
	call(t, a, c, c.dial)
	a.do(t, "hold", "")
	a.do(t, "dial", "*3")
	a.await(t, "CALL_ESTABLISHED")
	toA.expectOthers(t, a, b, c)
	toB.expectOthers(t, b, a, c)
	toC.expectOthers(t, c, a, b)
	if n := a.count("CALL_CLOSED"); n != 2 {
		t.Errorf("%d calls of the phone have ended, want the two that it had", n)
	}
	a.do(t, "hangup", "")
	b.await(t, "CALL_CLOSED")
	c.await(t, "CALL_CLOSED")
}

// testEchoTest has a phone dial a star code, and hear itself.
func testEchoTest(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: high})
	toA := listen(t, a.host)
	a.do(t, "dial", "*43")
	a.await(t, "CALL_ESTABLISHED")
	toA.expectTone(t, a.tone)
	a.do(t, "hangup", "")
	a.await(t, "CALL_CLOSED")
}
