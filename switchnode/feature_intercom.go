package switchnode

import (
	"cmp"
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
)

// intercom calls the desk phones of somebody, and has them answer by themselves. All that holds for a call holds for it: who does not want
// to be disturbed is not. It goes nowhere else: no queue, no voicemail, no other number. Nobody but a phone of a switch of the organization
// can dial it, and what a phone or somebody outside says of answering by itself goes no further: a call is built anew for its callee.
func (c *calls) intercom(in call.Incoming, d starcode.Dialled) call.Admission {
	if d.Missing() {
		return refuses(errs.New(errs.Invalid, "dial %s and the number to speak to, such as %s", d.Digits, d.Example))
	}
	in.Dialled = d.Number
	return c.spokenTo(c.question(in))
}

// spokenTo has the phones of who is called answer by themselves: those here, or by the switch where they are, which judges.
func (c *calls) spokenTo(admit call.Admission) call.Admission {
	return func(ctx context.Context) call.Event {
		ev := admit(ctx)
		p, ok := ev.(call.Planned)
		if !ok {
			return ev
		}
		name := cmp.Or(p.To.Name, p.To.Number)
		if w := c.site().Wishes(p.To.User); w != nil && w.NoIntercom {
			return call.Refusal{Cause: call.CauseOf(errs.DoNotDisturb, name+" wants no calls that are answered by themselves"), To: p.To}
		}
		if len(p.Diverted) > 0 {
			return call.Refusal{Cause: call.CauseOf(errs.Forbidden, "Intercom reaches the phones of who is called only, and the call would go on to "+name), To: p.To}
		}
		away := p.Anchor != c.id
		var phones []call.Branch
		for _, b := range p.Branches {
			if phone, ok := b.Target.(desk); ok && c.site().UserOf(b.Device) != "" {
				b.Target, b.Delay, b.Lead = unasked{phone}, 0, 0
				phones = append(phones, b)
			} else if _, ok := b.Target.(linked); ok && away {
				b.Target = unasked{b.Target}
				phones = append(phones, b)
			}
		}
		if len(phones) == 0 {
			return call.Refusal{Cause: call.CauseOf(errs.Offline, "No desk phone of "+name+" is registered"), To: p.To}
		}
		p.Branches, p.Fallback, p.Queue = phones, nil, nil
		if !away { // else that switch ends it
			p.Ring = min(p.Ring, intercomRing)
		}
		return p
	}
}

// desk is a desk phone as something that rings, and linked another switch.
type (
	desk interface {
		call.Target
		Desk()
	}
	linked interface {
		call.Target
		Linked()
	}
)

// unasked is a phone that is to answer by itself.
type unasked struct{ call.Target }

// Dial makes the leg.
func (u unasked) Dial(s call.Setup) (call.Leg, error) {
	s.Auto = true
	return u.Target.Dial(s)
}

// intercomRing is how long a phone may ring that does not answer by itself.
const intercomRing = 20 * time.Second
