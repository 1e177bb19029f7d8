package cloud

import (
	"context"
	"sync"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
)

// bind notes which devices have a channel at a bridge, and ends those that they had at others.
func (c *instance) bind(ctx context.Context, s fabric.Subject, q fabric.Bind) (fabric.BindReply, error) {
	if len(q.Come) > fabric.MaxBound || len(q.Gone) > fabric.MaxBound {
		return fabric.BindReply{}, errs.New(errs.Invalid, "%d devices that came and %d that went, at most %d of each are taken", len(q.Come), len(q.Gone), fabric.MaxBound)
	}
	if err := ident.Check(ident.Boot, q.Boot); err != nil {
		return fabric.BindReply{}, errs.New(errs.Invalid, "boot: %w", err)
	}
	at, come := fabric.Channel{Bridge: s.ID, Boot: q.Boot}, make([]store.Coming, len(q.Come))
	for i, b := range q.Come {
		come[i] = coming(s.ID, q.Capability, b, time.Now())
	}
	refused, replaced, err := c.store.Bind(ctx, s.Org, at, come, q.Gone)
	if err != nil {
		return fabric.BindReply{}, err
	}
	for _, old := range replaced {
		c.bye(s.Org, old, errs.New(errs.Conflict, "this device has opened a channel at another bridge"))
	}
	return fabric.BindReply{Refused: refused}, nil
}

// coming finds out what the device itself says of its channel at a bridge, whatever the bridge does.
func coming(bridge string, capability int, b fabric.Bound, now time.Time) store.Coming {
	if capability < fabric.CapProven {
		return store.Coming{Bound: b, Hearsay: true}
	}
	var p proof.Channel
	thumbprint, err := proof.Open(b.Proof, proof.TypeChannel, &p)
	switch {
	case err != nil:
	case p.Bridge != bridge:
		err = errs.New(errs.WrongAudience, "the proof is for bridge %.40q, this is %s", p.Bridge, bridge)
	case p.Device != b.Device || p.Order <= 0:
		err = errs.New(errs.Invalid, "the proof is of device %.40q, order %d, and not of %.40q", p.Device, p.Order, b.Device)
	}
	if err != nil {
		return store.Coming{Bound: b, Refused: errs.From(err)}
	}
	c := store.Coming{Bound: fabric.Bound{Device: p.Device, Thumbprint: thumbprint, Order: p.Order}}
	if err := proof.Fresh(p.IssuedAt, now); err != nil {
		c.Stale = errs.From(err)
	}
	return c
}

// byeTime is how long a bridge may take to hear that a channel is to end.
const byeTime = 10 * time.Second

// bye has a bridge end a channel. One that does not hear of it asks when it is connected again.
func (c *instance) bye(org string, old store.Replaced, why *errs.Error) {
	ctx, cancel := context.WithTimeout(c.ctx, byeTime)
	defer cancel()
	q := fabric.Bye{Device: old.Device, Order: old.Order, Why: why}
	if err := fabric.Publish(ctx, c.exchange.Client(), fabric.SubjectBye(org, old.Bridge), q); err != nil {
		c.log.Warn("a bridge was not told to end a channel", "bridge", old.Bridge, "device", old.Device, "error", err)
	}
}

// edited is the organizations in whose registry something changed, for endChannels.
type edited struct {
	mu   sync.Mutex
	orgs map[string]struct{}
	due  chan struct{} // capacity 1
}

func newEdited() *edited { return &edited{orgs: map[string]struct{}{}, due: make(chan struct{}, 1)} }

func (e *edited) note(w store.Change) {
	if len(w.Devices) == 0 && len(w.Users) == 0 && !w.Base && !w.All {
		return
	}
	e.mu.Lock()
	e.orgs[w.Org] = struct{}{}
	e.mu.Unlock()
	select {
	case e.due <- struct{}{}:
	default: // endChannels will look
	}
}

func (e *edited) take() map[string]struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	orgs := e.orgs
	e.orgs = map[string]struct{}{}
	return orgs
}

// endPause leaves most of the time to others while somebody fills a registry.
const endPause = 20 * time.Millisecond

// endChannels ends the channels of devices that may have none any more, whenever the registry changes, until ctx ends.
func (c *instance) endChannels(ctx context.Context) error {
	for _, org := range c.directory.Organizations() {
		c.edited.note(store.Change{Org: org, All: true}) // what an earlier run was killed over
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.edited.due:
		}
		for org := range c.edited.take() {
			all, why, err := c.store.Unwelcome(ctx, org)
			if err != nil && ctx.Err() == nil {
				c.log.Error("the channels of revoked devices cannot be found", "org", org, "error", err)
			}
			for i, old := range all {
				c.bye(org, old, why[i])
			}
		}
		pause := time.NewTimer(endPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}
