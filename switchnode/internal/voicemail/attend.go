package voicemail

import (
	"context"
	"log/slog"
	"math"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/mailbox"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/voice"
)

// Owner is a user with a mailbox at this switch.
type Owner struct {
	User     string // id
	Name     string
	Settings mailbox.Settings
	PIN      string // hashed, "" if there is none
	Numbers  []string
}

// Office is what menus are run with.
type Office struct {
	Store   *Store
	Library *prompt.Library
	// Owner is a user by their id; false: they have no mailbox here.
	Owner func(user string) (Owner, bool)
	// Find is the user who has a number, "" for nobody.
	Find func(number string) string
	// ChangePIN keeps the hash of a PIN.
	ChangePIN func(ctx context.Context, user, hash string) error
	// Alert tells administrators of a user's mailbox.
	Alert func(user, words string)
	// Told is told of each message that is stored; it must not block.
	Told   func(o Owner, m Message)
	Zone   func() *time.Location
	Now    func() time.Time
	Logger *slog.Logger

	Longest time.Duration // message, 1 s to 5 min
	Quiet   time.Duration // that ends one

	strangers strangers
}

const (
	patience = 6 * time.Second // for a key
	shortest = Second          // what is kept
	toneHz   = 1000
)

// beep is the tone after which one speaks: 250 ms.
func beep() []int16 {
	all := make([]int16, Rate/4)
	for i := range all {
		edge := min(1, float64(min(i, len(all)-i))/(Rate/100))
		all[i] = int16(edge * 6000 * math.Sin(2*math.Pi*toneHz*float64(i)/Rate))
	}
	return all
}

// visitor is one who leaves a message, or listens to theirs.
type visitor struct {
	*Office
	c     *voice.Conversation
	owner Owner
	known bool // the owner is who they say
	rec   *Recording
	taped voice.Taped
	log   *slog.Logger
}

// Take is the script that takes a message for a user.
func (o *Office) Take(user string) func(context.Context, *voice.Conversation) ledger.Cause {
	return func(ctx context.Context, c *voice.Conversation) ledger.Cause {
		v := &visitor{Office: o, c: c, log: o.Logger.With("call", c.Call, "user", user)}
		var ok bool
		if v.owner, ok = o.Owner(user); !ok {
			return call.CauseOf(errs.Unreachable, "there is no voicemail here")
		}
		m := &Visit{Own: o.Store.hasGreeting(user, greetingOwn), Name: o.Store.hasGreeting(user, greetingName)}
		v.run(ctx, m.Step)
		v.hungUp()
		return voice.Done()
	}
}

// Attend is the script that lets a user listen, by their own phone, or, if that is "", whoever says which mailbox and knows its PIN; number
// is of the one that they dialled.
func (o *Office) Attend(user, number string) func(context.Context, *voice.Conversation) ledger.Cause {
	return func(ctx context.Context, c *voice.Conversation) ledger.Cause {
		v := &visitor{Office: o, c: c, log: o.Logger.With("call", c.Call)}
		m := &Desk{Mailbox: number}
		if owner, ok := o.Owner(user); ok && c.From.User == user {
			v.owner = owner
			m.Own, m.Trusted, m.HasPIN = true, owner.Settings.Trusted, owner.PIN != ""
			v.known = m.Trusted || !m.HasPIN
		} else if user != "" {
			return call.CauseOf(errs.Unreachable, "there is no voicemail here")
		}
		v.run(ctx, m.Step)
		v.left()
		return voice.Done()
	}
}

// run takes a menu to its end.
func (v *visitor) run(ctx context.Context, step func(Event) Turn) {
	for ev := Event(Begun{}); ctx.Err() == nil; {
		t := step(ev)
		if err := v.do(ctx, t.Do); err != nil {
			why := v.failed(t.Do, err)
			if t.Do.Kind != Mark { // a message can be heard though that cannot be noted: the disk is full
				ev = Failed{why}
				continue
			}
		}
		key, pressed := v.say(ctx, t.Say)
		if ctx.Err() != nil || t.Then.Kind == HangUp && !pressed {
			return
		}
		ev = v.task(ctx, t.Then, key, pressed)
	}
}

// failed is the clip that says why an order could not be done.
func (v *visitor) failed(o Order, err error) string {
	v.log.Warn("voicemail: what a caller wanted was not done", "order", o.Kind, "error", err)
	switch code := errs.CodeOf(err); {
	case code == errs.CloudAway:
		return "cloud-away"
	case code == errs.Invalid && o.Kind == ChangePIN:
		return "vm-pin-weak"
	case code == errs.Congested:
		return "vm-full"
	}
	return "vm-failed"
}

func (v *visitor) language() string { return v.owner.Settings.Language }

func (v *visitor) messages() []Message {
	all, err := v.Store.List(v.owner.User)
	if err != nil {
		v.log.Warn("a mailbox cannot be read", "error", err)
	}
	return all
}

// do does what a menu orders.
func (v *visitor) do(ctx context.Context, o Order) error {
	user := v.owner.User
	switch o.Kind {
	case Mark:
		return v.Store.Mark(user, o.Message, true)
	case Delete:
		return v.Store.Delete(user, o.Message)
	case Undelete:
		return v.Store.Undelete(user, o.Message)
	case Forget:
		return v.Store.ForgetGreeting(user, o.To)
	case Send:
		return v.send(o)
	case ChangePIN:
		return v.changePIN(ctx, o.To)
	case Keep:
		return v.keep()
	case Discard:
		return v.discard()
	}
	return nil
}

func (v *visitor) send(o Order) error {
	to, ok := v.Owner(v.Find(o.To))
	if !ok || to.User == v.owner.User {
		return errs.New(errs.NotFound, "%q has no mailbox at this switch", o.To)
	}
	m, err := v.Store.Forward(v.owner.User, o.Message, to.User, v.owner.Name)
	if err == nil {
		v.Told(to, m)
	}
	return err
}

func (v *visitor) changePIN(ctx context.Context, pin string) error {
	if err := mailbox.CheckPIN(pin, v.owner.Numbers...); err != nil {
		return err
	}
	hash, err := mailbox.HashPIN(pin)
	if err != nil {
		return err
	}
	if err := v.ChangePIN(ctx, v.owner.User, hash); err != nil {
		return err
	}
	v.owner.PIN = hash
	return nil
}

// keep stores what was recorded: it is on disk before the caller is told.
func (v *visitor) keep() error {
	if v.rec == nil {
		return errs.New(errs.NotFound, "nothing was recorded")
	}
	rec := v.rec
	v.rec = nil
	m, err := rec.Keep(v.taped.Length)
	if err != nil {
		return err
	}
	if m.Greeting == "" {
		v.log.Info("a message is stored", "message", m.ID, "length", m.Length())
		v.Told(v.owner, m)
	}
	return nil
}

func (v *visitor) discard() error {
	if v.rec == nil {
		return nil
	}
	rec := v.rec
	v.rec = nil
	return rec.Discard()
}

// hungUp keeps what who has hung up has said.
func (v *visitor) hungUp() {
	if v.rec == nil {
		return
	}
	end := v.discard
	if v.rec.e.Greeting == "" && v.taped.Spoken && v.taped.Length >= shortest {
		end = v.keep
	}
	if err := end(); err != nil {
		v.log.Warn("what a caller said is not stored", "error", err)
	}
}

// left takes off the disk what the owner has deleted.
func (v *visitor) left() {
	v.hungUp()
	if !v.known {
		return
	}
	if err := v.Store.Purge(v.owner.User); err != nil {
		v.log.Warn("deleted messages are still on disk", "error", err)
	}
}

// task ends a turn.
func (v *visitor) task(ctx context.Context, t Task, key byte, pressed bool) Event {
	switch t.Kind {
	case AskDigits:
		var first []byte
		if pressed {
			first = []byte{key}
		}
		return Typed{v.c.Digits(ctx, t.Most, '#', patience, first...)}
	case Record:
		return v.record(ctx, t.Greeting)
	}
	if pressed {
		return Pressed{key}
	}
	switch t.Kind {
	case Check:
		return Checked{v.check(ctx, t.Mailbox, t.PIN)}
	case List:
		return v.list()
	case AskKey:
		if key, pressed := v.c.Key(ctx, patience); pressed {
			return Pressed{key}
		}
	}
	return Waited{}
}

// list is the messages, the new first.
func (v *visitor) list() Event {
	var l Listed
	all := v.messages()
	for _, heard := range []bool{false, true} {
		for _, m := range all {
			if m.Heard == heard {
				l.Messages = append(l.Messages, Listing{m.ID, heard})
			}
		}
	}
	return l
}

// record records after the tone. Each second of it is on disk before the next.
func (v *visitor) record(ctx context.Context, greeting string) Event {
	e := Envelope{Call: v.c.Call, From: v.c.From, At: v.Now(), Greeting: greeting}
	if greeting != "" {
		e = Envelope{At: e.At, Greeting: greeting}
	}
	if err := v.discard(); err != nil {
		v.log.Warn("a recording that is not wanted is still on disk", "error", err)
	}
	rec, err := v.Store.Record(v.owner.User, e)
	if err != nil {
		return Failed{v.failed(Order{Kind: Keep}, err)}
	}
	v.rec, v.taped = rec, voice.Taped{}
	v.c.Play(ctx, beep())
	v.taped, err = v.c.Tape(ctx, v.Longest, v.Quiet, rec.Write)
	if err != nil { // what is on disk is kept
		v.hungUp()
		return Failed{v.failed(Order{Kind: Keep}, err)}
	}
	return Recorded{Spoken: v.taped.Spoken && v.taped.Length >= shortest}
}
