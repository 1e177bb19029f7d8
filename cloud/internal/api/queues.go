package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// Queues is who waits at the switches.
type Queues interface {
	// Waiting lists it.
	Waiting(ctx context.Context, org string) (rest.Queues, error)
	// Reorder puts a call at a position, 0 to take it out, and says whether it was found.
	Reorder(ctx context.Context, org, call string, position int) (bool, error)
}

// queuedCalls registers what there is to do with calls that wait.
func (a *API) queuedCalls() error {
	moves, err := newEditor(a.huma.OpenAPI().Components.Schemas, "Move", rest.Move{})
	if err != nil {
		return err
	}
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/queued-calls", OperationID: "list-queued-calls",
		Summary: "List the calls that wait for users who are on the phone", Tags: []string{"queued-calls"}, Security: bearer(),
		Parameters: []*huma.Param{organizationParam()}}
	handle(a, op, func(ctx context.Context, _ *nothing) (*result[rest.Queues], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		q, err := a.queues.Waiting(ctx, org)
		return &result[rest.Queues]{Body: q}, err
	})

	op = action("queued-calls", "move", "Put a waiting call at a position, behind those of higher rank")
	op.RequestBody = &huma.RequestBody{}
	handle(a, op, func(ctx context.Context, in *actionInput) (*result[rest.Queues], error) {
		q, err := moves.create(in.RawBody)
		if err != nil {
			return nil, err
		}
		return a.reorder(ctx, in.ID, q.Position)
	})
	takes(op.RequestBody, true, "MoveInput", "application/json")

	op = huma.Operation{Method: http.MethodDelete, Path: "/api/v1/queued-calls/{id}", OperationID: "remove-queued-call",
		Summary: "Take a waiting call out: it goes to the callee's fall-back for those that waited too long, or ends", Tags: []string{"queued-calls"},
		Security: bearer(), Parameters: []*huma.Param{organizationParam()}, DefaultStatus: http.StatusOK}
	handle(a, op, func(ctx context.Context, in *onlyID) (*result[rest.Queues], error) { return a.reorder(ctx, in.ID, 0) })
	return nil
}

// reorder changes the place of a call, and answers with who waits then.
func (a *API) reorder(ctx context.Context, call string, position int) (*result[rest.Queues], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.queues.Reorder(ctx, org, call, position)
	if err == nil && !found {
		err = errs.New(errs.NotFound, "no call %s waits: it was answered, or gave up, or its switch is away", call)
	}
	if err != nil {
		return nil, err
	}
	q, err := a.queues.Waiting(ctx, org)
	return &result[rest.Queues]{Body: q}, err
}
