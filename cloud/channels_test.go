package cloud_test

import (
	"context"
	"math"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
)

// channel is what an app shows a bridge.
func (a app) channel(bridge, device string, order int64, age time.Duration) string {
	a.i.t.Helper()
	return must(proof.Sign(proof.TypeChannel, a.key, proof.Channel{
		Bridge: bridge, Nonce: "n", Device: device, Order: order, ID: ident.New(ident.Request), IssuedAt: time.Now().Add(-age).Unix(),
	}))(a.i.t)
}

// live is a bridge that lives, of a run.
func (i *installation) live(name string) (n node, boot string) {
	i.t.Helper()
	n = i.bridge(name)
	l := n.lease(i.t)
	l.Face = &fabric.Face{URL: "https://" + name + ".example"}
	must(fabric.Request[fabric.Lease, fabric.Reply](i.t.Context(), n.fabric, fabric.SubjectLease(n.id.Org, n.id.Node), l))(i.t)
	return n, l.Node.Boot
}

// TestBridgeProvesItsChannels: a bridge has those channels that devices themselves say they opened to it, and ends none elsewhere.
func TestBridgeProvesItsChannels(t *testing.T) {
	i := start(t)
	d, other, a, eve := i.mobile(), i.mobile(), i.app(), i.app()
	must(a.enrol(a.request(i.deviceCode(d.ID))))(t)
	must(eve.enrol(eve.request(i.deviceCode(other.ID))))(t)
	thief, thiefBoot := i.live("b1")
	home, homeBoot := i.live("b2")
	bind := func(n node, boot, shown string, order int64) errs.Code {
		t.Helper()
		r := must(fabric.Request[fabric.Bind, fabric.BindReply](t.Context(), n.fabric, fabric.SubjectBind(n.id.Org, n.id.Node), fabric.Bind{
			Boot: boot, Come: []fabric.Bound{{Device: d.ID, Thumbprint: a.thumbprint(), Order: order, Proof: shown}},
		}))(t)
		if len(r.Refused) == 0 || r.Refused[0] == nil {
			return ""
		}
		return r.Refused[0].Code
	}
	byes := make(chan fabric.Bye, 4)
	stop := must(fabric.Handle(t.Context(), home.fabric, fabric.SubjectBye(home.id.Org, home.id.Node), "", 1,
		func(_ context.Context, _ fabric.Subject, q fabric.Bye) (fabric.Reply, error) {
			byes <- q
			return fabric.Reply{}, nil
		}))(t)
	defer stop()

	if code := bind(home, homeBoot, a.channel(home.id.Node, d.ID, 5, 0), 5); code != "" {
		t.Fatalf("refused as %q", code)
	}
	for name, tt := range map[string]struct {
		shown string
		want  errs.Code
	}{
		"nothing":                {"", errs.KeyMalformed},
		"one for another bridge": {a.channel(home.id.Node, d.ID, 9, 0), errs.WrongAudience},
		"one of another device":  {eve.channel(thief.id.Node, other.ID, 9, 0), errs.Invalid},
		"one by another key":     {eve.channel(thief.id.Node, d.ID, 9, 0), errs.WrongPresenter},
		"one without an order":   {a.channel(thief.id.Node, d.ID, 0, 0), errs.Invalid},
		"an earlier one":         {a.channel(thief.id.Node, d.ID, 4, 0), errs.Conflict},
		"an old one":             {a.channel(thief.id.Node, d.ID, 9, time.Hour), errs.KeyExpired},
	} {
		if code := bind(thief, thiefBoot, tt.shown, math.MaxInt64); code != tt.want {
			t.Errorf("%s: %q, want %q", name, code, tt.want)
		}
	}
	if code := bind(home, homeBoot, a.channel(home.id.Node, d.ID, 5, time.Hour), 5); code != "" {
		t.Errorf("a session that outlives its proof is refused as %q", code)
	}

	// The fabric lets no bridge end channels. What it sends after that comes after that.
	must(0, fabric.Publish(t.Context(), thief.fabric, fabric.SubjectBye(home.id.Org, home.id.Node),
		fabric.Bye{Device: d.ID, Why: errs.New(errs.Revoked, "forged")}))(t)
	if code := bind(thief, thiefBoot, a.channel(thief.id.Node, d.ID, 6, 0), math.MaxInt64); code != "" {
		t.Errorf("the device is not let go to another bridge: %q", code)
	}
	if q := <-byes; q.Device != d.ID || q.Order != 5 || q.Why.Code != errs.Conflict {
		t.Errorf("a channel ends by %+v, %v", q, q.Why)
	}
	if code := bind(home, homeBoot, a.channel(home.id.Node, d.ID, 7, 0), 7); code != "" { // the order was the device's
		t.Errorf("the device is not let come back: %q", code)
	}
	if d := must(i.client.Devices().Get(t.Context(), d.ID))(t); !d.Awake {
		t.Errorf("device %+v", d)
	}
}
