package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/mailbox"
	"strowger/pkg/proof"
	"strowger/pkg/rest"
)

// own registers what an app asks about its user.
func (a *API) own() error {
	registry := a.huma.OpenAPI().Components.Schemas
	asks, err := newEditor(registry, "Own", enrol.OwnRequest{})
	if err != nil {
		return err
	}
	op := huma.Operation{Method: http.MethodPost, Path: enrol.DevicePath + "/{device}/own", OperationID: "ask-own", Tags: []string{"enrolments"},
		Summary:     "What an app asks about its user, and changes: wishes, and messages, which are for who has the PIN: no API key is needed",
		RequestBody: &huma.RequestBody{}}
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: registry.Schema(reflect.TypeFor[enrol.OwnReply](), true, "OwnReply")},
		mailbox.WAVType:    {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	handle(a, op, func(ctx context.Context, in *deviceInput) (*file, error) {
		thumbprint, claims, err := a.shown(in, proof.TypeOwn)
		if err != nil {
			return nil, err
		}
		q, err := asks.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		info, err := a.apps.KnowApp(ctx, thumbprint, claims)
		switch {
		case err != nil:
			return nil, err
		case (q.Wishes == nil) == (q.Mailbox == nil):
			return nil, errs.New(errs.Invalid, "want one of wishes and mailbox")
		case q.Mailbox != nil && q.Mailbox.Hear != "":
			speech, err := a.hear(ctx, info.Org, info.User, q.Mailbox.Hear, q.Mailbox.PIN)
			return &file{mailbox.WAVType, speech}, err
		}
		r, err := a.ownOf(ctx, info, q)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(r)
		return &file{"application/json", body}, err
	})
	takes(op.RequestBody, true, "OwnInput", "application/json")
	return nil
}

// ownOf does what an app asks about its user.
func (a *API) ownOf(ctx context.Context, info enrol.DeviceInfo, q enrol.OwnRequest) (r enrol.OwnReply, err error) {
	if q.Wishes != nil {
		state, err := a.Wish(ctx, info.Org, info.User, *q.Wishes)
		if !q.Wishes.Empty() {
			a.log.Info("an app changes what its user wishes", "user", info.User, "device", info.Device, "refused", errs.CodeOf(err))
		}
		return enrol.OwnReply{Wishes: &state}, err
	}
	m := q.Mailbox
	if m.PIN == "" && m.Delete != "" {
		return r, errs.New(errs.Forbidden, "pin: messages are for who has the PIN of the mailbox")
	}
	found, err := a.mailboxes.Order(ctx, info.Org, info.User, fabric.MailboxOrder{PIN: m.PIN, Delete: m.Delete})
	if err == nil && m.NewPIN != "" {
		err = a.mailboxes.SetSecrets(ctx, info.Org, info.User, rest.MailboxSecrets{PIN: &m.NewPIN}, m.PIN == "")
	}
	if err != nil {
		return r, err
	}
	return enrol.OwnReply{Mailbox: mailboxOf(found)}, nil
}

// hear is a message as a WAV file, for who shows the PIN. It counts as heard.
func (a *API) hear(ctx context.Context, org, user, message, pin string) ([]byte, error) {
	if pin == "" {
		return nil, errs.New(errs.Forbidden, "messages are for their user only: the PIN of the mailbox is needed")
	}
	speech, err := a.mailboxes.Speech(ctx, org, user, message, pin)
	if err != nil {
		return nil, err
	}
	if _, err := a.mailboxes.Order(ctx, org, user, fabric.MailboxOrder{PIN: pin, Heard: message}); err != nil { // a full disk keeps nobody from hearing
		a.log.Warn("a message was heard and stays new", "org", org, "user", user, "message", message, "error", err)
	}
	return mailbox.WAV(speech), nil
}
