package switchnode

import (
	"context"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sessionkey"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/routing"
)

// A call that rings or is parked at another switch is picked up there: the switch of who dialled the code calls that one, whose session
// of that call is then the picker, as that of a phone is. Rights are judged where the call is.

// askable is the codes that another switch may ask for.
func askable(name starcode.Name) bool {
	return slices.Contains([]starcode.Name{starcode.PickUp, starcode.PickUpGroup, starcode.Retrieve, starcode.Page}, name)
}

// elsewhere has other switches do what was dialled, as they are to read it, one after the other until one does. Without any, or if the call came
// from another switch, it is refused with why.
func (c *calls) elsewhere(ctx context.Context, in call.Incoming, name starcode.Name, dialled string, nodes []string, why error) call.Event {
	nodes = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(nodes))), func(id string) bool { return id == c.id || id == "" })
	if in.Claims != nil || len(nodes) == 0 {
		return c.nothing(ctx, in, why)
	}
	var ways []routing.Way
	for _, id := range nodes {
		w, err := c.asking(in.Call, in.From, dialled, string(name), id)
		if err != nil {
			why = err
			continue
		}
		ways = append(ways, w)
	}
	if len(ways) == 0 {
		return refusal(why)
	}
	return c.router.Ask(in.From, designation.Party{Number: in.Dialled}, ways)
}

// askedFor is the admission of a call by which another switch asks for something.
func (c *calls) askedFor(in call.Incoming) call.Admission {
	if err := c.site().MayAsk(*in.Claims); err != nil {
		return refuses(err)
	}
	d, err := starcode.Parse(in.Dialled)
	do, serves := c.features[d.Name]
	switch {
	case !serves || !askable(d.Name) || string(d.Name) != in.Claims.Asks:
		return refuses(errs.New(errs.Unknown, "this switch does nothing for other switches that is called %.40q", in.Claims.Asks))
	case err != nil:
		return refuses(err)
	}
	return do(in, d)
}

// asks says whether a call asks its switch for something.
func asks(c *sessionkey.Claims) bool { return c != nil && c.Asks != "" }
