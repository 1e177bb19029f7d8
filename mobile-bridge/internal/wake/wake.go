// Package wake is the wakes that anchors ask a bridge for: may this anchor wake this device, where do its pushes go, and what
// became of them.
//
// A device that is awake has a channel to some bridge: it gets the wake over that, and a push only if it does not acknowledge
// it in time. A call that is over is told to a device that is not at it in the same way (cancel): over the channel, else by an
// alert, which takes the place of a push that was not delivered.
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

// channelTime is how long a device that is awake may take to acknowledge; then it is pushed to.
const channelTime = time.Second

// pruneTime is how long the cloud may take to hear of a dead token.
const pruneTime = 5 * time.Second

// Config is what a bridge does for wakes.
type Config struct {
	Org    string
	Bridge string          // id
	Keys   sessionkey.Keys // of the organization
	// Renew gets newer keys; nil error if they were asked for just now.
	Renew   func(context.Context) error
	Targets func(context.Context, fabric.Targets) (fabric.TargetsReply, error)
	// Tell has a bridge send something over the channel of a device, and returns when the device has taken it.
	Tell   func(ctx context.Context, bridge string, d fabric.Down) error
	Push   func(context.Context, push.Push, func(fabric.PushResult)) fabric.PushResult
	Pruned func(context.Context, fabric.Pruned) error
	Now    func() time.Time // the cloud's time
	Logger *slog.Logger
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

// wake is one wake, or one cancel, under way.
type wake struct {
	ctx  context.Context // of what is under way
	stop context.CancelFunc
	done chan struct{} // closed when all is known

	mu      sync.Mutex
	results []fabric.PushResult // of each target, as far as known
	channel *fabric.ChannelResult
	err     error // why there are none; read after done
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

// Handle has a device woken, and answers shortly before the deadline at the latest.
func (w *Wakes) Handle(ctx context.Context, s fabric.Subject, q fabric.Wake) (fabric.WakeReply, error) {
	return w.counted(w.handle(ctx, s, q))
}

func (w *Wakes) counted(r fabric.WakeReply, err error) (fabric.WakeReply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[string(errs.CodeOf(err))]++
	return r, err
}

func (w *Wakes) handle(ctx context.Context, s fabric.Subject, q fabric.Wake) (fabric.WakeReply, error) {
	c, err := w.checkWake(ctx, s.ID, q)
	if err != nil {
		return fabric.WakeReply{}, err
	}
	if !q.Until.After(w.cfg.Now()) {
		return fabric.WakeReply{}, errs.New(errs.Gone, "the ring ended at %v", q.Until)
	}
	one, err := w.join(key{sha256.Sum256([]byte(q.Ticket)), q.Epoch}, func(one *wake) error { return w.wake(one, s.ID, c, q) })
	if err != nil {
		return fabric.WakeReply{}, err
	}
	return w.answer(ctx, one)
}

// answer waits until all is known, or the answer is due.
func (w *Wakes) answer(ctx context.Context, one *wake) (fabric.WakeReply, error) {
	known, cancel := beforeDeadline(ctx)
	defer cancel()
	select {
	case <-one.done:
		if one.err != nil {
			return fabric.WakeReply{}, one.err
		}
	case <-known.Done():
	}
	return one.reply(w.cfg.Bridge), nil
}

// beforeDeadline leaves time for the answer.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(answerMargin, time.Until(end)/4)))
}

// Open says what an anchor's ticket allows, for who got it from another bridge.
func (w *Wakes) Open(ctx context.Context, d fabric.Down) (waketicket.Claims, error) {
	return w.check(ctx, d.Anchor, d.Ticket, d.Sealed)
}

// check says whether an anchor may have a device woken. A ticket by a key that is not known here may be by one that is newer
// than what is known.
func (w *Wakes) check(ctx context.Context, anchor, ticket string, sealed []byte) (waketicket.Claims, error) {
	if len(sealed) == 0 || len(sealed) > pushseal.MaxSealed {
		return waketicket.Claims{}, errs.New(errs.Invalid, "the sealed wake has %d bytes, want 1 to %d", len(sealed), pushseal.MaxSealed)
	}
	return w.open(ctx, anchor, ticket)
}

// checkWake says the same of a wake: one with targets has nothing sealed.
func (w *Wakes) checkWake(ctx context.Context, anchor string, q fabric.Wake) (waketicket.Claims, error) {
	if len(q.Targets) == 0 {
		return w.check(ctx, anchor, q.Ticket, q.Sealed)
	}
	if len(q.Sealed) > 0 || len(q.Targets) > maxTargets {
		return waketicket.Claims{}, errs.New(errs.Invalid, "a wake of %d targets, with %d bytes sealed: want at most %d, and none", len(q.Targets), len(q.Sealed), maxTargets)
	}
	for _, t := range q.Targets {
		if err := t.Check(); err != nil {
			return waketicket.Claims{}, err
		}
	}
	return w.open(ctx, anchor, q.Ticket)
}

// open opens a ticket.
func (w *Wakes) open(ctx context.Context, anchor, ticket string) (waketicket.Claims, error) {
	open := func() (waketicket.Claims, error) {
		return waketicket.Open(ticket, w.cfg.Keys, w.cfg.Org, anchor, w.cfg.Now())
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

// join returns what is asked for, begun if it is not under way.
func (w *Wakes) join(k key, run func(*wake) error) (*wake, error) {
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
	one.ctx, one.stop = context.WithCancel(w.ctx)
	w.under[k] = one
	w.work.Go(func() {
		defer one.stop()
		one.err = run(one)
		w.mu.Lock()
		delete(w.under, k)
		w.mu.Unlock()
		close(one.done)
	})
	return one, nil
}

// wake wakes a device: over its channel if it is awake, else by pushes to all its targets at once.
func (w *Wakes) wake(one *wake, anchor string, c waketicket.Claims, q fabric.Wake) error {
	if len(q.Targets) > 0 {
		w.push(one, c, q.Targets, push.Push{Call: c.Call, Until: q.Until})
		return nil
	}
	r, err := w.targets(one, anchor, c, q.Ticket)
	if err != nil {
		return err
	}
	down := fabric.Down{Anchor: anchor, Ticket: q.Ticket, Sealed: q.Sealed, Until: q.Until}
	if w.tell(one, r.Channel, down) && q.Try <= 1 {
		return nil
	}
	// What is no call wakes no app.
	targets := slices.DeleteFunc(r.Targets, func(t fabric.Target) bool { return t.Provider == fabric.APNsAlert })
	if len(targets) == 0 && r.Channel == nil {
		err = errs.New(errs.Offline, "the device has no push token")
		w.cfg.Logger.Warn("a device cannot be woken", "device", c.Device, "error", err)
		return err
	}
	w.push(one, c, targets, push.Push{Payload: base64.StdEncoding.EncodeToString(q.Sealed), Call: c.Call, Until: q.Until})
	return nil
}

// targets asks where a device is reached.
func (w *Wakes) targets(one *wake, anchor string, c waketicket.Claims, ticket string) (fabric.TargetsReply, error) {
	ctx, cancel := context.WithTimeout(one.ctx, targetsTime)
	defer cancel()
	r, err := w.cfg.Targets(ctx, fabric.Targets{Anchor: anchor, Ticket: ticket})
	if err != nil {
		w.cfg.Logger.Warn("a device cannot be reached", "call", c.Call, "device", c.Device, "error", err)
	}
	return r, err
}

// tell sends something over a device's channel, and says whether the device has taken it.
func (w *Wakes) tell(one *wake, at *fabric.Channel, d fabric.Down) bool {
	if at == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(one.ctx, channelTime)
	defer cancel()
	r := fabric.ChannelResult{Bridge: at.Bridge}
	if err := w.cfg.Tell(ctx, at.Bridge, d); err != nil {
		r.Reason = err.Error()
		if ctx.Err() != nil {
			r.Reason = "no answer of the device in time"
		}
	}
	r.Reached = r.Reason == ""
	one.mu.Lock()
	one.channel = &r
	one.mu.Unlock()
	return r.Reached
}

// push pushes to targets, and returns when the fate of each push is known.
func (w *Wakes) push(one *wake, c waketicket.Claims, targets []fabric.Target, p push.Push) {
	log := w.cfg.Logger.With("call", c.Call, "leg", c.Leg, "device", c.Device)
	if len(targets) > maxTargets {
		log.Warn("a device has more push tokens than are used", "tokens", len(targets), "used", maxTargets)
		targets = targets[:maxTargets]
	}
	one.begin(targets)
	var pushes sync.WaitGroup
	for i, t := range targets {
		pushes.Go(func() {
			p := p
			p.Target = t
			r := w.cfg.Push(one.ctx, p, func(r fabric.PushResult) { one.set(i, r) })
			one.set(i, r)
			log.Info("push", "target", t, "alert", p.Alert != nil, "accepted", r.Accepted, "reason", r.Reason, "tries", r.Tries)
			if r.Dead && p.Payload != "" { // else it is the anchor's to forget
				w.work.Go(func() { w.prune(c.Device, t, r.Reason) })
			}
		})
	}
	pushes.Wait()
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

// reply is what is known.
func (o *wake) reply(bridge string) fabric.WakeReply {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fabric.WakeReply{Bridge: bridge, Pushes: slices.Clone(o.results), Channel: o.channel}
}
