package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Guarding is whom the switches shut out.
type Guarding interface {
	// Shut lists them, and what was refused of late.
	Shut(ctx context.Context, org string) (rest.Shut, error)
	// Unblock lets an address in again, and says whether it was shut out.
	Unblock(ctx context.Context, org string, source netip.Addr) (bool, error)
}

// shutSources registers what there is to do with addresses that are shut out.
func (a *API) shutSources() error {
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/shut-sources", OperationID: "list-shut-sources",
		Summary: "List the addresses that switches have shut out for scanning, and what was refused of late", Tags: []string{"shut-sources"}, Security: bearer(),
		Parameters: []*huma.Param{organizationParam()}}
	handle(a, op, func(ctx context.Context, _ *nothing) (*result[rest.Shut], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		s, err := a.guarding.Shut(ctx, org)
		return &result[rest.Shut]{Body: s}, err
	})

	op = huma.Operation{Method: http.MethodDelete, Path: "/api/v1/shut-sources/{id}", OperationID: "remove-shut-source",
		Summary: "Let an IP address in again", Tags: []string{"shut-sources"}, Security: bearer(), Parameters: []*huma.Param{organizationParam()},
		DefaultStatus: http.StatusOK}
	handle(a, op, func(ctx context.Context, in *onlyID) (*result[rest.Shut], error) { return a.unblock(ctx, in.ID) })
	return nil
}

// unblock lets an address in again, and answers with who is shut out then.
func (a *API) unblock(ctx context.Context, source string) (*result[rest.Shut], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddr(source)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%q is no IP address", source)
	}
	found, err := a.guarding.Unblock(ctx, org, at)
	if err == nil && !found {
		err = errs.New(errs.NotFound, "no switch that answers has shut out %s", at)
	}
	if err != nil {
		return nil, err
	}
	s, err := a.guarding.Shut(ctx, org)
	return &result[rest.Shut]{Body: s}, err
}
