package api

import (
	"context"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/guard"
	"strowger/pkg/rest"
)

// checkOutside looks at what nobody of the organization has as where somebody sends calls: it must be a phone number that this user may call.
// Each call that goes there is judged again.
func (a *API) checkOutside(ctx context.Context, org string, of callee, to string) error {
	nobody := errs.New(errs.Invalid, "%w %s: \"strowger number list\" shows what there is", errNobody, to)
	site, err := a.officeOf(ctx, org, of.user)
	if err != nil {
		return err
	}
	plan := e164.Plan{Country: site.Country, Outside: site.Outside, Help: site.Emergency}
	if n, help := plan.Emergency(to); help {
		return errs.New(errs.Forbidden, "%s is an emergency number: calls are not forwarded there", n.Text)
	}
	n, ok := plan.Read(e164.Plain(to))
	switch {
	case !ok && e164.Written(to) && of.user == nil:
		return errs.New(errs.Forbidden, "%s is a phone number outside, and a queue pays for no calls there: name a user who forwards to it", to)
	case !ok && e164.Written(to):
		return errs.New(errs.Forbidden, "%s is a phone number, and the office of %s has no country from which to call it: strowger site set --country", to, of.name)
	case !ok:
		return nobody
	}
	return a.checkPayer(ctx, org, of.user, n, site.Country)
}

// checkPayer says why a user may not have calls go to a phone number.
func (a *API) checkPayer(ctx context.Context, org string, u *rest.User, n e164.Number, home string) error {
	o, err := a.store.Organizations.Get(ctx, "", org)
	if err != nil {
		return err
	}
	switch {
	case u.Calling != "national" && u.Calling != "international":
		return errs.New(errs.Forbidden, "%s may not call phone numbers, nor forward to %s: strowger user set %s --calling national", u.Name, n.Text, u.Name)
	case n.Class == e164.International && u.Calling != "international":
		return errs.New(errs.Forbidden, "%s may call phone numbers of the own country only, and not forward to %s: strowger user set %s --calling international", u.Name, n.Text, u.Name)
	}
	rules := u.Guard.Over(o.Guard.Over(guard.Users()))
	if rules.Forwards == guard.Nobody {
		return rules.Forward(u.Name, false)
	}
	return rules.Number(home, n.Text)
}

// officeOf is the site from which a user calls, as the directory has it; none for nobody.
func (a *API) officeOf(ctx context.Context, org string, u *rest.User) (site rest.Site, err error) {
	if u == nil || u.ID == "" && u.HomeSwitch == "" {
		return site, nil
	}
	home := u.HomeSwitch
	all := store.Query{Filter: map[string]string{"user": u.ID}, Limit: store.MaxLimit}
	if home == "" {
		devices, _, err := a.store.Devices.List(ctx, org, all)
		if err != nil {
			return site, err
		}
		for _, d := range devices {
			if d.Enabled && d.Kind == designation.DeskPhone && home == "" {
				home = d.Switch
			}
		}
	}
	if home != "" {
		sw, err := a.store.Switches.Get(ctx, org, home)
		if err != nil {
			return site, err
		}
		return a.store.Sites.Get(ctx, org, sw.Site)
	}
	numbers, _, err := a.store.Numbers.List(ctx, org, all)
	if err != nil {
		return site, err
	}
	for _, n := range numbers {
		if n.Site != "" {
			return a.store.Sites.Get(ctx, org, n.Site)
		}
	}
	return site, nil
}
