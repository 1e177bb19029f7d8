package toll

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strowger/pkg/errs"
)

const (
	maxPending = 50_000      // orders that may wait: several of each of the 10,000 calls of a switch
	lookAfter  = time.Minute // it is seen whether calls live that should have said that they ended
)

// Config is what a keeper works with.
type Config struct {
	Path   string      // of the journal
	Alarm  func(Alarm) // told of each account that is blocked; must not block
	Logger *slog.Logger
}

// Keeper keeps the book of a switch. It is safe for concurrent use.
type Keeper struct {
	cfg  Config
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	pending []order
	broken  error // why the book cannot be kept

	// Of the goroutine.
	book  *Book
	disk  disk
	begun time.Time // when the keeper began, by the machine's clock,
	base  time.Time // and by the book's
	lives map[*hold]*Permit
	look  time.Time
}

// order is something to do with the book; what it returns is done when the book is on disk.
type order func(now time.Time) func()

// NewKeeper reads what an earlier run left, and starts nothing. The time of the book is that of the machine, but never before the
// last one of an earlier run; from then on it goes as fast as time does, however clocks are set.
func NewKeeper(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, wake: make(chan struct{}, 1), book: New(), lives: map[*hold]*Permit{}}
	last, err := k.disk.open(cfg.Path, k.book, cfg.Logger)
	if err != nil {
		return nil, err
	}
	k.begun = time.Now()
	if k.base = k.begun; k.base.Before(last) {
		k.base = last
	}
	return k, nil
}

// now is the time of the book.
func (k *Keeper) now() time.Time { return k.base.Add(time.Since(k.begun)).Round(0) }

// Permit is the leave of one call to the phone network. Its methods do not block.
type Permit struct {
	k     *Keeper
	hold  *hold
	lives func() bool
	spent func(error)
}

// Allows says whether a trunk may take the call.
func (p *Permit) Allows(trunk string) bool {
	return p == nil || slices.ContainsFunc(p.hold.ask.Lines, func(l Line) bool { return l.Trunk == trunk })
}

// Tried says that a trunk is tried.
func (p *Permit) Tried(trunk string) {
	if p != nil {
		p.k.must(func(time.Time) func() { p.k.book.tries(p.hold, trunk); return nil })
	}
}

// Answered says that a trunk answered: the call costs from now on.
func (p *Permit) Answered(trunk string) {
	if p != nil {
		p.k.must(func(now time.Time) func() { p.k.book.begin(now, p.hold, trunk); return nil })
	}
}

// End says that the call is over.
func (p *Permit) End() {
	if p != nil {
		p.k.must(func(now time.Time) func() { p.k.end(now, p.hold); return nil })
	}
}

// Enter lets a call leave, or says why not. lives is asked now and then whether the call is still there, and spent is told when it
// has to end, for want of money or since it lasts too long; neither may block.
func (k *Keeper) Enter(ctx context.Context, q Ask, lives func() bool, spent func(error)) (*Permit, error) {
	type answer struct {
		permit *Permit
		err    error
	}
	answered := make(chan answer, 1)
	if !k.post(func(now time.Time) func() {
		h, err := k.book.enter(now, q)
		a := answer{err: err}
		if err == nil {
			a.permit = &Permit{k, h, lives, spent}
			k.lives[h] = a.permit
		}
		return func() { answered <- a }
	}) {
		return nil, errs.New(errs.Congested, "too many calls to phone numbers at once")
	}
	select {
	case a := <-answered:
		return a.permit, a.err
	case <-ctx.Done(): // the call is not there when the book is looked through
		return nil, errs.New(errs.Congested, "the book of calls to phone numbers is not kept in time; try again")
	}
}

// Ready says why the book cannot be kept, nil if it can.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.broken
}

func (k *Keeper) must(o order) { k.add(o, 2*maxPending) }

func (k *Keeper) post(o order) bool { return k.add(o, maxPending) }

func (k *Keeper) add(o order, most int) bool {
	k.mu.Lock()
	full := len(k.pending) >= most
	if !full {
		k.pending = append(k.pending, o)
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default: // it will look
	}
	return !full
}

// Run keeps the book until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(lookAfter)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.work()
			return k.disk.file.Close()
		case <-k.wake:
		case <-timer.C:
		}
		timer.Reset(k.work())
	}
}

// work carries out what is pending, has it on disk, and then tells. It returns after what time there is more to do.
func (k *Keeper) work() time.Duration {
	k.mu.Lock()
	pending := k.pending
	k.pending = nil
	k.mu.Unlock()
	now := k.now()
	var after []func()
	for _, o := range pending {
		if tell := o(now); tell != nil {
			after = append(after, tell)
		}
	}
	next := k.meter(now, &after)
	if len(k.book.records) > 0 {
		k.save(now)
	}
	for _, tell := range after {
		tell()
	}
	for _, a := range k.book.alarms {
		k.cfg.Alarm(a)
	}
	k.book.alarms = nil
	return next
}

// meter pays what is due, and looks now and then for calls that are gone without a word.
func (k *Keeper) meter(now time.Time, after *[]func()) time.Duration {
	look := !now.Before(k.look)
	if look {
		k.look = now.Add(lookAfter)
	}
	next := k.look.Sub(now)
	for h, p := range k.lives {
		if look && !p.lives() {
			k.end(now, h)
			continue
		}
		due := h.due()
		if due.IsZero() {
			continue
		}
		if !now.Before(due) {
			if err := k.book.pay(now, h); err != nil {
				h.spent = true
				*after = append(*after, func() { p.spent(err) })
				continue
			}
			due = h.due()
		}
		next = min(next, max(0, due.Sub(now)))
	}
	return next
}

func (k *Keeper) end(now time.Time, h *hold) {
	k.book.end(now, h)
	delete(k.lives, h)
}

// save keeps the book. When the disk fails it goes on in memory, and the switch says that a crash would forget it.
func (k *Keeper) save(now time.Time) {
	err := k.disk.save(now, k.book)
	k.mu.Lock()
	was := k.broken
	k.broken = err
	k.mu.Unlock()
	if err != nil && was == nil {
		k.cfg.Logger.Error("the book of calls to the phone network cannot be kept on disk: a crash would forget what was called", "file", k.cfg.Path, "error", err)
	}
}
