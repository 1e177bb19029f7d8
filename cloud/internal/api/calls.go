package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"strowger/cloud/internal/store"
	"strowger/pkg/rest"
)

// callRecords registers the reading of call records.
func (a *API) callRecords() {
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/calls", OperationID: "list-calls", Summary: "List, the newest first",
		Tags: []string{"calls"}, Security: bearer(), Parameters: slices.Concat([]*huma.Param{organizationParam()}, pageParams(), []*huma.Param{
			queryParam("number", huma.TypeString, "Only calls from or to this number"),
			queryParam("user", huma.TypeString, "Only calls of the user with this id"),
			queryParam("state", huma.TypeString, "Only calls in this state: setup, ringing, answered or ended"),
			queryParam("since", huma.TypeString, "Only calls that started at or after this time (RFC 3339)"),
			queryParam("until", huma.TypeString, "Only calls that started before this time (RFC 3339)"),
		})}
	handle(a, op, func(ctx context.Context, _ *nothing) (*listed[rest.Call], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		q, err := callQuery(callerOf(ctx).query)
		if err != nil {
			return nil, err
		}
		calls, next, err := a.calls.List(ctx, org, q)
		return &listed[rest.Call]{Body: rest.Page[rest.Call]{Items: append([]rest.Call{}, calls...), Next: next}}, err
	})

	op = huma.Operation{Method: http.MethodGet, Path: "/api/v1/calls/{id}", OperationID: "get-call",
		Summary: "Read a record with its legs and its ladder", Tags: []string{"calls"}, Security: bearer(),
		Parameters: []*huma.Param{organizationParam()}}
	handle(a, op, func(ctx context.Context, in *onlyID) (*result[rest.Call], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		call, err := a.calls.Get(ctx, org, in.ID)
		return &result[rest.Call]{Body: call}, err
	})
}

// callQuery reads the filters of a list of calls.
func callQuery(v url.Values) (q store.CallQuery, err error) {
	q = store.CallQuery{Number: v.Get("number"), User: v.Get("user"), State: v.Get("state"), Cursor: v.Get("cursor")}
	if q.Limit, err = limitOf(v.Get("limit")); err != nil {
		return q, err
	}
	if s := q.State; s != "" && !slices.Contains([]string{"setup", "ringing", "answered", "ended"}, s) {
		return q, invalid(rest.FieldWord{Field: "state", Words: "want setup, ringing, answered or ended"})
	}
	for _, t := range []struct {
		field string
		into  *time.Time
	}{{"since", &q.Since}, {"until", &q.Until}} {
		text := v.Get(t.field)
		if text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339, text); err != nil {
			return q, invalid(rest.FieldWord{Field: t.field, Words: "want a time like 2026-11-22T08:00:00Z (RFC 3339)"})
		}
	}
	return q, nil
}
