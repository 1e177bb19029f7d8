// Package uplink keeps a connection to each bridge of the organization: over it come apps that cannot dial this switch, because
// their UDP is blocked or the switch is behind a NAT.
package uplink

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/link"
	"strowger/pkg/sitecopy"
)

// Times between two tries to connect to a bridge: each twice the one before.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Config is what the uplinks of a switch need.
type Config struct {
	Bridges func() map[string]sitecopy.Bridge // of the organization, by id
	Connect func(context.Context, designation.Node) (*link.Conn, error)
	Logger  *slog.Logger
}

// Uplinks is the connections of a switch to bridges.
type Uplinks struct {
	cfg  Config
	wake chan struct{} // capacity 1: other bridges

	mu sync.Mutex
	up int
}

// New returns uplinks; Run starts them.
func New(cfg Config) *Uplinks { return &Uplinks{cfg: cfg, wake: make(chan struct{}, 1)} }

// Up is how many bridges are connected to.
func (u *Uplinks) Up() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.up
}

func (u *Uplinks) count(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.up += n
}

// Changed has Run look which bridges there are.
func (u *Uplinks) Changed() {
	select {
	case u.wake <- struct{}{}:
	default: // it will
	}
}

// kept is a bridge that is being kept connected.
type kept struct {
	hash string // of the node as it was last known
	stop context.CancelFunc
}

// Run keeps the connections until ctx ends.
func (u *Uplinks) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := map[string]kept{}
	for {
		now := u.cfg.Bridges()
		for id, k := range all {
			if b, ok := now[id]; !ok || b.Hash() != k.hash {
				k.stop()
				delete(all, id)
			}
		}
		for id, b := range now {
			if _, ok := all[id]; ok {
				continue
			}
			one, stop := context.WithCancel(ctx)
			all[id] = kept{hash: b.Hash(), stop: stop}
			work.Go(func() { u.keep(one, b.Node) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.wake:
		}
	}
}

// keep connects to a bridge again and again until ctx ends.
func (u *Uplinks) keep(ctx context.Context, bridge designation.Node) {
	wait := firstRetry
	for told := false; ctx.Err() == nil; {
		c, err := u.cfg.Connect(ctx, bridge)
		if err == nil {
			wait, told = firstRetry, false
			u.hold(ctx, c)
		} else if !told && ctx.Err() == nil {
			told = true
			u.cfg.Logger.Warn("a bridge is not reached; apps that cannot dial this switch do not come by way of it; tried again", "bridge", bridge.Name, "error", err)
		}
		again := time.NewTimer(wait/2 + rand.N(wait)) // not all switches at once
		select {
		case <-ctx.Done():
			again.Stop()
		case <-again.C:
		}
		wait = min(2*wait, lastRetry)
	}
}

// hold keeps a connection up until it or ctx ends.
func (u *Uplinks) hold(ctx context.Context, c *link.Conn) {
	defer c.Hold()()
	u.count(1)
	defer u.count(-1)
	select {
	case <-c.Done():
	case <-ctx.Done():
	}
}
