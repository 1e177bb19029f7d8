package broker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushtarget"
	"strowger/pkg/waketicket"
)

// maxServices is how many push services of one bridge are looked at.
const maxServices = 32

// pushLease is the push services of a bridge, and until when that counts.
type pushLease struct {
	org      string
	services []fabric.PushService
	until    time.Time
}

// observePushes remembers the push services of a bridge by its lease. It is called with b.mu held.
func (b *Broker) observePushes(org, bridge string, l fabric.Lease) {
	if l.Leaving || l.Face == nil || len(l.Face.Push) == 0 {
		delete(b.pushes, bridge)
		return
	}
	sound := slices.DeleteFunc(slices.Clone(l.Face.Push), func(v fabric.PushService) bool { return len(v.Account) > pushtarget.MaxApp })
	b.pushes[bridge] = pushLease{org, sound[:min(len(sound), maxServices)], b.cfg.Now().Add(fabric.LeaseLifetime)}
}

// PushServices are those that the bridges of an organization reach.
func (b *Broker) PushServices(org string) fabric.PushServicesReply {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []fabric.PushService
	for bridge, l := range b.pushes {
		switch {
		case b.cfg.Now().After(l.until):
			delete(b.pushes, bridge)
		case l.org == org:
			all = append(all, l.services...)
		}
	}
	slices.SortFunc(all, func(x, y fabric.PushService) int {
		return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Account, y.Account))
	})
	return fabric.PushServicesReply{Services: slices.Compact(all)}
}

// Permit lets a switch wake a desk phone of its own, whose push tokens it has (RFC 8599).
func (b *Broker) Permit(ctx context.Context, org, sw string, q fabric.Permit) (fabric.PermitReply, error) {
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.PermitReply{}, err
	}
	if err := mayWake(s, sw, q); err != nil {
		return fabric.PermitReply{}, err
	}
	now := b.cfg.Now()
	ticket, err := b.cfg.Signer.SignTicket(ctx, org, waketicket.Claims{
		Issuer: org, Org: org, Device: q.Device, Call: q.Call, Leg: q.Leg, Anchor: sw, IssuedAt: now.Unix(), Expires: b.until(q.Until.Sub(now)).Unix(),
	})
	return fabric.PermitReply{Ticket: ticket}, err
}

// mayWake says why a switch may not wake a phone.
func mayWake(s *directory.Snapshot, sw string, q fabric.Permit) error {
	x, ok := s.Switch(sw)
	switch {
	case !ok || !x.Enrolled:
		return errs.New(errs.Revoked, "switch %s is not enrolled, or revoked", sw)
	case q.Call == "" || q.Leg == "":
		return errs.New(errs.Invalid, "permit: call %q, leg %q: want both", q.Call, q.Leg)
	case s.HomeOf(q.Device) != sw:
		return errs.New(errs.Forbidden, "device %s is not at switch %s", q.Device, x.Name)
	}
	return s.Serves(q.Device)
}
