package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
	"strowger/pkg/pushtarget"
)

// Apps enrols apps. thumbprint is of the key that proved the request.
type Apps interface {
	EnrolApp(ctx context.Context, q enrol.DeviceRequest, thumbprint string) (enrol.DeviceInfo, error)
	SetPush(ctx context.Context, thumbprint string, p proof.Request, push []pushtarget.Target) (enrol.DeviceInfo, error)
	// KnowApp is the app that shows a proof.
	KnowApp(ctx context.Context, thumbprint string, p proof.Request) (enrol.DeviceInfo, error)
}

// appEnrolInput is an app's enrolment; where it comes from is what limits it.
type appEnrolInput struct {
	Proof   string `header:"Strowger-Proof" doc:"A JWS by the signing key over the hash of the body"`
	RawBody []byte
	source  netip.Prefix
}

// Resolve notes where the request comes from.
func (in *appEnrolInput) Resolve(ctx huma.Context) []error {
	in.source = sourceOf(ctx)
	return nil
}

// deviceInput is a request of an app.
type deviceInput struct {
	Device  string `path:"device"`
	Proof   string `header:"Strowger-Proof" doc:"A JWS by the signing key over the hash of the body"`
	RawBody []byte
	source  netip.Prefix
}

// Resolve notes where the request comes from.
func (in *deviceInput) Resolve(ctx huma.Context) []error {
	in.source = sourceOf(ctx)
	return nil
}

func sourceOf(ctx huma.Context) netip.Prefix {
	if at, err := netip.ParseAddrPort(ctx.RemoteAddr()); err == nil {
		return limit.Source(at.Addr())
	}
	return netip.Prefix{}
}

// appRoutes are what apps ask of the cloud: they have no API key, but proofs.
func (a *API) appRoutes() error {
	registry := a.huma.OpenAPI().Components.Schemas
	enrolments, err := newEditor(registry, "DeviceEnrolment", enrol.DeviceRequest{Push: []pushtarget.Target{}})
	if err != nil {
		return err
	}
	pushes, err := newEditor(registry, "Push", enrol.PushUpdate{})
	if err != nil {
		return err
	}
	op := huma.Operation{Method: http.MethodPost, Path: enrol.DevicePath, OperationID: "enrol-device", Tags: []string{"enrolments"},
		Summary: "Enrol an app with a code: no API key is needed", RequestBody: &huma.RequestBody{}}
	handle(a, op, func(ctx context.Context, in *appEnrolInput) (*result[enrol.DeviceInfo], error) {
		thumbprint, _, err := a.proven(a.enrolled, in.source, proof.TypeEnrol, in.Proof, in.RawBody)
		if err != nil {
			return nil, err
		}
		q, err := enrolments.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		info, err := a.apps.EnrolApp(ctx, q, thumbprint)
		return &result[enrol.DeviceInfo]{Body: info}, err
	})
	takes(op.RequestBody, true, "DeviceEnrolmentInput", "application/json")

	op = huma.Operation{Method: http.MethodPut, Path: enrol.DevicePath + "/{device}/push", OperationID: "set-push", Tags: []string{"enrolments"},
		Summary: "Replace where the pushes of an app go: no API key is needed", RequestBody: &huma.RequestBody{}}
	handle(a, op, func(ctx context.Context, in *deviceInput) (*result[enrol.DeviceInfo], error) {
		thumbprint, claims, err := a.shown(in, proof.TypePush)
		if err != nil {
			return nil, err
		}
		q, err := pushes.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		info, err := a.apps.SetPush(ctx, thumbprint, claims, q.Push)
		return &result[enrol.DeviceInfo]{Body: info}, err
	})
	takes(op.RequestBody, true, "PushInput", "application/json")
	return nil
}

// maxProofID is how long the id of a proof may be, in bytes.
const maxProofID = 64

// shown returns which key proved a request of a device that has enrolled, now, and what it said.
func (a *API) shown(in *deviceInput, typ string) (thumbprint string, claims proof.Request, err error) {
	if thumbprint, claims, err = a.proven(a.pushed, in.source, typ, in.Proof, in.RawBody); err != nil {
		return "", claims, err
	}
	if err := proof.Fresh(claims.IssuedAt, a.now()); err != nil {
		return "", claims, err
	}
	if claims.Device != in.Device {
		return "", claims, errs.New(errs.WrongPresenter, "the proof is of device %.40q, the request is for %.40q", claims.Device, in.Device)
	}
	if n := len(claims.ID); n == 0 || n > maxProofID {
		return "", claims, errs.New(errs.Invalid, "jti: has %d bytes, not 1 to %d", n, maxProofID)
	}
	return thumbprint, claims, nil
}

// proven returns which key proved a request, and what it said. It is asked first: a request costs no more than one signature.
func (a *API) proven(most *limit.Buckets[netip.Prefix], source netip.Prefix, typ, text string, body []byte) (thumbprint string, claims proof.Request, err error) {
	if !most.Take(source) {
		return "", claims, errs.New(errs.Congested, "too many requests of apps from your address; wait some seconds and try again")
	}
	if text == "" {
		return "", claims, errs.New(errs.Unauthenticated, "there is no proof; send the header %s", proof.Header)
	}
	if thumbprint, err = proof.Open(text, typ, &claims); err != nil {
		return "", claims, err
	}
	if claims.Body != proof.HashBody(body) {
		return "", claims, errs.New(errs.BadSignature, "the proof is of another body than that of the request")
	}
	return thumbprint, claims, nil
}
