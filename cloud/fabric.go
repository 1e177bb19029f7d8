package cloud

import (
	"context"
	"errors"
	"time"

	"strowger/cloud/internal/authority"
	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
	"strowger/pkg/trust"
)

// Workers of each kind of request.
const (
	admitWorkers    = 8
	ledgerWorkers   = 32 // they only wait for the one that writes
	documentWorkers = 2
	askWorkers      = 64 // they wait for an anchor, which is far
)

// handle serves the requests of nodes until ctx ends. Who asks is known by the subject: the fabric lets a node send on
// its own only (step A).
func (c *instance) handle(ctx context.Context) error {
	f, group := c.exchange.Client(), fabric.Workers
	_, e1 := fabric.Handle(ctx, f, fabric.SubjectAdmit(fabric.Any, fabric.Any), group, admitWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.Admit) (fabric.Admitted, error) {
			a, err := c.broker.Admit(ctx, s.Org, s.ID, q)
			if code := errs.CodeOf(err); err != nil && code != errs.Internal { // an answer too, with To
				a.Error, err = errs.From(err), nil
			}
			return a, err
		})
	_, e2 := fabric.Handle(ctx, f, fabric.SubjectPlan(fabric.Any, fabric.Any), group, admitWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.PlanRequest) (fabric.PlanReply, error) {
			return c.broker.Plan(ctx, s.Org, s.ID, q)
		})
	_, e3 := fabric.Handle(ctx, f, fabric.SubjectLease(fabric.Any, fabric.Any), group, documentWorkers,
		c.lease)
	_, observed := fabric.Subscribe(f, fabric.SubjectLease(fabric.Any, fabric.Any), func(s fabric.Subject, l fabric.Lease) {
		if kindOf(s.ID) == trust.Bridge {
			c.broker.ObserveBridge(s.Org, s.ID, l)
			return
		}
		_ = c.broker.Observe(s.ID, l) // who answers the lease says what is wrong with it
	})
	_, told := fabric.Subscribe(f, fabric.SubjectRegistry(fabric.Any), func(s fabric.Subject, m fabric.RegistryChanged) {
		c.directory.Changed(store.Change{
			Org: s.Org, Revision: m.Revision, Base: m.Base, Users: m.Users, Devices: m.Devices, Dials: m.Dials, Rates: m.Rates, All: m.All,
		})
	})
	_, attempts := fabric.Subscribe(f, fabric.SubjectAttempt(fabric.Any), func(s fabric.Subject, m fabric.Attempt) { c.broker.Heard(s.Org, m) })
	_, e4 := fabric.Handle(ctx, f, fabric.SubjectLedger(fabric.Any, fabric.Any), group, ledgerWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
			return c.records.Append(ctx, s.Org, s.ID, q)
		})
	_, e5 := fabric.Handle(ctx, f, fabric.SubjectCopy(fabric.Any, fabric.Any), group, documentWorkers, c.document(authority.Copies))
	_, e6 := fabric.Handle(ctx, f, fabric.SubjectPeer(fabric.Any, fabric.Any), group, documentWorkers, c.document(authority.Peers))
	_, e7 := fabric.Handle(ctx, f, fabric.SubjectRenew(fabric.Any, fabric.Any), group, documentWorkers, c.renew)
	_, e8 := fabric.Handle(ctx, f, fabric.SubjectRevocations(fabric.Any, fabric.Any), group, documentWorkers, c.revocations)
	_, e9 := fabric.Handle(ctx, f, fabric.SubjectReach(fabric.Any, fabric.Any), group, documentWorkers,
		func(ctx context.Context, s fabric.Subject, q fabric.Reach) (fabric.Reply, error) {
			return c.broker.Reach(ctx, s.Org, s.ID, q)
		})
	_, pins := fabric.Handle(ctx, f, fabric.SubjectPIN(fabric.Any, fabric.Any), group, wishWorkers, c.choosePIN)
	_, lamps := fabric.Handle(ctx, f, fabric.SubjectLamp(fabric.Any, fabric.Any), group, lampWorkers, c.lamp)
	_, e10 := fabric.Handle(ctx, f, fabric.SubjectWish(fabric.Any, fabric.Any), group, wishWorkers, c.wish)
	return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, pins, lamps, observed, told, attempts, c.handleWaking(ctx), c.handleBridges(ctx))
}

// lease takes a node's sign of life. One that was revoked and is still connected, because the instance that revoked it
// was killed before it could cut it, is cut now.
func (c *instance) lease(ctx context.Context, s fabric.Subject, q fabric.Lease) (r fabric.Reply, err error) {
	if kindOf(s.ID) == trust.Bridge {
		err = c.bridgeLease(ctx, s.Org, s.ID, q)
	} else {
		r, err = c.broker.Lease(ctx, s.Org, s.ID, q)
	}
	if errs.CodeOf(err) == errs.Revoked {
		c.exchange.Kick(nameOf(s.Org, s.ID))
	}
	return r, err
}

// tellInstances lets the other cloud instances read an organization's registry again. What does not reach them they find
// by themselves, later.
func (c *instance) tellInstances(w store.Change) {
	m := fabric.RegistryChanged{Revision: w.Revision, Base: w.Base, Users: w.Users, Devices: w.Devices, Dials: w.Dials, Rates: w.Rates, All: w.All}
	if err := fabric.Publish(c.ctx, c.exchange.Client(), fabric.SubjectRegistry(w.Org), m); err != nil {
		c.log.Warn("other cloud instances are not told of a change at once", "org", w.Org, "error", err)
	}
}

// document answers who fetches documents of a kind, piece by piece.
func (c *instance) document(kind string) func(context.Context, fabric.Subject, fabric.CopyRequest) (fabric.CopyReply, error) {
	return func(ctx context.Context, s fabric.Subject, q fabric.CopyRequest) (r fabric.CopyReply, err error) {
		r.Version = q.Version
		if q.Version == 0 {
			r.Version, err = c.authority.Current(ctx, s.Org, kind, s.ID)
			if err != nil || r.Version == q.Have {
				return fabric.CopyReply{}, err
			}
		}
		name := kind + "/" + s.ID
		r.Document, r.Pieces, err = c.store.DocumentPiece(ctx, s.Org, name, r.Version, q.Piece)
		if err != nil || q.Capability >= fabric.CapPieces || r.Pieces == 1 {
			return r, err
		}
		if r.Pieces > fabric.MaxWhole/fabric.PieceSize {
			return r, errs.New(errs.Upgrade, "the %s of site %s has more than %d bytes, all that this switch's release takes: upgrade the switch", kind, s.ID, fabric.MaxWhole)
		}
		for i := 1; i < r.Pieces && err == nil; i++ {
			var text string
			text, _, err = c.store.DocumentPiece(ctx, s.Org, name, r.Version, i)
			r.Document += text
		}
		return r, err
	}
}

// mayAsk says whether a node may fetch the documents that it asks for: the answer goes to whom the request names.
func (c *instance) mayAsk(s fabric.Subject, node string) bool {
	own, ok := s.Documents()
	snapshot, err := c.directory.Snapshot(s.Org)
	if !ok || err != nil {
		return false
	}
	sw, ok := snapshot.Switch(node)
	return ok && (!own || sw.Site == s.ID)
}

func (c *instance) renew(ctx context.Context, s fabric.Subject, q fabric.Renew) (fabric.RenewReply, error) {
	chain, err := c.authority.Renew(ctx, s.Org, s.ID, q.CSR)
	return fabric.RenewReply{Chain: chain}, err
}

func (c *instance) revocations(ctx context.Context, s fabric.Subject, q fabric.RevokeRequest) (fabric.Revocations, error) {
	all, err := c.store.Revocations(ctx, s.Org, q.After)
	return fabric.Revocations{Statements: all}, err
}

// checkNode says for the fabric's door whether a node may come in, and which site it is of: "" for a bridge.
func (c *instance) checkNode(ctx context.Context, name trust.Name, keyHash string) (site string, err error) {
	var state, enrolled string
	switch name.Kind {
	case trust.Switch:
		sw, err := c.store.Switches.Get(ctx, name.Org, name.ID)
		if err != nil {
			return "", err
		}
		site, state, enrolled = sw.Site, sw.State, sw.KeyHash
	case trust.Bridge:
		b, err := c.store.Bridges.Get(ctx, name.Org, name.ID)
		if err != nil {
			return "", err
		}
		state, enrolled = b.State, b.KeyHash
	default:
		return "", errs.New(errs.Forbidden, "%s: only switches and bridges use this fabric", name)
	}
	switch {
	case state == "revoked":
		return "", errs.New(errs.Revoked, "%s %s is revoked", name.Kind, name.ID)
	case state != "enrolled":
		return "", errs.New(errs.Forbidden, "%s %s is not enrolled", name.Kind, name.ID)
	case enrolled != keyHash:
		return "", errs.New(errs.WrongPresenter, "%s %s enrolled with another key", name.Kind, name.ID)
	}
	return site, nil
}

// offer sends a plan to an anchor; nobody waits for it (2-call-flows, C2).
func (c *instance) offer(org, node string, o fabric.Offer) {
	ctx, cancel := context.WithDeadline(c.ctx, o.Deadline)
	defer cancel()
	if err := fabric.Publish(ctx, c.exchange.Client(), fabric.SubjectOffer(org, node), o); err != nil {
		c.log.Warn("offer not sent; the anchor will ask", "call", o.Plan.Call, "node", node, "error", err)
	}
}

// ask asks an anchor whether it takes a call (C11).
func (c *instance) ask(ctx context.Context, org, node string, o fabric.Offer) (fabric.Promise, error) {
	return fabric.Request[fabric.Offer, fabric.Promise](ctx, c.exchange.Client(), fabric.SubjectOffer(org, node), o)
}

// attempted tells all instances of the call of an app.
func (c *instance) attempted(org string, a fabric.Attempt) error {
	return fabric.Publish(c.ctx, c.exchange.Client(), fabric.SubjectAttempt(org), a)
}

// control tells a node to do something; nobody waits for it.
func (c *instance) control(org, node string, q fabric.Control) {
	ctx, cancel := context.WithDeadline(c.ctx, q.Deadline)
	defer cancel()
	if err := fabric.Publish(ctx, c.exchange.Client(), fabric.SubjectControl(org, node), q); err != nil {
		c.log.Warn("a node was not told to dial another", "node", node, "error", err)
	}
}

// renewTime is how long a switch may take to renew its certificate: it asks the cloud in turn.
const renewTime = 10 * time.Second

// orderRenewal has a switch renew its certificate, and returns when it has done so.
func (c *instance) orderRenewal(ctx context.Context, org, node string) error {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	_, err := fabric.Request[fabric.Control, fabric.Reply](ctx, c.exchange.Client(), fabric.SubjectControl(org, node), fabric.Control{Renew: true})
	return err
}

// settled hears from the ledger that a call rings no more.
func (c *instance) settled(org, call string) { c.broker.Settled(org, call) }

// nodes is what the API may do to nodes.
type nodes struct{ c *instance }

// IssueEnrolment makes a one-time code; for an app, also the link that has it.
func (n nodes) IssueEnrolment(ctx context.Context, org, id string) (rest.EnrolmentCode, error) {
	code, err := n.c.authority.IssueEnrolment(ctx, org, id)
	if code.Device != "" {
		code.Link = enrol.Link(code.Code, n.c.address)
	}
	return code, err
}

// Enrol gives a node its identity.
func (n nodes) Enrol(ctx context.Context, q enrol.Request) (enrol.Response, error) {
	return n.c.authority.Enrol(ctx, q)
}

// Revoke takes trust from a node: on record first, then its connection, then its peers are told.
func (n nodes) Revoke(ctx context.Context, org, node, reason string) error {
	if err := n.c.authority.Revoke(ctx, org, node, reason); err != nil {
		return err
	}
	n.c.exchange.Kick(nameOf(org, node))
	all, err := n.c.store.Revocations(ctx, org, 0)
	if err != nil {
		return err
	}
	latest := fabric.Revocations{Statements: all[max(0, len(all)-1):]}
	if err := fabric.Publish(ctx, n.c.exchange.Client(), fabric.SubjectRevoke(org), latest); err != nil {
		n.c.log.Warn("revocation not announced; switches ask for it when they connect", "node", node, "error", err)
	}
	return nil
}

// announce tells the switches of an organization that documents changed.
func (c *instance) announce(ctx context.Context, org string) {
	q := store.Query{Limit: store.MaxLimit, Filter: map[string]string{"state": "enrolled"}}
	for {
		switches, next, err := c.store.Switches.List(ctx, org, q)
		if err != nil {
			c.log.Error("changed documents not announced", "org", org, "error", err)
			return
		}
		for _, sw := range switches {
			// Who is not connected asks when it is.
			_ = fabric.Publish(ctx, c.exchange.Client(), fabric.SubjectChanged(org, sw.ID), fabric.Changed{Copy: true})
		}
		if q.Cursor = next; next == "" {
			return
		}
	}
}
