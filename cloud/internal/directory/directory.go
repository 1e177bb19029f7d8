// Package directory knows who exists and who may call whom (steps A and B of a call): an immutable snapshot of each
// organization's registry in memory, replaced whole when the registry changes.
//
// Of a change that another cloud instance made it learns by Changed, which the instances tell each other. It also looks
// for changes itself now and then, for when they cannot; and what is to be signed and kept elsewhere is never older than
// the registry is.
package directory

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

const (
	retryAfter = time.Second      // when the store cannot be read; the old snapshot serves meanwhile
	lookEvery  = 10 * time.Second // for changes that nobody told
)

// Config is what a Directory needs.
type Config struct {
	Store  *store.Store
	Logger *slog.Logger
	// Reloaded, if set, is called after an organization's new snapshot is in place. It must not block.
	Reloaded func(org string)
}

// Directory holds the snapshots. Its methods may be called from any goroutine.
type Directory struct {
	cfg       Config
	snapshots atomic.Pointer[map[string]*Snapshot]

	mu    sync.Mutex      // of writers of snapshots too
	dirty map[string]bool // at most one entry for each organization
	wake  chan struct{}
}

// New returns a directory that knows nobody until Load.
func New(cfg Config) *Directory {
	d := &Directory{cfg: cfg, dirty: make(map[string]bool), wake: make(chan struct{}, 1)}
	d.snapshots.Store(&map[string]*Snapshot{})
	return d
}

// Load reads all organizations. It is called once, before Run.
func (d *Directory) Load(ctx context.Context) error {
	q := store.Query{Limit: store.MaxLimit}
	for {
		orgs, next, err := d.cfg.Store.Organizations.List(ctx, "", q)
		if err != nil {
			return err
		}
		for _, o := range orgs {
			if err := d.reload(ctx, o.ID); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// Changed says that an organization's registry changed; Run reads it again. Many changes at once are one reading.
func (d *Directory) Changed(org string) {
	d.mu.Lock()
	d.dirty[org] = true
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default: // Run is awake already and takes all that is dirty
	}
}

// Run reads what changed until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			d.look(ctx)
			continue
		case <-d.wake:
		}
		if d.reloadDirty(ctx) {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

// look finds organizations that changed, came or went without anybody having told.
func (d *Directory) look(ctx context.Context) {
	now, err := d.cfg.Store.Revisions(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.cfg.Logger.Error("cannot look for changes of the registry", "error", err)
		}
		return
	}
	for org, s := range *d.snapshots.Load() {
		if revision, ok := now[org]; !ok || revision != s.registry.Revision {
			d.Changed(org)
		}
		delete(now, org)
	}
	for org := range now {
		d.Changed(org)
	}
}

// reloadDirty reads what is dirty; what cannot be read is dirty again, and the result false.
func (d *Directory) reloadDirty(ctx context.Context) bool {
	d.mu.Lock()
	dirty := d.dirty
	d.dirty = make(map[string]bool)
	d.mu.Unlock()
	ok := true
	for _, org := range slices.Sorted(maps.Keys(dirty)) {
		if err := d.reload(ctx, org); err != nil {
			if ctx.Err() == nil {
				d.cfg.Logger.Error("registry cannot be read; the last snapshot serves on", "org", org, "error", err)
			}
			d.Changed(org)
			ok = false
			continue
		}
		if d.cfg.Reloaded != nil {
			d.cfg.Reloaded(org)
		}
	}
	return ok
}

func (d *Directory) reload(ctx context.Context, org string) error {
	g, err := d.cfg.Store.Registry(ctx, org)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return err
	}
	var s *Snapshot
	if err == nil {
		s = NewSnapshot(g)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := maps.Clone(*d.snapshots.Load())
	switch {
	case s == nil:
		delete(next, org)
	case next[org] == nil || next[org].registry.Revision <= g.Revision: // else another reading was later and faster
		next[org] = s
	}
	d.snapshots.Store(&next)
	return nil
}

// Snapshot returns an organization as it was last read, or errs.NotFound.
func (d *Directory) Snapshot(org string) (*Snapshot, error) {
	s, ok := (*d.snapshots.Load())[org]
	if !ok {
		return nil, errs.New(errs.NotFound, "there is no organization %q", org)
	}
	return s, nil
}

// Copy is Snapshot.Copy of a site as the store has it now, which another instance may just have changed.
func (d *Directory) Copy(ctx context.Context, org, site string) (sitecopy.Copy, error) {
	g, err := d.cfg.Store.Office(ctx, org, site)
	if err != nil {
		return sitecopy.Copy{}, err
	}
	return NewSnapshot(g).Copy(site)
}

// Peer is Snapshot.Peer of a site as the store has it now.
func (d *Directory) Peer(ctx context.Context, org, site string) (sitecopy.Peer, error) {
	g, err := d.cfg.Store.Office(ctx, org, site)
	if err != nil {
		return sitecopy.Peer{}, err
	}
	return NewSnapshot(g).Peer(site)
}

// Organizations returns the ids of all organizations.
func (d *Directory) Organizations() []string {
	return slices.Sorted(maps.Keys(*d.snapshots.Load()))
}
