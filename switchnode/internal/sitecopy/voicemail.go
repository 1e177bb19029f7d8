package sitecopy

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/pkg/sitecopy"
)

// Mailbox is that of a user whose home this switch is: what it is like, and its secrets.
func (s *Snapshot) Mailbox(user string) (sitecopy.User, sitecopy.Credential, bool) {
	u := s.users[user]
	if u == nil || u.Voicemail == nil || !u.Enabled || u.HomeSwitch != s.identity.Node {
		return sitecopy.User{}, sitecopy.Credential{}, false
	}
	return *u, s.credentials[user], true
}

// MailboxOf is the user whose number is dialled, as from a phone of this site.
func (s *Snapshot) MailboxOf(dialled string) (user string) {
	for _, n := range []*sitecopy.Number{s.extensions[dialled], s.numbers[dialled]} {
		if n != nil {
			return n.User
		}
	}
	return ""
}

// NumbersOf are those of a user, as they are dialled in this site and from elsewhere.
func (s *Snapshot) NumbersOf(user string) (all []string) {
	for _, n := range s.docs.copy.Numbers {
		if n.User == user {
			all = append(all, n.Digits, s.dial(&n))
		}
	}
	return all
}

// toMailbox has a call that its callee cannot take go to their mailbox, if they have one for that, in place of the error.
func (s *Snapshot) toMailbox(r Route, err error) (Route, error) {
	u, _, ok := s.Mailbox(r.To.User)
	if err == nil || !ok || r.From.User == u.ID || !u.Voicemail.Takes(designation.OccasionOf(errs.CodeOf(err))) {
		return r, err
	}
	r.Branches, r.Fallback, r.Queue = []designation.Branch{mailbox.Branch(u.ID, u.Name, r.To.Number)}, nil, nil
	return r, nil
}

// addMailbox has a call that nobody takes go to the mailbox of its callee, where nothing else is said.
func (s *Snapshot) addMailbox(r *Route) {
	u, _, ok := s.Mailbox(r.To.User)
	if !ok || r.From.User == u.ID {
		return
	}
	said := map[designation.Occasion]bool{}
	for _, f := range r.Fallback {
		for _, on := range f.On {
			said[on] = true
		}
	}
	f := designation.Fallback{To: r.To, Ring: r.Ring, Branches: []designation.Branch{mailbox.Branch(u.ID, u.Name, r.To.Number)}}
	for _, on := range [...]designation.Occasion{designation.NoAnswer, designation.Busy, designation.Unreachable, designation.QueueFull, designation.QueueTime} {
		if !said[on] && u.Voicemail.Takes(on) && (!on.Waited() || r.Queue != nil) {
			f.On = append(f.On, on)
		}
	}
	if len(f.On) > 0 {
		r.Fallback = append(r.Fallback, f)
	}
}

// services is the route of a code by which a user of this switch reaches what it answers itself; ok is false if what they dialled is none.
func (s *Snapshot) services(from designation.Party, dialled string) (r Route, ok bool, err error) {
	b, ok := mailbox.ServiceOf(dialled, from.User, from.Name)
	if !ok {
		return Route{}, false, nil
	}
	r = Route{
		From: from, To: designation.Party{User: b.User, Number: dialled, Name: "Voicemail", Site: from.Site}, Ring: s.docs.copy.Ring, Branches: []designation.Branch{b},
	}
	if u := s.users[b.User]; u != nil {
		switch {
		case u.Voicemail == nil:
			return r, true, errs.New(errs.Disabled, "%s has no voicemail", u.Name)
		case u.HomeSwitch != s.identity.Node:
			return r, true, errs.New(errs.CloudAway, "the cloud is away, and the messages of %s are at another switch", u.Name)
		}
	}
	return r, true, nil
}
