package mobilebridge

import (
	"context"
	"net/http"
	"path/filepath"

	"strowger/mobile-bridge/internal/channel"
	wire "strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/webcert"
)

// openChannels makes what takes the channels of apps. It ends with serveChannels.
func (b *bridge) openChannels(ctx context.Context) {
	b.binder = newBinder(b.bind)
	cfg := channel.Config{
		Bridge: b.identity.Load().Node, Bind: b.binder.Bind, Rebind: b.binder.Rebind, Unbind: b.binder.Unbind,
		Requests: b.requests(), Now: b.now, Logger: b.log,
	}
	if b.face != nil {
		cfg.Allow = b.face.Allow
	}
	b.channels = channel.New(ctx, cfg)
	if b.face != nil {
		b.face.Handle("GET "+wire.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.channels.TakeSocket(w, r, b.face.Source(r)) }))
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

// openWeb finds the certificates that apps know the port of switches by, over which they have channels by WebTransport: none
// without both that port and the one of apps.
func (b *bridge) openWeb() (err error) {
	if b.face == nil || b.Link == "" {
		return nil
	}
	b.links.web, err = webcert.Open(webcert.Config{
		Path: filepath.Join(b.Data, "web.pem"), Node: b.identity.Load().Node, Host: b.host, Now: b.now, Changed: b.leaseSoon, Logger: b.log,
	})
	return err
}

// webHashes is how apps know that port, nothing if they may not come to it.
func (b *bridge) webHashes() []string {
	if b.links.web == nil {
		return nil
	}
	return b.links.web.Hashes()
}

// serveChannels serves the channels of apps until ctx ends, and ends them.
func (b *bridge) serveChannels(ctx context.Context) error {
	defer b.channels.Close()
	id := b.identity.Load()
	stop, err := fabric.Handle(ctx, b.fabric, fabric.SubjectDown(id.Org, id.Node), "", downWorkers,
		func(ctx context.Context, _ fabric.Subject, q fabric.Down) (fabric.Reply, error) {
			return fabric.Reply{}, b.toDevice(ctx, q)
		})
	if err != nil {
		return err
	}
	defer stop()
	stopByes, err := fabric.Handle(ctx, b.fabric, fabric.SubjectBye(id.Org, id.Node), "", downWorkers, b.bye)
	if err != nil {
		return err
	}
	defer stopByes()
	return b.channels.Run(ctx)
}

// downWorkers wait for devices side by side.
const downWorkers = 256

// tell sends something over the channel of a device at this bridge or another, and returns when the device has taken it.
func (b *bridge) tell(ctx context.Context, bridge string, d fabric.Down) error {
	c := b.fabric
	if bridge == c.Node() {
		return b.toDevice(ctx, d)
	}
	_, err := fabric.Request[fabric.Down, fabric.Reply](ctx, c, fabric.SubjectDown(c.Org(), bridge), d)
	return err
}

// bye ends the channel of a device for the cloud.
func (b *bridge) bye(_ context.Context, _ fabric.Subject, q fabric.Bye) (fabric.Reply, error) {
	if q.Why == nil {
		return fabric.Reply{}, errs.New(errs.Invalid, "the end of a channel without a reason")
	}
	b.channels.Drop(q.Device, q.Order, q.Why)
	return fabric.Reply{}, nil
}

// toDevice hands a device what an anchor may tell it.
func (b *bridge) toDevice(ctx context.Context, q fabric.Down) error {
	c, err := b.wakes.Open(ctx, q)
	if err != nil {
		return err
	}
	if q.Why == nil {
		return b.channels.Send(ctx, c.Device, wire.TypeWake, wire.Wake{Sealed: q.Sealed, Until: q.Until})
	}
	return b.channels.Send(ctx, c.Device, wire.TypeCancel, wire.Cancel{Call: c.Call, Leg: c.Leg, Code: q.Why.Code, Words: q.Why.Words, Sealed: q.Sealed})
}

// requests are what devices ask for over their channels.
func (b *bridge) requests() map[string]channel.Request {
	return map[string]channel.Request{
		wire.TypeAdmit:  {Answer: wire.TypeAdmitted, Do: b.admit},
		wire.TypeReport: {Do: func(ctx context.Context, _ string, frame []byte) (any, error) { return nil, b.report(ctx, frame) }},
	}
}

// report passes on what a device says to the anchor of its call.
func (b *bridge) report(ctx context.Context, frame []byte) error {
	q, err := wire.Body[wire.Report](frame)
	if err != nil {
		return err
	}
	if err := ident.Check(ident.Switch, q.Node); err != nil { // it becomes part of a subject
		return errs.New(errs.Invalid, "node of a report: %w", err)
	}
	err = fabric.Publish(ctx, b.fabric, fabric.SubjectDev(b.fabric.Org(), q.Node), fabric.Dev{Report: q.Report})
	if err != nil {
		b.log.Info("a report of a device was not passed on", "node", q.Node, "error", err)
	}
	return err
}
