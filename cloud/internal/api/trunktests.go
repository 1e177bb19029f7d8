package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// trunkTests registers the tests of trunks, which their switches make.
func (a *API) trunkTests() error {
	trials, err := newEditor(a.huma.OpenAPI().Components.Schemas, "TrunkTrial", rest.TrunkTrial{})
	if err != nil {
		return err
	}
	op := action("trunks", "test", "Begin a test of the trunk at its switch: its servers are looked at and, if a number is given, a call is made, which costs what calls cost")
	op.RequestBody = &huma.RequestBody{}
	handle(a, op, func(ctx context.Context, in *actionInput) (*result[rest.TrunkTest], error) {
		q, err := optional(trials, in.RawBody)
		if err != nil {
			return nil, err
		}
		return a.testTrunk(ctx, in.ID, fabric.TrunkTest{Begin: true, Number: q.Number, By: callerOf(ctx).key.Name})
	})
	takes(op.RequestBody, false, "TrunkTrialInput", "application/json")

	op = huma.Operation{Method: http.MethodGet, Path: "/api/v1/trunks/{id}/test", OperationID: "get-trunk-test",
		Summary: "Read how the last test of the trunk gets on, or ended", Tags: []string{"trunks"}, Security: bearer(), Parameters: []*huma.Param{organizationParam()}}
	handle(a, op, func(ctx context.Context, in *onlyID) (*result[rest.TrunkTest], error) {
		return a.testTrunk(ctx, in.ID, fabric.TrunkTest{})
	})
	return nil
}

func (a *API) testTrunk(ctx context.Context, id string, q fabric.TrunkTest) (*result[rest.TrunkTest], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	t, err := a.store.Trunks.Get(ctx, org, id)
	if err != nil {
		return nil, err
	}
	test, err := a.tests(ctx, org, t, q)
	return &result[rest.TrunkTest]{Body: test}, err
}
