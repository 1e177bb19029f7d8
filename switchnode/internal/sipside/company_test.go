package sipside

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
)

// TestIsCompany: a company is known by its address, in a network of our own by its port as well.
func TestIsCompany(t *testing.T) {
	trunk := sitecopy.Trunk{Servers: []string{"203.0.113.5:5080", "203.0.113.6", "192.168.1.9:5062", "192.168.1.10", "sip.example"}}
	p := &Phones{cfg: Config{Trunks: func() []sitecopy.Trunk { return []sitecopy.Trunk{trunk} }}}
	p.resolved.Store(&map[way][]netip.AddrPort{wayTo(trunk, "sip.example"): {netip.MustParseAddrPort("203.0.113.7:5060")}})
	for at, want := range map[string]bool{
		"203.0.113.5:5080": true, "203.0.113.5:5060": true, "203.0.113.6:40000": true, "[::ffff:203.0.113.6]:5060": true, "203.0.113.7:5090": true, "203.0.113.8:5060": false,
		"192.168.1.9:5062": true, "192.168.1.9:5060": false, "192.168.1.10:5060": true, "192.168.1.10:5070": false,
	} {
		if got := p.isCompany(netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
}

// TestContactThatIsANumber: what DNS may lead to a phone company is no number there; a phone's own user name is none.
func TestContactThatIsANumber(t *testing.T) {
	o := newOffice(t)
	bob := o.phone("bob", sip.UDP)
	for contact, want := range map[string]int{
		"Contact: <sip:+4990012345678@pbx.example>":          403,
		"Contact: <sip:%2B4990012345678@pbx.example>":        403,
		"Contact: <sip:0900-123%20456;isub=1@pbx.example>":   403,
		"Contact: <sip:line1@pbx.example>":                   200,
		"Contact: <sip:v6f-0x55_1.2~@pbx.example>":           200,
		"Contact: <sip:pbx.example>":                         200,
		"Contact: <sip:0900123456%@pbx.example>":             403,
		"Contact: <sip:%2530900123456@pbx.example>":          403,
		"Contact: <sip:0900123456&a=b@pbx.example>":          403,
		"Contact: <sip:0900,1@pbx.example>":                  403,
		"Contact: <sip:0900/1@pbx.example>":                  403,
		"Contact: <sip:+49900x@pbx.example>":                 403,
		"Contact: <sip:tel%3A0900@pbx.example>":              403,
		"Contact: <sip:+4990012345678@127.0.0.1:5099>":       200, // goes to where the REGISTER came from
		"Contact: <sip:bob@pbx.example>, <sip:110@sbc.test>": 403,
	} {
		if res := bob.register("bob", contact); res.StatusCode != want {
			t.Errorf("%s: %d", contact, res.StatusCode)
		}
		bob.register("bob", "Contact: *", "Expires: 0")
	}
	if res := bob.register("bob", "Path: <sip:edge.example;lr>", "Contact: <sip:+4990012345678@127.0.0.1:5099>"); res.StatusCode != 403 {
		t.Errorf("behind a proxy with a name: %d", res.StatusCode)
	}
}

// TestNoServerOfACompany: of what DNS has for a contact, servers of phone companies are not called.
func TestNoServerOfACompany(t *testing.T) {
	o, first, second := gateway(t, sip.UDP)
	company := second.at().Addr
	o.trunks.Store(&[]sitecopy.Trunk{{ID: "tr_1", Servers: []string{company.String()}}})
	o.finds(func(context.Context, sip.URI) ([]sip.Peer, error) {
		return []sip.Peer{{Transport: sip.UDP, Addr: company}}, nil
	})
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	(<-first.calls).do(func(d *sip.Dialog) { d.Refuse(503, "Service Unavailable", sip.Cause{}) })
	if r := expect[sip.Refused](out); r.Code != 503 && r.Code != 480 {
		t.Errorf("refused with %d", r.Code)
	}
	select {
	case <-second.calls:
		t.Error("the company is called")
	default:
	}
}

// TestNoFlowOfACompany: of a phone's flows the one that came from a server of a trunk, which is newer than the registration, is not tried when
// another fails, nor alone.
func TestNoFlowOfACompany(t *testing.T) {
	o := newOffice(t)
	company, phone := o.phone("bob", sip.UDP), o.phone("bob", sip.UDP)
	o.begins(o.connect(func() []call.Target {
		return o.phones.Targets(designation.Branch{Device: "dv_bob", Number: "1002"}, time.Minute)
	}))
	company.flowOf("1")
	o.late.Add(int64(time.Second))
	phone.flowOf("2") // the last: tried first
	if n := len(o.registrar.Lookup("dv_bob")); n != 2 {
		t.Fatalf("%d flows", n)
	}
	o.trunks.Store(&[]sitecopy.Trunk{{ID: "tk_1", Servers: []string{company.at().Addr.String()}}})
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	rings(phone).do(func(d *sip.Dialog) { d.Refuse(430, "Flow Failed", sip.Cause{}) })
	expect[sip.Refused](out)
	o.late.Add(int64(time.Second))
	o.trunks.Store(&[]sitecopy.Trunk{{ID: "tk_1", Servers: []string{company.at().Addr.String(), phone.at().Addr.String()}}})
	if all := o.phones.Targets(designation.Branch{Device: "dv_bob", Number: "1002"}, time.Minute); len(all) != 0 {
		t.Errorf("%d targets, all of them companies", len(all))
	}
	select {
	case <-company.calls:
		t.Error("the company is called")
	default:
	}
}
