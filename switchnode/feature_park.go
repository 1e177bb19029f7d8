package switchnode

import (
	"context"
	"slices"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/parking"
	"strowger/switchnode/internal/pickup"
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

// parkHow tells who dials the code what it is for.
func (c *calls) parkHow(call.Incoming, starcode.Dialled) call.Admission {
	return refuses(errs.New(errs.Invalid, "a call is parked by transferring it here: to *85, or to *8501 for the space 01"))
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
			return c.elsewhere(in, d.Name, d.Digits+place, lots, none)
		}
		at := designation.Party{Name: "the space " + space.Number}
		return c.take(ctx, in, []pickup.Ringing{{Session: space.Session, From: space.Of, To: at}})
	}
}
