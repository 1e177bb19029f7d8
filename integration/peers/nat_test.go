//go:build peers

package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/rest"
)

// natNetwork is the number of a network that no other test has.
const natNetwork = 12

// translation is how a router translates addresses, in the words of RFC 3489, 5: the same port for all destinations, open to all of
// them or to those that were sent to, or another port for each.
type translation string

const (
	fullCone       translation = "full cone"
	portRestricted translation = "port-restricted"
	symmetric      translation = "symmetric"
)

// relayedTo says whether media between two routers need a relay: one of them has to know the port of the other before it opens.
func (a translation) relayedTo(b translation) bool {
	return a == symmetric && b != fullCone || b == symmetric && a != fullCone
}

// behind adds a machine with an address of its own kind of network, 192.168.K.10, behind a router, which translates.
func (n *network) behind(t *testing.T, router host, k int, kind translation) host {
	t.Helper()
	h := host{name: fmt.Sprintf("n%dc%d", n.number, k), addr: netip.AddrFrom4([4]byte{192, 168, byte(k), 10})}
	n.ip(t, "netns add %s", h.name)
	t.Cleanup(func() { n.remove(t, "netns del "+h.name) })
	n.ip(t, "-n %s link add lan type veth peer name eth0 netns %s", router.name, h.name)
	n.ip(t, "-n %s addr add 192.168.%d.1/24 dev lan", router.name, k)
	n.ip(t, "-n %s link set lan up", router.name)
	n.ip(t, "-n %s link set lo up", h.name)
	n.ip(t, "-n %s addr add %s/24 dev eth0", h.name, h.addr)
	n.ip(t, "-n %s link set eth0 up", h.name)
	n.ip(t, "-n %s route add default via 192.168.%d.1", h.name, k)
	router.forwards(t)
	source, pre := "masquerade", ""
	switch kind {
	case symmetric:
		source = "masquerade random,fully-random"
	case fullCone:
		pre = fmt.Sprintf("chain pre {\n type nat hook prerouting priority -100;\n iifname eth0 meta l4proto udp dnat to %s\n }", h.addr)
	}
	// What comes for nobody is dropped before it is remembered: else it would hold the port that the machine is to have next.
	router.filter(t, fmt.Sprintf("table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n oifname eth0 %s\n }\n %s\n}\n", source, pre)+
		"table ip f {\n chain in {\n type filter hook input priority 0;\n iifname eth0 ct state new drop\n }\n}\n")
	return h
}

// forwards makes a machine a router.
func (h host) forwards(t *testing.T) {
	t.Helper()
	if out, err := h.command(t.Context(), "sysctl", "-qw", "net.ipv4.ip_forward=1").CombinedOutput(); err != nil {
		t.Fatalf("sysctl: %v\n%s", err, out)
	}
}

// TestNATs has apps behind NATs of all kinds call each other: their media go directly where that is possible, by what a bridge tells
// them of where they are seen; else by the relay if there is one, and the record says which. Three calls go on at a time.
func TestNATs(t *testing.T) {
	d := deploy(t, natNetwork, longRing)
	bridge := d.webBridge(t) // which has STUN and no relay
	tone := filepath.Join(t.TempDir(), "tone.wav")
	if err := writeToneFor(2, tone, pcmu, high); err != nil {
		t.Fatal(err)
	}
	kinds := []translation{fullCone, portRestricted, symmetric}
	var routers [6]host // of callers, and of those that are called
	var apps [6]*app
	for i := range routers {
		routers[i] = d.net.host(t)
		client := d.net.behind(t, routers[i], i+1, kinds[i%3])
		apps[i] = d.appOn(t, client, fmt.Sprint("User ", i), fmt.Sprint(70001+i))
	}
	for _, a := range apps[3:] {
		a.runAwake(t, d, "echo")
	}
	home := d.net.host(t)
	ann := d.windowOn(t, d.net.behind(t, home, len(apps)+1, portRestricted), "Ann Ames", "70011", bridge.origin, bridge.pin, low)
	media := d.net.capture(t)
	before := media.counted(t)
	hopeless := apps[2].calls(t, apps[5], tone)
	for turn := range 2 { // who finds a way is done while they look for one
		calls := [2]*process{apps[0].calls(t, apps[3+turn], tone), apps[1].calls(t, apps[4-turn], tone)}
		for i, call := range calls {
			k := (i + turn) % 2
			t.Run(fmt.Sprintf("without a relay %s calls %s", kinds[i], kinds[k]), func(t *testing.T) { testTranslated(t, d, apps[i], apps[3+k], call, false) })
		}
	}
	t.Run("without a relay a browser calls port-restricted", func(t *testing.T) {
		testBrowserTranslated(t, d, ann, apps[4], func() { media.passes(t, before, home, routers[4]) })
	})
	t.Run("without a relay symmetric calls symmetric", func(t *testing.T) { testPathless(t, d, apps[2], apps[5], hopeless) })
	media.since(t, before, [2]host{routers[0], routers[3]}, [2]host{routers[1], routers[4]}, [2]host{routers[0], routers[4]}, [2]host{routers[1], routers[3]},
		[2]host{home, routers[4]})

	relay := d.net.host(t)
	d.startBridgeAt(t, relay, "--relay", ":3478", "--relay-ports", "50000-50999", "--relay-private")
	for turn := range kinds {
		before := media.counted(t)
		var calls [3]*process
		for i := range calls {
			calls[i] = apps[i].calls(t, apps[3+(i+turn)%3], tone)
		}
		var pairs [][2]host
		for i, call := range calls {
			k := (i + turn) % 3
			relayed := kinds[i].relayedTo(kinds[k])
			t.Run(fmt.Sprintf("%s calls %s", kinds[i], kinds[k]), func(t *testing.T) { testTranslated(t, d, apps[i], apps[3+k], call, relayed) })
			if relayed {
				pairs = append(pairs, [2]host{routers[i], relay}, [2]host{routers[3+k], relay})
			} else {
				pairs = append(pairs, [2]host{routers[i], routers[3+k]})
			}
		}
		media.since(t, before, pairs...)
	}
	for _, a := range apps[3:] {
		a.stop(t)
	}
}

// calls has the app call another and play a recording to it, and then hang up.
func (a *app) calls(t *testing.T, callee *app, wav string) *process {
	t.Helper()
	return a.dials(t, callee.dial, wav)
}

// dials is calls of whatever is behind a number.
func (a *app) dials(t *testing.T, number, wav string) *process {
	t.Helper()
	return start(t, a.host, program("strowger"), "--data", a.dir, "--json", "phone", "call", number, "--wav", wav)
}

// testBrowserTranslated has a browser call an app, which echoes: it knows its address outside before it is checked, and so the record
// names it.
func testBrowserTranslated(t *testing.T, d *deployment, caller *window, callee *app, passes func()) {
	for _, key := range callee.dial {
		caller.presses(t, string(key))
	}
	caller.presses(t, "Call")
	callee.sees(t, "woken")
	callee.sees(t, "ringing")
	callee.sees(t, "connected")
	caller.hears(t, caller.tone)
	if a, _ := d.namesWay(t, caller.account, callee.account, false); a.Local != "srflx" {
		t.Errorf("the browser's media go by %s, want the address that STUN told it", a.Local)
	}
	passes()
	caller.presses(t, "Hang up")
	callee.sees(t, "ended")
	callee.sees(t, "awake")
	if err := caller.faults(); err != nil {
		t.Error(err)
	}
}

// testPathless follows a call whose media find no way: all are told why, and what would help.
func testPathless(t *testing.T, d *deployment, caller, callee *app, call *process) {
	callee.sees(t, "woken")
	callee.sees(t, "ringing")
	const words = "No media path was found between the two phones; a relay would be one, which the administrator can set up (--relay of the bridge)"
	if ended := callee.sees(t, "ended"); ended.Words != words {
		t.Errorf("the callee ended with %+v, want %q", ended, words)
	}
	callee.sees(t, "awake")
	if err := call.wait(t); err == nil {
		t.Error("the caller takes it for a call")
	}
	if ended := call.last(t); ended.Words != words {
		t.Errorf("the caller ended with %+v, want %q", ended, words)
	}
	eventually(t, "the record says why", func() error {
		page, err := d.api.Calls().Page(t.Context(), rest.Filter{"user": caller.user.ID}, 1, "")
		if err != nil || len(page.Items) == 0 {
			return errors.Join(err, errors.New("no call"))
		}
		if c := page.Items[0]; c.Cause == nil || c.Cause.Code != "media-lost" || c.Cause.Words != words {
			return fmt.Errorf("it says %+v", c.Cause)
		}
		return nil
	})
}

// last is what a phone that is done printed last.
func (p *process) last(t *testing.T) (h happening) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(p.stdout.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &h); err != nil {
		t.Errorf("%q: %v", lines[len(lines)-1], err)
	}
	return h
}

// testTranslated follows a call of an app to another, which answers, to its end, and looks what the record says of the way of their
// media.
func testTranslated(t *testing.T, d *deployment, caller, callee *app, call *process, relayed bool) {
	callee.sees(t, "woken")
	callee.sees(t, "ringing")
	callee.sees(t, "connected")
	if ended := callee.sees(t, "ended"); ended.Statistics == nil || ended.Statistics.Received < 50 {
		t.Errorf("the callee ended with %+v, want a second of audio at least", ended)
	}
	callee.sees(t, "awake")
	if err := call.wait(t); err != nil {
		t.Errorf("the caller: %v", err)
	}
	if ended := call.last(t); ended.Statistics == nil || ended.Statistics.Received < 50 {
		t.Errorf("the caller ended with %+v, want a second of audio at least", ended)
	}
	d.record(t, caller.account, hungUpByCaller)
	d.namesWay(t, caller.account, callee.account, relayed)
}
