package voicemail

import (
	"context"
	"fmt"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
)

// check says whether a PIN opens a mailbox, which is then the caller's. It takes as long for one that is not there.
func (v *visitor) check(ctx context.Context, number, pin string) bool {
	user := v.owner.User
	if number != "" {
		user = v.Find(number)
	}
	owner, ok := v.Owner(user)
	opens, err := v.open(ctx, owner, ok, number, pin)
	if err != nil {
		v.log.Warn("a wrong PIN is not counted", "error", err)
	}
	if opens {
		v.owner, v.known = owner, true
		v.log = v.log.With("user", owner.User)
	}
	return opens
}

// CheckPIN says whether a PIN opens the mailbox of a user, as the phone would.
func (o *Office) CheckPIN(ctx context.Context, user, pin string) error {
	owner, ok := o.Owner(user)
	opens, err := o.open(ctx, owner, ok, user, pin)
	if err == nil && !opens {
		err = errs.New(errs.Forbidden, "the PIN is not right, or the mailbox is locked")
	}
	return err
}

func (o *Office) open(ctx context.Context, owner Owner, there bool, asked, pin string) (bool, error) {
	now := o.Now()
	g := o.strangers.guard(asked)
	if there {
		g = o.Store.Guard(owner.User)
	}
	if g.Wrong > 0 && !wait(ctx, Pause(g.Wrong)) {
		return false, ctx.Err()
	}
	right := mailbox.Matches(owner.PIN, pin)
	switch {
	case !there:
		o.strangers.fail(asked, now)
		return false, nil
	case g.Locked(now):
		return false, nil
	case right:
		return true, o.Store.Right(owner.User)
	}
	locks, err := o.Store.Wrong(owner.User)
	if locks {
		o.Alert(owner.User, fmt.Sprintf("The PIN of the mailbox of %s was wrong %d times: it is locked until %s", owner.Name, o.Store.Guard(owner.User).Wrong, o.Store.Guard(owner.User).Until.In(o.Zone()).Format("15:04")))
	}
	return false, err
}

// wait waits; false: ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
