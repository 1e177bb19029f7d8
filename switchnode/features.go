package switchnode

import (
	"context"
	"maps"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/starcode"
	"strowger/pkg/wish"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/lastcall"
	"strowger/switchnode/internal/prompt"
)

// feature is what a star code does: the admission of the call that dialled it. It asks the cloud for no leave: a code works while the
// cloud is gone, as far as what it does can.
type feature func(in call.Incoming, d starcode.Dialled) call.Admission

// services is what a switch does for callers itself.
type services struct {
	voices
	player   *prompt.Player
	watch    func(call.View)
	busy     func(user string) bool // on the phone, or ringing, as far as this switch sees
	talks    func(user, device string) []lamp.Dialog
	features map[starcode.Name]feature
	last     *lastcall.Book
	numbered func(dialled string) bool                     // the organization, or the phone network, has this number
	help     func(number string) (*designation.Help, bool) // of an emergency number
	seek     func(call.Named, *call.Guest) bool            // tells the owner of a phone's dialog who is to take the phone's place

	wish       func(ctx context.Context, device, call string, set wish.Change) (wish.State, error)
	speedDials func(user string) map[string]string // by place
	lives      func(user string) bool              // at this switch
}

// serveFeatures says what each star code does. A code without an entry is one that this switch does not know: the cloud judges the call.
func (n *node) serveFeatures() {
	c := n.calls
	c.last = n.last
	c.watch, c.busy, c.talks, c.lot.Changed = n.lamps.see, n.lamps.busy, n.lamps.talks, n.lamps.parked
	c.numbered = func(dialled string) bool { return n.copy.Snapshot().Numbered(dialled) }
	c.help = func(number string) (*designation.Help, bool) {
		s := n.copy.Snapshot()
		_, ok := s.Dialling().Emergency(number)
		return &designation.Help{Location: s.Location()}, ok
	}
	c.seek = func(d call.Named, g *call.Guest) bool {
		return n.phones.Seek(d, g) || n.apps.web != nil && n.apps.web.Seek(d, g)
	}
	c.wish = n.wish
	c.speedDials = func(user string) map[string]string {
		if w := n.copy.Snapshot().Wishes(user); w != nil {
			return w.SpeedDial
		}
		return nil
	}
	c.lives = func(user string) bool { return n.copy.Snapshot().Lives(user) }
	c.features = map[starcode.Name]feature{
		starcode.Redial:      c.redial,
		starcode.CallReturn:  c.callReturn,
		starcode.SpeedDial:   c.speedDial,
		starcode.EchoTest:    c.echo,
		starcode.WhoAmI:      c.whoAmI,
		starcode.PickUp:      c.pickUp,
		starcode.PickUpGroup: c.pickUpAny,
		starcode.Intercom:    c.intercom,
		starcode.Page:        c.page,
		starcode.ThreeWay:    c.threeWay,
		starcode.Park:        c.park,
		starcode.Retrieve:    c.retrieve,
	}
	maps.Copy(c.features, c.wishing())
}

// featured is the admission of a call to a star code that a phone of this switch dialled; false: it is none, and what was dialled a
// number. Emergency numbers and those of the organization that begin with * come first.
func (c *calls) featured(in call.Incoming) (call.Admission, bool) {
	if in.Device == "" || in.Help != nil || !starcode.Is(in.Dialled) || c.numbered(in.Dialled) {
		return nil, false
	}
	d, err := starcode.Parse(in.Dialled)
	do, serves := c.features[d.Name]
	switch {
	case !serves:
		return c.noCode(in, err), true
	case err != nil:
		return c.speaks(in, err, codeWrong), true
	}
	return do(in, d), true
}

// noCode is the admission of what begins like a code and is none. The organization may have the number where the site copy does not tell:
// only when nobody has it the phone hears that there is no such code.
func (c *calls) noCode(in call.Incoming, err error) call.Admission {
	admit := c.question(in)
	return func(ctx context.Context) call.Event {
		ev := admit(ctx)
		no, refused := ev.(call.Refusal)
		if !refused || no.Cause.Code != string(errs.Unknown) && no.Cause.Code != string(errs.CloudAway) {
			return ev
		}
		if err == nil {
			err = errs.New(errs.Unknown, "this switch does not know the star code %s", in.Dialled)
		}
		return c.speaks(in, err, codeUnknown)(ctx)
	}
}

// refuses is an admission that says no.
func refuses(err error) call.Admission {
	return func(context.Context) call.Event { return call.Refusal{Cause: call.CauseOfError(err)} }
}

// instead admits a number in place of the code that was dialled, as if the phone had dialled that.
func (c *calls) instead(in call.Incoming, number string) call.Admission {
	if strings.HasPrefix(number, "*") && !c.numbered(number) {
		if d, err := starcode.Parse(number); err == nil && (d.Name == starcode.SpeedDial || d.Name == starcode.Redial) {
			return refuses(errs.New(errs.Loop, "%s stands for %s, which stands for another number itself", in.Dialled, number))
		}
	}
	in.Dialled = number
	if help, ok := c.help(number); ok {
		in.Help = help
		c.raised(in)
	}
	return c.admission(in)
}

// redial calls the number that the phone called last.
func (c *calls) redial(in call.Incoming, _ starcode.Dialled) call.Admission {
	last, ok := c.last.Last(in.Device)
	if !ok {
		return c.speaks(in, errs.New(errs.Unknown, "this phone has called nobody yet"), dialledNone)
	}
	return c.instead(in, last.Number)
}

// notePlaced notes what a phone of this switch dialled, for redial: no emergency number, which nobody is to call by mistake, and no code.
func (c *calls) notePlaced(in call.Incoming) {
	if in.Device == "" || in.Help != nil || starcode.Is(in.Dialled) && !c.numbered(in.Dialled) {
		return
	}
	c.last.Placed(in.Device, e164.Plain(in.Dialled))
}

// noteCaller notes who called the users of this switch, for call return: whoever a call was for, and whom it was sent on from.
func (c *calls) noteCaller(admit call.Admission) call.Admission {
	return func(ctx context.Context) call.Event {
		ev := admit(ctx)
		p, ok := ev.(call.Planned)
		if !ok {
			return ev
		}
		called := []string{p.To.User}
		for _, d := range p.Diverted {
			called = append(called, d.From.User)
		}
		for _, user := range called {
			if user != "" && user != p.From.User && c.lives(user) {
				c.last.Came(user, p.From)
			}
		}
		return ev
	}
}
