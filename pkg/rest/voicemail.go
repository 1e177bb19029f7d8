package rest

import (
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
)

// Voicemail is the mailbox of a user.
type Voicemail struct {
	// After is when calls go there, where no fall-back of the user's says otherwise; empty: when nobody answers, and when the
	// user is busy, not to be disturbed, or unreachable.
	After []designation.Occasion `json:"after,omitempty" maxItems:"4" enum:"no-answer,busy,do-not-disturb,unreachable"`
	// KeepDays is how long messages are kept, 1 to 366 days; 0: 30.
	KeepDays int `json:"keep_days,omitempty" minimum:"0" maximum:"366"`
	// Trusted has the user's own phones need no PIN.
	Trusted bool `json:"trusted,omitempty"`
	// Language of the words at the phone; empty: the language of the switch.
	Language string `json:"language,omitempty" pattern:"^(en|zh)?$"`
	// Email is an address that the home switch sends each message to, with the recording; empty: none.
	Email string `json:"email,omitempty" maxLength:"254"`
	// Webhook is an https address that the home switch posts each message to, with the recording, signed with the webhook secret; empty: none.
	Webhook string `json:"webhook,omitempty" maxLength:"1024"`
}

// Check says what is wrong with a mailbox, nil if nothing is.
func (v *Voicemail) Check() error {
	if v == nil {
		return nil
	}
	for _, on := range v.After {
		if !slices.Contains(mailbox.Usual(), on) {
			return errs.New(errs.Invalid, "voicemail.after: %q is none of no-answer, busy, do-not-disturb and unreachable", on)
		}
	}
	if v.KeepDays < 0 || time.Duration(v.KeepDays)*24*time.Hour > mailbox.MaxKeep {
		return errs.New(errs.Invalid, "voicemail.keep_days: %d is not between 0 and %d", v.KeepDays, mailbox.MaxKeep/(24*time.Hour))
	}
	if known := designation.Languages(); v.Language != "" && !slices.Contains(known, v.Language) {
		return errs.New(errs.Invalid, "voicemail.language: %q is none of %s", v.Language, strings.Join(known, ", "))
	}
	if v.Email != "" {
		if err := mailbox.CheckEmail(v.Email); err != nil {
			return errs.New(errs.Invalid, "voicemail.email: %w", err)
		}
	}
	if v.Webhook != "" {
		if err := mailbox.CheckWebhook(v.Webhook); err != nil {
			return errs.New(errs.Invalid, "voicemail.webhook: %w", err)
		}
	}
	return nil
}

// Settings is the mailbox as switches have it, nil for none.
func (v *Voicemail) Settings() *mailbox.Settings {
	if v == nil {
		return nil
	}
	return &mailbox.Settings{
		After: v.After, Keep: time.Duration(v.KeepDays) * 24 * time.Hour, Trusted: v.Trusted, Language: v.Language, Email: v.Email, Webhook: v.Webhook,
	}
}

// MailboxSecrets is what is changed of the secrets of a mailbox; absent: it stays.
type MailboxSecrets struct {
	// PIN lets the user in at any phone, 4 to 12 digits; empty: none does.
	PIN *string `json:"pin,omitempty" maxLength:"12"`
	// WebhookSecret signs what is posted to the webhook: whsec_ and 24 to 64 bytes in base64; empty: nothing is posted.
	WebhookSecret *string `json:"webhook_secret,omitempty" maxLength:"100"`
}

// Mailbox is what a user has at their home switch. Who called is there for who showed the PIN.
type Mailbox struct {
	New int `json:"new"`
	Old int `json:"old"`
	// LockedUntil is when the mailbox opens again, which wrong PINs or an administrator closed.
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	// NoPIN: none was chosen yet. An app of the user may choose the first.
	NoPIN bool      `json:"no_pin,omitempty"`
	Items []Message `json:"items"`
}

// Message is one in a mailbox.
type Message struct {
	ID      string             `json:"id"`
	From    *designation.Party `json:"from,omitempty"`
	At      time.Time          `json:"at"`
	Seconds float64            `json:"seconds"`
	Heard   bool               `json:"heard"`
	// By is who sent it on to the user.
	By string `json:"by,omitempty"`
	// Cut says that the recording was cut off, by a crash or a full disk.
	Cut bool `json:"cut,omitempty"`
	// Sent is what became of it by e-mail and by webhook.
	Sent []Delivery `json:"sent,omitempty"`
}

// Delivery is what became of a message by one way.
type Delivery struct {
	By    string `json:"by" enum:"email,webhook"`
	Tries int    `json:"tries"`
	// At is when it was taken.
	At *time.Time `json:"at,omitempty"`
	// Next is when it is tried again; with neither the switch has given up.
	Next *time.Time `json:"next,omitempty"`
	// Why is what was wrong at the last try.
	Why string `json:"why,omitempty"`
}

// MailboxLock is what becomes of a mailbox.
type MailboxLock struct {
	// Locked: nobody gets in for a day; else wrong PINs are forgotten, and who knows it gets in at once.
	Locked bool `json:"locked"`
}

// PINHeader carries the PIN of a mailbox, for what only its user may see and hear.
const PINHeader = "Strowger-PIN"
