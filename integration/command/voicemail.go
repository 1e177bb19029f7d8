package command

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/pkg/rest"
)

type userVoicemail struct {
	User     string         `arg:"" help:"Name, number or id."`
	On       bool           `help:"Take messages." xor:"mailbox"`
	Off      bool           `help:"Take none any more; those that there are stay until they are old." xor:"mailbox"`
	After    []string       `help:"When: no-answer, busy, do-not-disturb, unreachable, with commas between. Default: all of them." placeholder:"WHEN"`
	Keep     *time.Duration `help:"How long messages are kept, 24h to 8784h (366 days); 0s: 30 days." placeholder:"TIME"`
	Trusted  *bool          `help:"The user's own phones need no PIN." negatable:""`
	Language *string        `help:"Of the words at the phone: en or zh; empty: that of the switch." placeholder:"LANGUAGE"`
	Email    *string        `help:"Send each message there, with the recording; empty: not. The switch needs --mail-server." placeholder:"ADDR"`
	Webhook  *string        `help:"Post each message there, with the recording; empty: not." placeholder:"URL"`
	Secret   *string        `help:"Signs what is posted to --webhook: whsec_ and 24 to 64 bytes in base64, or 'new' for one that is made and shown once." name:"webhook-secret" placeholder:"SECRET"`
	PIN      *string        `help:"PIN for any phone, 4 to 12 digits; empty: none gets in." name:"pin" placeholder:"PIN"`
}

// Help teaches by example.
func (*userVoicemail) Help() string {
	return `Calls that find nobody leave a message at the user's home switch, where no fall-back says otherwise. The user hears it by
*97 from an own phone, or by *98 from any.

    strowger user voicemail Anna --on --pin 48151
    strowger user voicemail Anna --after no-answer,busy --keep 336h
    strowger user voicemail Anna --trusted
    strowger user voicemail Anna --email anna@example.com
    strowger user voicemail Anna --webhook https://example.com/voicemail --webhook-secret new
    strowger user voicemail Anna --off
    strowger voicemail list Anna`
}

// Run sets a user's mailbox, or shows it.
func (c *userVoicemail) Run(e *env) error {
	asked := c.On || len(c.After) > 0 || c.Keep != nil || c.Trusted != nil || c.Language != nil || c.Email != nil || c.Webhook != nil
	if c.Off && (asked || c.PIN != nil || c.Secret != nil) {
		return errs.New(errs.Invalid, "--off takes no other flag")
	}
	u, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	if asked || c.Off {
		change, err := c.change(u)
		if err == nil {
			u, err = e.client.Users().Update(e.ctx, u.ID, u.Version, change)
		}
		if err != nil {
			return err
		}
	}
	made := c.Secret != nil && *c.Secret == "new"
	if made {
		c.Secret = new(mailbox.NewWebhookSecret())
	}
	if c.PIN != nil || c.Secret != nil {
		if err := e.client.SetMailboxSecrets(e.ctx, u.ID, rest.MailboxSecrets{PIN: c.PIN, WebhookSecret: c.Secret}); err != nil {
			return err
		}
	}
	if made {
		return e.show(rest.MailboxSecrets{WebhookSecret: c.Secret}, func() {
			e.say("%s\nSecret of the webhook, which is not shown again: %s\n", voicemailText(u), *c.Secret)
		})
	}
	return e.show(u, func() { e.say("%s\n", voicemailText(u)) })
}

// change is what becomes of a user.
func (c *userVoicemail) change(u rest.User) (change, error) {
	if c.Off {
		return change{"voicemail": nil}, nil
	}
	var v rest.Voicemail
	if u.Voicemail != nil {
		v = *u.Voicemail
	}
	if len(c.After) > 0 {
		v.After = nil
		for _, on := range c.After {
			v.After = append(v.After, designation.Occasion(on))
		}
	}
	if c.Keep != nil {
		const day = 24 * time.Hour
		if *c.Keep < 0 || *c.Keep > mailbox.MaxKeep || *c.Keep%day != 0 {
			return nil, errs.New(errs.Invalid, "--keep %v: want whole days, 24h to 8784h (366 days), or 0s for 30 days", *c.Keep)
		}
		v.KeepDays = int(*c.Keep / day)
	}
	if c.Trusted != nil {
		v.Trusted = *c.Trusted
	}
	if c.Language != nil {
		v.Language = *c.Language
	}
	if c.Email != nil {
		v.Email = *c.Email
	}
	if c.Webhook != nil {
		v.Webhook = *c.Webhook
	}
	if err := v.Check(); err != nil {
		return nil, err
	}
	return change{"voicemail": v}, nil
}

func voicemailText(u rest.User) string {
	if u.Voicemail == nil {
		return u.Name + " has no mailbox"
	}
	return "Messages for " + u.Name + " are taken: " + mailboxText(u)
}

// mailboxText is when messages are taken, and what becomes of them; "" for no mailbox.
func mailboxText(u rest.User) string {
	v := u.Voicemail
	if v == nil {
		return ""
	}
	var after []string
	for _, on := range v.After {
		after = append(after, string(on))
	}
	days := cmp.Or(v.KeepDays, int(mailbox.DefaultKeep/(24*time.Hour)))
	pin := "the PIN is asked for"
	if v.Trusted {
		pin = "own phones need no PIN"
	}
	for _, to := range []string{v.Email, v.Webhook} {
		if to != "" {
			pin += "; sent to " + to
		}
	}
	return fmt.Sprintf("%s; kept %d days; %s", cmp.Or(strings.Join(after, ", "), "whenever nobody can be reached"), days, pin)
}

// voicemailCommands are for messages.
type voicemailCommands struct {
	List   voicemailList   `cmd:"" help:"How many messages a user has; with the PIN, of whom."`
	Play   voicemailPlay   `cmd:"" help:"Write a message to a WAV file."`
	Delete voicemailDelete `cmd:"" help:"Delete a message for good."`
	Lock   voicemailLock   `cmd:"" help:"Let nobody into a mailbox for a day."`
	Unlock voicemailUnlock `cmd:"" help:"Let who knows the PIN in again."`
}

// secret is the PIN of a mailbox.
type secret struct {
	PIN string `help:"PIN of the mailbox: what is said in it is for its user. Better in the environment: others can see a command line." env:"STROWGER_PIN" name:"pin" placeholder:"PIN"`
}

type voicemailList struct {
	User string `arg:"" help:"Name, number or id."`
	secret
}

// Run lists messages.
func (c *voicemailList) Run(e *env) error {
	u, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	m, err := e.client.Mailbox(e.ctx, u.ID, c.PIN)
	if err != nil {
		return err
	}
	return e.show(m, func() { sayMailbox(e, u, m) })
}

func sayMailbox(e *env, u rest.User, m rest.Mailbox) {
	e.say("%s has %d new and %d old messages", u.Name, m.New, m.Old)
	if m.LockedUntil != nil {
		e.say("; the mailbox is locked until %s", m.LockedUntil.Local().Format(time.DateTime))
	}
	e.say("\n")
	if len(m.Items) == 0 {
		return
	}
	table(e.out, []column[rest.Message]{
		{head: "at", cell: func(v rest.Message) string { return v.At.Local().Format(time.DateTime) }},
		{head: "of", cell: func(v rest.Message) string {
			if v.From == nil {
				return "-"
			}
			return party(*v.From)
		}},
		{head: "length", cell: func(v rest.Message) string { return fmt.Sprintf("%.0f s", v.Seconds) }},
		{head: "heard", cell: func(v rest.Message) string {
			if v.Heard {
				return "yes"
			}
			return "no"
		}},
		{head: "sent", cell: sentText},
		{head: "id", cell: func(v rest.Message) string { return v.ID }},
	}, m.Items, "")
}

// sentText is what became of a message by e-mail and webhook.
func sentText(v rest.Message) string {
	var all []string
	for _, d := range v.Sent {
		switch {
		case d.At != nil:
			all = append(all, d.By)
		case d.Next != nil && d.Why == "":
			all = append(all, d.By+": on its way")
		case d.Next != nil:
			all = append(all, fmt.Sprintf("%s: again at %s: %s", d.By, d.Next.Local().Format(time.TimeOnly), d.Why))
		default:
			all = append(all, d.By+": given up: "+d.Why)
		}
	}
	return cmp.Or(strings.Join(all, "; "), "-")
}

type voicemailPlay struct {
	User    string `arg:"" help:"Name, number or id."`
	Message string `arg:"" help:"Id of the message."`
	Output  string `arg:"" help:"File to write: a WAV file."`
	secret
}

// Run writes a message to a file.
func (c *voicemailPlay) Run(e *env) error {
	if c.PIN == "" {
		return errs.New(errs.Forbidden, "what is said in a message is for who has the PIN of the mailbox: give it by STROWGER_PIN, or --pin")
	}
	u, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	b, err := e.client.MessageAudio(e.ctx, u.ID, c.Message, c.PIN)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Output, b, 0o600); err != nil {
		return err
	}
	e.say("%s: %d bytes\n", c.Output, len(b))
	return nil
}

type voicemailDelete struct {
	User    string `arg:"" help:"Name, number or id."`
	Message string `arg:"" help:"Id of the message."`
}

// Run deletes a message.
func (c *voicemailDelete) Run(e *env) error {
	u, err := users().find(e, c.User)
	if err == nil {
		err = e.client.DeleteMessage(e.ctx, u.ID, c.Message)
	}
	return err
}

type voicemailLock struct {
	User string `arg:"" help:"Name, number or id."`
}

// Run locks a mailbox.
func (c *voicemailLock) Run(e *env) error { return lockMailbox(e, c.User, true) }

type voicemailUnlock struct {
	User string `arg:"" help:"Name, number or id."`
}

// Run opens it.
func (c *voicemailUnlock) Run(e *env) error { return lockMailbox(e, c.User, false) }

func lockMailbox(e *env, user string, locked bool) error {
	u, err := users().find(e, user)
	if err != nil {
		return err
	}
	m, err := e.client.LockMailbox(e.ctx, u.ID, locked)
	if err != nil {
		return err
	}
	return e.show(m, func() { sayMailbox(e, u, m) })
}
