package mobilebridge

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"strowger/mobile-bridge/internal/channel"
	"strowger/mobile-bridge/internal/face"
	"strowger/mobile-bridge/internal/push"
	"strowger/mobile-bridge/internal/push/apns"
	"strowger/mobile-bridge/internal/push/fcm"
	"strowger/mobile-bridge/internal/push/webpush"
	"strowger/mobile-bridge/internal/wake"
	"strowger/pkg/datafolder"
	"strowger/pkg/fabric"
	"strowger/pkg/health"
	"strowger/pkg/ident"
	"strowger/pkg/identity"
	"strowger/pkg/life"
	"strowger/pkg/trust"
)

// bridge is one running bridge.
type bridge struct {
	settings
	log      *slog.Logger
	boot     string
	identity *identity.Holder
	fabric   *fabric.Client
	senders  map[fabric.Provider]push.Sender
	opened   []sender // those of senders, to be closed
	pusher   *push.Pusher
	wakes    *wake.Wakes
	keys     *keys
	links    links
	face     *face.Face  // nil: no app comes here
	at       fabric.Face // where apps reach it
	channels *channel.Channels
	binder   *binder
	tally    tally
	health   *health.Server
	leases   chan struct{} // capacity 1: a lease is due now
	started  Started
	stopping atomic.Bool
}

// drainTime is how long pushes that are under way may take when the bridge is told to stop.
const drainTime = 5 * time.Second

// Run serves until ctx ends or something that it cannot do without fails. It is done with everything when it returns.
func Run(ctx context.Context, cfg Config) (err error) {
	s, err := cfg.validate()
	if err != nil {
		return err
	}
	b := &bridge{settings: s, log: cfg.Logger, boot: ident.New(ident.Boot), leases: make(chan struct{}, 1), links: links{asked: make(chan struct{}, 1)}}
	folder, err := datafolder.Open(b.Data, "bridge")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	b.identity, err = identity.Open(ctx, identity.Config{Kind: trust.Bridge, Data: b.Data, Code: b.Enroll, Cloud: b.Cloud, Logger: b.log})
	if err != nil {
		return err
	}
	b.log = b.log.With("bridge", b.identity.Load().NodeName)
	// Pushes go on while the bridge drains.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := b.openSenders(working); err != nil {
		return err
	}
	defer b.closeSenders()
	return b.serve(ctx, working)
}

// openSenders makes a sender for each provider that is configured.
func (b *bridge) openSenders(ctx context.Context) error {
	b.senders = map[fabric.Provider]push.Sender{}
	if b.APNsKey != "" {
		s, err := apns.New(apns.Config{KeyFile: b.APNsKey, KeyID: b.APNsKeyID, Team: b.APNsTeam, Server: b.APNsServer, TLS: b.apnsTLS})
		if err != nil {
			return err
		}
		b.add(fabric.APNs, s)
		b.senders[fabric.APNsAlert] = s
		b.at.Push = append(b.at.Push, fabric.PushService{Provider: fabric.APNs, Account: b.APNsTeam})
	}
	if len(b.FCM) > 0 {
		s, err := fcm.New(ctx, fcm.Config{Accounts: b.FCM, Server: b.FCMServer, Timeout: b.PushTimeout})
		if err != nil {
			return err
		}
		b.add(fabric.FCM, s)
		for _, project := range s.Projects() {
			b.at.Push = append(b.at.Push, fabric.PushService{Provider: fabric.FCM, Account: project})
		}
	}
	if b.Contact == "" {
		return nil
	}
	file := b.VAPIDKey
	if file == "" {
		file = filepath.Join(b.Data, "vapid.key")
	}
	key, err := webpush.OpenKey(file)
	if err != nil {
		return err
	}
	s := webpush.New(webpush.Config{Key: key, Contact: b.Contact, Local: b.LocalPush})
	b.add(fabric.WebPush, s)
	b.started.VAPID = key.Public()
	return nil
}

// sender is a sender that has connections.
type sender interface {
	push.Sender
	Close()
}

func (b *bridge) add(p fabric.Provider, s sender) {
	b.senders[p], b.opened = s, append(b.opened, s)
	b.started.Push = append(b.started.Push, string(p))
}

func (b *bridge) closeSenders() {
	for _, s := range b.opened {
		s.Close()
	}
}

// serve brings up the network side and runs until ctx ends. Pushes end with working.
func (b *bridge) serve(ctx, working context.Context) (err error) {
	id := b.identity.Load()
	b.keys = newKeys(id.SessionKeys)
	b.pusher = push.New(push.Config{Senders: b.senders, Timeout: b.PushTimeout, Now: b.now, Count: b.tally.pushed, Logger: b.log})
	b.wakes = wake.New(working, wake.Config{
		Org: id.Org, Bridge: id.Node, Keys: b.keyOf, Renew: b.renewKeys, Targets: b.targets, Tell: b.tell, Push: b.pusher.Send, Pruned: b.pruned,
		Now: b.now, Logger: b.log,
	})
	defer b.wakes.Close()
	if err := b.openFace(); err != nil {
		return err
	}
	closePages, err := b.openPages()
	defer closePages()
	if err != nil {
		return errors.Join(err, b.closeFace())
	}
	if err := b.openWeb(); err != nil {
		return errors.Join(err, b.closeFace())
	}
	b.openChannels(working)
	b.openSplice(working)
	if b.health, err = health.Listen(b.Metrics, b.Pprof, b.log); err != nil {
		return errors.Join(err, b.closeFace())
	}
	b.publish()
	servers := id.Fabric
	if len(b.Fabric) > 0 {
		servers = b.Fabric
	}
	b.fabric, err = fabric.Connect(fabric.Config{
		Servers: servers, TLS: b.identity.ClientTLS(), Org: id.Org, Node: id.Node, Name: id.NodeName, Logger: b.log, OnStatus: b.fabricStatus,
	})
	if err != nil {
		return errors.Join(err, b.closeFace(), b.health.Close())
	}
	defer b.fabric.Close()
	b.health.Check(b.connected)
	b.started.Node, b.started.Name, b.started.Metrics = id.Node, id.NodeName, b.health.Addr()
	return b.run(ctx)
}

// run starts the parts and ends them: other bridges get new wakes, those under way may end, then all is closed.
func (b *bridge) run(ctx context.Context) error {
	if err := b.openLinks(); err != nil {
		return errors.Join(err, b.closeFace(), b.health.Close())
	}
	if err := b.openRelay(); err != nil {
		return errors.Join(err, b.closeFace(), b.health.Close(), b.links.close(ctx))
	}
	b.publishRelay()
	leave, err := b.takeWakes(ctx)
	if err != nil {
		return errors.Join(err, b.closeFace(), b.health.Close(), b.links.close(ctx), b.links.closeRelay())
	}
	group := life.NewGroup(ctx, b.log)
	group.Go("health", b.health.Run)
	group.Go("orders", b.takeOrders)
	group.Go("lease", b.lease)
	group.Go("certificate", b.keepCertificate)
	if b.links.endpoint != nil {
		group.Go("links", b.serveLinks)
		group.Go("revocations", b.followRevocations)
	}
	if b.links.relay != nil {
		group.Go("relay", b.runRelay)
	}
	if b.links.web != nil {
		group.Go("web certificate", b.links.web.Run)
	}
	if b.face != nil {
		group.Go("apps", b.face.Run)
		group.Go("channels", b.serveChannels)
		group.Go("bindings", b.binder.run)
	}
	b.log.Info("bridge starts", "push", b.started.Push)
	return group.Run(ctx, life.Shutdown{
		NotReady: func() {
			b.stopping.Store(true)
			b.health.NotReady()
			if b.links.splice != nil {
				b.links.splice.Refuse()
			}
		},
		Drain: func(ctx context.Context) {
			if b.fabric.Status().Connected {
				b.sayBye(ctx)
			}
			leave(ctx)
		},
		Deadline: drainTime,
		Close: func() {
			b.wakes.Close()
			if b.links.splice != nil {
				b.links.splice.Close()
			}
		},
	})
}

// serving tells that the bridge takes wakes.
func (b *bridge) serving() {
	b.health.Ready()
	b.log.Info("bridge takes wakes")
	if b.Started != nil {
		b.Started(b.started)
	}
}

// now is the cloud's time as far as it is known.
func (b *bridge) now() time.Time {
	if b.fabric == nil {
		return time.Now()
	}
	return b.fabric.Now()
}
