//go:build peers

package peers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// blockedNetwork is the number of a network that no other test has.
const blockedNetwork = 11

// firewall puts a machine behind rules of nftables: what it must not let in.
func (h host) firewall(t *testing.T, rules ...string) {
	t.Helper()
	h.filter(t, "table inet f {\n chain in {\n type filter hook input priority 0;\n "+strings.Join(rules, "\n ")+"\n }\n}\n")
}

// filter gives a machine tables of nftables in place of all that it has.
func (h host) filter(t *testing.T, tables string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed (Debian package nftables)")
	}
	nft := h.command(t.Context(), "nft", "-f", "-")
	nft.Stdin = strings.NewReader("flush ruleset\n" + tables)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft on %s: %v\n%s", h.name, err, out)
	}
}

// TestBlockedApp has a desk phone call an app whose network lets little through. What is dropped is dropped silently, as firewalls
// do: the app finds the way that is left.
func TestBlockedApp(t *testing.T) {
	d := deploy(t, blockedNetwork, longRing)
	d.startBridge(t, "--relay", ":3478", "--relay-ports", "50000-50999", "--relay-private")
	tone := filepath.Join(t.TempDir(), "tone.wav")
	if err := writeTone(tone, pcmu, high); err != nil {
		t.Fatal(err)
	}
	app := d.app(t, "Eve", "70001")
	app.run(t, tone)
	for _, c := range []struct {
		name string
		drop string
	}{
		// By way of the bridge, and media by TCP to the switch, or by TCP to the relay.
		{"no UDP", "meta l4proto udp drop"},
		// By way of the bridge, and media by the relay.
		{"no way to the switch", fmt.Sprintf("ip saddr { %s, %s } drop", d.x.machine.addr, d.y.machine.addr)},
	} {
		t.Run(c.name, func(t *testing.T) {
			app.host.firewall(t, c.drop)
			testWoken(t, d, pcmu, app, high)
		})
	}
	app.stop(t)
}
