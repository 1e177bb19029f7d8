package cloud

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// guarding asks switches whom they shut out.
type guarding struct{ c *instance }

// Shut asks all switches that are there.
func (g guarding) Shut(ctx context.Context, org string) (rest.Shut, error) {
	all := rest.Shut{Items: []rest.ShutSource{}, Refused: []rest.Refused{}}
	err := eachSwitch(ctx, g.c, org, g.order(org, fabric.GuardOrder{}), func(sw rest.Switch, r fabric.Guarded, err error) {
		if err != nil {
			all.Away = append(all.Away, sw.Name)
			return
		}
		all.More += r.More
		for _, s := range r.Shut {
			all.Items = append(all.Items, rest.ShutSource{
				Source: s.Source, Switch: sw.ID, SwitchName: sw.Name, UDPOnly: s.UDP, Why: s.Why, Since: s.Since.UTC(), Until: s.Until.UTC(),
				Times: s.Times, Dropped: s.Dropped,
			})
		}
		for _, v := range r.Refused {
			all.Refused = append(all.Refused, rest.Refused{
				At: v.At.UTC(), Switch: sw.ID, SwitchName: sw.Name, From: v.From, Who: v.Who, Call: v.Call, Dialled: v.Dials, Words: v.Words,
			})
		}
	})
	slices.Sort(all.Away)
	slices.SortStableFunc(all.Items, func(a, b rest.ShutSource) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.SwitchName, b.SwitchName))
	})
	slices.SortStableFunc(all.Refused, func(a, b rest.Refused) int { return b.At.Compare(a.At) })
	return all, err
}

// Unblock has all switches let an address in again, and says whether one had shut it out.
func (g guarding) Unblock(ctx context.Context, org string, source netip.Addr) (found bool, err error) {
	err = eachSwitch(ctx, g.c, org, g.order(org, fabric.GuardOrder{Unblock: source.String()}), func(_ rest.Switch, r fabric.Guarded, err error) {
		found = found || err == nil && r.Found
	})
	return found, err
}

func (g guarding) order(org string, q fabric.GuardOrder) func(context.Context, rest.Switch) (fabric.Guarded, error) {
	return func(ctx context.Context, sw rest.Switch) (fabric.Guarded, error) {
		return fabric.Request[fabric.GuardOrder, fabric.Guarded](ctx, g.c.exchange.Client(), fabric.SubjectGuard(org, sw.ID), q)
	}
}
