package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// result is a reply with a body and nothing else.
type result[T any] struct{ Body T }

// actionInput is what an action may take.
type actionInput struct {
	ID      string `path:"id"`
	RawBody []byte
}

// onlyID is a request that says no more than which object it means.
type onlyID struct {
	ID string `path:"id"`
}

// enrolInput is an enrolment; where it comes from is what limits it.
type enrolInput struct {
	RawBody []byte
	source  netip.Prefix
}

// Resolve notes where the request comes from.
func (in *enrolInput) Resolve(ctx huma.Context) []error {
	in.source = sourceOf(ctx)
	return nil
}

// actions are what is more than editing an object.
func (a *API) actions() error {
	registry := a.huma.OpenAPI().Components.Schemas
	revokes, err := newEditor(registry, "Revoke", rest.Revoke{})
	if err != nil {
		return err
	}
	passwords, err := newEditor(registry, "Password", rest.Password{})
	if err != nil {
		return err
	}
	enrolments, err := newEditor(registry, "EnrolmentRequest", enrol.Request{})
	if err != nil {
		return err
	}

	handle(a, action("switches", "enrolment-code", "Make a code that enrols the switch once, within the hour"), codeFor(a, a.store.Switches))
	handle(a, action("bridges", "enrolment-code", "Make a code that enrols the bridge once, within the hour"), codeFor(a, a.store.Bridges))
	handle(a, action("devices", "enrolment-code", "Make a code, and a link with it, that enrols the app once, within the hour"), codeFor(a, a.store.Devices))
	handle(a, action("switches", "renew", "Have the switch renew its certificate now, for the same key; calls go on"), a.renew)

	revocation(a, revokes, "switches", a.store.Switches, func(v rest.Switch) string { return v.State })
	revocation(a, revokes, "bridges", a.store.Bridges, func(v rest.Bridge) string { return v.State })

	op := action("devices", "password", "Give the desk phone a new password; the reply shows it once")
	op.RequestBody = &huma.RequestBody{}
	handle(a, op, func(ctx context.Context, in *actionInput) (*result[rest.Device], error) {
		q, err := optional(passwords, in.RawBody)
		if err != nil {
			return nil, err
		}
		return a.newPassword(ctx, in.ID, q.Password)
	})
	takes(op.RequestBody, false, "PasswordInput", "application/json")

	op = huma.Operation{Method: http.MethodPost, Path: "/api/v1/enrolments", OperationID: "enrol", Tags: []string{"enrolments"},
		Summary: "Enrol a node with a code: no API key is needed", RequestBody: &huma.RequestBody{}}
	handle(a, op, func(ctx context.Context, in *enrolInput) (*result[enrol.Response], error) {
		if !a.enrolled.Take(in.source) {
			return nil, errs.New(errs.Congested, "too many enrolments from your address; wait some seconds and try again")
		}
		q, err := enrolments.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		r, err := a.nodes.Enrol(ctx, q)
		return &result[enrol.Response]{Body: r}, err
	})
	takes(op.RequestBody, true, "EnrolmentRequestInput", "application/json")
	return nil
}

// action is an operation on one object that is more than an edit.
func action(path, name, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodPost, Path: "/api/v1/" + path + "/{id}/" + name, OperationID: path + "-" + name,
		Summary: summary, Tags: []string{path}, Security: bearer(), DefaultStatus: http.StatusOK,
		Parameters: []*huma.Param{organizationParam(), idempotencyParam()}}
}

// optional decodes a body that may be left out.
func optional[T any](e *editor[T], body []byte) (T, error) {
	if len(body) == 0 {
		var none T
		return none, nil
	}
	return e.create(body)
}

// codeFor makes the enrolment code of an object of a kind.
func codeFor[T any](a *API, table *store.Table[T]) func(context.Context, *onlyID) (*result[rest.EnrolmentCode], error) {
	return func(ctx context.Context, in *onlyID) (*result[rest.EnrolmentCode], error) {
		org, err := a.organization(ctx)
		if err == nil {
			_, err = table.Get(ctx, org, in.ID)
		}
		if err != nil {
			return nil, err
		}
		code, err := a.nodes.IssueEnrolment(ctx, org, in.ID)
		return &result[rest.EnrolmentCode]{Body: code}, err
	}
}

// renew has a switch renew its certificate, whenever it ends.
func (a *API) renew(ctx context.Context, in *onlyID) (*result[rest.Switch], error) {
	org, sw, err := a.switchOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if sw.State != "enrolled" {
		return nil, errs.New(errs.Conflict, "switch %s is %s, not enrolled: it has no certificate to renew", sw.Name, sw.State)
	}
	err = a.renewal(ctx, org, sw.ID)
	switch errs.CodeOf(err) {
	case errs.CloudAway:
		return nil, errs.New(errs.Unreachable, "switch %s did not renew its certificate; %s. Start it or mend its network, then try again: %w", sw.Name, lastSeen(sw), err)
	case errs.Upgrade:
		return nil, errs.New(errs.Conflict, "switch %s cannot be told to renew its certificate: upgrade it first (%w)", sw.Name, err)
	case "":
		sw, err = a.store.Switches.Get(ctx, org, sw.ID)
	}
	return &result[rest.Switch]{Body: sw}, err
}

func lastSeen(sw rest.Switch) string {
	if sw.SeenAt == nil {
		return "it was never heard of"
	}
	return "it was last heard of at " + sw.SeenAt.UTC().Format("2006-01-02 15:04:05 UTC")
}

// revocation takes trust from nodes of a kind; a second time does nothing.
func revocation[T any](a *API, takesBody *editor[rest.Revoke], path string, table *store.Table[T], state func(T) string) {
	op := action(path, "revoke", "Take trust from it for good")
	op.RequestBody = &huma.RequestBody{}
	handle(a, op, func(ctx context.Context, in *actionInput) (*result[T], error) {
		q, err := optional(takesBody, in.RawBody)
		if err != nil {
			return nil, err
		}
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		v, err := table.Get(ctx, org, in.ID)
		if err == nil && state(v) != "revoked" {
			if err = a.nodes.Revoke(ctx, org, in.ID, q.Reason); err == nil {
				v, err = table.Get(ctx, org, in.ID)
			}
		}
		return &result[T]{Body: v}, err
	})
	takes(op.RequestBody, false, "RevokeInput", "application/json")
}

func (a *API) switchOf(ctx context.Context, id string) (org string, sw rest.Switch, err error) {
	if org, err = a.organization(ctx); err != nil {
		return "", sw, err
	}
	sw, err = a.store.Switches.Get(ctx, org, id)
	return org, sw, err
}

func (a *API) newPassword(ctx context.Context, id, password string) (*result[rest.Device], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	d, err := a.store.Devices.Get(ctx, org, id)
	if err != nil {
		return nil, err
	}
	if d.Kind != designation.DeskPhone {
		return nil, errs.New(errs.Invalid, "device %s is a %s: only a desk phone has a password", d.Name, d.Kind)
	}
	if err := a.setPassword(ctx, org, &d, password); err != nil {
		return nil, err
	}
	return &result[rest.Device]{Body: d}, nil
}
