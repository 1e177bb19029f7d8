package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// resource is one collection of the registry and how it differs from the others.
type resource[T any] struct {
	path, noun, schema string // "sites", "site", "Site"
	table              *store.Table[T]
	meta               func(*T) *rest.Meta
	defaults           T        // what a create starts from
	filters            []string // fields that a list may be filtered by
	// wide collections also hold what belongs to no organization: their org may be "", the whole installation.
	wide bool
	// apart: what is created is of no organization, whichever the request names.
	apart bool
	// check looks at an object before it is stored and may complete it; old is nil on create. A nil check passes all.
	check func(ctx context.Context, old, v *T) error
	// wrote does what follows, and puts into v what is shown only once; asked is the object as the request wanted it. If
	// it fails on create the object is removed again.
	wrote func(ctx context.Context, org string, old *T, asked T, v *T) error
	// removing does what must precede a delete.
	removing func(ctx context.Context, org string, old T) error
}

// one is the path of one object.
type one struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"Act only on this version: an ETag"`
}

type createInput struct {
	RawBody []byte
}

type updateInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"Act only on this version: an ETag"`
	RawBody []byte
}

type nothing struct{}

// object is a reply with one object.
type object[T any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

type listed[T any] struct{ Body rest.Page[T] }

// register adds the five operations of a collection.
func register[T any](a *API, r resource[T]) error {
	edit, err := newEditor(a.huma.OpenAPI().Components.Schemas, r.schema, r.defaults)
	if err != nil {
		return fmt.Errorf("describe %s: %w", r.path, err)
	}
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/api/v1/" + r.path + path, OperationID: id, Summary: summary,
			Tags: []string{r.path}, Security: bearer(), Parameters: []*huma.Param{organizationParam()}}
	}
	create := op(http.MethodPost, "", "create-"+r.noun, "Create")
	create.DefaultStatus = http.StatusCreated
	create.Parameters = append(create.Parameters, idempotencyParam())
	create.RequestBody = &huma.RequestBody{}
	handle(a, create, func(ctx context.Context, in *createInput) (*object[T], error) {
		return r.create(ctx, a, edit, in.RawBody)
	})
	takes(create.RequestBody, true, r.schema+"Input", "application/json")

	list := op(http.MethodGet, "", "list-"+r.path, "List")
	list.Parameters = append(list.Parameters, pageParams()...)
	for _, f := range r.filters {
		list.Parameters = append(list.Parameters, queryParam(f, huma.TypeString, "Only those whose "+f+" is this"))
	}
	handle(a, list, func(ctx context.Context, _ *nothing) (*listed[T], error) { return r.list(ctx, a) })

	handle(a, op(http.MethodGet, "/{id}", "get-"+r.noun, "Read"),
		func(ctx context.Context, in *one) (*object[T], error) { return r.read(ctx, a, in.ID) })

	update := op(http.MethodPatch, "/{id}", "update-"+r.noun, "Change the given fields (JSON merge patch, RFC 7396)")
	update.RequestBody = &huma.RequestBody{}
	handle(a, update, func(ctx context.Context, in *updateInput) (*object[T], error) { return r.update(ctx, a, edit, in) })
	takes(update.RequestBody, true, r.schema+"Patch", rest.MergePatchType, "application/json")

	remove := op(http.MethodDelete, "/{id}", "delete-"+r.noun, "Delete")
	remove.DefaultStatus = http.StatusNoContent
	handle(a, remove, func(ctx context.Context, in *one) (*nothing, error) { return &nothing{}, r.remove(ctx, a, in) })
	return nil
}

// scope is the organization whose objects a request means; "" is all, in wide collections.
func (r resource[T]) scope(ctx context.Context, a *API) (string, error) {
	if c := callerOf(ctx); r.wide && c.key.Organization == "" && c.query.Get("organization") == "" {
		return "", nil
	}
	return a.organization(ctx)
}

func (r resource[T]) reply(v T) *object[T] {
	return &object[T]{ETag: rest.ETag(r.meta(&v).Version), Body: v}
}

func (r resource[T]) create(ctx context.Context, a *API, edit *editor[T], body []byte) (*object[T], error) {
	var org string
	if !r.apart {
		var err error
		if org, err = r.scope(ctx, a); err != nil {
			return nil, err
		}
	}
	v, err := edit.create(body)
	if err != nil {
		return nil, err
	}
	if r.check != nil {
		if err := r.check(ctx, nil, &v); err != nil {
			return nil, err
		}
	}
	asked := v
	if err := r.table.Create(ctx, org, &v); err != nil {
		return nil, err
	}
	if r.wrote != nil {
		if err := r.wrote(ctx, org, nil, asked, &v); err != nil {
			if undo := r.table.Delete(ctx, org, r.meta(&v).ID); undo != nil {
				a.log.ErrorContext(ctx, "half-made object stays", "id", r.meta(&v).ID, "error", undo)
			}
			return nil, err
		}
	}
	out := r.reply(v)
	out.Location = "/api/v1/" + r.path + "/" + r.meta(&v).ID
	return out, nil
}

func (r resource[T]) list(ctx context.Context, a *API) (*listed[T], error) {
	org, err := r.scope(ctx, a)
	if err != nil {
		return nil, err
	}
	query := callerOf(ctx).query
	q := store.Query{Cursor: query.Get("cursor"), Filter: map[string]string{}}
	if q.Limit, err = limitOf(query.Get("limit")); err != nil {
		return nil, err
	}
	for _, f := range r.filters {
		if query.Has(f) {
			q.Filter[f] = query.Get(f)
		}
	}
	items, next, err := r.table.List(ctx, org, q)
	if err != nil {
		return nil, err
	}
	return &listed[T]{Body: rest.Page[T]{Items: append([]T{}, items...), Next: next}}, nil
}

func limitOf(text string) (int, error) {
	if text == "" {
		return rest.DefaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > rest.MaxPage {
		return 0, invalid(rest.FieldWord{Field: "limit", Words: fmt.Sprintf("%q is not a number from 1 to %d", text, rest.MaxPage)})
	}
	return n, nil
}

func (r resource[T]) read(ctx context.Context, a *API, id string) (*object[T], error) {
	org, err := r.scope(ctx, a)
	if err != nil {
		return nil, err
	}
	v, err := r.table.Get(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return r.reply(v), nil
}

func (r resource[T]) update(ctx context.Context, a *API, edit *editor[T], in *updateInput) (*object[T], error) {
	org, old, err := r.stored(ctx, a, in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := edit.update(old, in.RawBody)
	if err != nil {
		return nil, err
	}
	if r.check != nil {
		if err := r.check(ctx, &old, &v); err != nil {
			return nil, err
		}
	}
	asked := v
	if err := r.table.Update(ctx, org, &v); err != nil {
		return nil, err
	}
	if r.wrote != nil {
		if err := r.wrote(ctx, org, &old, asked, &v); err != nil {
			return nil, err
		}
	}
	return r.reply(v), nil
}

func (r resource[T]) remove(ctx context.Context, a *API, in *one) error {
	org, old, err := r.stored(ctx, a, in.ID, in.IfMatch)
	if err != nil {
		return err
	}
	if r.removing != nil {
		if err := r.removing(ctx, org, old); err != nil {
			return err
		}
	}
	return r.table.Delete(ctx, org, in.ID)
}

// stored reads the object of a request and holds it against If-Match.
func (r resource[T]) stored(ctx context.Context, a *API, id, match string) (org string, v T, err error) {
	if org, err = r.scope(ctx, a); err != nil {
		return "", v, err
	}
	if v, err = r.table.Get(ctx, org, id); err != nil {
		return "", v, err
	}
	have := rest.ETag(r.meta(&v).Version)
	if match != "" && match != "*" && match != have {
		// RFC 9110, 13.1.1
		return "", v, newProblem(http.StatusPreconditionFailed, errs.Conflict, fmt.Sprintf(
			"%s %s was changed meanwhile: its ETag is %s, not %s; read it again", r.noun, id, have, match))
	}
	return org, v, nil
}
