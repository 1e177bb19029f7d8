// Package registrar keeps where the desk phones are: the bindings that their REGISTER requests make (RFC 3261, 10.3).
//
// It speaks neutral types; the SIP side checks the password, hands the request in and writes the answer. Bindings
// remember where the REGISTER came from, because that is where a phone behind a NAT can be reached, and they survive a
// restart: a change is written before its REGISTER is answered, so that a switch that is killed forgets nothing that it
// said yes to, and is forced to the disk within SyncInterval, which is what a power cut may cost.
package registrar

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"strowger/pkg/pushtarget"
)

// Intervals of Run.
const (
	SyncInterval  = 100 * time.Millisecond
	sweepInterval = time.Second
)

// maxWaiting is how many REGISTERs may wait for the disk; one more is refused.
const maxWaiting = 4096

// DefaultMaxExpires is the longest life of a binding, in seconds.
const DefaultMaxExpires = 3600

// Config of a Registrar.
type Config struct {
	Path   string // of the file that keeps the bindings
	Now    func() time.Time
	Logger *slog.Logger
	// OnChange is called from Run with the ids, sorted, of the devices that have a binding or can be woken, when they change.
	OnChange func(devices []string)
	// MaxExpires is the longest life of a binding in seconds; 0 is the default.
	MaxExpires int
}

// Registrar is safe for concurrent use.
type Registrar struct {
	cfg   Config
	saved *file // of Run's goroutine

	mu      sync.RWMutex
	broken  error                // why the last save went wrong, nil when it did not; of Run's goroutine, which alone writes it
	devices map[string][]Binding // slices are never changed, only replaced
	members bool                 // devices came or went since Run told
	dirty   map[string]bool      // devices whose bindings are not written yet
	waiting []func()             // answers to REGISTERs that made them dirty
	wake    chan struct{}        // capacity 1: there are dirty ones
}

// New reads the bindings that an earlier run left in cfg.Path.
func New(cfg Config) (*Registrar, error) {
	if cfg.MaxExpires == 0 {
		cfg.MaxExpires = DefaultMaxExpires
	}
	r := &Registrar{cfg: cfg, dirty: map[string]bool{}, wake: make(chan struct{}, 1)}
	var err error
	if r.saved, r.devices, err = open(cfg.Path, cfg.Logger); err != nil {
		return nil, err
	}
	now := cfg.Now()
	latest := now.Add(time.Duration(cfg.MaxExpires) * time.Second) // the clock may have been ahead in the earlier run
	for device, bindings := range r.devices {
		bindings = slices.DeleteFunc(bindings, func(b Binding) bool { return !b.kept(now) || b.Until.After(latest) })
		if r.devices[device] = bindings; len(bindings) == 0 {
			delete(r.devices, device)
		}
	}
	r.members = len(r.devices) > 0
	return r, nil
}

// Register processes a REGISTER of an authenticated device. It calls answer once: here, or from Run when what has changed
// is written. A disk that takes nothing refuses nobody: the switch then knows its phones for as long as it runs.
func (r *Registrar) Register(q Register, answer func(Result)) {
	if result, ok := r.register(q, answer); ok {
		answer(result)
	}
}

// register processes a REGISTER; ok says that its result waits for nothing.
func (r *Registrar) register(q Register, answer func(Result)) (result Result, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxWaiting {
		return failed(503, "Too Many Registrations At Once"), true
	}
	next, result := process(r.cfg.Now(), r.cfg.MaxExpires, r.devices[q.Device], q)
	if result.Code != 200 || !q.All && len(q.Contacts) == 0 {
		return result, true
	}
	r.waiting = append(r.waiting, func() { answer(result) })
	r.set(q.Device, next)
	return result, false
}

// set replaces the bindings of a device. The caller holds mu.
func (r *Registrar) set(device string, bindings []Binding) {
	known := len(r.devices[device]) > 0
	if r.devices[device] = bindings; len(bindings) == 0 {
		delete(r.devices, device)
	}
	r.members = r.members || known != (len(bindings) > 0)
	r.dirty[device] = true
	select {
	case r.wake <- struct{}{}:
	default: // Run has not looked since the last change
	}
}

// Lookup returns where a device can be reached now, best first.
func (r *Registrar) Lookup(device string) []Binding {
	r.mu.RLock()
	all := r.devices[device]
	r.mu.RUnlock()
	now := r.cfg.Now()
	return slices.DeleteFunc(slices.Clone(all), func(b Binding) bool { return !b.live(now) })
}

// Wakeable returns the bindings of a device that can be woken by a push, registered or not, best first.
func (r *Registrar) Wakeable(device string) []Binding {
	r.mu.RLock()
	all := r.devices[device]
	r.mu.RUnlock()
	now := r.cfg.Now()
	return slices.DeleteFunc(slices.Clone(all), func(b Binding) bool { return !b.Wakeable() || !b.kept(now) })
}

// Forget takes a push token from a device that its push service no longer knows. A phone that is not registered is gone then.
func (r *Registrar) Forget(device string, dead pushtarget.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, next := r.cfg.Now(), slices.Clone(r.devices[device])
	for i := range next {
		if next[i].Push == dead {
			next[i].Push = pushtarget.Target{}
		}
	}
	r.set(device, slices.DeleteFunc(next, func(b Binding) bool { return !b.kept(now) }))
}

// Registered returns the ids of the devices that have a binding or can be woken, sorted.
func (r *Registrar) Registered() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.devices))
}

// Retain forgets the bindings of devices that keep does not want, such as those that the registry has lost.
func (r *Registrar) Retain(keep func(device string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for device := range r.devices {
		if !keep(device) {
			r.set(device, nil)
		}
	}
}

// Ready says why registrations cannot be saved at present, nil when they can.
func (r *Registrar) Ready() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.broken
}

// Run saves, ends and reports bindings until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	var sync <-chan time.Time // nil when everything is on the disk
	for {
		if r.save() && sync == nil {
			sync = time.After(SyncInterval)
		}
		if sync == nil && r.tookMembers() {
			r.cfg.OnChange(r.Registered())
		}
		select {
		case <-r.wake:
		case <-sync:
			sync = nil
			r.sync()
		case <-sweep.C:
			r.sweep()
		case <-ctx.Done():
			r.save()
			r.sync()
			return r.saved.Close()
		}
	}
}

// tookMembers says whether devices came or went since the last time.
func (r *Registrar) tookMembers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.members
	r.members = false
	return changed
}

// sweep removes what has expired.
func (r *Registrar) sweep() {
	now := r.cfg.Now()
	expired := func(b Binding) bool { return !b.kept(now) }
	r.mu.Lock()
	defer r.mu.Unlock()
	for device, bindings := range r.devices {
		if slices.ContainsFunc(bindings, expired) {
			r.set(device, slices.DeleteFunc(slices.Clone(bindings), expired))
		}
	}
}

// save writes what has changed since the last time, and answers who waits for it. What cannot be written stays dirty;
// what is not sure to be there is written anew. It says whether there is something new to sync.
func (r *Registrar) save() bool {
	r.mu.Lock()
	changed := make(map[string][]Binding, len(r.dirty))
	for device := range r.dirty {
		changed[device] = r.devices[device]
	}
	clear(r.dirty)
	waiting := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	if len(changed) == 0 && r.broken == nil {
		return false
	}
	err := r.saved.save(changed, func() map[string][]Binding {
		r.mu.RLock()
		defer r.mu.RUnlock()
		return maps.Clone(r.devices)
	})
	if r.outcome(err); err != nil {
		r.mu.Lock()
		for device := range changed {
			r.dirty[device] = true // tried again with the next change or sweep
		}
		r.mu.Unlock()
	}
	for _, answer := range waiting {
		answer()
	}
	return err == nil
}

// sync makes durable what was saved. That there is nothing to sync, as after a save that failed, is no good news.
func (r *Registrar) sync() {
	if err := r.saved.Sync(); err != nil {
		r.outcome(err)
	}
}

// outcome tells when the disk begins to fail, and when it works again.
func (r *Registrar) outcome(err error) {
	was := r.broken
	r.mu.Lock()
	r.broken = err
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.cfg.Logger.Error("registrations cannot be saved; they would not survive a restart", "file", r.cfg.Path, "error", err)
	case err == nil && was != nil:
		r.cfg.Logger.Info("registrations are saved again", "file", r.cfg.Path)
	}
}
