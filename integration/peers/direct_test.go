//go:build peers

package peers

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// directNetwork is the number of a network that no other test has.
const directNetwork = 13

// TestSoftphonesDirectly has the softphones of two users call each other: their media go directly, or by the relay where there is no
// direct way, and by no node else.
func TestSoftphonesDirectly(t *testing.T) {
	d := deploy(t, directNetwork, longRing)
	bridge := d.net.host(t)
	cert, key, pin := webCertificate(t, bridge)
	at := netip.AddrPortFrom(bridge.addr, 8443).String()
	d.startBridgeAt(t, bridge, "--listen", at, "--url", "https://"+at, "--tls-cert", cert, "--tls-key", key,
		"--relay", ":3478", "--relay-tls", ":5349", "--relay-ports", "50000-50999", "--relay-private")
	ann, ben := d.window(t, "Ann Ames", "70021", "https://"+at, pin, low), d.window(t, "Ben Bell", "70022", "https://"+at, pin, high)
	media := d.net.capture(t)

	before := media.counted(t)
	t.Run("directly", func(t *testing.T) { testSoftphonesTalk(t, d, ann, ben, false) })
	media.since(t, before, [2]host{ann.host, ben.host})

	before = media.counted(t)
	ann.host.firewall(t, fmt.Sprintf("ip saddr %s drop", ben.host.addr))
	ben.host.firewall(t, fmt.Sprintf("ip saddr %s drop", ann.host.addr))
	t.Run("no direct way", func(t *testing.T) { testSoftphonesTalk(t, d, ben, ann, true) })
	media.since(t, before, [2]host{ann.host, bridge}, [2]host{ben.host, bridge})

	// What the relay gets over TLS is not seen as media; what it passes on is.
	before = media.counted(t)
	ann.host.firewall(t)
	ben.host.firewall(t, "meta l4proto udp drop", "tcp sport 3478 drop")
	ben.open(t, "/")
	ben.shows(t, "Reachable")
	t.Run("TLS only", func(t *testing.T) { testSoftphonesTalk(t, d, ann, ben, true) })
	media.since(t, before, [2]host{ann.host, bridge})
	if err := errors.Join(ann.faults(), ben.faults()); err != nil {
		t.Error(err)
	}
}

// window is a softphone that is open all the time: calls come over its channel.
type window struct {
	*browser
	account
	tone float64 // that its microphone hears
}

// window gives a user a browser, and opens the softphone there.
func (d *deployment) window(t *testing.T, name, number, origin, pin string, tone float64) *window {
	t.Helper()
	return d.windowOn(t, d.net.host(t), name, number, origin, pin, tone)
}

// windowOn is window on a machine that is there already.
func (d *deployment) windowOn(t *testing.T, machine host, name, number, origin, pin string, tone float64) *window {
	t.Helper()
	user := create(t, d.api.Users(), rest.NewUser(name))
	device := create(t, d.api.Devices(), rest.Device{User: user.ID, Kind: designation.Web, Name: "Browser", Enabled: true})
	dial := create(t, d.api.Numbers(), rest.Number{Digits: number, User: user.ID}).Dial
	code, err := d.api.DeviceCode(t.Context(), device.ID)
	if err != nil {
		t.Fatal(err)
	}
	microphone := filepath.Join(t.TempDir(), "microphone.wav")
	if err := writeTone(microphone, wideMono, tone); err != nil {
		t.Fatal(err)
	}
	s := &window{
		browser: chromium(t, machine, origin, pin, microphone, "null"), account: account{user: user, device: device.ID, dial: dial}, tone: tone,
	}
	s.open(t, "/#"+code.Code)
	s.shows(t, user.Name)
	s.open(t, "/")
	s.shows(t, "Reachable")
	return s
}

// testSoftphonesTalk has a softphone call another: each hears the tone of the other, and the record names the way of their media.
func testSoftphonesTalk(t *testing.T, d *deployment, caller, callee *window, relayed bool) {
	for _, key := range callee.dial {
		caller.presses(t, string(key))
	}
	caller.presses(t, "Call")
	callee.shows(t, "Incoming call")
	callee.presses(t, "Answer")
	for _, s := range []*window{caller, callee} {
		s.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
	}
	caller.hears(t, callee.tone)
	callee.hears(t, caller.tone)
	if a, b := d.namesWay(t, caller.account, callee.account, relayed); !relayed && (a.Local != "host" || b.Local != "host") {
		t.Errorf("on one network media go from %s to %s", a.Local, b.Local)
	}
	caller.presses(t, "Hang up")
	for _, s := range []*window{caller, callee} {
		s.shows(t, "Call ended")
		s.shows(t, "Reachable")
	}
	d.record(t, caller.account, hungUpByCaller)
}

// namesWay waits until the record of the latest call between two apps says by what kinds of addresses its media go, and returns
// the two legs.
func (d *deployment) namesWay(t *testing.T, caller, callee account, relayed bool) (a, b rest.CallLeg) {
	t.Helper()
	eventually(t, "the record says by which way the media go", func() error {
		page, err := d.api.Calls().Page(t.Context(), rest.Filter{"user": caller.user.ID}, 1, "")
		if err != nil || len(page.Items) == 0 {
			return errors.Join(err, errors.New("no call"))
		}
		c, err := d.api.Calls().Get(t.Context(), page.Items[0].ID)
		if err != nil {
			return err
		}
		if a, b = legOf(c, caller.device), legOf(c, callee.device); a.Local == "" || b.Local == "" {
			return fmt.Errorf("a leg of call %s has no way:\n%s", c.ID, ladder(c))
		}
		return nil
	})
	// The end that is not at the relay may see of the other no more than an address that it was not told of.
	if kinds := []string{a.Local, a.Remote, b.Local, b.Remote}; slices.Contains(kinds, "relay") != relayed {
		t.Errorf("by the record media go from %s to %s, and back from %s to %s; relayed should be %v", a.Local, a.Remote, b.Local, b.Remote, relayed)
	}
	return a, b
}
