//go:build peers

package peers

import (
	"strings"
	"testing"
)

// testSRTP has phones that encrypt their audio, with keys in SDP (over TLS) or by DTLS, talk to ones that do not and to each other, each leg in its own way, and hold
// them. Who has to encrypt and does not is refused.
func testSRTP(t *testing.T, d *deployment) {
	sdes := handset{transport: "tls", codec: pcmu, tone: low, mediaenc: "srtp-mand"}
	dtls := handset{codec: pcmu, tone: high, mediaenc: "dtls_srtp"}
	plain := handset{codec: pcmu, tone: other}
	tests := []struct {
		name     string
		from, to handset
		a, b     account
	}{
		{name: "SDES to plain", from: sdes, to: plain},
		{name: "plain to SDES", from: plain, to: sdes},
		{name: "SDES to DTLS", from: sdes, to: dtls},
		{name: "DTLS to plain", from: dtls, to: plain},
	}
	for i := range tests {
		test := &tests[i]
		test.a, test.b = d.x.account(t), d.y.account(t)
		if test.from.mediaenc != "" {
			d.encrypts(t, test.a)
		}
		if test.to.mediaenc != "" {
			d.encrypts(t, test.b)
		}
	}
	bare := d.x.account(t)
	d.encrypts(t, bare)
	d.settle(t, d.x, "1901")
	d.settle(t, d.y, "1901")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a, b := d.x.phone(t, test.a, test.from), d.y.phone(t, test.b, test.to)
			call(t, a, b, b.dial)
			talk(t, a, b)
			for _, holds := range [][2]*phone{{a, b}, {b, a}} {
				if holder, held := holds[0], holds[1]; held.mediaenc == "" { // the networks tell what reaches it
					toHeld := listen(t, held.host)
					holder.do(t, "hold", "")
					toHeld.expectMusic(t, holder.tone)
					holder.do(t, "resume", "")
					toHeld.expectTone(t, holder.tone)
				}
			}
			hangUp(t, a, b)
			d.conversation(t, test.a, test.b, pcmu.record, hungUpByCaller)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		a, b := d.x.phone(t, bare, plain), d.y.phone(t, d.y.account(t), plain)
		a.do(t, "dial", b.dial)
		if got := a.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "488 ") {
			t.Errorf("who has to encrypt and does not saw %q", got)
		}
	})
}

// encrypts has the phone of an account encrypt, or not call.
func (d *deployment) encrypts(t *testing.T, a account) {
	t.Helper()
	if _, err := d.api.Devices().Update(t.Context(), a.device, 0, map[string]any{"srtp": "required"}); err != nil {
		t.Fatal(err)
	}
}
