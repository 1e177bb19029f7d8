package directory

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
)

// policy is what becomes of calls to a user, where it differs from the defaults: few have one.
type policy struct {
	ring      time.Duration // 0: as long as the organization's
	priority  int           // of the user's own calls
	dnd       bool
	words     string // why
	except    int    // least priority that rings all the same, 0: none
	fallbacks map[designation.Occasion]string
}

func newPolicy(v rest.Policy) *policy {
	if v == (rest.Policy{}) {
		return nil
	}
	p := &policy{
		ring: time.Duration(v.RingSeconds) * time.Second, priority: v.Priority,
		dnd: v.DND, words: v.DNDWords, except: v.DNDPriority, fallbacks: map[designation.Occasion]string{},
	}
	for on, number := range map[designation.Occasion]string{
		designation.NoAnswer: v.FallbackNoAnswer, designation.Busy: v.FallbackBusy,
		designation.DoNotDisturb: v.FallbackDND, designation.Unreachable: v.FallbackUnreachable,
	} {
		if number != "" {
			p.fallbacks[on] = number
		}
	}
	return p
}

// apply sets how long a call rings, unless it is not to ring.
func (p *policy) apply(r *Route, name string) error {
	switch {
	case p == nil:
		return nil
	case p.dnd && (p.except == 0 || r.Priority < p.except):
		return errs.New(errs.DoNotDisturb, "%s", cmp.Or(p.words, name+" does not want to be disturbed"))
	}
	r.Ring = cmp.Or(p.ring, r.Ring)
	return nil
}

// copy is the policy as the documents for switches have it.
func (p *policy) copy() *sitecopy.Policy {
	if p == nil {
		return nil
	}
	return &sitecopy.Policy{Ring: p.ring, Priority: p.priority, DND: p.dnd, Words: p.words, Except: p.except, Fallback: p.fallbacks}
}

// Fallback is the number, as the callee would dial it, that a call goes to on an occasion; "" if it goes nowhere.
func (s *Snapshot) Fallback(callee designation.Party, on designation.Occasion) string {
	if u := s.users.get(callee.User); u != nil && u.policy != nil {
		return u.policy.fallbacks[on]
	}
	return ""
}

// Divert finds whom the callee of a route sends the call to by a number; diversion is the numbers that it was sent to before,
// the callee's included. The caller was judged already.
func (s *Snapshot) Divert(r Route, dialled string, diversion []string) (Route, error) {
	site := s.siteOf(r.Home)
	if u := s.users.get(r.To.User); r.Home == "" && u != nil {
		site = s.officeOf(u)
	}
	callee, n, err := s.number(site, dialled)
	if err != nil {
		return Route{}, err
	}
	next := Route{From: r.From, To: callee.party(n), Priority: r.Priority}
	if s.called(callee, diversion) {
		return next, looped(n)
	}
	return next, s.ring(&next, callee)
}

// called says whether a user has one of the numbers.
func (s *Snapshot) called(u *user, numbers []string) bool {
	return slices.ContainsFunc(numbers, func(dial string) bool { return s.numbers.get(dial) == u })
}

func looped(n *number) error {
	return errs.New(errs.Loop, "the call was sent to %s before; it would go in circles", n.dial)
}

func (u *user) party(n *number) designation.Party {
	return designation.Party{User: u.id, Number: n.dial, Name: u.name, Site: n.site}
}
