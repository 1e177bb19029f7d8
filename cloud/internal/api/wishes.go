package api

import (
	"context"
	"errors"
	"slices"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// changeTries is how often a change is made anew that meets another one of the same user.
const changeTries = 5

// Wish changes what a user wishes, for their own phone or app, as an administrator would by the API, and says what they wish then.
func (a *API) Wish(ctx context.Context, org, user string, c wish.Change) (wish.State, error) {
	ctx = context.WithValue(ctx, callerKey{}, caller{key: rest.APIKey{Organization: org}})
	var u rest.User
	var err error
	for range changeTries {
		if u, err = a.store.Users.Get(ctx, org, user); err != nil || c.Empty() {
			break
		}
		was := u
		if err = c.Apply(&u.Wishes, &u.DND); err != nil {
			break
		}
		if err = a.checkUser(ctx, &was, &u); err != nil {
			break
		}
		if err = a.store.Users.Update(ctx, org, &u); errs.CodeOf(err) != errs.Conflict {
			a.follow(ctx)
			break
		}
	}
	if errors.Is(err, errNobody) { // a phone says this in other words than that the code was dialled wrong
		err = errs.New(errs.Unknown, "%w", err)
	}
	if err != nil {
		return wish.State{}, err
	}
	state := wish.State{DND: u.DND, Wishes: u.Wishes}
	state.Schedules, err = a.override(ctx, org, user, c.Override)
	return state, err
}

// override opens or closes a schedule that a user may override, nil for none, and says how all of those stand then.
func (a *API) override(ctx context.Context, org, user string, o *wish.Override) (all []wish.ScheduleState, err error) {
	schedules, _, err := a.store.Schedules.List(ctx, org, store.Query{Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	schedules = slices.DeleteFunc(schedules, func(v rest.Schedule) bool { return !slices.Contains(v.Users, user) })
	if o != nil {
		i := slices.IndexFunc(schedules, func(v rest.Schedule) bool {
			return v.ID == o.Schedule || v.Name == o.Schedule || o.Schedule == "" && len(schedules) == 1
		})
		if i < 0 && o.Schedule == "" && len(schedules) == 0 {
			return nil, errs.New(errs.Forbidden, "there is no schedule that the user may open or close: an administrator names them in one (strowger schedule set --users)")
		}
		if i < 0 {
			return nil, errs.New(errs.Forbidden, "override: %q is none of the %d schedules that the user may override", o.Schedule, len(schedules))
		}
		schedules[i].Override = o.State
		if err := a.store.Schedules.Update(ctx, org, &schedules[i]); err != nil {
			return nil, err
		}
		a.follow(ctx)
	}
	for _, v := range schedules {
		all = append(all, wish.ScheduleState{ID: v.ID, Name: v.Name, Open: v.Open, Override: v.Override})
	}
	return all, nil
}

// checkUser holds what a user wishes, and what an administrator says of their calls, against what there is.
func (a *API) checkUser(ctx context.Context, old, v *rest.User) error {
	if old == nil {
		old = &rest.User{}
	}
	if err := a.checkFallbacks(ctx, &old.Policy, &v.Policy, userOf(v)); err != nil {
		return err
	}
	return a.checkWishes(ctx, &old.Wishes, v)
}

// checkHours refuses a new number for the closed hours of a number or a queue as checkFallbacks does. Those of a number may not send calls
// back to it.
func (a *API) checkHours(ctx context.Context, was, now wish.Hours, of callee) error {
	if now.ClosedTo == "" || now.ClosedTo == was.ClosedTo {
		return nil
	}
	return a.checkFallback(ctx, of, now.ClosedTo)
}

// checkWishes refuses new forwards to a number that nobody has or that the user may not call, or of the user's own, as checkFallbacks does.
func (a *API) checkWishes(ctx context.Context, was *wish.Wishes, v *rest.User) error {
	kept := map[string]bool{was.ClosedTo: true, "": true}
	for _, to := range []string{was.ForwardAlways, was.ForwardBusy, was.ForwardNoAnswer, was.ForwardUnreachable} {
		kept[to] = true
	}
	for _, r := range was.Rules {
		kept[r.To] = true
	}
	asked := []string{v.ForwardAlways, v.ForwardBusy, v.ForwardNoAnswer, v.ForwardUnreachable, v.ClosedTo}
	for _, r := range v.Rules {
		asked = append(asked, r.To)
	}
	for _, to := range asked {
		if kept[to] {
			continue
		}
		if err := a.checkFallback(ctx, userOf(v), to); err != nil {
			return err
		}
		kept[to] = true
	}
	return nil
}
