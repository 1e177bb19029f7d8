package cloud_test

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/pushseal"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

// edge is a switch that takes apps, on the fabric, with a desk phone.
type edge struct {
	node
	site  rest.Site
	phone rest.Device
}

func (i *installation) edge(code string) edge {
	i.t.Helper()
	ctx := i.t.Context()
	site := must(i.client.Sites().Create(ctx, rest.Site{Name: "Site " + code, Code: code}))(i.t)
	sw := must(i.client.Switches().Create(ctx, rest.Switch{Name: "edge" + code, Site: site.ID}))(i.t)
	u := must(i.client.Users().Create(ctx, rest.NewUser("User "+code)))(i.t)
	d := rest.NewDevice(u.ID, "desk")
	d.Switch = sw.ID
	e := edge{site: site, phone: must(i.client.Devices().Create(ctx, d))(i.t)}
	must(i.client.Numbers().Create(ctx, rest.Number{Site: site.ID, Digits: "1001", User: u.ID}))(i.t)
	e.node = i.join(must(i.client.EnrolmentCode(ctx, sw.ID))(i.t))
	l := e.lease(i.t)
	l.Node.Addresses = []string{"192.0.2.1:7443"}
	l.Node.DTLS, l.Node.Web = "sha-256 "+strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), []string{strings.Repeat("w", 43)}
	must(fabric.Request[fabric.Lease, fabric.Reply](ctx, e.fabric, fabric.SubjectLease(e.id.Org, e.id.Node), l))(i.t)
	return e
}

// admit asks for a call.
func (e edge) admit(t *testing.T, dialled string) (fabric.Admitted, error) {
	t.Helper()
	return fabric.Request[fabric.Admit, fabric.Admitted](t.Context(), e.fabric, fabric.SubjectAdmit(e.id.Org, e.id.Node), fabric.Admit{
		Call: ident.New(ident.Call), Device: e.phone.ID, Dialled: dialled, Media: []string{"audio"},
	})
}

func (n node) targets(t *testing.T, anchor, ticket string) ([]pushtarget.Target, error) {
	t.Helper()
	r, err := fabric.Request[fabric.Targets, fabric.TargetsReply](t.Context(), n.fabric, fabric.SubjectTargets(n.id.Org, n.id.Node),
		fabric.Targets{Anchor: anchor, Ticket: ticket})
	return r.Targets, err
}

func (n node) prune(t *testing.T, device, token string) {
	t.Helper()
	must(fabric.Request[fabric.Pruned, fabric.Reply](t.Context(), n.fabric, fabric.SubjectPruned(n.id.Org, n.id.Node),
		fabric.Pruned{Device: device, Target: target(token), Reason: "BadDeviceToken"}))(t)
}

func keysOf(org string, set sitecopy.KeySet) sessionkey.Keys {
	return func(kid string) (sessionkey.Key, bool) {
		pub, ok := set.Key(kid)
		return sessionkey.Key{Public: pub, Issuer: org}, ok
	}
}

// TestDeskPhoneCallsASleepingApp goes through all that the cloud does of C3, and what bridges ask for it.
func TestDeskPhoneCallsASleepingApp(t *testing.T) {
	i := start(t)
	x, bridge := i.edge("20"), i.bridge("b1")
	d := i.mobile()
	must(i.client.Numbers().Create(t.Context(), rest.Number{Digits: "555", User: d.User}))(t)
	_, err := x.admit(t, "555")
	wantCode(t, err, errs.Offline)
	_, err = i.client.DeviceCode(t.Context(), x.phone.ID)
	wantCode(t, err, errs.Invalid)
	a := i.app()
	info := must(a.enrol(a.request(i.deviceCode(d.ID), target("00aa"))))(t)

	admitted := must(x.admit(t, "555"))(t)
	p := admitted.Plan
	if p == nil || len(p.Branches) != 1 || p.Branches[0].App == nil || p.Branches[0].Kind != designation.Mobile || p.Node == nil || p.Node.ID != x.id.Node {
		t.Fatalf("admitted %+v", admitted)
	}
	b := p.Branches[0]
	sealed := must(pushseal.Seal(b.App.Seal, p.Organization, b.Device, pushseal.Wake{Epoch: 1, Node: *p.Node, Key: b.App.Key}))(t)
	wake := must(a.seal.Open(info.Org, info.Device, sealed))(t)
	claims := must(wake.Check(keysOf(info.Org, info.SessionKeys), info.Org, info.Device, a.thumbprint(), time.Now()))(t)
	if claims.From.Name != "User 20" || claims.From.Number != "201001" || claims.Call != p.Call {
		t.Errorf("the app shows %+v", claims)
	}

	got := must(bridge.targets(t, x.id.Node, b.App.Ticket))(t)
	if len(got) != 1 || got[0] != target("00aa") {
		t.Errorf("targets %+v", got)
	}
	y := i.edge("30")
	_, err = bridge.targets(t, y.id.Node, b.App.Ticket) // another switch shows it
	wantCode(t, err, errs.WrongPresenter)
	_, err = bridge.targets(t, x.id.Node, b.App.Key)
	wantCode(t, err, errs.KeyMalformed)
	_, err = bridge.targets(t, x.id.Node, b.App.Ticket[:len(b.App.Ticket)-8]+"AAAAAAAA")
	if code := errs.CodeOf(err); code != errs.BadSignature && code != errs.KeyMalformed {
		t.Errorf("a forged ticket: %v", err)
	}

	bridge.prune(t, d.ID, "00bb") // not the one that it has
	if d = i.device(d.ID); !d.Reachable {
		t.Errorf("device is %+v", d)
	}
	bridge.prune(t, d.ID, "00aa")
	if d = i.device(d.ID); d.Reachable || len(d.Push) != 0 || d.Unreachable != "apns says BadDeviceToken" {
		t.Errorf("device is %+v", d)
	}
	_, err = bridge.targets(t, x.id.Node, b.App.Ticket)
	wantCode(t, err, errs.Offline)
	if !strings.HasPrefix(err.Error(), "the app "+info.DeviceName+" of "+info.UserName+" has no push token") {
		t.Errorf("who called is told %q", err)
	}
	_, err = x.admit(t, "555")
	wantCode(t, err, errs.NoPush)
	if err == nil || !strings.Contains(err.Error(), "BadDeviceToken") {
		t.Errorf("the caller's switch is told %v", err)
	}
	if err := a.setPush(d.ID, target("00bb")); err != nil {
		t.Fatal(err)
	}
	p = must(x.admit(t, "555"))(t).Plan
	ticket := p.Branches[0].App.Ticket
	must(bridge.targets(t, x.id.Node, ticket))(t)
	must(i.client.Devices().Update(t.Context(), d.ID, 0, map[string]any{"enabled": false}))(t)
	_, err = bridge.targets(t, x.id.Node, ticket)
	wantCode(t, err, errs.Disabled)
}

// A bridge learns of no device but by a ticket, and of none of another organization.
func TestBridgeOfAnotherOrganization(t *testing.T) {
	i := start(t)
	x := i.edge("20")
	d := i.mobile()
	must(i.client.Numbers().Create(t.Context(), rest.Number{Digits: "555", User: d.User}))(t)
	a := i.app()
	must(a.enrol(a.request(i.deviceCode(d.ID), target("00aa"))))(t)
	ticket := must(x.admit(t, "555"))(t).Plan.Branches[0].App.Ticket

	other := *i
	other.org = must(i.client.Organizations().Create(t.Context(), rest.NewOrganization("Evil")))(t)
	other.client.Organization = other.org.ID
	stranger := other.bridge("b1")
	_, err := stranger.targets(t, x.id.Node, ticket)
	wantCode(t, err, errs.UnknownKey)
	must(fabric.Request[fabric.Pruned, fabric.Reply](t.Context(), stranger.fabric, fabric.SubjectPruned(other.org.ID, stranger.id.Node),
		fabric.Pruned{Device: d.ID, Target: target("00aa"), Reason: "x"}))(t)
	i.client.Organization = i.org.ID
	if d = i.device(d.ID); !d.Reachable {
		t.Errorf("another organization's bridge pruned it: %+v", d)
	}
}
