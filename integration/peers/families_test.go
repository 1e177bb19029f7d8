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
	secured := map[string]string{"srtp-mand": "1901", "dtls_srtp": "1902"} // the phone by which it is seen that the switch knows
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
		{"SDES to IPv4", d.x, old, handset{six: true, transport: "tls", mediaenc: "srtp-mand"}, handset{}},
		{"DTLS to IPv6 alone", d.x, d.y, handset{six: true, transport: "tls", mediaenc: "dtls_srtp"}, handset{six: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.caller.codec, test.caller.tone = pcmu, low
			test.calls.codec, test.calls.tone = pcmu, high
			as, bs := test.from.account(t), test.to.account(t)
			if test.caller.mediaenc != "" {
				d.encrypts(t, as)
				d.settle(t, test.from, secured[test.caller.mediaenc])
			}
			a, b := test.from.phone(t, as, test.caller), test.to.phone(t, bs, test.calls)
			toA, toB := listen(t, a.host), listen(t, b.host)
			call(t, a, b, b.dial)
			talk(t, a, b)
			a.do(t, "hold", "")
			toB.expectMusic(t, a.tone)
			toA.expectSilence(t)
			a.do(t, "resume", "")
			if a.mediaenc == "" {
				toA.expectTone(t, b.tone)
			} else { // the network cannot tell what, and a baresip that held records nothing any more
				toA.more(t, pcmu.rate)
			}
			toB.expectTone(t, a.tone)
			hangUp(t, b, a)
			d.conversation(t, a.account, b.account, pcmu.record, outcome{"normal", 200, "callee"})
		})
	}
}
