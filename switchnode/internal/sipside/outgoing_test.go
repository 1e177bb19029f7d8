package sipside

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// gateway is the phone of bob, whose contact is a name, and a second server of that name.
func gateway(t *testing.T, transport string, headers ...string) (o *office, first, second *phone) {
	o = newOffice(t)
	first, second = o.phone("bob", transport), o.phone("bob", sip.UDP)
	if res := first.register("bob", append(headers, "Contact: <sip:line1@pbx.example;x=y>")...); res.StatusCode != 200 {
		t.Fatalf("registered with %d", res.StatusCode)
	}
	o.begins(o.connect(func() []call.Target {
		return o.phones.Targets(designation.Branch{Device: "dv_bob", Number: "1002"}, time.Minute)
	}))
	o.finds(func(context.Context, sip.URI) ([]sip.Peer, error) {
		source := o.registrar.Lookup("dv_bob")[0].Source
		return []sip.Peer{{Transport: sip.UDP, Addr: source.Addr}, second.at()}, nil // the first is known to fail
	})
	return o, first, second
}

// at is where a UDP phone listens.
func (p *phone) at() sip.Peer {
	return sip.Peer{Transport: sip.UDP, Addr: netip.AddrPortFrom(loopback, uint16(p.sip.Contact(p.user, p.peer).Port))}
}

// RFC 3263, 4.3: a server that answers 503 gives way to the next.
func TestNextServer(t *testing.T) {
	o, first, second := gateway(t, sip.UDP, "Path: <sip:edge.example;lr>, <sip:core.example;lr>")
	asked := make(chan sip.URI, 1)
	find := *o.locate.Load()
	o.finds(func(ctx context.Context, u sip.URI) ([]sip.Peer, error) {
		asked <- u
		return find(ctx, u)
	})
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	(<-first.calls).do(func(d *sip.Dialog) { d.Refuse(503, "Service Unavailable", sip.Cause{}) })
	if u := <-asked; u.Host != "edge.example" {
		t.Errorf("asked DNS for %s", u.String())
	}
	in := <-second.calls
	in.do(func(d *sip.Dialog) {
		req := d.Request()
		if req.Recipient.Host != "pbx.example" || req.Recipient.User != "line1" {
			t.Errorf("called %s", req.Recipient.String())
		}
		var routes []string // RFC 3327, 5.2
		for _, h := range req.GetHeaders("Route") {
			routes = append(routes, h.Value())
		}
		if got := strings.Join(routes, ", "); !strings.Contains(got, "edge.example") || strings.Index(got, "edge") > strings.Index(got, "core.example") {
			t.Errorf("Route: %s", got)
		}
		d.Answer([]byte(speech))
	})
	expect[sip.Answered](out)
	out.do(func(d *sip.Dialog) { d.Bye(sip.Cause{}) })
	expect[sip.HungUp](in)
	expect[sip.Closed](out)
}

// A connection that has ended leads nowhere; the servers of the name may.
func TestServerOfALostConnection(t *testing.T) {
	o, first, second := gateway(t, sip.TCP)
	if err := first.stream.Close(); err != nil {
		t.Fatal(err)
	}
	for ctx := t.Context(); o.phones.sip.Connected(peerOf(o.registrar.Lookup("dv_bob")[0].Source)); {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	(<-second.calls).do(func(d *sip.Dialog) { d.Refuse(486, "Busy Here", sip.Cause{}) })
	if e := expect[sip.Refused](out); e.Code != 486 {
		t.Errorf("refused with %d", e.Code)
	}
}

// With nowhere else to go, the caller hears what the last server said; a callee that was reached stays the only one.
func TestNoOtherServer(t *testing.T) {
	o, first, _ := gateway(t, sip.UDP)
	o.finds(func(context.Context, sip.URI) ([]sip.Peer, error) { return nil, errors.New("no server in DNS") })
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	(<-first.calls).do(func(d *sip.Dialog) { d.Refuse(503, "Full", sip.Cause{}) })
	if e := expect[sip.Refused](out); e.Code != 503 || e.Reason != "Full" {
		t.Errorf("refused with %d %s", e.Code, e.Reason)
	}
	o.finds(func(context.Context, sip.URI) ([]sip.Peer, error) {
		t.Error("DNS was asked for a callee that rang")
		return nil, nil
	})
	out = o.phone("ann", sip.UDP).dial("1002", speech)
	in := <-first.calls
	in.do(func(d *sip.Dialog) { d.Progress(180, "Ringing") })
	expect[sip.Progress](out)
	in.do(func(d *sip.Dialog) { d.Refuse(503, "Full", sip.Cause{}) })
	expect[sip.Refused](out)
}

// The caller leaves while DNS is asked: nobody else is rung.
func TestCancelWhileDNSIsAsked(t *testing.T) {
	o, first, second := gateway(t, sip.UDP)
	find, asked, left := *o.locate.Load(), make(chan struct{}), make(chan struct{})
	o.finds(func(ctx context.Context, u sip.URI) ([]sip.Peer, error) {
		close(asked)
		<-left
		return find(ctx, u)
	})
	out := o.phone("ann", sip.UDP).dial("1002", speech)
	(<-first.calls).do(func(d *sip.Dialog) { d.Refuse(503, "Full", sip.Cause{}) })
	<-asked
	out.do(func(d *sip.Dialog) { d.Cancel(sip.Cause{}) })
	expect[sip.Closed](out)
	close(left)
	select {
	case <-second.calls:
		t.Error("the second server was called after the CANCEL")
	default:
	}
}
