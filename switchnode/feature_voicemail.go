package switchnode

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/mailbox"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/voicemail"
)

// Voicemail configures the mailboxes of a switch.
type Voicemail struct {
	Messages int           `help:"Messages that a mailbox holds. Default: ${default}." default:"100" name:"voicemail-messages" placeholder:"N"`
	Longest  time.Duration `help:"Longest message, 1s to 5m. Default: ${default}." default:"3m" name:"voicemail-longest" placeholder:"TIME"`
	Quiet    time.Duration `help:"Silence that ends a message, 1s to 30s. Default: ${default}." default:"5s" name:"voicemail-quiet" placeholder:"TIME"`
	Megabyte int64         `help:"Room on the disk for the messages of all mailboxes, in MB. Default: ${default}." default:"4096" name:"voicemail-room" placeholder:"MB"`
}

func (v Voicemail) validate() error {
	switch {
	case v == Voicemail{}: // of who starts a switch by code: the defaults
		return nil
	case v.Messages < 1 || v.Messages > fabric.MaxMailbox:
		return errs.New(errs.Invalid, "--voicemail-messages %d: want 1 to %d", v.Messages, fabric.MaxMailbox)
	case v.Longest < time.Second || v.Longest > 5*time.Minute:
		return errs.New(errs.Invalid, "--voicemail-longest %v: want 1s to 5m", v.Longest)
	case v.Quiet < time.Second || v.Quiet > 30*time.Second:
		return errs.New(errs.Invalid, "--voicemail-quiet %v: want 1s to 30s", v.Quiet)
	case v.Megabyte < 1:
		return errs.New(errs.Invalid, "--voicemail-room %d: want 1 and up", v.Megabyte)
	}
	return nil
}

// openVoicemail opens the mailboxes.
func (n *node) openVoicemail() error {
	v := n.Voicemail
	if v == (Voicemail{}) {
		v = Voicemail{Longest: 3 * time.Minute, Quiet: 5 * time.Second}
	}
	store, err := voicemail.Open(voicemail.Config{
		Dir: filepath.Join(n.Data, "voicemail"), Limits: voicemail.Limits{Messages: v.Messages, Bytes: v.Megabyte << 20}, Now: n.now, Logger: n.log,
		Changed: func(user string) { n.lamps.mail(user) },
		Ways: func(user string) []string {
			u, _, _ := n.copy.Snapshot().Mailbox(user)
			return u.Voicemail.Ways()
		},
		Owned: func(user string) bool {
			_, _, ok := n.copy.Snapshot().Mailbox(user)
			return ok
		},
		Keep: func(user string) time.Duration {
			u, _, _ := n.copy.Snapshot().Mailbox(user)
			if u.Voicemail == nil {
				return 0
			}
			return u.Voicemail.Keep
		},
	})
	if err != nil {
		return err
	}
	n.mailboxes = &voicemail.Office{
		Store: store, Library: n.calls.library, Owner: n.mailboxOwner, Now: n.now, Logger: n.log, Longest: v.Longest, Quiet: v.Quiet,
		Find:      func(number string) string { return n.copy.Snapshot().MailboxOf(number) },
		ChangePIN: n.changePIN,
		Alert:     func(user, words string) { n.raise("voicemail", "warning", user, "", words) },
		Told:      func(voicemail.Owner, voicemail.Message) {},
		Zone:      func() *time.Location { return n.copy.Snapshot().Zone() },
	}
	return nil
}

// mailboxOwner is a user with a mailbox at this switch.
func (n *node) mailboxOwner(user string) (voicemail.Owner, bool) {
	s := n.copy.Snapshot()
	u, secret, ok := s.Mailbox(user)
	if !ok {
		return voicemail.Owner{}, false
	}
	return voicemail.Owner{User: u.ID, Name: u.Name, Settings: *u.Voicemail, PIN: secret.Password, Numbers: s.NumbersOf(user)}, true
}

// service is what answers a branch that the switch answers itself, nil if it does not know it.
func (n *node) service(b designation.Branch, p designation.Plan) call.Target {
	switch b.Service {
	case designation.StarCode:
		return n.calls.codeOfApp(b, p)
	case designation.Voicemail:
		return n.calls.service(n.mailboxes.Take(b.User))
	case designation.Mailbox:
		return n.calls.service(n.mailboxes.Attend(b.User, strings.TrimPrefix(strings.TrimPrefix(b.Number, mailbox.Own), mailbox.Any)))
	}
	return nil
}

// changePIN has the cloud keep a PIN, which comes back with the site copy. Without the cloud it stays as it was.
func (n *node) changePIN(ctx context.Context, user, hash string) error {
	f := n.fabric
	_, err := fabric.Request[fabric.PINChange, fabric.Reply](ctx, f, fabric.SubjectPIN(f.Org(), f.Node()), fabric.PINChange{User: user, Hash: hash})
	return err
}

// mailboxWorkers answer who asks for mailboxes side by side: a PIN takes its time.
const mailboxWorkers = 4

// mailboxLock is how long an administrator's lock lasts.
const mailboxLock = 24 * time.Hour

// mailboxOrder does with a mailbox what the cloud wants, and says what is in it then.
func (n *node) mailboxOrder(ctx context.Context, _ fabric.Subject, q fabric.MailboxOrder) (r fabric.Mailbox, err error) {
	o := n.mailboxes
	owner, ok := o.Owner(q.User)
	if !ok {
		return r, errs.New(errs.NotFound, "the user has no voicemail at this switch, or the switch has not heard of it yet (strowger user voicemail --on)")
	}
	private := q.PIN != "" || q.Audio != "" || q.Heard != ""
	if private {
		err = o.CheckPIN(ctx, q.User, q.PIN)
	}
	switch {
	case err != nil:
		return r, err
	case q.Audio != "":
		r.Audio, r.Pieces, err = o.Store.Piece(q.User, q.Audio, q.Piece, fabric.PieceSize)
		return r, err
	case q.Delete != "":
		err = o.Store.Remove(q.User, q.Delete)
	case q.Heard != "":
		err = o.Store.Mark(q.User, q.Heard, true)
	case q.Lock:
		err = o.Store.Lock(q.User, n.now().Add(mailboxLock))
	case q.Unlock:
		err = o.Store.Right(q.User)
	}
	if err != nil {
		return r, err
	}
	all, err := o.Store.List(q.User)
	r.New, r.Old = o.Store.Summary(q.User)
	r.NoPIN = owner.PIN == ""
	if g := o.Store.Guard(owner.User); g.Locked(n.now()) {
		r.Locked = g.Until
	}
	for _, m := range all[:min(len(all), fabric.MaxMailbox)] {
		v := fabric.MailboxMessage{ID: m.ID, At: m.At, Length: m.Length(), Heard: m.Heard, Cut: m.Cut}
		if private {
			v.From, v.By = &m.From, m.By
		}
		for _, d := range m.Sent {
			v.Sent = append(v.Sent, fabric.MailboxDelivery{By: d.By, Tries: d.Tries, Next: d.Next, Done: d.Done, Why: d.Why})
		}
		r.Messages = append(r.Messages, v)
	}
	return r, err
}
