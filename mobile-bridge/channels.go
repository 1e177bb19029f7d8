package mobilebridge

import (
	"context"

	"strowger/mobile-bridge/internal/channel"
	wire "strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// openChannels makes what takes the channels of apps. It ends with serveChannels.
func (b *bridge) openChannels(ctx context.Context) {
	b.binder = newBinder(b.bind)
	b.channels = channel.New(ctx, channel.Config{
		Bridge: b.identity.Load().Node, Bind: b.binder.Bind, Rebind: b.binder.Rebind, Unbind: b.binder.Unbind,
		Requests: map[string]channel.Request{wire.TypeAdmit: {Answer: wire.TypeAdmitted, Do: b.admit}}, Now: b.now, Logger: b.log,
	})
	if b.face != nil {
		b.channels.Take(b.face)
	}
}

// closeFace gives the address back that was never served on.
func (b *bridge) closeFace() error {
	if b.face == nil {
		return nil
	}
	return b.face.Close()
}

// bind asks the cloud which of the devices may have a channel here.
func (b *bridge) bind(ctx context.Context, q fabric.Bind) (fabric.BindReply, error) {
	c := b.fabric
	q.Boot = b.boot
	return fabric.Request[fabric.Bind, fabric.BindReply](ctx, c, fabric.SubjectBind(c.Org(), c.Node()), q)
}

// serveChannels serves the channels of apps until ctx ends, and ends them.
func (b *bridge) serveChannels(ctx context.Context) error {
	defer b.channels.Close()
	id := b.identity.Load()
	stop, err := fabric.Handle(ctx, b.fabric, fabric.SubjectDown(id.Org, id.Node), "", downWorkers, b.down)
	if err != nil {
		return err
	}
	defer stop()
	return b.channels.Run(ctx)
}

// downWorkers wait for devices side by side.
const downWorkers = 256

// down does what is for a device whose channel is here.
func (b *bridge) down(_ context.Context, _ fabric.Subject, q fabric.Down) (fabric.Reply, error) {
	if q.Bye == nil {
		return fabric.Reply{}, errs.New(errs.Upgrade, "this release knows no such thing for a device")
	}
	b.channels.Drop(q.Device, q.Bye.Order, q.Bye.Why)
	return fabric.Reply{}, nil
}
