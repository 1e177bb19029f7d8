package sipside

import (
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/registrar"
)

// flowOf registers a phone by one of its flows.
func (p *phone) flowOf(id string) *sip.Response {
	p.t.Helper()
	return p.register(p.user, "Supported: path, outbound", "Contact: "+p.contact+`;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";reg-id=`+id)
}

// rings waits for a call of a phone.
func rings(p *phone) *line {
	p.t.Helper()
	select {
	case l := <-p.calls:
		return l
	case <-time.After(time.Minute):
		p.t.Fatal("the phone does not ring")
		return nil
	}
}

// firstIn is the value of the first header of a name.
func firstIn(res *sip.Response, name string) string {
	v, _ := firstOf(res, name)
	return v
}

// TestFlows rings a phone with two flows once: by the one that it refreshed last, and by the other if that has failed.
func TestFlows(t *testing.T) {
	o := newOffice(t)
	first, second := o.phone("bob", sip.TCP), o.phone("bob", sip.UDP)
	o.begins(o.connect(func() []call.Target {
		return o.phones.Targets(designation.Branch{Device: "dv_bob", Number: "1002"}, time.Minute)
	}))
	for _, c := range []struct {
		by        *phone
		id, timer string
	}{{first, "1", "120"}, {second, "2", "25"}} {
		o.late.Add(int64(time.Second))
		res := c.by.flowOf(c.id)
		if res.StatusCode != 200 || firstIn(res, "Require") != "outbound" || firstIn(res, "Flow-Timer") != c.timer {
			t.Fatalf("flow %s is answered with %d, Require %q, Flow-Timer %q", c.id, res.StatusCode, firstIn(res, "Require"), firstIn(res, "Flow-Timer"))
		}
	}
	if all := o.registrar.Lookup("dv_bob"); len(all) != 2 {
		t.Fatalf("%d flows", len(all))
	}
	ann := o.phone("ann", sip.UDP)

	out := ann.dial("1002", speech) // RFC 5626, 11.5: a proxy before the phone says that the flow is gone
	rings(second).do(func(d *sip.Dialog) { d.Refuse(430, "Flow Failed", sip.Cause{}) })
	rings(first).do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
	if e := expect[sip.Refused](out); e.Code != 486 {
		t.Errorf("refused with %d", e.Code)
	}

	o.late.Add(int64(time.Second))
	first.flowOf("1") // that is the last now
	out = ann.dial("1002", speech)
	rings(first).do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
	expect[sip.Refused](out)

	if err := first.stream.Close(); err != nil {
		t.Fatal(err)
	}
	for ctx := t.Context(); o.phones.sip.Connected(peerOf(o.registrar.Lookup("dv_bob")[0].Source)); {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	out = ann.dial("1002", speech)
	rings(second).do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
	expect[sip.Refused](out)
	if n := len(first.calls) + len(second.calls); n != 0 {
		t.Errorf("the phone rang %d times more", n)
	}

	again := o.phone("bob", sip.UDP)
	again.seq = 10
	again.flowOf("2") // RFC 5626, 6: it takes the place of the other flow of that id
	if all := o.registrar.Lookup("dv_bob"); len(all) != 2 {
		t.Errorf("%d flows after one came anew", len(all))
	}
}

// TestNoFlows: a phone that says nothing of flows is told nothing of them.
func TestNoFlows(t *testing.T) {
	o := newOffice(t)
	p := o.phone("bob", sip.UDP)
	for _, headers := range [][]string{
		{"Contact: " + p.contact},
		{"Supported: outbound", "Contact: " + p.contact + ";reg-id=1"},
		{"Supported: path", "Contact: " + p.contact + `;+sip.instance="<urn:x>";reg-id=1`},
	} {
		if res := p.register("bob", headers...); res.StatusCode != 200 || firstIn(res, "Require") != "" || firstIn(res, "Flow-Timer") != "" {
			t.Errorf("%q is answered with %d, Require %q", headers, res.StatusCode, firstIn(res, "Require"))
		}
	}
}

func TestBehindNAT(t *testing.T) {
	t.Parallel()
	source := registrar.Source{Addr: netip.MustParseAddrPort("203.0.113.9:40000"), Transport: "udp"}
	six := registrar.Source{Addr: netip.MustParseAddrPort("[2001:db8::9]:5060"), Transport: "udp"}
	for _, c := range []struct {
		contact string
		source  registrar.Source
		want    bool
	}{
		{"sip:bob@192.168.1.7", source, true},
		{"sip:bob@203.0.113.9:40000", source, false},
		{"sip:bob@203.0.113.9", source, true},
		{"sip:line1@pbx.example.com", source, false},
		{"sip:bob@192.168.1.7", registrar.Source{Addr: source.Addr, Transport: "tcp"}, false},
		{"sip:bob@[2001:db8::9]", six, false},
		{"sip:bob@[2001:db8::8]", six, true},
	} {
		b := registrar.Binding{Contact: registrar.Contact{URI: c.contact}, Source: c.source}
		if got := natted(b); got != c.want {
			t.Errorf("%s from %s: behind a NAT: %v", c.contact, c.source.Addr, got)
		}
	}
}
