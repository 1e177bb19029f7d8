// Package records takes the call ledger from the nodes and makes call records of it.
//
// One goroutine writes. What was delivered while it wrote, by whatever nodes, and which nodes may report new calls, it
// writes next, in one transaction with the records of the calls: a commit costs more than what is in it.
package records

import (
	"context"
	"log/slog"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// Config is what Records works with.
type Config struct {
	Store    *store.Store
	Snapshot func(org string) (*directory.Snapshot, error)
	// Parties is calls that were admitted, for whoever may report them. Nil is none.
	Parties <-chan store.Parties
	// Settled, if set, is told of each call that was answered or is over, at least once.
	Settled func(org, call string)
	// Alert, if set, is told of each alert once it is stored.
	Alert  func(rest.Alert)
	Now    func() time.Time
	Logger *slog.Logger
}

// Records is the call records of all organizations. Its methods may be called from any goroutine.
type Records struct {
	cfg        Config
	deliveries chan *delivery
}

// New returns the records that a store holds. It starts nothing.
func New(cfg Config) *Records {
	return &Records{cfg: cfg, deliveries: make(chan *delivery)}
}

// Get returns the record of a call with its legs and its ladder, or errs.NotFound. Of a call whose events are no longer kept
// it is the record as it was stored, with what is left of the ladder.
func (r *Records) Get(ctx context.Context, org, id string) (rest.Call, error) {
	stored, err := r.cfg.Store.Call(ctx, org, id)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return rest.Call{}, err
	}
	all, readErr := r.cfg.Store.Events(ctx, org, []string{id})
	events := all[id]
	switch {
	case readErr != nil:
		return rest.Call{}, readErr
	case len(events) < stored.Events:
		stored.Ladder = ledger.Order(events)
		return stored.Call, nil
	case len(events) == 0:
		return rest.Call{}, errs.New(errs.NotFound, "there is no call %q", id)
	}
	c := Record(events)
	c.Organization, c.Ladder = org, ledger.Order(events)
	return c, nil
}

// List returns call records, the latest first, without legs and ladder, and the cursor of the next page.
func (r *Records) List(ctx context.Context, org string, q store.CallQuery) (calls []rest.Call, next string, err error) {
	return r.cfg.Store.Calls(ctx, org, q)
}
