//go:build peers

package peers

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
)

// Numbers of networks that no other test has: the world's, and that of an office behind a router.
const (
	worldNetwork  = 16
	officeNetwork = 17
)

// office makes a network behind a router of this one, .253 there, which passes on all that comes for it to the first machine of that
// network.
func (n *network) office(t *testing.T, number int) (office *network, router host) {
	t.Helper()
	office, router = newNetwork(t, number), n.host(t)
	office.router = netip.AddrFrom4([4]byte{10, 99, byte(number), 253})
	n.ip(t, "link add %so type veth peer name lan netns %s", router.name, router.name)
	n.ip(t, "link set %so master %s up", router.name, office.bridge())
	n.ip(t, "-n %s addr add %s/24 dev lan", router.name, office.router)
	n.ip(t, "-n %s link set lan up", router.name)
	router.forwards(t)
	router.filter(t, fmt.Sprintf("table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n oifname eth0 masquerade\n }\n"+
		" chain pre {\n type nat hook prerouting priority -100;\n iifname eth0 meta l4proto { tcp, udp } dnat to 10.99.%d.1\n }\n}\n", number))
	return office, router
}

// TestSwitchBehindNAT has a desk phone of an office behind a router call an app outside that is behind one as well: its media come to
// the switch by the address of the switch's router, with no relay between.
func TestSwitchBehindNAT(t *testing.T) {
	d := deploy(t, worldNetwork, longRing)
	d.startBridge(t)
	lan, router := d.net.office(t, officeNetwork)
	o := d.officeOn(t, lan, "40", fewPhones, "--public", router.addr.String())
	tone := filepath.Join(t.TempDir(), "tone.wav")
	if err := writeTone(tone, pcmu, high); err != nil {
		t.Fatal(err)
	}
	home := d.net.host(t)
	app := d.appOn(t, d.net.behind(t, home, 1, portRestricted), "Eve", "70001")
	app.runAwake(t, d, tone)
	desk := o.phone(t, o.account(t), handset{codec: pcmu, tone: low})
	media := d.net.capture(t)
	before := media.counted(t)
	desk.do(t, "dial", app.dial)
	app.sees(t, "woken")
	app.sees(t, "ringing")
	desk.await(t, "CALL_ESTABLISHED")
	app.sees(t, "connected")
	desk.hears(t, high)
	desk.do(t, "hangup", "")
	if ended := app.sees(t, "ended"); ended.Statistics == nil || ended.Statistics.Received < 25 {
		t.Errorf("the app ended with %+v, want half a second of audio at least", ended)
	}
	app.sees(t, "awake")
	// On the office's own network media of the app are those between its router and the switch.
	media.since(t, before, [2]host{home, router}, [2]host{home, o.machine}, [2]host{desk.host, o.machine})
	d.conversation(t, desk.account, app.account, pcmu.record, hungUpByCaller)
	app.stop(t)
}
