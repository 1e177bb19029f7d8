//go:build peers

package peers

import "testing"

// TestOffices is every kind of call between the phones of two offices, in one deployment.
func TestOffices(t *testing.T) {
	d := deploy(t, 1)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *deployment)
	}{
		{"audio", testAudio},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, d) })
	}
}

// testAudio has phones of every transport and codec hear each other, through two switches and through one.
func testAudio(t *testing.T, d *deployment) {
	for _, test := range []struct {
		name     string
		from, to handset
	}{
		{"UDP, PCMU", handset{transport: "udp", codec: pcmu}, handset{transport: "udp", codec: pcmu}},
		{"TCP, PCMA", handset{transport: "tcp", codec: pcma}, handset{transport: "tcp", codec: pcma}},
		{"TLS, PCMU", handset{transport: "tls", codec: pcmu}, handset{transport: "tls", codec: pcmu}},
		{"TLS to UDP, G.722", handset{transport: "tls", codec: g722}, handset{transport: "udp", codec: g722}},
		{"UDP to TCP, Opus", handset{transport: "udp", codec: opus}, handset{transport: "tcp", codec: opus}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.from.tone, test.to.tone = low, high
			a := d.x.phone(t, d.x.account(t), test.from)
			b := d.y.phone(t, d.y.account(t), test.to)
			call(t, a, b, b.dial)
			talk(t, a, b)
			a.do(t, "hangup", "")
			b.await(t, "CALL_CLOSED")
			d.conversation(t, a.account, b.account, test.from.codec.record, hungUpByCaller)
		})
	}
}
