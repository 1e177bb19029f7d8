package switchnode

import (
	"context"
	"slices"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/parking"
	"strowger/switchnode/internal/pickup"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/voice"
)

// The codes of parking, before the number of a space.
const (
	codePark     = "*85"
	codeRetrieve = "*86"
)

// parks is what becomes of a transfer to a code that is about a call; false: it is to a number, or to a code that is none of these.
func (c *calls) parks(in call.Incoming, t call.Transferring, home call.Fallback) (call.Event, bool) {
	if c.numbered(t.To) || !starcode.Is(t.To) {
		return nil, false
	}
	if d, err := starcode.Parse(t.To); err == nil && (d.Name == starcode.PickUp || d.Name == starcode.PickUpGroup || d.Name == starcode.Retrieve) {
		err := errs.New(errs.Forbidden, "a call cannot be transferred to %s; dial it", t.To)
		return call.Stuck{Cause: call.CauseOfError(err), Home: home}, true
	}
	number, ok := strings.CutPrefix(t.To, codePark)
	if !ok {
		return nil, false
	}
	if t.App != nil && !c.lives(t.By.User) { // its user would look for the call in the spaces of their own office
		err := errs.New(errs.Forbidden, "an app parks calls at its user's home switch only, and this call is at another one")
		return call.Stuck{Cause: call.CauseOfError(err), Home: home}, true
	}
	park := c.site().Park()
	space, err := c.lot.Take(strings.TrimSuffix(number, "#"), park.Slots, c.session(in), t.For)
	if err != nil {
		return call.Stuck{Cause: call.CauseOfError(err), Home: home}, true
	}
	at := designation.Party{Number: codeRetrieve + space.Number, Name: "Parked at " + space.Number, Site: t.By.Site}
	return call.Onward{Home: home, Planned: call.Planned{
		From: t.By, To: at, Ring: park.Return, Branches: []call.Branch{{Leg: ident.New(ident.Leg), Name: at.Name, Target: space}},
	}}, true
}

// park parks the call that the phone has on hold, as a transfer to the code would, and says where.
func (c *calls) park(in call.Incoming, d starcode.Dialled) call.Admission {
	return func(ctx context.Context) call.Event {
		held := c.talks(in.From.User, in.Device)
		if len(held) != 1 {
			err := errs.New(errs.Invalid, "%s parks the call that a phone holds, and this one is in %d; or transfer a call here, or to *8501 for the space 01", d.Digits, len(held))
			return c.speaks(in, err, "park-how")(ctx)
		}
		told := make(chan ledger.Cause, 1)
		if !c.post(held[0].Call, call.Directed{Leg: held[0].LocalTag, To: in.Dialled, Told: told}) {
			told <- call.CauseOf(errs.Gone, "The call is over")
		}
		select {
		case how := <-told:
			// A phone may hang up the call that it parks before it is told.
			if sp := c.lot.Of(held[0].Call); sp != nil && (how.SIP == 200 || how.Code == string(errs.Gone)) {
				return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
					return c.ends(ctx, v, nil, append([]string{"park"}, prompt.Spelled(sp.Number)...)...)
				})(ctx)
			}
			return c.speaks(in, unparked(how), "not-done")(ctx)
		case <-ctx.Done():
			return refusal(ctx.Err())
		}
	}
}

// unparked is why a call was not parked. What is told of a transfer has a status, and no code of ours.
func unparked(how ledger.Cause) error {
	code := errs.Code(how.Code)
	switch {
	case code != "":
	case how.SIP == 486:
		code = errs.Busy
	case how.SIP == 403:
		code = errs.Forbidden
	default:
		code = errs.Invalid
	}
	return errs.New(code, "%s", how.Words)
}

// retrieve has the caller answer the call that is parked at a space.
func (c *calls) retrieve(in call.Incoming, d starcode.Dialled) call.Admission {
	if d.Missing() {
		return refuses(errs.New(errs.Invalid, "dial *86 and the space, such as *8601"))
	}
	return func(ctx context.Context) call.Event {
		lots, place, err := c.site().Lots(d.Number)
		if err != nil {
			return refusal(err)
		}
		var space *parking.Space
		if slices.Contains(lots, c.id) {
			space = c.lot.At(place)
		}
		if space == nil {
			none := errs.New(errs.NotRinging, "no call is parked at %s", place)
			return c.elsewhere(ctx, in, d.Name, d.Digits+place, lots, none)
		}
		at := designation.Party{Name: "the space " + space.Number}
		return c.take(ctx, in, []pickup.Ringing{{Session: space.Session, From: space.Of, To: at}})
	}
}
