package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// caller is who asks, and with which query parameters.
type caller struct {
	key   rest.APIKey
	query url.Values
}

type callerKey struct{}

// callerOf returns who asks; only operations with security have one.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// bearer is the security requirement of operations that need an API key.
func bearer() []map[string][]string { return []map[string][]string{{"key": {}}} }

// authenticate lets only requests with a good API key through to operations that need one.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	if ctx.Operation().Security == nil {
		next(ctx)
		return
	}
	// RFC 9110, 11.1: the scheme's name is case-insensitive.
	scheme, secret, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if secret = strings.TrimSpace(secret); !strings.EqualFold(scheme, "Bearer") || secret == "" {
		a.refuse(ctx, errs.New(errs.Unauthenticated, "there is no API key; send the header Authorization: Bearer sk_..."))
		return
	}
	key, err := a.keys.Authenticate(ctx.Context(), secret)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	if key.Role != "admin" && ctx.Method() != http.MethodGet {
		a.refuse(ctx, errs.New(errs.Forbidden, "API key %q is a reader's: it may not change anything; use an admin's", key.Name))
		return
	}
	u := ctx.URL()
	next(huma.WithValue(ctx, callerKey{}, caller{key: key, query: u.Query()}))
}

// known refuses query parameters that the operation has not: a misspelt filter must not list everything.
func (a *API) known(ctx huma.Context, next func(huma.Context)) {
	var names []string
	for _, p := range ctx.Operation().Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	u := ctx.URL()
	for name := range u.Query() {
		if !slices.Contains(names, name) {
			words := "there is no such parameter here"
			if names != nil {
				words += "; there are " + strings.Join(names, ", ")
			}
			a.refuse(ctx, invalid(rest.FieldWord{Field: name, Words: words}))
			return
		}
	}
	next(ctx)
}

// refuse answers in place of an operation.
func (a *API) refuse(ctx huma.Context, err error) {
	_, w := humago.Unwrap(ctx)
	writeProblem(w, a.problemOf(ctx.Context(), err))
}

// organization is the one that the request speaks of: the key's own, the one that ?organization= names, or the only one.
func (a *API) organization(ctx context.Context) (string, error) {
	c := callerOf(ctx)
	asked := c.query.Get("organization")
	switch own := c.key.Organization; {
	case own != "" && asked != "" && asked != own:
		return "", errs.New(errs.Forbidden, "API key %q is of organization %s and cannot see %s", c.key.Name, own, asked)
	case own != "":
		return own, nil
	case asked != "":
		org, err := a.store.Organizations.Get(ctx, "", asked)
		return org.ID, err
	}
	all, _, err := a.store.Organizations.List(ctx, "", store.Query{Limit: 2})
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errs.New(errs.NotFound, "there is no organization yet: create one first (\"strowger org add NAME\")")
	case len(all) > 1:
		return "", invalid(rest.FieldWord{Field: "organization", Words: "there are several organizations: name one (--organization; in the API ?organization=ID)"})
	}
	return all[0].ID, nil
}
