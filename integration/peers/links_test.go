//go:build peers

package peers

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestLinks breaks the network between two offices in mid-call, in a deployment of its own.
func TestLinks(t *testing.T) {
	t.Parallel()
	d := deploy(t, linksNetwork, longRing)
	t.Run("the caller's switch changes its address", func(t *testing.T) { testAddressChanges(t, d) })
	t.Run("the address that it is bound to goes away", func(t *testing.T) { testBoundAddressGoes(t, d) })
	t.Run("loss one way", func(t *testing.T) { testLoss(t, d, d.x) })
	t.Run("loss both ways", func(t *testing.T) { testLoss(t, d, d.x, d.y) })
}

const linksNetwork = 7

// second is another address of the caller's switch, from which it reaches the callee's.
func (d *deployment) second() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 99, linksNetwork, 200})
}

// useSecond has the caller's switch reach the callee's from its second address.
func (d *deployment) useSecond(t *testing.T) {
	t.Helper()
	d.net.ip(t, "-n %s addr add %s/32 dev eth0", d.x.machine.name, d.second())
	d.net.ip(t, "-n %s route add %s/32 dev eth0 src %s", d.x.machine.name, d.y.machine.addr, d.second())
}

// dropSecond takes the second address away; with it goes the route.
func (d *deployment) dropSecond(t *testing.T) {
	t.Helper()
	d.net.ip(t, "-n %s addr del %s/32 dev eth0", d.x.machine.name, d.second())
}

// restartX starts the caller's switch again, which closes its links.
func (d *deployment) restartX(t *testing.T, args ...string) {
	t.Helper()
	d.x.sw.stop(t)
	d.x.startSwitch(t, args...)
	d.waitLive(t, d.x)
}

// testAddressChanges takes away the address from which the caller's switch reaches the callee's.
func testAddressChanges(t *testing.T, d *deployment) {
	d.useSecond(t)
	d.restartX(t)
	moveInCall(t, d)
}

// testBoundAddressGoes is the same with a switch whose link socket is bound to that address, and can send no more.
func testBoundAddressGoes(t *testing.T, d *deployment) {
	d.useSecond(t)
	d.restartX(t, "--link", netip.AddrPortFrom(d.second(), 7443).String())
	moveInCall(t, d)
	d.restartX(t)
}

// moveInCall takes the second address away in mid-call: both go on hearing each other.
func moveInCall(t *testing.T, d *deployment) {
	t.Helper()
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	toA, toB := listen(t, a.host), listen(t, b.host)
	toA.expectTone(t, b.tone)
	toB.expectTone(t, a.tone)
	d.dropSecond(t)
	talk(t, a, b)
	toA.expectTone(t, b.tone)
	toB.expectTone(t, a.tone)
	t.Logf("longest gap in the audio: %v to the caller, %v to the callee", toA.longest(), toB.longest())
	hangUp(t, a, b)
	d.conversation(t, a.account, b.account, pcmu.record, hungUpByCaller)
}

// testLoss has what switches send to each other vanish in mid-call: both end the call, say why, and the record does.
func testLoss(t *testing.T, d *deployment, from ...*office) {
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	hole := func(verb string, o *office) string {
		to := d.x
		if o == d.x {
			to = d.y
		}
		return fmt.Sprintf("-n %s route %s blackhole %s/32", o.machine.name, verb, to.machine.addr)
	}
	for _, o := range from {
		d.net.ip(t, "%s", hole("add", o))
	}
	began := time.Now()
	for _, p := range []*phone{a, b} {
		p.await(t, "CALL_CLOSED")
		t.Logf("the call at %s ended %v after the loss began", p.dial, time.Since(began).Round(100*time.Millisecond))
		if _, bye, ok := strings.Cut(p.stdout.String(), "\nBYE "); !ok || !strings.Contains(bye, "Reason: SIP;cause=503") {
			t.Errorf("%s got no BYE with a reason:\n%s", p.dial, bye)
		}
	}
	for _, o := range from {
		d.net.ip(t, "%s", hole("del", o))
	}
	id := d.record(t, a.account, outcome{"link-lost", 503, "system"}).ID
	eventually(t, "words of both switches", func() error {
		c, err := d.api.Calls().Get(t.Context(), id)
		nodes := map[string]bool{}
		for _, e := range c.Ladder {
			if e.Kind == "ended" && e.Cause != nil && e.Cause.Code == "link-lost" {
				nodes[e.Node] = true
			}
		}
		if err == nil && len(nodes) != 2 {
			err = fmt.Errorf("%d switches recorded that the link was lost:\n%s", len(nodes), ladder(c))
		}
		return err
	})
}
