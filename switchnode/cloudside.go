package switchnode

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"strowger/pkg/config"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/identity"
	"strowger/pkg/ledger"
	"strowger/pkg/sessionkey"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/sitecopy"
)

// directory is the cloud as the router asks it.
type directory struct{ n *node }

// Admit asks for a call.
func (d directory) Admit(ctx context.Context, q fabric.Admit) (fabric.Admitted, error) {
	f := d.n.fabric
	return fabric.Request[fabric.Admit, fabric.Admitted](ctx, f, fabric.SubjectAdmit(f.Org(), f.Node()), q)
}

// Plan asks for the plan of a call whose key was shown here.
func (d directory) Plan(ctx context.Context, key string, waited bool) (designation.Plan, error) {
	f := d.n.fabric
	r, err := fabric.Request[fabric.PlanRequest, fabric.PlanReply](ctx, f, fabric.SubjectPlan(f.Org(), f.Node()), fabric.PlanRequest{Key: key, Waited: waited})
	if err != nil {
		return designation.Plan{}, err
	}
	if r.Plan == nil {
		return designation.Plan{}, errs.New(errs.Internal, "the cloud answered without a plan")
	}
	return *r.Plan, nil
}

// offline is the site copy as the router asks it.
type offline struct{ n *node }

// Admit resolves a call by the documents on disk.
func (o offline) Admit(q fabric.Admit) (routing.Local, error) {
	s := o.n.copy.Snapshot()
	var r sitecopy.Route
	var err error
	if q.Trunk != "" {
		r, err = s.ResolveTrunk(q.Trunk, q.From, q.Dialled, o.n.now())
	} else {
		r, err = s.Resolve(q.Device, q.Dialled, o.n.now())
	}
	if err != nil {
		return routing.Local{To: r.To}, err
	}
	l := routing.Local{From: r.From, To: r.To}
	way := func(to designation.Node) routing.Way {
		leg := ident.New(ident.Leg)
		return routing.Way{
			Designation: designation.Designation{Node: to, Leg: leg},
			Sign:        func(boot string) (string, error) { return s.Sign(q.Call, leg, r, to, boot, o.n.now()) },
		}
	}
	for _, to := range r.Others {
		l.Others = append(l.Others, way(to))
	}
	if r.Away == nil {
		p := s.Plan(q.Call, r, o.n.now())
		l.Plan = &p
		return l, nil
	}
	l.Way = new(way(*r.Away))
	return l, nil
}

// asking is the way of a caller to another switch, which is to do something for them: this switch vouches for the caller, and that one
// judges what they may.
func (n *node) asking(id string, from designation.Party, dialled, asks, at string) (routing.Way, error) {
	s := n.copy.Snapshot()
	r, err := s.Asking(from, dialled, asks, at, n.now())
	if err != nil {
		return routing.Way{}, err
	}
	leg, to := ident.New(ident.Leg), *r.Away
	return routing.Way{
		Designation: designation.Designation{Node: to, Leg: leg},
		Sign:        func(boot string) (string, error) { return s.Sign(id, leg, r, to, boot, n.now()) },
	}, nil
}

// Plan is that of a call with a key that the calling switch signed, or that the cloud signed before it went away.
func (o offline) Plan(c sessionkey.Claims) (designation.Plan, error) {
	return o.n.copy.Snapshot().Accept(c, o.n.now())
}

// fetcher fetches signed documents.
type fetcher struct{ n *node }

// Copy fetches the copy of this site.
func (f fetcher) Copy(ctx context.Context, have uint64) (string, error) {
	return f.document(ctx, fabric.SubjectCopy(f.n.fabric.Org(), f.n.identity.Load().Site), have)
}

// Peer fetches the peer document of another site.
func (f fetcher) Peer(ctx context.Context, site string, have uint64) (string, error) {
	return f.document(ctx, fabric.SubjectPeer(f.n.fabric.Org(), site), have)
}

// document fetches a document piece by piece. The pieces of a large one take a while to make.
func (f fetcher) document(ctx context.Context, subject string, have uint64) (string, error) {
	ask := func(q fabric.CopyRequest) (fabric.CopyReply, error) {
		ctx, cancel := context.WithTimeout(ctx, fabric.MaxDeadline)
		defer cancel()
		return fabric.Request[fabric.CopyRequest, fabric.CopyReply](ctx, f.n.fabric, subject, q)
	}
	r, err := ask(fabric.CopyRequest{Have: have})
	if err != nil || r.Pieces <= 1 {
		return r.Document, err
	}
	if r.Pieces > sitecopy.MaxPieces {
		return "", errs.New(errs.Invalid, "the document on %s comes in %d pieces, at most %d are allowed", subject, r.Pieces, sitecopy.MaxPieces)
	}
	var doc strings.Builder
	doc.WriteString(r.Document)
	for i := 1; i < r.Pieces; i++ {
		piece, err := ask(fabric.CopyRequest{Version: r.Version, Piece: i})
		if err != nil {
			return "", err
		}
		doc.WriteString(piece.Document)
	}
	return doc.String(), nil
}

// Revocations fetches those after a number.
func (f fetcher) Revocations(ctx context.Context, after uint64) ([]string, error) {
	c := f.n.fabric
	r, err := fabric.Request[fabric.RevokeRequest, fabric.Revocations](ctx, c, fabric.SubjectRevocations(c.Org(), c.Node()), fabric.RevokeRequest{After: after})
	return r.Statements, err
}

// deliver sends a batch of the call ledger.
func (n *node) deliver(ctx context.Context, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
	return fabric.Request[fabric.LedgerJSON, fabric.LedgerReply](ctx, n.fabric, fabric.SubjectLedger(n.fabric.Org(), n.fabric.Node()), q)
}

// record puts an event into the spool. One that finds no room is counted and told of there; the call goes on.
func (n *node) record(e ledger.Event) {
	if err := n.spool.Append(e); err != nil && errs.CodeOf(err) != errs.Congested {
		n.log.Warn("call ledger event lost", "call", e.Call, "kind", e.Kind, "error", err)
	}
}

// diskTrouble is why call events, registrations or the book of the guards cannot be kept at present, nil when they can. Calls go on all the same.
func (n *node) diskTrouble() error {
	if err := n.spool.Ready(); err != nil {
		return fmt.Errorf("the call ledger cannot be written: %w", err)
	}
	if err := n.registrar.Ready(); err != nil {
		return fmt.Errorf("registrations cannot be saved: %w", err)
	}
	if err := n.tolls.Ready(); err != nil {
		return fmt.Errorf("what was called in the phone network cannot be kept: %w", err)
	}
	if err := n.copy.Ready(); err != nil {
		return fmt.Errorf("documents for going on without the cloud cannot be kept: %w", err)
	}
	return nil
}

// askToDial asks the cloud to have a node dial this one, which does not reach it.
func (n *node) askToDial(ctx context.Context, node string) error {
	_, err := fabric.Request[fabric.Reach, fabric.Reply](ctx, n.fabric, fabric.SubjectReach(n.fabric.Org(), n.fabric.Node()), fabric.Reach{Node: node})
	return err
}

// controlWorkers bounds what this node does at the cloud's word at once, dialling above all; what waits is done later.
const controlWorkers = 4

// controlled does what the cloud tells.
func (n *node) controlled(ctx context.Context, _ fabric.Subject, q fabric.Control) (fabric.Reply, error) {
	switch {
	case q.Dial != nil:
		return fabric.Reply{}, n.dial(ctx, *q.Dial)
	case q.Renew:
		return fabric.Reply{}, n.identity.Order(ctx)
	}
	return fabric.Reply{}, errs.New(errs.Upgrade, "this release knows no such order")
}

// keepCertificate keeps the certificate fresh until ctx ends.
func (n *node) keepCertificate(ctx context.Context) error {
	return n.identity.Keep(ctx, identity.Renewal{Now: n.now, Logger: n.log, Ask: func(ctx context.Context, csr []byte) (string, error) {
		r, err := fabric.Request[fabric.Renew, fabric.RenewReply](ctx, n.fabric, fabric.SubjectRenew(n.fabric.Org(), n.fabric.Node()), fabric.Renew{CSR: csr})
		return r.Chain, err
	}})
}

// dial makes the link to a node that cannot. Nobody waits for the outcome; who cannot reach this switch gets the link.
func (n *node) dial(ctx context.Context, peer designation.Node) error {
	n.log.Info("the cloud tells this switch to dial one that does not reach it", "peer", peer.Name)
	_, err := n.endpoint.Connect(ctx, peer)
	if err != nil {
		n.log.Warn("nor is that switch reached from here", "peer", peer.Name, "error", err)
	}
	return err
}

// offerWorkers take offers side by side; each is a map write.
const offerWorkers = 2

// serveFabric takes what the cloud sends until ctx ends.
func (n *node) serveFabric(ctx context.Context, router *routing.Router) error {
	org, id := n.fabric.Org(), n.fabric.Node()
	_, err := fabric.Handle(ctx, n.fabric, fabric.SubjectOffer(org, id), "", offerWorkers,
		func(_ context.Context, _ fabric.Subject, q fabric.Offer) (fabric.Promise, error) {
			return n.offered(router, q)
		})
	if err != nil {
		return err
	}
	if _, err := fabric.Handle(ctx, n.fabric, fabric.SubjectControl(org, id), "", controlWorkers, n.controlled); err != nil {
		return err
	}
	if _, err := fabric.Handle(ctx, n.fabric, fabric.SubjectQueue(org, id), "", queueWorkers, n.queueOrder); err != nil {
		return err
	}
	if _, err := fabric.Handle(ctx, n.fabric, fabric.SubjectMailbox(org, id), "", mailboxWorkers, n.mailboxOrder); err != nil {
		return err
	}
	if _, err := fabric.Handle(ctx, n.fabric, fabric.SubjectGuard(org, id), "", guardWorkers, n.guardOrder); err != nil {
		return err
	}
	if _, err := fabric.Handle(ctx, n.fabric, fabric.SubjectTrunk(org, id), "", trialWorkers, n.trunkTest); err != nil {
		return err
	}
	if _, err := fabric.Subscribe(n.fabric, fabric.SubjectChanged(org, id), func(fabric.Subject, fabric.Changed) { n.copy.Refresh() }); err != nil {
		return err
	}
	if err := n.serveLamps(); err != nil {
		return err
	}
	if n.apps.web != nil {
		if _, err := fabric.Subscribe(n.fabric, fabric.SubjectDev(org, id), func(_ fabric.Subject, d fabric.Dev) { n.apps.web.Report(d) }); err != nil {
			return err
		}
	}
	// What was revoked is fetched from the last number held on, so that none is missed.
	if _, err := fabric.Subscribe(n.fabric, fabric.SubjectRevoke(org), func(fabric.Subject, fabric.Revocations) { n.copy.Refresh() }); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// fabricStatus hears when the cloud comes and goes.
func (n *node) fabricStatus(s fabric.Status) {
	n.lamps.reconnected()
	if s.Connected {
		n.leases.connected()
		n.spool.Retry()
		n.copy.Refresh()
		return
	}
	if !n.stopping.Load() {
		n.log.Warn("the cloud is away; the office goes on by its site copy", "error", s.Reason)
	}
}

// leases is what the next lease has to say.
type leases struct {
	mu      sync.Mutex
	devices []string
	changed bool
	wake    chan struct{} // capacity 1
}

// registered notes which phones are there.
func (l *leases) registered(devices []string) {
	l.mu.Lock()
	l.devices, l.changed = slices.Clone(devices), true
	l.mu.Unlock()
	l.soon()
}

// registrations hears which phones are there.
func (n *node) registrations(devices []string) {
	n.leases.registered(devices)
	n.lamps.registered(devices)
}

// connected notes that the cloud may have forgotten everything.
func (l *leases) connected() {
	l.mu.Lock()
	l.changed = true
	l.mu.Unlock()
	l.soon()
}

func (l *leases) soon() {
	select {
	case l.wake <- struct{}{}:
	default: // a lease is due already
	}
}

func (l *leases) take() (devices []string, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed, l.changed = l.changed, false
	if !changed {
		return nil, false
	}
	return slices.Clone(l.devices), true
}

func (l *leases) putBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = true
}

// leasePause is the least time between two leases that list registrations: with thousands of phones each is long.
const leasePause = time.Second

// A lease that was not answered is sent again after this, and then each time so much later, until leaseRetry: at the start
// of a fabric of several servers the first may find nobody yet who answers.
const (
	leaseFirstRetry = 250 * time.Millisecond
	leaseRetry      = 2 * time.Second
)

// lease says that this switch is alive, at once when something changed, until ctx ends.
func (n *node) lease(ctx context.Context) error {
	since, failures := n.now(), 0
	for !n.stopping.Load() {
		wait := fabric.LeaseInterval
		devices, changed := n.leases.take()
		if err := n.sendLease(ctx, fabric.Lease{Since: since, Registered: devices, Changed: changed}); err != nil {
			if changed {
				n.leases.putBack()
			}
			n.leaseFailed(ctx, err, &failures)
			wait = min(leaseRetry, time.Duration(failures)*leaseFirstRetry)
		}
		if changed && !sleep(ctx, leasePause, nil) || !sleep(ctx, wait, n.leases.wake) {
			return nil
		}
	}
	return nil
}

// sendLease fills in a lease and sends it.
func (n *node) sendLease(ctx context.Context, l fabric.Lease) error {
	s := n.copy.Snapshot()
	l.Node, l.SIP, l.Version = n.self(), n.started.phonesAt(), config.Version()
	l.Load = fabric.Load{Calls: n.calls.len(), Links: int(n.endpoint.Counters().Links)}
	l.Copy, l.Peers, l.CopyError = s.Version(), s.Peers(), n.copy.Trouble()
	l.Trunks = n.phones.State()
	if err := n.diskTrouble(); err != nil {
		l.DiskError = err.Error()
	}
	_, err := fabric.Request[fabric.Lease, fabric.Reply](ctx, n.fabric, fabric.SubjectLease(n.fabric.Org(), n.fabric.Node()), l)
	return err
}

// leave ends the lease of a switch that stops, so that callers are told at once that their callee's office is away.
func (n *node) leave(ctx context.Context) {
	if err := n.sendLease(ctx, fabric.Lease{Since: n.now(), Leaving: true}); err != nil {
		n.log.Info("the cloud was not told that this switch stops", "error", err)
	}
}

// leaseFailed tells why the cloud does not hear from this switch: once when it is still not reached soon after the start,
// which no change of the connection tells, and always when it refuses.
func (n *node) leaseFailed(ctx context.Context, err error, failures *int) {
	*failures++
	switch away := errs.CodeOf(err) == errs.CloudAway; {
	case ctx.Err() != nil || n.stopping.Load():
	case !away:
		n.log.Warn("the cloud refused the lease", "error", err)
	case *failures == 4:
		n.log.Warn("the cloud cannot be reached, or refuses this switch; tried again for ever", "error", cmp.Or(n.fabric.Status().Reason, err))
	}
}

// sleep waits, or less when woken; false says that ctx ended.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-wake:
	}
	return true
}

// self is this switch as others are told to reach it.
func (n *node) self() designation.Node {
	id := n.identity.Load()
	return designation.Node{
		ID: id.Node, Name: id.NodeName, Addresses: n.addresses(), KeyHash: n.keyHash(), Boot: n.boot,
		DTLS: n.apps.fingerprint(), Web: n.apps.hashes(),
	}
}

// copyChanged applies what the documents newly say: phones that were taken away lose their registration, nodes that were
// revoked their links.
func (n *node) copyChanged(s *sitecopy.Snapshot) {
	if n.registrar == nil || s.Version() == 0 {
		return // at start, before there is anything to apply to
	}
	n.registrar.Retain(s.Homed)
	n.lamps.wished(s)
	if n.phones != nil {
		n.phones.TrunksChanged()
	}
	if n.apps.uplinks != nil {
		n.apps.uplinks.Changed()
	}
	for _, id := range s.RevokedNodes() {
		n.endpoint.Drop(id, "revoked")
	}
}
