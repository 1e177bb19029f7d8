package cloud

import (
	"context"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/mailbox"
	"strowger/pkg/rest"
)

// mailboxTime is how long a switch may take to answer for a mailbox: a PIN that was wrong before takes 8 s, and its
// hash some on a slow machine. It is less than the API has for a request.
const mailboxTime = 14 * time.Second

// mailboxes asks the home switches of users.
type mailboxes struct{ c *instance }

// Order asks the home switch of a user.
func (m mailboxes) Order(ctx context.Context, org, user string, q fabric.MailboxOrder) (fabric.Mailbox, error) {
	u, err := m.c.store.Users.Get(ctx, org, user)
	if err != nil {
		return fabric.Mailbox{}, err
	}
	s, err := m.c.directory.Snapshot(org)
	if err != nil {
		return fabric.Mailbox{}, err
	}
	sw, ok := s.Switch(s.HomeOfUser(user))
	if !ok {
		return fabric.Mailbox{}, errs.New(errs.Invalid, "%s has no home switch, where voicemail is: give them a desk phone, or set one (strowger user set --home-switch)", u.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, mailboxTime)
	defer cancel()
	q.User = user
	r, err := fabric.Request[fabric.MailboxOrder, fabric.Mailbox](ctx, m.c.exchange.Client(), fabric.SubjectMailbox(org, sw.ID), q)
	if errs.CodeOf(err) == errs.CloudAway {
		err = errs.New(errs.Unreachable, "the messages of %s are at switch %s, which does not answer: start it, mend its network, or upgrade it", u.Name, sw.Name)
	}
	return r, err
}

// Speech is the whole of a message.
func (m mailboxes) Speech(ctx context.Context, org, user, message, pin string) (speech []byte, err error) {
	for piece := 0; ; piece++ {
		r, err := m.Order(ctx, org, user, fabric.MailboxOrder{PIN: pin, Audio: message, Piece: piece})
		if err != nil {
			return nil, err
		}
		speech = append(speech, r.Audio...)
		switch {
		case len(speech) > mailbox.MaxSpeech:
			return nil, errs.New(errs.Invalid, "the message has more than %d bytes", mailbox.MaxSpeech)
		case piece+1 >= r.Pieces:
			return speech, nil
		}
	}
}

// SetSecrets changes the PIN. With first it is errs.Forbidden if there is one.
func (m mailboxes) SetSecrets(ctx context.Context, org, user string, q rest.MailboxSecrets, first bool) error {
	if _, err := m.c.store.Users.Get(ctx, org, user); err != nil {
		return err
	}
	s, err := m.c.directory.Snapshot(org)
	if err != nil {
		return err
	}
	return m.c.authority.SetMailboxSecrets(ctx, org, user, q, first, s.NumbersOf(user)...)
}

// choosePIN stores a PIN that a user chose at the phone, for their home switch.
func (c *instance) choosePIN(ctx context.Context, s fabric.Subject, q fabric.PINChange) (fabric.Reply, error) {
	snapshot, err := c.directory.Snapshot(s.Org)
	if err != nil {
		return fabric.Reply{}, err
	}
	if home := snapshot.HomeOfUser(q.User); home == "" || home != s.ID {
		return fabric.Reply{}, errs.New(errs.Forbidden, "user %q does not live at switch %s", q.User, s.ID)
	}
	if err := c.authority.SetMailboxPIN(ctx, s.Org, q.User, q.Hash); err != nil {
		return fabric.Reply{}, err
	}
	c.log.Info("a user chose the PIN of their mailbox at the phone", "user", q.User, "switch", s.ID)
	c.directory.Follow(ctx)
	return fabric.Reply{}, nil
}
