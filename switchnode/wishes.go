package switchnode

import (
	"context"

	"strowger/pkg/fabric"
	"strowger/pkg/wish"
)

// wish changes what the user of a phone of this switch wishes, or with an empty change asks for it. call is the one by which it was
// dialled. Without the cloud it is errs.CloudAway: nothing is changed, and the site copy says what was wished last.
func (n *node) wish(ctx context.Context, device, call string, set wish.Change) (wish.State, error) {
	f := n.fabric
	r, err := fabric.Request[fabric.Wish, fabric.Wished](ctx, f, fabric.SubjectWish(f.Org(), f.Node()), fabric.Wish{Device: device, Call: call, Set: set})
	return r.State, err
}
