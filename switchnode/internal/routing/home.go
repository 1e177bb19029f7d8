package routing

import (
	"context"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/switchnode/internal/call"
)

// Home is what there is to ring of an app to which a call comes back that it transferred: nothing without the cloud.
func (r *Router) Home(ctx context.Context, q fabric.Admit) []call.Branch {
	q.ID = ident.New(ident.Request)
	a, err := r.cfg.Directory.Admit(ctx, q)
	if err != nil || a.Plan == nil {
		r.cfg.Logger.Warn("a call does not come back to the app that transferred it", "call", q.Call, "error", err)
		return nil
	}
	branches, _ := r.branches(*a.Plan)
	return branches
}
