package rest

import (
	"context"
	"net/http"
	"net/url"
)

// Mailbox is what a user has at their home switch; with their PIN it says who called.
func (c Client) Mailbox(ctx context.Context, user, pin string) (Mailbox, error) {
	var m Mailbox
	err := c.do(ctx, request{method: http.MethodGet, path: mailboxPath(user), pin: pin}, &m)
	return m, err
}

// MessageAudio is the speech of a message, a WAV file; it counts as heard.
func (c Client) MessageAudio(ctx context.Context, user, message, pin string) ([]byte, error) {
	var b []byte
	err := c.do(ctx, request{method: http.MethodGet, path: mailboxPath(user) + "/" + url.PathEscape(message) + "/audio", pin: pin}, &b)
	return b, err
}

// DeleteMessage deletes a message for good.
func (c Client) DeleteMessage(ctx context.Context, user, message string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: mailboxPath(user) + "/" + url.PathEscape(message)}, nil)
}

// SetMailboxSecrets changes the PIN of a mailbox.
func (c Client) SetMailboxSecrets(ctx context.Context, user string, q MailboxSecrets) error {
	return c.do(ctx, request{method: http.MethodPost, path: "users/" + url.PathEscape(user) + "/voicemail-secrets", body: q}, nil)
}

// LockMailbox lets nobody in for a day, or those who know the PIN at once.
func (c Client) LockMailbox(ctx context.Context, user string, locked bool) (Mailbox, error) {
	return act[Mailbox](ctx, c, "users", user, "voicemail-lock", MailboxLock{Locked: locked})
}

func mailboxPath(user string) string { return "users/" + url.PathEscape(user) + "/voicemails" }
