package cloud

import (
	"context"
	"encoding/json"
	"fmt"

	"strowger/cloud/internal/broker"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// recordRefusals writes the calls of apps that the broker refused to the ledger, as a node would, until ctx ends.
func (c *instance) recordRefusals(ctx context.Context) error {
	var s refusalSpool
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-c.broker.Refusals():
			if err := s.deliver(ctx, r, c.records.Append); err != nil && ctx.Err() == nil {
				c.log.Warn("the refused call of an app was not recorded", "call", r.Parties.Call, "error", err)
			}
		}
	}
}

// refusalSpool is where refusals are between the broker and the ledger: in no file.
type refusalSpool struct {
	id   string // "" for a new one
	next uint64
}

// deliver delivers one.
func (s *refusalSpool) deliver(ctx context.Context, r broker.Refusal, to func(context.Context, string, string, fabric.LedgerJSON) (fabric.LedgerReply, error)) error {
	if s.id == "" {
		s.id, s.next = ident.New(ident.Spool), 1
	}
	q := fabric.LedgerJSON{Spool: s.id, First: s.next}
	for _, e := range r.Events {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode an event of call %s: %w", e.Call, err)
		}
		q.Events = append(q.Events, b)
	}
	reply, err := to(ctx, r.Parties.Org, r.Node, q)
	if err != nil {
		s.id = "" // it may be written all the same: the next one with its numbers would be taken for it
		return err
	}
	s.next = reply.StoredThrough + 1
	return nil
}
