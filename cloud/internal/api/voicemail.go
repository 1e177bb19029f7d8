package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/mailbox"
	"strowger/pkg/rest"
)

// Mailboxes is the mailboxes of users at their home switches.
type Mailboxes interface {
	// Order asks the home switch of a user. The error is errs.Unreachable if that is away.
	Order(ctx context.Context, org, user string, q fabric.MailboxOrder) (fabric.Mailbox, error)
	// Speech is the whole of a message, in G.722.
	Speech(ctx context.Context, org, user, message, pin string) ([]byte, error)
	// SetSecrets changes the PIN. With first it is errs.Forbidden if there is one.
	SetSecrets(ctx context.Context, org, user string, q rest.MailboxSecrets, first bool) error
}

// mailboxInput is a question for a mailbox, with its PIN or without.
type mailboxInput struct {
	ID  string `path:"id"`
	PIN string `header:"Strowger-PIN" doc:"PIN of the mailbox: without it nobody learns who called" maxLength:"12"`
}

// messageInput is a question for one message.
type messageInput struct {
	ID      string `path:"id"`
	Message string `path:"message"`
	PIN     string `header:"Strowger-PIN" doc:"PIN of the mailbox" maxLength:"12"`
}

// voicemail registers what there is to do with mailboxes.
func (a *API) voicemail() error {
	registry := a.huma.OpenAPI().Components.Schemas
	secrets, err := newEditor(registry, "MailboxSecrets", rest.MailboxSecrets{})
	if err != nil {
		return err
	}
	locks, err := newEditor(registry, "MailboxLock", rest.MailboxLock{})
	if err != nil {
		return err
	}
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/api/v1/users/{id}/voicemails" + path, OperationID: id, Summary: summary,
			Tags: []string{"voicemails"}, Security: bearer(), Parameters: []*huma.Param{organizationParam()}}
	}
	handle(a, op(http.MethodGet, "", "list-voicemails", "What is in the mailbox of the user, at their home switch; with the PIN it says who called"),
		func(ctx context.Context, in *mailboxInput) (*result[rest.Mailbox], error) {
			return a.mailbox(ctx, in.ID, fabric.MailboxOrder{PIN: in.PIN})
		})
	wav := op(http.MethodGet, "/{message}/audio", "get-voicemail-audio", "Hear a message: the switch hands it out to who shows the PIN, and the cloud keeps nothing of it. It counts as heard")
	wav.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{mailbox.WAVType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	handle(a, wav, func(ctx context.Context, in *messageInput) (*file, error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		if in.PIN == "" {
			return nil, errs.New(errs.Forbidden, "messages are for their user only: send the PIN of the mailbox in the header %s", rest.PINHeader)
		}
		speech, err := a.hear(ctx, org, in.ID, in.Message, in.PIN)
		return &file{mailbox.WAVType, speech}, err
	})
	remove := op(http.MethodDelete, "/{message}", "delete-voicemail", "Delete a message for good")
	remove.DefaultStatus = http.StatusOK
	handle(a, remove, func(ctx context.Context, in *messageInput) (*result[rest.Mailbox], error) {
		return a.mailbox(ctx, in.ID, fabric.MailboxOrder{PIN: in.PIN, Delete: in.Message})
	})

	set := action("users", "voicemail-secrets", "Set the PIN of the user's mailbox, 4 to 12 digits, or the secret of its webhook; they are never shown")
	set.RequestBody = &huma.RequestBody{}
	set.DefaultStatus = http.StatusNoContent
	handle(a, set, func(ctx context.Context, in *actionInput) (*nothing, error) {
		q, err := secrets.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		return &nothing{}, a.mailboxes.SetSecrets(ctx, org, in.ID, q, false)
	})
	takes(set.RequestBody, true, "MailboxSecretsInput", "application/json")

	lock := action("users", "voicemail-lock", "Lock the user's mailbox for a day, or forget that the PIN was wrong")
	lock.RequestBody = &huma.RequestBody{}
	handle(a, lock, func(ctx context.Context, in *actionInput) (*result[rest.Mailbox], error) {
		q, err := locks.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		return a.mailbox(ctx, in.ID, fabric.MailboxOrder{Lock: q.Locked, Unlock: !q.Locked})
	})
	takes(lock.RequestBody, true, "MailboxLockInput", "application/json")
	return nil
}

// mailbox asks the home switch of a user.
func (a *API) mailbox(ctx context.Context, user string, q fabric.MailboxOrder) (*result[rest.Mailbox], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.mailboxes.Order(ctx, org, user, q)
	if err != nil {
		return nil, err
	}
	return &result[rest.Mailbox]{Body: *mailboxOf(r)}, nil
}

// mailboxOf is what a switch says of a mailbox.
func mailboxOf(r fabric.Mailbox) *rest.Mailbox {
	m := &rest.Mailbox{New: r.New, Old: r.Old, NoPIN: r.NoPIN, Items: []rest.Message{}}
	if !r.Locked.IsZero() {
		m.LockedUntil = new(r.Locked.UTC())
	}
	for _, v := range r.Messages {
		m.Items = append(m.Items, rest.Message{
			ID: v.ID, From: v.From, At: v.At.UTC(), Seconds: v.Length.Seconds(), Heard: v.Heard, By: v.By, Cut: v.Cut, Sent: deliveries(v.Sent),
		})
	}
	return m
}

// deliveries is what became of a message out of the switch.
func deliveries(sent []fabric.MailboxDelivery) (all []rest.Delivery) {
	for _, d := range sent {
		v := rest.Delivery{By: d.By, Tries: d.Tries, Why: d.Why}
		if !d.Next.IsZero() {
			v.Next = new(d.Next.UTC())
		}
		if !d.Done.IsZero() {
			v.At = new(d.Done.UTC())
		}
		all = append(all, v)
	}
	return all
}
