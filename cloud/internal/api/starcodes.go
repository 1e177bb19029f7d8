package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/rest"
	"strowger/pkg/starcode"
)

// starCodes registers the table of what phones can dial to have something done. It is the same for all.
func (a *API) starCodes() error {
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/star-codes", OperationID: "list-star-codes",
		Summary: "List the codes that desk phones dial to have something done", Tags: []string{"star-codes"}, Security: bearer()}
	handle(a, op, func(context.Context, *nothing) (*result[rest.StarCodes], error) {
		return &result[rest.StarCodes]{Body: rest.StarCodes{Items: starcode.Table()}}, nil
	})
	return nil
}
