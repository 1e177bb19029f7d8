package switchnode

import (
	"context"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
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
	features map[starcode.Name]feature
	last     *lastcall.Book
	numbered func(dialled string) bool                     // the organization, or the phone network, has this number
	help     func(number string) (*designation.Help, bool) // of an emergency number
}

// serveFeatures says what each star code does. A code without an entry is one that this switch does not know: the cloud judges the call.
func (n *node) serveFeatures() {
	c := n.calls
	c.last = n.last
	c.numbered = func(dialled string) bool { return n.copy.Snapshot().Numbered(dialled) }
	c.help = func(number string) (*designation.Help, bool) {
		s := n.copy.Snapshot()
		_, ok := s.Dialling().Emergency(number)
		return &designation.Help{Location: s.Location()}, ok
	}
	c.features = map[starcode.Name]feature{
		starcode.Redial:      c.redial,
		starcode.PickUp:      c.pickUp,
		starcode.PickUpGroup: c.pickUpAny,
		starcode.Intercom:    c.intercom,
	}
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
		return nil, false
	case err != nil:
		return refuses(err), true
	}
	return do(in, d), true
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
		return refuses(errs.New(errs.Unknown, "this phone has called nobody yet"))
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
