package routing

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/call"
)

// ForHelp is FromPhone of an emergency call: what the cloud refuses, for whatever reason, the site copy may know a way for.
func (r *Router) ForHelp(q fabric.Admit) call.Admission {
	ask := r.FromPhone(q)
	return func(ctx context.Context) call.Event {
		ev := ask(ctx)
		no, refused := ev.(call.Refusal)
		if !refused {
			return ev
		}
		if own, ok := r.byCopy(q).(call.Planned); ok {
			r.cfg.Logger.Warn("an emergency call goes out although the cloud refused it", "call", q.Call, "words", no.Cause.Words)
			return own
		}
		return ev
	}
}

// kept has this switch, which anchors it, send an emergency call to other switches when it cannot go on where it is.
func (r *Router) kept(ev call.Event, l Local) call.Event {
	p, ok := ev.(call.Planned)
	if ok && len(l.Others) > 0 {
		p.Anchor, p.Fallback = r.cfg.Node, r.onward(l.To, l.Others)
		return p
	}
	return ev
}

func (r *Router) onward(to designation.Party, ways []Way) []call.Fallback {
	if len(ways) == 0 {
		return nil
	}
	return []call.Fallback{{
		On: []designation.Occasion{designation.Unreachable}, To: to, Ring: patience, Next: r.onward(to, ways[1:]),
		Branches: func() []call.Branch {
			return []call.Branch{{Leg: ways[0].Leg, Target: r.cfg.Link(ways[0])}}
		},
	}}
}

// atOnce has an emergency call that this switch has no line for begin at the first of the others.
func atOnce(p call.Planned) call.Planned {
	if len(p.Branches) == 0 && len(p.Fallback) > 0 {
		first := p.Fallback[0]
		p.Branches, p.Ring, p.Fallback = first.Branches(), first.Ring, first.Next
	}
	return p
}
