//go:build peers

package peers

import (
	"errors"
	"strings"
	"testing"
)

// TestOutages kills programs without warning, in a deployment of its own.
func TestOutages(t *testing.T) {
	t.Parallel()
	d := deploy(t, 2, longRing)
	t.Run("cloud", func(t *testing.T) { testCloudDies(t, d) })
	t.Run("callee's switch between calls", func(t *testing.T) { testSwitchRestarts(t, d) })
	t.Run("caller's switch in a call", func(t *testing.T) { testSwitchDies(t, d) })
}

// testCloudDies kills the cloud in mid-call: the call goes on and ends, another one is made by the site copies, and the
// records of both arrive when the cloud is back. An emergency call takes the only line of its office.
func testCloudDies(t *testing.T, d *deployment) {
	company, taken := d.onlyLine(t, d.x)
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	d.cloud.kill()
	talk(t, a, b)
	hangUp(t, b, a)

	other, third := pair(t, d.x, d.y, pcma)
	call(t, other, third, third.dial)
	talk(t, other, third)
	hangUp(t, other, third)
	help := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: high})
	testEmergency(t, company, taken, help)

	d.startCloud(t)
	d.conversation(t, a.account, b.account, pcmu.record, outcome{"normal", 200, "callee"})
	c := d.conversation(t, other.account, third.account, pcma.record, hungUpByCaller)
	if !c.Offline {
		t.Errorf("call %s was made without the cloud; its record does not say so", c.ID)
	}
	d.record(t, taken.account, outcome{"preempted", 503, "system"})
	d.alerted(t, help.account)
	d.waitLive(t, d.x)
	d.waitLive(t, d.y)
}

// testSwitchRestarts kills a switch and starts it again: its phone can be called without signing in again.
func testSwitchRestarts(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	eventually(t, "the callee's registration is on disk", func() error { // and then told to the cloud
		device, err := d.api.Devices().Get(t.Context(), b.device)
		if err == nil && !device.Registered {
			err = errors.New("the cloud has not heard of it")
		}
		return err
	})
	d.y.sw.kill()
	d.y.startSwitch(t)
	d.waitLive(t, d.y)
	call(t, a, b, b.dial)
	talk(t, a, b)
	hangUp(t, a, b)
	d.conversation(t, a.account, b.account, pcmu.record, hungUpByCaller)
	if n := b.count("REGISTER_OK"); n != 1 {
		t.Errorf("the callee signed in %d times, want once, before the restart", n)
	}
}

// testSwitchDies kills the caller's switch in mid-call: the callee's ends the call and says why.
func testSwitchDies(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	talk(t, a, b)
	d.x.sw.kill()
	b.await(t, "CALL_CLOSED")
	if _, bye, ok := strings.Cut(b.stdout.String(), "\nBYE "); !ok || !strings.Contains(bye, "Reason: SIP;cause=503") {
		t.Errorf("the callee's phone got no BYE with a reason:\n%s", bye)
	}
	d.x.startSwitch(t)
	d.waitLive(t, d.x)
	d.record(t, a.account, outcome{"link-lost", 503, "system"})
}
