package broker

import (
	"cmp"
	"context"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
)

// load is the calls of a switch, as far as is known.
func (b *Broker) load(sw string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leases[sw].Load.Calls
}

// choose finds the lines of a call to a phone number.
func (b *Broker) choose(s *directory.Snapshot, r *directory.Route) error {
	return s.Choose(r, b.cfg.Now(), b.load)
}

// Explain says what would become of a call of a user to what they dial.
func (b *Broker) Explain(org, user, dialled string) (rest.RouteAnswer, error) {
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return rest.RouteAnswer{}, err
	}
	return s.Explain(user, dialled, b.cfg.Now(), b.load)
}

// lines finds the lines of a call that is forwarded to a phone number, as choose does of one that was dialled.
func (b *Broker) lines(s *directory.Snapshot, r *directory.Route) error {
	if r.Payer == nil || r.Lines != nil {
		return nil
	}
	return b.choose(s, r)
}

// best has a call to a phone number leave by the trunks of the first switch that lives; sw, which asks, does.
func (b *Broker) best(s *directory.Snapshot, sw string, r *directory.Route) error {
	var why error
	for _, l := range r.Lines {
		_, err := b.live(s, l.Switch)
		if err == nil || l.Switch == sw {
			r.At(l.Switch)
			return nil
		}
		why = cmp.Or(why, err)
	}
	return why
}

// inHand has the caller's switch, which has no line, keep an emergency call: of the switches that have, it goes to the next when one
// fails.
func (b *Broker) inHand(s *directory.Snapshot, sw string, r *directory.Route) (designation.Node, error) {
	n, err := b.live(s, sw)
	if err != nil {
		n = designation.Node{ID: sw} // it asks: it runs before the cloud has its lease
	}
	for _, l := range r.Lines {
		if _, err = b.live(s, l.Switch); err == nil {
			return n, nil
		}
	}
	return n, err
}

// maxHelp is how many switches an emergency call is sent to.
const maxHelp = 16

// furthest is how often the call of a route may be sent on.
func furthest(r directory.Route) int {
	if r.Emergency {
		return maxHelp
	}
	return maxSent
}

// otherLines is the ways to the other switches that a call to a phone number may leave by, each for when the one before it has no
// line that takes it.
func (b *Broker) otherLines(ctx context.Context, s *directory.Snapshot, p designation.Plan, l lead, window time.Duration) ([]designation.Fallback, error) {
	if len(l.history) >= furthest(l.route) || !l.route.At(next(l.route.Lines)) {
		return nil, nil
	}
	rest := lead{route: l.route, anchor: l.anchor, history: l.past()}
	to, err := b.live(s, l.route.Home)
	if err != nil {
		return b.otherLines(ctx, s, p, rest, window)
	}
	p.Branches, p.Node = nil, nil
	f := designation.Fallback{On: []designation.Occasion{designation.Unreachable}, To: l.route.To, Ring: l.route.Ring}
	w := way{from: l.anchor.ID, to: to, anchor: l.anchor.ID, window: window, help: l.route.Help, payer: l.route.Payer}
	if f.Way, err = b.designate(ctx, s, p, w); err != nil {
		return nil, err
	}
	f.Next, err = b.otherLines(ctx, s, p, rest, window+l.route.Ring)
	return []designation.Fallback{f}, err
}

func next(lines []route.Line) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0].Switch
}

// ownLines has a call to a phone number leave by the trunks of the switch that asks for its plan. One that is a fall-back leaves other
// switches to the anchor.
func ownLines(r *directory.Route, sw string, fallback bool) error {
	if !r.At(sw) {
		return errs.New(errs.NoLine, "the switch has no line to %s any more", r.To.Number)
	}
	if fallback {
		r.Lines = nil
	}
	return nil
}
