package directory

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/wish"
)

// policy is what becomes of calls to a user, where it differs from the defaults: few have one.
type policy struct {
	ring      time.Duration // 0: as long as the organization's
	priority  int           // of the user's own calls
	dnd       bool
	words     string                          // why
	except    int                             // least priority that rings all the same, 0: none
	queue     designation.Queue               // Length 0: calls do not wait
	fallbacks map[designation.Occasion]string // a user's own forwards come before what an administrator set
	wishes    *wish.Wishes                    // nil: none
}

// defaultWait is how long a call waits for a user who did not say.
const defaultWait = 10 * time.Minute

func newPolicy(v rest.Policy, w wish.Wishes) *policy {
	wished := !w.Empty()
	if v == (rest.Policy{}) && !wished {
		return nil
	}
	p := &policy{
		ring: time.Duration(cmp.Or(w.ForwardSeconds, v.RingSeconds)) * time.Second, priority: v.Priority,
		dnd: v.DND, words: v.DNDWords, except: v.DNDPriority, fallbacks: map[designation.Occasion]string{},
		queue: designation.Queue{Length: v.QueueLength, Wait: cmp.Or(time.Duration(v.QueueSeconds)*time.Second, defaultWait), Language: v.QueueLanguage},
	}
	for on, number := range map[designation.Occasion]string{
		designation.NoAnswer: v.FallbackNoAnswer, designation.Busy: v.FallbackBusy,
		designation.DoNotDisturb: v.FallbackDND, designation.Unreachable: v.FallbackUnreachable,
		designation.QueueFull: cmp.Or(v.FallbackQueueFull, w.ForwardBusy, v.FallbackBusy), designation.QueueTime: cmp.Or(v.FallbackQueueTime, w.ForwardBusy, v.FallbackBusy),
	} {
		if number = cmp.Or(w.Fallback(on), number); number != "" {
			p.fallbacks[on] = number
		}
	}
	if wished {
		p.wishes = &w
	}
	return p
}

// refuses is why a call is not to ring, nil if it may.
func (p *policy) refuses(r *Route, name string) error {
	if p != nil && p.dnd && (p.except == 0 || r.Priority < p.except) {
		return errs.New(errs.DoNotDisturb, "%s", cmp.Or(p.words, name+" does not want to be disturbed"))
	}
	return nil
}

// line has a call wait for its callee, where it may.
func (u *user) line(r *Route) {
	if r.Home == "" { // a line is at one switch
		return
	}
	var theirs, own *designation.Queue
	if u.policy != nil {
		theirs = &u.policy.queue
	}
	if n := u.number(r.To.Number); n != nil {
		own = n.queue
	}
	r.Queue = theirs.Of(u.id, own)
	if u.service != nil {
		r.Queue.Ring, r.Queue.Step = u.service.ring, u.service.step
	}
}

// queueOf is the queue of a number, where it is not its user's.
func queueOf(v rest.Number) *designation.Queue {
	if v.QueueLength == 0 {
		return nil
	}
	return &designation.Queue{Length: max(v.QueueLength, 0), Wait: cmp.Or(time.Duration(v.QueueSeconds)*time.Second, defaultWait)}
}

// copy is the policy as the documents for switches have it.
func (p *policy) copy() *sitecopy.Policy {
	if p == nil {
		return nil
	}
	c := &sitecopy.Policy{Ring: p.ring, Priority: p.priority, DND: p.dnd, Words: p.words, Except: p.except, Fallback: p.fallbacks}
	if p.queue.Length > 0 || p.queue.Language != "" {
		q := p.queue
		c.Queue = &q
	}
	return c
}

// Fallback is the number, as the callee would dial it, that a call goes to on an occasion; "" if it goes nowhere.
func (s *Snapshot) Fallback(callee designation.Party, on designation.Occasion) string {
	if u := s.users.get(callee.User); u != nil && u.policy != nil {
		return u.policy.fallbacks[on]
	}
	return ""
}

// Onward is the number that a call to a callee goes to which came to err, "" if it goes nowhere.
func (s *Snapshot) Onward(r Route, err error) string {
	return cmp.Or(r.sent, s.Fallback(r.To, designation.OccasionOf(errs.CodeOf(err))))
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
		return s.divertOutside(r, site, dialled, diversion, err)
	}
	return s.divertInside(r, callee, n, diversion)
}

// divertInside is Divert to a number of the organization.
func (s *Snapshot) divertInside(r Route, callee *user, n *number, diversion []string) (Route, error) {
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
