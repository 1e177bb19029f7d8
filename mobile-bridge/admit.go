package mobilebridge

import (
	"context"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// admit carries the question of an app for a call to the cloud. It is the device's own signature that counts there.
func (b *bridge) admit(ctx context.Context, _ string, frame []byte) (any, error) {
	q, err := channel.Body[channel.Admit](frame)
	if err != nil {
		return nil, err
	}
	c := b.fabric
	r, err := fabric.Request[fabric.AppAdmit, fabric.Admitted](ctx, c, fabric.SubjectAppAdmit(c.Org(), c.Node()), fabric.AppAdmit{Admit: q.Admit})
	switch {
	case errs.CodeOf(err) == errs.CloudAway:
		return nil, errs.New(errs.CloudAway, "no call can be placed now: the directory is away; try again soon, and call emergency numbers by the phone itself")
	case err != nil:
		return nil, err
	}
	return channel.Admitted{From: r.From, To: r.To, Designation: r.Designation, Crossing: r.Crossing}, nil
}
