package mobilebridge

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/config"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/identity"
	"strowger/pkg/trust"
)

// wakeWorkers answer anchors side by side. Each waits for push services, so there are more than pushes can be under way:
// services that do not answer keep no wake from others.
const wakeWorkers = push.MaxPushes + 256

// takeWakes takes wakes from now on. What it returns lets other bridges have them, and waits for those under way until ctx ends.
func (b *bridge) takeWakes(ctx context.Context) (leave func(context.Context), err error) {
	id := b.identity.Load()
	stop, err := fabric.Handle(context.WithoutCancel(ctx), b.fabric, fabric.SubjectWake(id.Org, fabric.Any), fabric.Bridges, wakeWorkers, b.wakes.Handle)
	if err != nil {
		return nil, err
	}
	stopCancels, err := fabric.Handle(context.WithoutCancel(ctx), b.fabric, fabric.SubjectCancel(id.Org, fabric.Any), fabric.Bridges, wakeWorkers, b.wakes.Cancel)
	if err != nil {
		stop()
		return nil, err
	}
	return func(ctx context.Context) {
		done := make(chan struct{})
		go func() {
			stop()
			stopCancels()
			b.wakes.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-ctx.Done():
		}
		b.wakes.Close()
		<-done
	}, nil
}

// takeOrders does what the cloud tells until ctx ends.
func (b *bridge) takeOrders(ctx context.Context) error {
	id := b.identity.Load()
	_, err := fabric.Handle(ctx, b.fabric, fabric.SubjectControl(id.Org, id.Node), "", 1,
		func(ctx context.Context, _ fabric.Subject, q fabric.Control) (fabric.Reply, error) {
			if q.Renew {
				return fabric.Reply{}, b.identity.Order(ctx)
			}
			return fabric.Reply{}, errs.New(errs.Upgrade, "this release knows no such order")
		})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// targets asks where the pushes of a device go. Each wake asks anew, also when it is repeated: a device that was revoked in
// between is not woken, and a token that it replaced is used.
func (b *bridge) targets(ctx context.Context, q fabric.Targets) (fabric.TargetsReply, error) {
	c := b.fabric
	return fabric.Request[fabric.Targets, fabric.TargetsReply](ctx, c, fabric.SubjectTargets(c.Org(), c.Node()), q)
}

func (b *bridge) pruned(ctx context.Context, q fabric.Pruned) error {
	c := b.fabric
	_, err := fabric.Request[fabric.Pruned, fabric.Reply](ctx, c, fabric.SubjectPruned(c.Org(), c.Node()), q)
	return err
}

// keepCertificate keeps the certificate fresh until ctx ends.
func (b *bridge) keepCertificate(ctx context.Context) error {
	return b.identity.Keep(ctx, identity.Renewal{Now: b.now, Logger: b.log, Ask: func(ctx context.Context, csr []byte) (string, error) {
		c := b.fabric
		r, err := fabric.Request[fabric.Renew, fabric.RenewReply](ctx, c, fabric.SubjectBridgeRenew(c.Org(), c.Node()), fabric.Renew{CSR: csr})
		return r.Chain, err
	}})
}

// connected is nil when wakes can come in.
func (b *bridge) connected() error {
	if s := b.fabric.Status(); !s.Connected {
		return fmt.Errorf("the cloud is away: %w", s.Reason)
	}
	return nil
}

// fabricStatus hears when the cloud comes and goes.
func (b *bridge) fabricStatus(s fabric.Status) {
	if !s.Connected {
		if !b.stopping.Load() {
			b.log.Warn("the cloud is away; no phone is woken until it is back", "error", s.Reason)
		}
		return
	}
	b.links.ask()
	b.leaseSoon()
	b.channels.Rebind() // a device may have lost its right meanwhile, and the cloud what it knew
}

// leaseSoon has a lease sent at once: the cloud is to hear of something.
func (b *bridge) leaseSoon() {
	select {
	case b.leases <- struct{}{}:
	default: // one is due already
	}
}

// leaseRetry is when a lease that was not answered is sent again.
const leaseRetry = 2 * time.Second

// lease says that this bridge is alive, at once when it is connected, until ctx ends. The first that is answered shows that the
// cloud has this bridge, and that wakes come to it.
func (b *bridge) lease(ctx context.Context) error {
	since, tellServing := b.now(), sync.OnceFunc(b.serving)
	for failures := 0; !b.stopping.Load(); {
		wait := fabric.LeaseInterval
		if err := b.sendLease(ctx, fabric.Lease{Since: since}); err != nil {
			wait = leaseRetry
			failures++
			b.leaseFailed(ctx, err, failures)
		} else {
			failures = 0
			tellServing()
		}
		due := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			due.Stop()
			return nil
		case <-due.C:
		case <-b.leases:
			due.Stop()
		}
	}
	return nil
}

// leaseFailed tells why the cloud does not hear from this bridge: when it refuses, and once when it is not reached soon after
// the start, which no change of the connection tells.
func (b *bridge) leaseFailed(ctx context.Context, err error, failures int) {
	switch away := errs.CodeOf(err) == errs.CloudAway; {
	case ctx.Err() != nil || b.stopping.Load():
	case !away && failures == 1:
		b.log.Warn("the cloud refused the lease", "error", err)
	case away && failures == 3:
		b.log.Warn("the cloud cannot be reached, or refuses this bridge; tried again for ever", "error", cmp.Or(b.fabric.Status().Reason, err))
	}
}

func (b *bridge) sendLease(ctx context.Context, l fabric.Lease) error {
	id := b.identity.Load()
	l.Node = designation.Node{
		ID: id.Node, Name: id.NodeName, Addresses: b.addresses(), KeyHash: trust.CertKeyHash(id.Chain[0].RawSubjectPublicKeyInfo), Boot: b.boot,
		Web: b.webHashes(),
	}
	l.Face = &b.at
	l.Version = config.Version()
	_, err := fabric.Request[fabric.Lease, fabric.Reply](ctx, b.fabric, fabric.SubjectLease(id.Org, id.Node), l)
	return err
}

// byeTime is how long the cloud may take to hear that a bridge stops.
const byeTime = time.Second

// sayBye ends the lease of a bridge that stops.
func (b *bridge) sayBye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, byeTime)
	defer cancel()
	if err := b.sendLease(ctx, fabric.Lease{Since: b.now(), Leaving: true}); err != nil {
		b.log.Info("the cloud was not told that this bridge stops", "error", err)
	}
}
