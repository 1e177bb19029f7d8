package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

const (
	importPath    = "/api/v1/imports"
	maxImportBody = 512 << 10
)

type importInput struct{ RawBody []byte }

// imports registers the operation that adds many phones at once.
func (a *API) imports() error {
	edit, err := newEditor(a.huma.OpenAPI().Components.Schemas, "Import", rest.Import{})
	if err != nil {
		return err
	}
	op := huma.Operation{Method: http.MethodPost, Path: importPath, OperationID: "import", Tags: []string{"imports"},
		Summary: "Add up to 500 people with a desk phone each", Security: bearer(), DefaultStatus: http.StatusOK, MaxBodyBytes: maxImportBody,
		Parameters: []*huma.Param{organizationParam(), idempotencyParam()}, RequestBody: &huma.RequestBody{}}
	handle(a, op, func(ctx context.Context, in *importInput) (*result[rest.Imported], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		q, err := edit.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		done, err := a.addPhones(ctx, org, q.Lines)
		return &result[rest.Imported]{Body: done}, err
	})
	takes(op.RequestBody, true, "ImportInput", "application/json")
	return nil
}

// addPhones adds what lines describe.
func (a *API) addPhones(ctx context.Context, org string, lines []rest.ImportLine) (rest.Imported, error) {
	done := rest.Imported{Lines: make([]rest.ImportedLine, len(lines))}
	var phones []store.Phone
	var from []int // the line of each phone
	for i, l := range lines {
		p, password, err := a.phone(org, l)
		if err != nil {
			done.Lines[i].Error = errs.From(err)
			continue
		}
		done.Lines[i] = rest.ImportedLine{User: p.User.ID, Device: p.Device.ID, Username: p.Device.Username, Password: password}
		phones, from = append(phones, p), append(from, i)
	}
	if len(phones) == 0 {
		return done, nil
	}
	refused, err := a.store.Import(ctx, org, phones)
	if err != nil {
		return rest.Imported{}, err
	}
	for k, err := range refused {
		if err != nil {
			done.Lines[from[k]] = rest.ImportedLine{Error: errs.From(err)}
		} else {
			done.Added++
		}
	}
	return done, nil
}

// phone is what a line describes, with its password.
func (a *API) phone(org string, l rest.ImportLine) (store.Phone, string, error) {
	p := store.NewPhone()
	p.User.Name, p.Number.Digits = l.Name, l.Number
	d := &p.Device
	d.Name, d.Switch, d.Username = cmp.Or(l.Device, "desk phone"), l.Switch, cmp.Or(l.Username, strings.ToLower(rand.Text()[:8]))
	password := l.Password
	if password == "" {
		password = a.passwords.GeneratePassword()
	}
	var err error
	p.Credential, err = a.passwords.Credential(org, *d, password)
	return p, password, err
}
