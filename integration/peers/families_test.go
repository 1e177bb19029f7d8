//go:build peers

package peers

import "testing"

const familiesNetwork = 18

// TestFamilies has phones that have IPv4 or IPv6 alone call each other and be put on hold: at a switch that serves both, and between one that serves IPv6 alone and
// one that serves IPv4 alone. The switches reach each other by both.
func TestFamilies(t *testing.T) {
	t.Parallel()
	d := found(t, familiesNetwork, "Peers", longRing)
	d.net.six(t)
	machine := d.net.host(t)
	d.x = d.officeAt(t, d.net, machine, "20", fewPhones, "--host6", d.net.also6(t, machine).String())
	machine = d.net.host(t)
	machine.addr = d.net.also6(t, machine)
	d.y = d.officeAt(t, d.net, machine, "30", fewPhones)
	machine = d.net.host(t)
	d.net.also6(t, machine)
	old := d.officeAt(t, d.net, machine, "40", fewPhones)
	for _, test := range []struct {
		name          string
		from, to      *office
		caller, calls handset
	}{
		{"IPv4 to IPv6", d.x, d.x, handset{}, handset{six: true}},
		{"IPv6 to IPv4", d.x, d.x, handset{six: true, transport: "tcp"}, handset{}},
		{"IPv6 to IPv6", d.x, d.x, handset{six: true}, handset{six: true, transport: "tcp"}},
		{"both to IPv6 alone", d.x, d.y, handset{six: true}, handset{six: true}},
		{"IPv6 alone to IPv4 alone", d.y, old, handset{six: true, transport: "tcp"}, handset{}},
		{"IPv4 alone to IPv6 alone", old, d.y, handset{}, handset{six: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.caller.codec, test.caller.tone = pcmu, low
			test.calls.codec, test.calls.tone = pcmu, high
			a, b := test.from.phone(t, test.from.account(t), test.caller), test.to.phone(t, test.to.account(t), test.calls)
			toA, toB := listen(t, a.host), listen(t, b.host)
			call(t, a, b, b.dial)
			talk(t, a, b)
			a.do(t, "hold", "")
			toB.expectMusic(t, a.tone)
			toA.expectSilence(t)
			a.do(t, "resume", "")
			toA.expectTone(t, b.tone)
			toB.expectTone(t, a.tone)
			hangUp(t, b, a)
			d.conversation(t, a.account, b.account, pcmu.record, outcome{"normal", 200, "callee"})
		})
	}
}
