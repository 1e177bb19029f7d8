package switchnode

import (
	"context"
	"sync/atomic"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Renewal: node certificates live 90 days and are renewed when 30 are left (3-protocols, Trust).
const (
	renewBefore = 30 * 24 * time.Hour
	renewFirst  = time.Minute // by then the fabric is there, as a rule
	renewCheck  = time.Hour
)

// identity is who this switch is. Each renewal replaces it, and one goroutine renews: see renewCertificate.
type identity struct {
	atomic.Pointer[enrol.Identity]
	orders chan chan<- error // to renew now; each is answered
}

// order has the certificate renewed now, and returns when it is.
func (i *identity) order(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case i.orders <- done:
	case <-ctx.Done():
		return errs.New(errs.Congested, "this switch renews its certificate already, or stops: %w", context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New(errs.Congested, "the certificate is not renewed in time: %w", context.Cause(ctx))
	}
}

// renewCertificate keeps the certificate fresh until ctx ends, also of a switch that never runs for an hour, and renews it
// when that is ordered.
func (n *node) renewCertificate(ctx context.Context) error {
	due := time.NewTimer(renewFirst)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case done := <-n.identity.orders:
			done <- n.renewNow(ctx)
		case <-due.C:
			due.Reset(renewCheck)
			n.renewIfDue(ctx)
		}
	}
}

func (n *node) renewIfDue(ctx context.Context) {
	expires := n.identity.Load().Chain[0].NotAfter
	if n.now().Before(expires.Add(-renewBefore)) {
		return
	}
	if err := n.renewNow(ctx); err != nil {
		n.log.Warn("certificate not renewed, tried again in an hour", "expires", expires, "error", err)
	}
}

// renewNow gets a new certificate for the same key. Connections that are up keep the one that they began with; the next ones
// show the new one.
func (n *node) renewNow(ctx context.Context) error {
	id := n.identity.Load()
	csr, err := id.CSR()
	if err != nil {
		return err
	}
	r, err := fabric.Request[fabric.Renew, fabric.RenewReply](ctx, n.fabric, fabric.SubjectRenew(id.Org, id.Node), fabric.Renew{CSR: csr})
	if err != nil {
		return err
	}
	next, err := id.Renewed(r.Chain)
	if err != nil {
		return err
	}
	n.identity.Store(next)
	n.log.Info("certificate renewed", "expires", next.Chain[0].NotAfter)
	return nil
}
