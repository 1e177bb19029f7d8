package cloud

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"strowger/cloud/internal/broker"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
)

// kindOf is what a node is by its id.
func kindOf(node string) string {
	if ident.KindOf(node) == ident.Bridge {
		return trust.Bridge
	}
	return trust.Switch
}

func nameOf(org, node string) trust.Name {
	return trust.Name{Org: org, Kind: kindOf(node), ID: node}
}

// handleBridges serves the requests of bridges until ctx ends.
func (c *instance) handleBridges(ctx context.Context) error {
	f, group := c.exchange.Client(), fabric.Workers
	_, e1 := fabric.Handle(ctx, f, fabric.SubjectBridgeRenew(fabric.Any, fabric.Any), group, documentWorkers, c.renew)
	_, e2 := fabric.Handle(ctx, f, fabric.SubjectKeys(fabric.Any, fabric.Any), group, documentWorkers,
		func(ctx context.Context, s fabric.Subject, _ fabric.KeysRequest) (fabric.KeysReply, error) {
			keys, err := c.authority.SessionKeys(ctx, s.Org)
			return fabric.KeysReply{SessionKeys: keys}, err
		})
	_, e3 := fabric.Handle(ctx, f, fabric.SubjectTargets(fabric.Any, fabric.Any), group, admitWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.Targets) (fabric.TargetsReply, error) {
			all, at, err := c.authority.Targets(ctx, s.Org, q.Anchor, q.Ticket)
			return fabric.TargetsReply{Targets: all, Channel: at}, err
		})
	_, e4 := fabric.Handle(ctx, f, fabric.SubjectPruned(fabric.Any, fabric.Any), group, documentWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.Pruned) (fabric.Reply, error) {
			return fabric.Reply{}, c.authority.Prune(ctx, s.Org, q.Device, q.Target, q.Reason)
		})
	_, e5 := fabric.Handle(ctx, f, fabric.SubjectRevoked(fabric.Any, fabric.Any), group, documentWorkers,
		func(ctx context.Context, s fabric.Subject, _ fabric.RevokedRequest) (fabric.RevokedReply, error) {
			all, err := c.store.RevokedSwitches(ctx, s.Org)
			return fabric.RevokedReply{Nodes: all}, err
		})
	_, e6 := fabric.Handle(ctx, f, fabric.SubjectAppAdmit(fabric.Any, fabric.Any), group, askWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.AppAdmit) (fabric.Admitted, error) {
			return c.broker.AdmitApp(ctx, s.Org, s.ID, q)
		})
	_, e7 := fabric.Handle(ctx, f, fabric.SubjectBind(fabric.Any, fabric.Any), group, admitWorkers, c.bind)
	return errors.Join(e1, e2, e3, e4, e5, e6, e7)
}

// handleWaking serves switches that wake phones by themselves (RFC 8599).
func (c *instance) handleWaking(ctx context.Context) error {
	f, group := c.exchange.Client(), fabric.Workers
	_, e1 := fabric.Handle(ctx, f, fabric.SubjectPushServices(fabric.Any, fabric.Any), group, documentWorkers,
		func(_ context.Context, s fabric.Subject, _ fabric.PushServices) (fabric.PushServicesReply, error) {
			return c.broker.PushServices(s.Org), nil
		})
	_, e2 := fabric.Handle(ctx, f, fabric.SubjectPermit(fabric.Any, fabric.Any), group, admitWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.Permit) (fabric.PermitReply, error) {
			return c.broker.Permit(ctx, s.Org, s.ID, q)
		})
	return errors.Join(e1, e2)
}

// bridgeLease notes that a bridge lives.
func (c *instance) bridgeLease(ctx context.Context, org, bridge string, l fabric.Lease) error {
	v, err := c.store.Bridges.Get(ctx, org, bridge)
	switch {
	case err != nil:
		return err
	case l.Node.ID != bridge:
		return errs.New(errs.Forbidden, "bridge %s sent a lease of %q", bridge, l.Node.ID)
	case v.State != "enrolled":
		return errs.New(errs.Revoked, "bridge %s is %s", bridge, v.State)
	case v.KeyHash != l.Node.KeyHash:
		return errs.New(errs.WrongPresenter, "lease of bridge %s names key %q, but it enrolled with %q", bridge, l.Node.KeyHash, v.KeyHash)
	}
	if l.Face != nil {
		if err := checkFace(l); err != nil {
			return err
		}
	}
	return c.store.PutBridgeLease(ctx, org, bridge, l, time.Now())
}

// checkFace says why a bridge cannot be handed out: devices and switches connect to where it says it is.
func checkFace(l fabric.Lease) error {
	u, err := url.Parse(l.Face.URL)
	switch {
	case l.Face.URL == "": // it takes no apps
	case len(l.Face.URL) > maxURL || err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || l.Face.URL != u.Scheme+"://"+u.Host:
		return errs.New(errs.Invalid, "url: %.80q is not of the form https://host:port", l.Face.URL)
	case len(l.Face.KeyHash) > maxHash:
		return errs.New(errs.Invalid, "key_hash of %d bytes: want the SHA-256 of a public key", len(l.Face.KeyHash))
	}
	if len(l.Node.Web) > maxHashes || slices.ContainsFunc(l.Node.Web, func(h string) bool { return len(h) > maxHash }) {
		return errs.New(errs.Invalid, "web: %d hashes, want at most %d, each a SHA-256", len(l.Node.Web), maxHashes)
	}
	if l.Face.Relay != nil {
		if err := broker.CheckRelay(*l.Face.Relay); err != nil {
			return err
		}
	}
	if l.Face.STUN != "" {
		if err := broker.CheckSTUN(l.Face.STUN); err != nil {
			return err
		}
	}
	if len(l.Node.Addresses) == 0 { // nor do switches dial it
		return nil
	}
	return broker.CheckAddresses(l.Node.Addresses)
}

// Bytes of a bridge's URL, and of a SHA-256 in base64; and how many certificates apps may know a bridge by.
const (
	maxURL    = 200
	maxHash   = 44
	maxHashes = 4
)
