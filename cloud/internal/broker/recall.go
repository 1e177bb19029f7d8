package broker

import (
	"context"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sessionkey"
)

// recall answers a switch at which the turn of a caller has come who is called back: the plan of their call, as if they dialled now, and
// how to ring the phone that they called from.
func (b *Broker) recall(ctx context.Context, org, sw string, q fabric.Admit) (fabric.Admitted, error) {
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.Admitted{}, err
	}
	l, back, err := b.findRecall(s, sw, q)
	if err != nil {
		s = b.cfg.Later(ctx, org, s)
		l, back, err = b.findRecall(s, sw, q)
	}
	if err != nil {
		return fabric.Admitted{To: l.called()}, err
	}
	plan, err := b.plan(ctx, s, q.Call, l, fromPhone)
	if err != nil {
		return fabric.Admitted{}, err
	}
	p := plan
	p.From, p.To, p.Fallback, p.Queue = back.route.From, back.route.To, nil, nil
	f, err := b.fallback(ctx, s, p, l.anchor, back, fromPhone, sessionkey.Lifetime+back.route.Ring)
	if err != nil {
		return fabric.Admitted{}, err
	}
	nodes := append([]string{sw, q.Back.Device, back.anchor.ID}, ways(plan.Fallback)...)
	b.announce(store.Parties{Org: org, Call: q.Call, Nodes: nodes})
	return fabric.Admitted{From: plan.From, To: plan.To, Plan: &plan, Back: &f}, nil
}

// findRecall finds where the call of who is called back leads, and the way to their phone.
func (b *Broker) findRecall(s *directory.Snapshot, sw string, q fabric.Admit) (l, back lead, err error) {
	if x, ok := s.Switch(sw); !ok || !x.Enrolled {
		return l, back, errs.New(errs.Revoked, "switch %s is not enrolled, or revoked", sw)
	}
	if l.route, err = s.Confirm("", *q.Back, designation.Party{Number: q.Dialled}); err != nil {
		return l, back, err
	}
	if l.route.Home != sw || l.route.Outside {
		return l, back, errs.New(errs.Gone, "%s moved to another switch in the meantime", l.route.To.Name)
	}
	if l.anchor, err = b.anchor(s, sw, &l.route, fabric.Run{}); err != nil {
		return l, back, err
	}
	returned := l.route
	returned.To = designation.Returned(returned.To)
	if back.route, err = s.Recall(returned); err != nil {
		return l, back, err
	}
	back.anchor, err = b.anchor(s, sw, &back.route, fabric.Run{})
	return l, back, err
}
