package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/rest"
)

// lines registers the routes of calls to phone numbers, and what they mean for a call.
func (a *API) lines() error {
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/users/{id}/route", OperationID: "explain-route",
		Summary: "What would become of a call of the user, and why", Tags: []string{"routes"}, Security: bearer(),
		Parameters: []*huma.Param{organizationParam(), queryParam("number", huma.TypeString, "As the user dials it")}}
	handle(a, op, func(ctx context.Context, in *onlyID) (*result[rest.RouteAnswer], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		v, err := a.explain(org, in.ID, callerOf(ctx).query.Get("number"))
		return &result[rest.RouteAnswer]{Body: v}, err
	})
	return register(a, resource[rest.Route]{
		path: "routes", noun: "route", schema: "Route",
		table: a.store.Routes, meta: func(v *rest.Route) *rest.Meta { return &v.Meta },
		filters: []string{"prefix"},
	})
}
