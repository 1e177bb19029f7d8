package sipside

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/trunk/trial"
)

// company is a phone company, which listens as listen has it.
func (o *office) company(listen func(*sip.Endpoint) (netip.AddrPort, error)) (c *phone, at netip.AddrPort, stop func()) {
	o.t.Helper()
	c = &phone{t: o.t, calls: make(chan *line, 4)}
	c.sip = sip.NewEndpoint(sip.Config{Name: "company", AdvertiseHost: loopback.String(), Handler: c, Logger: slog.New(slog.DiscardHandler)})
	at, err := listen(c.sip)
	if err != nil {
		o.t.Fatal(err)
	}
	return c, at, run(o.t, c.sip.Run)
}

// examined is what a test of a trunk says of its servers; "!" is before what failed.
func (o *office) examined(v sitecopy.Trunk) (said string, takes bool) {
	r := trial.NewReport(v.ID, "", "")
	takes = o.phones.Examine(o.t.Context(), v, r)
	for _, s := range r.State().Steps {
		if s.Failed {
			said += "! "
		}
		said += s.Words + " -> " + s.Advice + "\n"
	}
	return said, takes
}

// TestTrunkOverTLS calls by a phone company that is reached over TLS: by a server whose certificate the trunk's CA signed, and by no other;
// and is called by the connection that it opened itself, and by no other.
func TestTrunkOverTLS(t *testing.T) {
	o := newOffice(t)
	cert := o.certificate()
	authority := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	ours, other := authority(cert.Certificates[0].Certificate[0]), authority(o.certificate().Certificates[0].Certificate[0])
	company, at, _ := o.company(func(e *sip.Endpoint) (netip.AddrPort, error) { return e.ListenTLS(loopback.String()+":0", cert) })
	o.finds(func(_ context.Context, u sip.URI) ([]sip.Peer, error) {
		return []sip.Peer{{Transport: sip.TLS, Addr: netip.AddrPortFrom(loopback, uint16(u.Port))}}, nil
	})
	trunk := sitecopy.Trunk{ID: "tk_1", Name: "Company", Servers: []string{at.String()}, Transport: "tls", TLSCA: other}
	o.trunks.Store(&[]sitecopy.Trunk{trunk})
	o.begins(o.connect(func() []call.Target {
		return []call.Target{o.phones.Line(designation.Branch{Kind: designation.Trunk, Number: "+4930123456", Trunks: []string{"tk_1"}}, designation.Plan{})}
	}))
	ann := o.phone("ann", sip.UDP).registered()
	if r := expect[sip.Refused](ann.dial("0030123456", speech)); r.Code != 503 || !strings.Contains(r.Reason, "certificate") {
		t.Errorf("a server with another certificate: %d %q", r.Code, r.Reason)
	}
	if said, takes := o.examined(trunk); takes || !strings.Contains(said, "! no connection to tls:") || !strings.Contains(said, "strowger trunk set Company --tls-ca FILE") {
		t.Errorf("a test of a server with another certificate: %s", said)
	}

	trunk.TLSCA = ours
	o.trunks.Store(&[]sitecopy.Trunk{trunk})
	if said, takes := o.examined(trunk); !takes || !strings.Contains(said, "by TLS 1.3; its certificate is for 127.0.0.1, signed by ") || strings.Contains(said, "! ") {
		t.Errorf("a test of the server: %s", said)
	}
	var from sip.Peer
	for range 2 { // by one connection
		out := ann.dial("0030123456", speech)
		in := <-company.calls
		if peer := in.d.Source(); from.Addr.IsValid() && peer != from {
			t.Errorf("comes from %s, and before from %s", peer, from)
		} else {
			from = peer
		}
		in.do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
		if r := expect[sip.Refused](out); r.Code != 486 {
			t.Errorf("refused with %d %q", r.Code, r.Reason)
		}
	}

	calls := make(chan call.Incoming, 1)
	o.begins(func(in call.Incoming) error { calls <- in; return context.Canceled })
	calling := func(e *sip.Endpoint, peer sip.Peer) *line {
		l := newLine(t)
		l.d = e.NewDialog(sip.InviteParams{
			To: sip.URI{Scheme: "sip", User: "+4930200", Host: loopback.String()}, From: sip.Party{User: "030999000"}, Peer: peer, Owner: l.own,
		})
		l.do(func(d *sip.Dialog) { d.Invite([]byte(speech)) })
		return l
	}
	expect[sip.Refused](calling(company.sip, from))
	if in := <-calls; in.From.Trunk != "tk_1" || in.From.Number != "+4930999000" || in.Dialled != "+4930200" {
		t.Errorf("the company brings %+v to %q", in.From, in.Dialled)
	}
	stranger := o.phone("bob", sip.TCP)
	if r := expect[sip.Refused](calling(stranger.sip, stranger.peer)); r.Code != 401 {
		t.Errorf("somebody at the company's address hears %d %q", r.Code, r.Reason)
	}
}

// TestCompanyIsNoStranger has a company answer at a switch where strangers may say just what a phone needs to register.
func TestCompanyIsNoStranger(t *testing.T) {
	o := newOfficeWith(t, Strangers{Rate: 0.2})
	company, at, _ := o.company(func(e *sip.Endpoint) (netip.AddrPort, error) { return e.ListenUDP(loopback.String() + ":0") })
	o.finds(func(_ context.Context, u sip.URI) ([]sip.Peer, error) {
		return []sip.Peer{{Transport: sip.UDP, Addr: netip.AddrPortFrom(loopback, uint16(u.Port))}}, nil
	})
	o.trunks.Store(&[]sitecopy.Trunk{{ID: "tk_1", Name: "Company", Servers: []string{at.String()}}})
	o.begins(o.connect(func() []call.Target {
		return []call.Target{o.phones.Line(designation.Branch{Kind: designation.Trunk, Number: "+4930123456", Trunks: []string{"tk_1"}}, designation.Plan{})}
	}))
	ann := o.phone("ann", sip.UDP).registered()
	for range 3 {
		out := ann.dial("0030123456", speech)
		(<-company.calls).do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
		if r := expect[sip.Refused](out); r.Code != 486 {
			t.Fatalf("refused with %d %q", r.Code, r.Reason)
		}
	}
}

// TestVerdicts has a first phone company say what it should and should not: what is its own doing leads to the second one, which refuses
// with 603, and what it says of who was called is the last word.
func TestVerdicts(t *testing.T) {
	o := newOffice(t)
	udp := func(e *sip.Endpoint) (netip.AddrPort, error) { return e.ListenUDP(loopback.String() + ":0") }
	first, at, _ := o.company(udp)
	second, next, _ := o.company(udp)
	o.finds(func(_ context.Context, u sip.URI) ([]sip.Peer, error) {
		return []sip.Peer{{Transport: sip.UDP, Addr: netip.AddrPortFrom(loopback, uint16(u.Port))}}, nil
	})
	o.trunks.Store(&[]sitecopy.Trunk{
		{ID: "tk_1", Name: "First", Servers: []string{at.String()}}, {ID: "tk_2", Name: "Second", Servers: []string{next.String()}, Order: 1},
	})
	o.begins(o.connect(func() []call.Target {
		return []call.Target{o.phones.Line(designation.Branch{Kind: designation.Trunk, Number: "+4930123456", Trunks: []string{"tk_1", "tk_2"}}, designation.Plan{})}
	}))
	ann := o.phone("ann", sip.UDP).registered()
	refuse := func(l *line, code int) {
		l.do(func(d *sip.Dialog) {
			d.Refuse(code, "Words", sip.Cause{}, sip.NewHeader("Contact", "<"+ann.contact+">"), sip.NewHeader(sip.HeaderRefusal, "no-line"))
		})
	}
	for code, want := range map[int]int{
		300: 603, 301: 603, 302: 603, 305: 603, 380: 603, 399: 603, 401: 603, 407: 603, 408: 603, 500: 603, 503: 603, 513: 603, 599: 603,
		400: 400, 403: 403, 404: 404, 480: 480, 484: 484, 486: 486, 487: 480, 488: 488, 499: 499, 600: 600, 604: 604, 699: 699,
	} {
		out := ann.dial("0030123456", speech)
		refuse(<-first.calls, code)
		if want == 603 {
			refuse(<-second.calls, 603)
		}
		if r := expect[sip.Refused](out); r.Code != want {
			t.Errorf("%d: the caller hears %d %q, want %d", code, r.Code, r.Reason, want)
		}
	}
}

// TestReachOnce opens one connection for all who want it at once, and gives it to nobody who wants it checked otherwise.
func TestReachOnce(t *testing.T) {
	o := newOffice(t)
	_, at, stop := o.company(func(e *sip.Endpoint) (netip.AddrPort, error) { return e.ListenTCP(loopback.String() + ":0") })
	w, peer := way{transport: sip.TCP, server: "a.example.com"}, sip.Peer{Transport: sip.TCP, Addr: at}
	results := make(chan error, 8)
	for range cap(results) {
		go func() { results <- o.phones.reach(t.Context(), w, peer) }()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if !o.phones.connections.opened(peer, w) {
		t.Error("no connection")
	}
	if err := o.phones.reach(t.Context(), way{transport: sip.TCP, server: "b.example.com"}, peer); err == nil {
		t.Error("the connection serves another name")
	}
	stop()
	for late := time.After(time.Minute); o.phones.connections.opened(peer, w); {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatal("the connection stays when it has ended")
		}
	}
}
