package voicemail

import (
	"context"
	"errors"
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
		v.log.Warn("a PIN is not judged", "error", err)
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
	now, begun := o.Now(), time.Now()
	g := o.strangers.guard(asked)
	if there {
		g = o.Store.Guard(owner.User)
	}
	right := mailbox.Matches(owner.PIN, pin)
	var err error
	switch { // before the pause: who hangs up in it, or guesses at many phones at once, is counted
	case !there:
		o.strangers.fail(asked, now)
	case !right && !g.Locked(now):
		err = o.wrong(owner)
	}
	if g.Wrong > 0 && !wait(ctx, Pause(g.Wrong)-time.Since(begun)) { // however long the judging took
		return false, errors.Join(err, ctx.Err())
	}
	if !there || !right || err != nil || o.Store.Guard(owner.User).Locked(o.Now()) {
		return false, err
	}
	return true, o.Store.Right(owner.User)
}

// wrong counts a wrong PIN, and tells administrators of a mailbox that is locked with it.
func (o *Office) wrong(owner Owner) error {
	locks, err := o.Store.Wrong(owner.User)
	if g := o.Store.Guard(owner.User); locks {
		o.Alert(owner.User, fmt.Sprintf("The PIN of the mailbox of %s was wrong %d times: it is locked until %s", owner.Name, g.Wrong, g.Until.In(o.Zone()).Format("15:04")))
	}
	return err
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
