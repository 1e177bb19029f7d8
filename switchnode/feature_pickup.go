package switchnode

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	copies "strowger/pkg/sitecopy"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/parking"
	"strowger/switchnode/internal/pickup"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/sitecopy"
)

// pickups is what the switch needs for calls that are picked up.
type pickups struct {
	id    string // of this switch
	board *pickup.Board
	site  func() *sitecopy.Snapshot
	lot   *parking.Lot
	// asking is the way to another switch, which is to do something for a caller; see node.asking.
	asking func(call string, from designation.Party, dialled, asks, node string) (routing.Way, error)
}

func (n *node) newPickups() pickups {
	site := func() *sitecopy.Snapshot { return n.copy.Snapshot() }
	return pickups{asking: n.asking, lot: &parking.Lot{}, id: n.identity.Load().Node, site: site, board: &pickup.Board{UserOf: func(device string) string { return site().UserOf(device) }}}
}

// pickUp has the caller answer the oldest call that rings for a number and that they may pick up. If that is at another switch, it sees to
// it.
func (c *calls) pickUp(in call.Incoming, d starcode.Dialled) call.Admission {
	if d.Missing() {
		return refuses(errs.New(errs.Invalid, "dial ** and the number that rings, such as **301002"))
	}
	return func(ctx context.Context) call.Event {
		site := c.site()
		whose, home, known := site.Callee(d.Number)
		theirs := slices.DeleteFunc(c.board.Ringing(), func(r pickup.Ringing) bool { return !r.For(whose) })
		switch {
		case len(theirs) == 0 && (!known || home != c.id):
			home, why := site.HomeOf(d.Number)
			if why == nil {
				why = errs.New(errs.NotRinging, "nothing rings at %s", d.Number)
			}
			return c.elsewhere(ctx, in, d.Name, d.Digits+d.Number, []string{home}, why)
		case len(theirs) == 0:
			return c.nothing(ctx, in, errs.New(errs.NotRinging, "nothing rings at %s", d.Number))
		}
		if err := site.MayPickUp(in.From, whose); err != nil {
			return refusal(err)
		}
		return c.take(ctx, in, theirs)
	}
}

// pickUpAny has the caller answer the oldest call that rings for those whose calls they may pick up.
func (c *calls) pickUpAny(in call.Incoming, d starcode.Dialled) call.Admission {
	return func(ctx context.Context) call.Event {
		site := c.site()
		groups := site.Groups("pickup", in.From.User)
		grouped := func(r pickup.Ringing) bool { // of who is in a group, its calls
			return len(groups) == 0 || slices.ContainsFunc(groups, func(g copies.Group) bool {
				return slices.Contains(g.Members, r.To.User) || slices.ContainsFunc(r.Users, func(u string) bool { return slices.Contains(g.Members, u) })
			})
		}
		ours := slices.DeleteFunc(c.board.Ringing(), func(r pickup.Ringing) bool {
			return r.Waits || !grouped(r) || r.From.User == in.From.User || site.MayPickUp(in.From, r.To) != nil
		})
		if len(ours) == 0 {
			var away []string
			for _, g := range groups {
				away = append(away, g.Switches...)
			}
			return c.elsewhere(ctx, in, d.Name, d.Digits, away, errs.New(errs.NotRinging, "nothing rings that you may pick up"))
		}
		return c.take(ctx, in, ours)
	}
}

// take has the caller answer the first of some calls that lets them in. It returns nil once that is so and the session is over.
func (c *calls) take(ctx context.Context, in call.Incoming, from []pickup.Ringing) call.Event {
	s, who := c.session(in), in.From
	why := call.CauseOf(errs.NotRinging, "")
	for _, r := range from {
		if r.Session == s || s == nil {
			continue
		}
		cause := call.CauseOf(errs.PickedUp, "Picked up the call of "+cmp.Or(r.From.Name, r.From.Number)+" to "+cmp.Or(r.To.Name, r.To.Number))
		picker := call.NewPicker(s, r.Session, cause)
		b := call.Branch{Leg: ident.New(ident.Leg), Device: who.Device, User: who.User, Name: who.Name, Target: picker}
		if !r.Session.Post(call.Picked{Branch: b, By: picker}) {
			why = call.CauseOf(errs.NotRinging, "The call is over")
			continue
		}
		select {
		case why = <-picker.Turned():
		case <-r.Session.Done(): // it may have ended without a look at who came; who was let in has ended with it
			return c.nothing(ctx, in, errs.New(errs.NotRinging, "the call is over"))
		case <-ctx.Done():
			return nil
		}
	}
	return call.Refusal{Cause: why}
}

// Clips for who finds no call to answer.
const (
	pickUpNone = "pick-up-none"
	parkedNone = "parked-none"
)

// nothing refuses who wants to answer a call where there is none, and says so aloud.
func (c *calls) nothing(ctx context.Context, in call.Incoming, why error) call.Event {
	clip := pickUpNone
	if strings.HasPrefix(in.Dialled, codeRetrieve) {
		clip = parkedNone
	}
	if asks(in.Claims) { // the caller's own switch says it
		return refusal(why)
	}
	return c.speaks(in, why, clip)(ctx)
}

// refusal is how an admission says why there is no call.
func refusal(err error) call.Event { return call.Refusal{Cause: call.CauseOfError(err)} }

// session is that of a call that came in, nil if it is gone.
func (c *calls) session(in call.Incoming) *call.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[nameOf(in)]
}
