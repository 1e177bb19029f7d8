package integration

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
)

// TestTrunkSecure has people talk by a trunk whose speech is encrypted, both ways; what comes without keys is refused.
func TestTrunkSecure(t *testing.T) {
	t.Parallel()
	w := alone(t)
	show := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(show.Close)
	reg := newRegistry("line1", "secret")
	company := carrier(t, func(c *phone.Config) {
		c.Transport, c.TLS, c.Security, c.Registrar = sip.TLS, &tls.Config{Certificates: show.TLS.Certificates}, phone.SDES, reg.take
	})
	line := rest.NewTrunk("Company")
	line.Transport, line.SRTP, line.Username, line.Password, line.Register = "tls", "required", "line1", "secret", true
	line.TLSCA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: show.Certificate().Raw}))
	line = w.trunk(t, 0, line, company)
	ann, near := w.person(t, 0, "Ann", says(1))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	contact := reg.bound(t, true)

	talk := func(out, in *phone.Call, callee, caller uint64) {
		t.Helper()
		in.Answer()
		saw(t, out, phone.Answered)
		hears(t, out, callee)
		hears(t, in, caller)
	}
	out, in := ring(t, near, "0030123456", company)
	talk(out, in, 2, 1)
	in.SendDTMF('5')
	presses(t, out, "5")
	in.Hold() // the same keys go on
	saw(t, out, phone.Held)
	in.Resume()
	saw(t, out, phone.Resumed)
	hears(t, in, 1)
	hangUp(t, out, in)

	at := func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() }
	secure := carrier(t, func(c *phone.Config) { at(c); c.Security, c.To = phone.SDES, "030200" })
	out, in = ring(t, secure, contact.User, near)
	talk(out, in, 1, 2)
	hangUp(t, out, in)
	plain := carrier(t, func(c *phone.Config) { at(c); c.To = "030200" })
	if e := over(t, dial(t, plain, contact.User)); e.Code != 488 {
		t.Errorf("who calls without keys hears %d %q", e.Code, e.Words)
	}

	change(t, w.Client.Trunks(), line.ID, map[string]any{"srtp": "off"})
	w.settle(t)
	if e := over(t, dial(t, near, "0030123456")); e.Code != 488 {
		t.Errorf("a company that wants keys refuses with %d %q", e.Code, e.Words)
	}
}
