package wish

import (
	"cmp"
	"slices"

	"strowger/pkg/errs"
)

// Callee is who is called, with all that may keep a call from ringing.
type Callee struct {
	Name    string
	Number  *Hours  // of the number that was dialled; nil: none
	Wishes  *Wishes // nil: none
	Disturb error   // that the callee is not to be disturbed by this caller; nil: they may be
}

// Clocks says whether a schedule is open now, and if not, until when in words. What there is not is open.
type Clocks func(schedule string) (open bool, until string)

// Judge is whether a call may ring: nil if it may. Else the error says why not, and to is the number that the call is sent to, "" if
// none is named: then it goes to the fall-back of the occasion that the error is, if it is one.
//
// Who is blocked is refused first; then the first rule that fits decides; then the hours of the number; then, of the callee: the
// forward of all calls, do not disturb, and the hours.
func (c Callee) Judge(by Caller, clocks Clocks) (to string, err error) {
	if w := c.Wishes; w != nil {
		if slices.ContainsFunc(w.Blocked, by.Is) {
			return "", errs.New(errs.Blocked, "%s", cmp.Or(w.BlockedWords, c.Name+" takes no calls from this number"))
		}
		for _, r := range w.Rules {
			if r.fits(by, clocks) {
				return c.ruled(r)
			}
		}
	}
	if to, err = c.hours(c.Number, clocks); err != nil || c.Wishes == nil && c.Disturb == nil {
		return to, err
	}
	switch {
	case c.Wishes != nil && c.Wishes.ForwardAlways != "":
		return c.Wishes.ForwardAlways, errs.New(errs.Forwarded, "%s forwards all calls to %s", c.Name, c.Wishes.ForwardAlways)
	case c.Disturb != nil:
		return "", c.Disturb
	}
	return c.hours(&c.Wishes.Hours, clocks)
}

// fits says whether a rule is for a call.
func (r Rule) fits(by Caller, clocks Clocks) bool {
	if !by.Is(r.Caller) {
		return false
	}
	if r.Schedule == "" {
		return true
	}
	open, _ := clocks(r.Schedule)
	return open != r.Closed
}

func (c Callee) ruled(r Rule) (to string, err error) {
	switch r.Do {
	case Forward:
		return r.To, errs.New(errs.Forwarded, "%s forwards calls of %s to %s", c.Name, cmp.Or(r.Caller, "everybody"), r.To)
	case Refuse:
		return "", errs.New(errs.Blocked, "%s", cmp.Or(r.Words, c.Name+" does not take this call"))
	}
	return "", nil
}

// hours is why a call does not ring now.
func (c Callee) hours(h *Hours, clocks Clocks) (to string, err error) {
	if h == nil || h.Schedule == "" {
		return "", nil
	}
	open, until := clocks(h.Schedule)
	if open {
		return "", nil
	}
	words := c.Name + " is closed"
	if until != "" {
		words += " " + until
	}
	return h.ClosedTo, errs.New(errs.Closed, "%s", cmp.Or(h.ClosedWords, words))
}
