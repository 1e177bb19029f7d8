package voicemail

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/errs"
)

// Delivery is what becomes of a message by one way out of the switch.
type Delivery struct {
	By    string    `json:"by"` // mailbox.ByEmail, ...
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"` // when it is tried; zero: it is over
	Done  time.Time `json:"done,omitzero"` // when it was taken
	Why   string    `json:"why,omitempty"` // what was wrong at the last try
}

const (
	firstPause = 5 * time.Second // before the second try; each later one is twice as long
	maxPauseBy = time.Hour
	// giveUp is how long after it was left a message is tried. RFC 5321, 4.5.4.1: at least four to five days.
	giveUp = 5 * 24 * time.Hour
	maxWhy = 300
)

// Tried is what becomes of it after a try: err is nil if the message was taken, and errs.Invalid if it never will be. left is when the message
// was left.
func (d Delivery) Tried(now, left time.Time, err error) Delivery {
	d.Tries++
	if err == nil {
		d.Next, d.Done, d.Why = time.Time{}, now, ""
		return d
	}
	d.Why = err.Error()
	d.Why = d.Why[:min(len(d.Why), maxWhy)]
	d.Next = now.Add(min(firstPause<<min(d.Tries-1, 20), maxPauseBy))
	if errs.CodeOf(err) == errs.Invalid || d.Next.Sub(left) > giveUp {
		d.Next = time.Time{}
	}
	return d
}

// Lost says that it was given up.
func (d Delivery) Lost() bool { return d.Next.IsZero() && d.Done.IsZero() }

// plan is what is to become of a new message of a user.
func (s *Store) plan(user string) (all []Delivery) {
	if s.cfg.Ways == nil {
		return nil
	}
	for _, by := range s.cfg.Ways(user) {
		all = append(all, Delivery{By: by, Next: s.cfg.Now()})
	}
	return all
}

// post says that there may be something to be sent.
func (s *Store) post() {
	select {
	case s.posted <- struct{}{}:
	default:
	}
}

// Post is a message to be taken out of the switch.
type Post struct {
	User string
	Message
	Delivery
}

// outgoing is what is to be sent, the most urgent first, one for each user and way: a receiver that is slow keeps nobody else waiting.
func (s *Store) outgoing() (all []Post) {
	for _, user := range s.Users() {
		b, _ := s.get(user)
		first := map[string]Post{}
		for _, m := range b.messages() {
			for _, d := range m.Sent {
				if f, ok := first[d.By]; !d.Next.IsZero() && m.Deleted.IsZero() && (!ok || d.Next.Before(f.Next)) {
					first[d.By] = Post{user, m, d}
				}
			}
		}
		for _, p := range first {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Post) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.User+a.By, b.User+b.By)) })
	return all
}

// Undelivered is how many messages are to be sent by some way.
func (s *Store) Undelivered() (n int) {
	for _, user := range s.Users() {
		b, _ := s.get(user)
		for _, m := range b.messages() {
			for _, d := range m.Sent {
				if !d.Next.IsZero() {
					n++
				}
			}
		}
	}
	return n
}

// settle stores what became of a message by a way. One that was deleted meanwhile is gone.
func (s *Store) settle(p Post, d Delivery) error {
	b, err := s.get(p.User)
	if b == nil {
		return err
	}
	return b.change(func(x *index) error {
		m := x.find(p.Message.ID)
		if m == nil {
			return nil
		}
		m.Sent = slices.Clone(m.Sent)
		for i := range m.Sent {
			if m.Sent[i].By == d.By {
				m.Sent[i] = d
			}
		}
		return nil
	})
}
