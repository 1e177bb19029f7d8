package cloud_test

import (
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/trust"
)

func TestBridgeEnrolsRenewsAndIsRevoked(t *testing.T) {
	i := start(t)
	ctx := t.Context()
	n := i.bridge("b1")
	if n.id.Kind != trust.Bridge || n.id.Site != "" || n.id.Org != i.org.ID || n.id.NodeName != "b1" || len(n.id.SessionKeys) != 1 || len(n.id.CopyKeys) != 0 {
		t.Errorf("the bridge was told %+v", n.id.Info)
	}
	if b := must(i.client.Bridges().Get(ctx, n.id.Node))(t); b.State != "enrolled" || b.Live || b.SeenAt != nil || b.KeyHash == "" {
		t.Errorf("enrolled bridge is %+v", b)
	}

	l := n.lease(t)
	must(fabric.Request[fabric.Lease, fabric.Reply](ctx, n.fabric, fabric.SubjectLease(n.id.Org, n.id.Node), l))(t)
	if b := must(i.client.Bridges().Get(ctx, n.id.Node))(t); !b.Live || b.Software != "1.2" || b.SeenAt == nil {
		t.Errorf("bridge after its lease is %+v", b)
	}
	l.Node.KeyHash = "another"
	_, err := fabric.Request[fabric.Lease, fabric.Reply](ctx, n.fabric, fabric.SubjectLease(n.id.Org, n.id.Node), l)
	wantCode(t, err, errs.WrongPresenter)
	l = n.lease(t)
	l.Leaving = true
	must(fabric.Request[fabric.Lease, fabric.Reply](ctx, n.fabric, fabric.SubjectLease(n.id.Org, n.id.Node), l))(t)
	if b := must(i.client.Bridges().Get(ctx, n.id.Node))(t); b.Live {
		t.Errorf("bridge that left is %+v", b)
	}

	keys := must(fabric.Request[fabric.KeysRequest, fabric.KeysReply](ctx, n.fabric, fabric.SubjectKeys(n.id.Org, n.id.Node), fabric.KeysRequest{}))(t)
	if len(keys.SessionKeys) != 1 {
		t.Errorf("keys %v", keys.SessionKeys)
	}
	r := must(fabric.Request[fabric.Renew, fabric.RenewReply](ctx, n.fabric, fabric.SubjectBridgeRenew(n.id.Org, n.id.Node), fabric.Renew{CSR: must(n.id.CSR())(t)}))(t)
	next := must(n.id.Renewed(r.Chain))(t)
	if next.Chain[0].SerialNumber.Cmp(n.id.Chain[0].SerialNumber) == 0 {
		t.Error("the renewed certificate is the old one")
	}

	must(i.client.RevokeBridge(ctx, n.id.Node, "stolen"))(t)
	n.await(t, func(s fabric.Status) bool { return !s.Connected })
	if b := must(i.client.Bridges().Get(ctx, n.id.Node))(t); b.State != "revoked" || b.Live {
		t.Errorf("revoked bridge is %+v", b)
	}
	_, err = i.client.BridgeCode(ctx, n.id.Node)
	wantCode(t, err, errs.Revoked)
}
