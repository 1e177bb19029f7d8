// Package wake is the wakes that anchors ask a bridge for: may this anchor wake this device, where do its pushes go, and what
// became of them.
//
// A wake goes on until each push service has answered or the ring is over, whoever still waits for it. Who asks for the same
// wake meanwhile joins it: a device gets no second push because an answer was lost.
package wake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

// Limits.
const (
	maxWakes   = 4096 // under way
	maxTargets = 8    // of a device: more are not pushed to
)

// answerMargin is how long before its deadline an asker is told what is known by then, for the way back.
const answerMargin = 250 * time.Millisecond

// targetsTime is how long the cloud may take to say where pushes go. An anchor asks again after it.
const targetsTime = 5 * time.Second

// pruneTime is how long the cloud may take to hear of a dead token.
const pruneTime = 5 * time.Second

// Config is what a bridge does for wakes.
type Config struct {
	Org    string
	Bridge string          // id
	Keys   sessionkey.Keys // of the organization
	// Renew gets newer keys; nil error if they were asked for just now.
	Renew   func(context.Context) error
	Targets func(context.Context, fabric.Targets) ([]fabric.Target, error)
	Push    func(context.Context, push.Push, func(fabric.PushResult)) fabric.PushResult
	Pruned  func(context.Context, fabric.Pruned) error
	Now     func() time.Time // the cloud's time
	Logger  *slog.Logger
}

// Wakes is the wakes under way. It is safe for concurrent use.
type Wakes struct {
	cfg  Config
	ctx  context.Context // of all wakes
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	under  map[key]*wake
	counts map[string]uint64 // by code of the answer
}

// key is what makes two wakes the same.
type key struct {
	ticket [sha256.Size]byte
	epoch  int
}

// wake is one wake under way.
type wake struct {
	done chan struct{} // closed when all is known

	mu      sync.Mutex
	results []fabric.PushResult // of each target, as far as known
	err     error               // why there are none; read after done
}

// New returns wakes that end with ctx at the latest.
func New(ctx context.Context, cfg Config) *Wakes {
	w := &Wakes{cfg: cfg, under: map[key]*wake{}, counts: map[string]uint64{}}
	w.ctx, w.stop = context.WithCancel(ctx)
	return w
}

// Close ends the wakes under way and waits for them. Nothing is asked for any more.
func (w *Wakes) Close() {
	w.mu.Lock() // no wake begins any more
	w.stop()
	w.mu.Unlock()
	w.work.Wait()
}

// Wait waits until none is under way, when no more come in.
func (w *Wakes) Wait() { w.work.Wait() }

// Counts is how many wakes were asked for, by code of the answer.
func (w *Wakes) Counts() map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.counts)
}

// Len is how many wakes are under way.
func (w *Wakes) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.under)
}

// Handle answers an anchor, shortly before its deadline at the latest.
func (w *Wakes) Handle(ctx context.Context, s fabric.Subject, q fabric.Wake) (fabric.WakeReply, error) {
	r, err := w.handle(ctx, s, q)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[string(errs.CodeOf(err))]++
	return r, err
}

func (w *Wakes) handle(ctx context.Context, s fabric.Subject, q fabric.Wake) (fabric.WakeReply, error) {
	c, err := w.check(ctx, s.ID, q)
	if err != nil {
		return fabric.WakeReply{}, err
	}
	one, err := w.join(s.ID, c, q)
	if err != nil {
		return fabric.WakeReply{}, err
	}
	known, cancel := beforeDeadline(ctx)
	defer cancel()
	select {
	case <-one.done:
		if one.err != nil {
			return fabric.WakeReply{}, one.err
		}
	case <-known.Done():
	}
	return fabric.WakeReply{Bridge: w.cfg.Bridge, Pushes: one.snapshot()}, nil
}

// beforeDeadline leaves time for the answer.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(answerMargin, time.Until(end)/4)))
}

// check says whether an anchor may have a device woken. A ticket by a key that is not known here may be by one that is newer
// than what is known.
func (w *Wakes) check(ctx context.Context, anchor string, q fabric.Wake) (waketicket.Claims, error) {
	if len(q.Sealed) == 0 || len(q.Sealed) > pushseal.MaxSealed {
		return waketicket.Claims{}, errs.New(errs.Invalid, "the sealed wake has %d bytes, want 1 to %d", len(q.Sealed), pushseal.MaxSealed)
	}
	open := func() (waketicket.Claims, error) {
		return waketicket.Open(q.Ticket, w.cfg.Keys, w.cfg.Org, anchor, w.cfg.Now())
	}
	c, err := open()
	if errs.CodeOf(err) != errs.UnknownKey {
		return c, err
	}
	if renewed := w.cfg.Renew(ctx); renewed != nil {
		w.cfg.Logger.Warn("cannot ask for newer keys of wake tickets", "error", renewed)
		return c, err
	}
	return open()
}

// join returns the wake that is asked for, begun if it is not under way.
func (w *Wakes) join(anchor string, c waketicket.Claims, q fabric.Wake) (*wake, error) {
	if !q.Until.After(w.cfg.Now()) {
		return nil, errs.New(errs.Gone, "the ring ended at %v", q.Until)
	}
	k := key{sha256.Sum256([]byte(q.Ticket)), q.Epoch}
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.under[k]; one != nil {
		return one, nil
	}
	if w.ctx.Err() != nil {
		return nil, errs.New(errs.NodeStopped, "this bridge stops")
	}
	if len(w.under) >= maxWakes {
		return nil, errs.New(errs.Congested, "%d wakes are under way", maxWakes)
	}
	one := &wake{done: make(chan struct{})}
	w.under[k] = one
	w.work.Go(func() {
		one.err = w.run(one, anchor, c, q)
		w.mu.Lock()
		delete(w.under, k)
		w.mu.Unlock()
		close(one.done)
	})
	return one, nil
}

// run pushes to all targets of a device at once.
func (w *Wakes) run(one *wake, anchor string, c waketicket.Claims, q fabric.Wake) error {
	log := w.cfg.Logger.With("call", c.Call, "leg", c.Leg, "device", c.Device)
	ctx, cancel := context.WithTimeout(w.ctx, targetsTime)
	defer cancel()
	targets, err := w.cfg.Targets(ctx, fabric.Targets{Anchor: anchor, Ticket: q.Ticket})
	if err == nil && len(targets) == 0 {
		err = errs.New(errs.Offline, "the device has no push token")
	}
	if err != nil {
		log.Warn("a device cannot be woken", "error", err)
		return err
	}
	if len(targets) > maxTargets {
		log.Warn("a device has more push tokens than are used", "tokens", len(targets), "used", maxTargets)
		targets = targets[:maxTargets]
	}
	payload := base64.StdEncoding.EncodeToString(q.Sealed)
	one.begin(targets)
	var pushes sync.WaitGroup
	for i, t := range targets {
		pushes.Go(func() {
			r := w.cfg.Push(w.ctx, push.Push{Target: t, Payload: payload, Call: c.Call, Until: q.Until},
				func(r fabric.PushResult) { one.set(i, r) })
			one.set(i, r)
			log.Info("push", "target", t, "accepted", r.Accepted, "reason", r.Reason, "tries", r.Tries)
			if r.Dead {
				w.work.Go(func() { w.prune(c.Device, t, r.Reason) })
			}
		})
	}
	pushes.Wait()
	return nil
}

// prune tells the cloud of a dead token. One that is not heard of is found dead again at the next call.
func (w *Wakes) prune(device string, t fabric.Target, reason string) {
	ctx, cancel := context.WithTimeout(w.ctx, pruneTime)
	defer cancel()
	if err := w.cfg.Pruned(ctx, fabric.Pruned{Device: device, Target: t, Reason: reason}); err != nil {
		w.cfg.Logger.Warn("the cloud was not told of a dead push token", "device", device, "target", t, "error", err)
	}
}

// begin notes the targets: each is unanswered.
func (o *wake) begin(targets []fabric.Target) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range targets {
		o.results = append(o.results, fabric.PushResult{Provider: t.Provider, Reason: push.Stalled})
	}
}

func (o *wake) set(i int, r fabric.PushResult) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.results[i] = r
}

func (o *wake) snapshot() []fabric.PushResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.results)
}
