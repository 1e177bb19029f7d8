package authority

import (
	"context"
	"encoding/json"
	"fmt"

	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
)

func mailboxName(org, user string) string { return "mailbox/" + org + "/" + user }

// mailboxSecrets is what a home switch needs to know of a mailbox that nobody else does.
type mailboxSecrets struct {
	PIN     string `json:"pin,omitempty"` // hashed
	Webhook string `json:"webhook,omitempty"`
}

// SetMailboxSecrets changes the secrets of a user's mailbox; numbers are the user's own.
func (a *Authority) SetMailboxSecrets(ctx context.Context, org, user string, q rest.MailboxSecrets, first bool, numbers ...string) error {
	hash := ""
	if q.PIN != nil && *q.PIN != "" {
		if err := mailbox.CheckPIN(*q.PIN, numbers...); err != nil {
			return err
		}
		var err error
		if hash, err = mailbox.HashPIN(*q.PIN); err != nil {
			return err
		}
	}
	if q.WebhookSecret != nil && *q.WebhookSecret != "" {
		if _, err := mailbox.WebhookKey(*q.WebhookSecret); err != nil {
			return err
		}
	}
	return a.changeMailbox(ctx, org, user, func(s *mailboxSecrets) error {
		if first && s.PIN != "" {
			return errs.New(errs.Forbidden, "pin: the mailbox has a PIN; who changes it shows it too")
		}
		if q.PIN != nil {
			s.PIN = hash
		}
		if q.WebhookSecret != nil {
			s.Webhook = *q.WebhookSecret
		}
		return nil
	})
}

// SetMailboxPIN stores the hash of a PIN that a switch was told at the phone.
func (a *Authority) SetMailboxPIN(ctx context.Context, org, user, hash string) error {
	if err := mailbox.CheckHash(hash); err != nil {
		return err
	}
	return a.changeMailbox(ctx, org, user, func(s *mailboxSecrets) error {
		s.PIN = hash
		return nil
	})
}

func (a *Authority) changeMailbox(ctx context.Context, org, user string, change func(*mailboxSecrets) error) error {
	return a.cfg.Store.ChangeMailboxSecrets(ctx, org, user, func(wrapped []byte) ([]byte, error) {
		s, err := a.openMailbox(org, user, wrapped)
		if err != nil {
			return nil, err
		}
		if err := change(&s); err != nil {
			return nil, err
		}
		b, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		return a.custody.wrap(mailboxName(org, user), b), nil
	})
}

func (a *Authority) openMailbox(org, user string, wrapped []byte) (s mailboxSecrets, err error) {
	if wrapped == nil {
		return s, nil
	}
	b, err := a.custody.unwrap(mailboxName(org, user), wrapped)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("secrets of mailbox %s: %w", user, err)
	}
	return s, nil
}

// addMailboxes adds the secrets of the mailboxes of a copy to what is sealed to the home switches of their users.
func (a *Authority) addMailboxes(ctx context.Context, org string, c sitecopy.Copy, secrets map[string][]sitecopy.Credential) error {
	stored, err := a.cfg.Store.MailboxSecrets(ctx, org)
	if err != nil {
		return err
	}
	for _, u := range c.Users {
		wrapped, ok := stored[u.ID]
		if !ok || u.Voicemail == nil || secrets[u.HomeSwitch] == nil {
			continue
		}
		s, err := a.openMailbox(org, u.ID, wrapped)
		if err != nil {
			return err
		}
		secrets[u.HomeSwitch] = append(secrets[u.HomeSwitch], sitecopy.Credential{Mailbox: u.ID, Password: s.PIN, Webhook: s.Webhook})
	}
	return nil
}
