package stack

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	mobilebridge "strowger/mobile-bridge"
)

// bridge is a bridge that runs or ran.
type bridge struct {
	name   string
	config mobilebridge.Config
	part   *part
}

// AddBridge makes a bridge of a name what the registry has not yet, and runs it. Those of a stack share what browsers know the
// first one by.
func (s *Stack) AddBridge(name string) (started mobilebridge.Started, err error) {
	b, err := s.ownBridge(name)
	if err != nil {
		return started, err
	}
	ports := s.ports()
	if len(s.bridges) > 0 {
		ports.usual = false // the first bridge has the usual ports
	}
	cfg := mobilebridge.Config{
		Data: s.bridgeFolder(b.ID), Cloud: s.Cloud.API, Host: s.cfg.Host, NAT: s.cfg.Sites[0].Public, PushServices: s.cfg.Push, Logger: s.cfg.Logger.With("role", name),
		Public: mobilebridge.Public{TLSCert: s.cfg.TLSCert, TLSKey: s.cfg.TLSKey, Plain: s.cfg.TLSCert == ""},
	}
	if first := s.bridges[s.Bridge.Node]; first != nil {
		cfg.VAPIDKey = cmp.Or(cfg.VAPIDKey, filepath.Join(first.config.Data, "vapid.key"))
	}
	if err := s.place(&cfg, ports); err != nil {
		return started, err
	}
	own, err := enrolledAs(cfg.Data)
	if err != nil {
		return started, err
	}
	if own == "" {
		code, err := s.Client.BridgeCode(s.ctx, b.ID)
		if err != nil {
			return started, err
		}
		cfg.Enroll = code.Code
	}
	s.bridges[b.ID] = &bridge{name: name, config: cfg}
	return s.StartBridge(b.ID)
}

// place says where a bridge listens.
func (s *Stack) place(cfg *mobilebridge.Config, ports *ports) error {
	cfg.Metrics, cfg.Link = ports.metrics("metrics of the bridge", 9466), ports.udp("switches at the bridge", 443, 8443)
	if cfg.Relaying = s.cfg.Relaying; cfg.Relay == "" && cfg.STUN == "" {
		cfg.STUN = ports.movable("apps that ask where they are seen (STUN)", 3478)
	}
	if cfg.Plain {
		cfg.Listen = ports.local("apps and browsers", 9443)
	} else {
		cfg.Listen = ports.tcp("apps and browsers", 9443)
		if s.cfg.URL != "" {
			cfg.URL = s.cfg.URL + cfg.Listen
		}
	}
	return s.keep(ports)
}

// StartBridge runs a bridge, on the same data as before, and waits until it takes wakes. One that ran already listens elsewhere: its
// ports may be somebody else's by now.
func (s *Stack) StartBridge(id string) (started mobilebridge.Started, err error) {
	b := s.bridges[id]
	if b.part != nil {
		ports := s.ports()
		ports.usual = false
		if err := s.place(&b.config, ports); err != nil {
			return started, err
		}
	}
	cfg, ready := b.config, make(chan mobilebridge.Started, 1)
	cfg.Started = func(b mobilebridge.Started) { ready <- b }
	if len(s.cfg.NATS) == 0 {
		cfg.Fabric = []string{s.Cloud.Fabric} // it may have moved since the bridge enrolled
	}
	b.part = s.runNode(b.name, func(ctx context.Context) error { return mobilebridge.Run(ctx, cfg) })
	select {
	case started = <-ready:
		return started, nil
	case <-time.After(bridgeTime):
		return started, fmt.Errorf("the cloud has not heard of the bridge in %v; what the bridge logs says why", bridgeTime)
	case <-s.ctx.Done():
		return started, context.Cause(s.ctx)
	}
}

// bridgeTime is how long the cloud may take to hear of a bridge, on a machine that has other work.
const bridgeTime = time.Minute

// StopBridge stops a bridge and waits for it.
func (s *Stack) StopBridge(id string) { s.bridges[id].part.stop() }
