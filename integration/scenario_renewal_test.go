package integration

import (
	"bytes"
	"strings"
	"testing"

	"strowger/integration/command"
	"strowger/pkg/config"
)

// renew has the switch of an office renew its certificate, as an admin does. What the command says is returned.
func (w *world) renew(t *testing.T, office int) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = command.Main(soon(t), []string{
		"--cloud", w.Cloud.API, "--key", w.Client.Key, "--data", w.dir, "switch", "renew", w.Offices[office].Switch.Name,
	}, &out, &out)
	return code, out.String()
}

// TestRenewal renews the certificates of both switches in the middle of a call: it goes on over the same link, and the next
// links are made with the new ones, which are for the same keys.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, from := w.person(t, 0, "Ann", says(1))
	bob, to := w.person(t, 1, "Bob", says(2))
	out, in := connect(t, from, bob.number.Dial, to)
	for office := range w.Offices {
		before := w.identity(t, office)
		if code, said := w.renew(t, office); code != config.OK || !strings.Contains(said, "renewed its certificate") {
			t.Fatalf("exit code %d: %s", code, said)
		}
		after := w.identity(t, office)
		if after.Chain[0].SerialNumber.Cmp(before.Chain[0].SerialNumber) == 0 || !after.Key.Equal(before.Key) || after.Chain[0].NotAfter.Before(before.Chain[0].NotAfter) {
			t.Errorf("office %d has the certificate %v until %s, and had %v until %s", office, after.Chain[0].SerialNumber, after.Chain[0].NotAfter,
				before.Chain[0].SerialNumber, before.Chain[0].NotAfter)
		}
		sw, err := w.Client.Switches().Get(soon(t), w.Offices[office].Switch.ID)
		if err != nil || sw.NotAfter == nil || !sw.NotAfter.Equal(after.Chain[0].NotAfter) {
			t.Errorf("the cloud has a certificate until %v, the switch until %s: %v", sw.NotAfter, after.Chain[0].NotAfter, err)
		}
	}
	press(t, out, in, "159*")
	press(t, in, out, "D20#")
	hears(t, in, 1)
	hears(t, out, 2)
	if strings.Contains(w.log.since(0), "link down") {
		t.Error("the link did not outlast the renewal")
	}
	hangUp(t, out, in)
	talk(t, from, bob.number.Dial, to)

	w.StopSwitch(1) // with its end of the link
	if code, said := w.renew(t, 1); code != config.Failed || !strings.Contains(said, "did not renew its certificate; it was last heard of at") {
		t.Errorf("of a switch that is away: exit code %d: %s", code, said)
	}
	if err := w.StartSwitch(1); err != nil {
		t.Fatal(err)
	}
	if err := w.awaitLeases(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.registered(t, bob, true)
	talk(t, from, bob.number.Dial, to)
}
