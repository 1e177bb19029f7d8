// Package directory knows who exists and who may call whom (steps A and B of a call): an immutable snapshot of each
// organization's registry in memory. A change of the registry says what to read again, and the next snapshot shares with
// the last all that is the same: a write costs no more in a registry of a million phones than in one of ten.
//
// Changes are applied in the order of their revisions. Of those that another cloud instance made it learns by Changed, which
// the instances tell each other. It also looks at the revisions now and then, for when they cannot, and reads an organization
// whole when one is missing. Who would refuse something asks Later first. What is to be signed and kept elsewhere is read from the store when it is asked for.
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
	"strowger/pkg/limit"
	"strowger/pkg/sitecopy"
)

const (
	retryAfter = time.Second            // when the store cannot be read; the old snapshot serves meanwhile
	lookEvery  = 5 * time.Second        // for changes that nobody told
	missingFor = 200 * time.Millisecond // until a change that was not told, while later ones were, is no longer waited for
	maxPending = 1 << 13                // changes of an organization that may wait; beyond that it is read whole
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
	seen      map[string]int64 // revisions at the last look; of Run

	mu    sync.Mutex // of writers of snapshots too
	dirty map[string]*pending
	told  int           // changes so far
	taken int           // of them, looked at by Run
	moved chan struct{} // closed, and replaced, when a snapshot is, and when taken is
	wake  chan struct{}
	looks *limit.Buckets[string] // by organization
}

// pending is the changes of an organization that are not in its snapshot.
type pending struct {
	changes map[int64]store.Change // by revision
	all     bool                   // read it whole
	gap     time.Time              // since when one is missing; zero: none is
}

// New returns a directory that knows nobody until Load.
func New(cfg Config) *Directory {
	d := &Directory{cfg: cfg, dirty: make(map[string]*pending), moved: make(chan struct{}), wake: make(chan struct{}, 1), looks: newLooks()}
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

// Changed says how an organization's registry changed; Run reads it again. Many changes at once are one reading.
func (d *Directory) Changed(c store.Change) {
	d.mu.Lock()
	d.note(c)
	d.told++
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default: // Run is awake already and takes all that is dirty
	}
}

// note adds to what is pending.
func (d *Directory) note(c store.Change) {
	p := d.dirty[c.Org]
	if p == nil {
		p = &pending{changes: make(map[int64]store.Change)}
		d.dirty[c.Org] = p
	}
	if c.Revision == 0 || len(p.changes) >= maxPending {
		p.all = true
		clear(p.changes)
	}
	if !p.all {
		p.changes[c.Revision] = c
	}
}

// Run reads what changed until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var again <-chan time.Time
		if wait := d.follow(ctx); wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			d.look(ctx)
		case <-d.wake:
		case <-again:
		}
	}
}

// look finds organizations that changed, came or went without anybody having told: one whose snapshot has not come to where
// the store was at the last look. What is told is often still on its way.
func (d *Directory) look(ctx context.Context) {
	now, err := d.cfg.Store.Revisions(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.cfg.Logger.Error("cannot look for changes of the registry", "error", err)
		}
		return
	}
	have := *d.snapshots.Load()
	for org, s := range have {
		if _, ok := now[org]; !ok || s.revision < d.seen[org] {
			d.Changed(store.Change{Org: org})
		}
	}
	for org := range now {
		if have[org] == nil {
			d.Changed(store.Change{Org: org})
		}
	}
	d.seen = now
}

// follow brings the snapshots up to date and says when to come again, 0 for no time of its own.
func (d *Directory) follow(ctx context.Context) (wait time.Duration) {
	d.mu.Lock()
	dirty, told := d.dirty, d.told
	d.dirty = make(map[string]*pending)
	d.mu.Unlock()
	defer d.took(told)
	for _, org := range slices.Sorted(maps.Keys(dirty)) {
		p := dirty[org]
		changed, err := d.bring(ctx, org, p)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				d.cfg.Logger.Error("registry cannot be read; the last snapshot serves on", "org", org, "error", err)
			}
			p.all = true
			wait = retryAfter
		case len(p.changes) > 0: // one before them is still to be told
			wait = max(wait, missingFor)
		}
		d.putBack(org, p)
		if changed && d.cfg.Reloaded != nil {
			d.cfg.Reloaded(org)
		}
	}
	return wait
}

// took notes how many changes Run has looked at.
func (d *Directory) took(told int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken == told {
		return
	}
	d.taken = told
	d.tell()
}

// tell wakes who waits for something to move. d.mu is held.
func (d *Directory) tell() {
	close(d.moved)
	d.moved = make(chan struct{})
}

// putBack keeps what could not be done.
func (d *Directory) putBack(org string, p *pending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch newer := d.dirty[org]; {
	case !p.all && len(p.changes) == 0:
	case newer == nil:
		d.dirty[org] = p
	default:
		newer.gap = p.gap
		if newer.all = newer.all || p.all; newer.all {
			clear(newer.changes)
			return
		}
		maps.Copy(newer.changes, p.changes)
	}
}

// bring applies what is pending for an organization, as far as no change is missing; p keeps the rest.
func (d *Directory) bring(ctx context.Context, org string, p *pending) (changed bool, err error) {
	s := (*d.snapshots.Load())[org]
	if s == nil || p.all {
		err := d.reload(ctx, org)
		if err == nil {
			*p = pending{}
		}
		return err == nil, err
	}
	next, to := p.take(org, s.revision)
	switch {
	case next.All:
		return true, d.reload(ctx, org)
	case to > s.revision:
		if err := d.apply(ctx, s, next, to); err != nil {
			return false, err
		}
	}
	switch {
	case len(p.changes) == 0:
		p.gap = time.Time{}
	case to > s.revision || p.gap.IsZero():
		p.gap = time.Now()
	case time.Since(p.gap) > missingFor:
		p.all = true
		return d.bring(ctx, org, p)
	}
	return to > s.revision, nil
}

// take removes the changes that follow a revision without a gap and returns them as one, and the revision that they lead to.
func (p *pending) take(org string, from int64) (all store.Change, to int64) {
	all, to = store.Change{Org: org}, from
	for revision := range p.changes {
		if revision <= from {
			delete(p.changes, revision)
		}
	}
	for {
		c, ok := p.changes[to+1]
		if !ok {
			return all, to
		}
		to++
		delete(p.changes, to)
		all.All, all.Base = all.All || c.All, all.Base || c.Base
		all.Users = append(all.Users, c.Users...)
		all.Devices = append(all.Devices, c.Devices...)
		all.Dials = append(all.Dials, c.Dials...)
		all.Rates = append(all.Rates, c.Rates...)
	}
}

// apply makes the snapshot that follows s. What is read may be of a later revision than to: later changes then come again
// and change nothing.
func (d *Directory) apply(ctx context.Context, s *Snapshot, c store.Change, to int64) error {
	var e *editor
	_, err := d.cfg.Store.ReadChanged(ctx, c, func(g store.Registry) store.Reader {
		e = s.edit(g, c)
		return e
	})
	if errs.CodeOf(err) == errs.NotFound {
		d.put(c.Org, nil)
		return nil
	}
	if err == nil {
		d.put(c.Org, e.snapshot(to))
	}
	return err
}

func (d *Directory) reload(ctx context.Context, org string) error {
	var e *editor
	g, err := d.cfg.Store.ReadRegistry(ctx, org, func(g store.Registry) store.Reader {
		e = newEditor(g)
		return e
	})
	switch {
	case errs.CodeOf(err) == errs.NotFound:
		d.put(org, nil)
		return nil
	case err != nil:
		return err
	}
	d.put(org, e.snapshot(g.Revision))
	return nil
}

// put replaces a snapshot, by nil if there is no such organization any more.
func (d *Directory) put(org string, s *Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := maps.Clone(*d.snapshots.Load())
	if s == nil {
		delete(next, org)
	} else {
		next[org] = s
	}
	d.snapshots.Store(&next)
	d.tell()
}

// Snapshot returns an organization as it was last read, or errs.NotFound.
func (d *Directory) Snapshot(org string) (*Snapshot, error) {
	s, ok := (*d.snapshots.Load())[org]
	if !ok {
		return nil, errs.New(errs.NotFound, "there is no organization %q", org)
	}
	return s, nil
}

// Copy is what the copy of a site says, as the store has it now, which another instance may just have changed. Head, key
// sets and secrets are the authority's.
func (d *Directory) Copy(ctx context.Context, org, site string) (sitecopy.Copy, error) {
	g, err := d.cfg.Store.Office(ctx, org, site)
	if err != nil {
		return sitecopy.Copy{}, err
	}
	return newOffice(g).copy(site)
}

// Peer is what the peer document of a site says, as the store has it now, but its head.
func (d *Directory) Peer(ctx context.Context, org, site string) (sitecopy.Peer, error) {
	g, err := d.cfg.Store.Office(ctx, org, site)
	if err != nil {
		return sitecopy.Peer{}, err
	}
	return newOffice(g).peer(site)
}

// Organizations returns the ids of all organizations.
func (d *Directory) Organizations() []string {
	return slices.Sorted(maps.Keys(*d.snapshots.Load()))
}
