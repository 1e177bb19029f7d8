package cloud

import (
	"context"
	"encoding/json"
	"fmt"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// recordRefusals writes the calls of apps that the broker refused to the ledger, as a node would, until ctx ends.
func (c *instance) recordRefusals(ctx context.Context) error {
	spool, next := ident.New(ident.Spool), uint64(1)
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-c.broker.Refusals():
			q := fabric.LedgerJSON{Spool: spool, First: next}
			for _, e := range r.Events {
				b, err := json.Marshal(e)
				if err != nil {
					return fmt.Errorf("encode an event of call %s: %w", e.Call, err)
				}
				q.Events = append(q.Events, b)
			}
			reply, err := c.records.Append(ctx, r.Parties.Org, r.Node, q)
			if err == nil {
				next = reply.StoredThrough + 1
			} else if ctx.Err() == nil {
				c.log.Warn("the refused call of an app was not recorded", "call", r.Parties.Call, "error", err)
			}
		}
	}
}
