package cloud

import (
	"context"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// wishWorkers take changes of wishes, which are rare.
const wishWorkers = 4

// wish changes what the user of a phone wishes, for the switch where the phone lives.
func (c *instance) wish(ctx context.Context, s fabric.Subject, q fabric.Wish) (fabric.Wished, error) {
	snapshot, err := c.directory.Snapshot(s.Org)
	if err != nil {
		return fabric.Wished{}, err
	}
	user, err := snapshot.UserAt(s.ID, q.Device)
	if err != nil { // what another instance has just changed may not be here yet
		if user, err = c.directory.Later(ctx, s.Org, snapshot).UserAt(s.ID, q.Device); err != nil {
			return fabric.Wished{}, err
		}
	}
	state, err := c.api.Wish(ctx, s.Org, user, q.Set)
	if !q.Set.Empty() {
		c.log.Info("a phone changes what its user wishes", "user", user, "device", q.Device, "switch", s.ID, "call", q.Call, "refused", errs.CodeOf(err))
	}
	return fabric.Wished{State: state}, err
}
