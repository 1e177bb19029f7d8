package rest

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// MaxPage is the largest page that the API gives; DefaultPage is what it gives without ?limit=.
const (
	MaxPage     = 500
	DefaultPage = 100
)

// Page is one page of a list. Next is the cursor of the next page, empty on the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// Revoke is why a switch loses its trust.
type Revoke struct {
	Reason string `json:"reason,omitempty" maxLength:"200"`
}

// Password is a new password of a desk phone; empty lets the cloud make one.
type Password struct {
	Password string `json:"password,omitempty" maxLength:"100"`
}

// Filter is equality filters by field name: {"site": "st_..."}.
type Filter map[string]string

// Reader reads one collection of the API.
type Reader[T any] struct {
	client Client
	path   string
}

// Collection reads and edits one collection of the API.
type Collection[T any] struct{ Reader[T] }

func collection[T any](c Client, path string) Collection[T] {
	return Collection[T]{Reader[T]{client: c, path: path}}
}

func (r Reader[T]) at(id string) string { return r.path + "/" + url.PathEscape(id) }

// Get reads one object.
func (r Reader[T]) Get(ctx context.Context, id string) (T, error) {
	var v T
	err := r.client.do(ctx, request{method: http.MethodGet, path: r.at(id)}, &v)
	return v, err
}

// Page reads up to limit objects (0 is DefaultPage) from a cursor, "" for the start.
func (r Reader[T]) Page(ctx context.Context, f Filter, limit int, cursor string) (Page[T], error) {
	q := url.Values{}
	for k, v := range f {
		q.Set(k, v)
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	var p Page[T]
	err := r.client.do(ctx, request{method: http.MethodGet, path: r.path, query: q}, &p)
	return p, err
}

// All iterates over every object that the filter lets through, page by page. It ends after the first error.
func (r Reader[T]) All(ctx context.Context, f Filter) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			p, err := r.Page(ctx, f, MaxPage, cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range p.Items {
				if !yield(v, nil) {
					return
				}
			}
			if cursor = p.Next; cursor == "" {
				return
			}
		}
	}
}

// Create adds an object and returns it as stored, with what is shown only once.
func (c Collection[T]) Create(ctx context.Context, v T) (T, error) {
	var made T
	err := c.client.do(ctx, request{method: http.MethodPost, path: c.path, body: v}, &made)
	return made, err
}

// Update changes the named fields of an object, null resetting one to its default. With a version other than 0 it is
// refused when the object was changed since that version.
func (c Collection[T]) Update(ctx context.Context, id string, version int64, change map[string]any) (T, error) {
	var v T
	err := c.client.do(ctx, request{method: http.MethodPatch, path: c.at(id), body: change, version: version}, &v)
	return v, err
}

// Delete removes an object. With a version other than 0 it is refused when the object was changed since that version.
func (c Collection[T]) Delete(ctx context.Context, id string, version int64) error {
	return c.client.do(ctx, request{method: http.MethodDelete, path: c.at(id), version: version}, nil)
}
