package queue

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strowger/pkg/errs"
)

// Whole is the line of those who wait for room at the switch itself.
const Whole = "switch"

// maxPending bounds the calls that come and wait for the hall's goroutine: several events of each of the 10,000 calls of a switch.
// The other events are a few of each call.
const maxPending = 50_000

// Call is a call, as the hall tells it. The methods do not block.
type Call interface {
	// Stands says where the call stands; the place is on disk.
	Stands(Standing)
	// Turn has it ring the callee.
	Turn(Offer)
	// Expel ends its waiting.
	Expel(Reason)
}

// Config is what a hall works with.
type Config struct {
	Path  string              // of the file with the entries
	Seats int                 // calls that the whole switch takes at once, of the line Whole
	Now   func() time.Time    // cloud-corrected
	Left  func(Entry, Reason) // told of each entry that was on disk and leaves
	Kept  func(Entry)         // told of each whose caller hung up and keeps the place
	Noted func()              // waits a moment for the ledger to have what led to the places that are kept; nil waits for nothing
	// Recall calls the caller of an entry back, whose turn it is; Reached or Missed follows. It must not block.
	Recall func(Entry)
	Count  func(name string)
	Logger *slog.Logger
}

// Hall is the lines of a switch. It is safe for concurrent use.
type Hall struct {
	cfg  Config
	disk *disk
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	pending []order
	listed  map[string][]Told // by line, of those that wait
	broken  error             // why entries cannot be kept

	// Of the goroutine.
	lines map[string]*Line
	team  *Team
	serve map[string]map[string]bool // by member: the lines that are for them and others
	timed map[string]time.Time       // the lines that have a Tick to come, and when
	calls map[string]Call            // that wait or have their turn
}

// order is an event of one line.
type order struct {
	line  string
	event Event
	call  Call            // of a Join, or a Reached
	done  chan<- struct{} // closed when it was carried out, nil: nobody waits
}

// NewHall reads what an earlier run left, and starts nothing. Who waited then holds no phone any more: Run has them called back, or
// tells Left.
func NewHall(cfg Config) (*Hall, error) {
	d, err := openDisk(cfg.Path, cfg.Logger)
	if err != nil {
		return nil, err
	}
	return &Hall{
		cfg: cfg, disk: d, wake: make(chan struct{}, 1), listed: map[string][]Told{},
		lines: map[string]*Line{}, team: NewTeam(), serve: map[string]map[string]bool{}, timed: map[string]time.Time{}, calls: map[string]Call{},
	}, nil
}

// Join has a call wait for its turn.
func (h *Hall) Join(e Entry, limits Limits, c Call) error {
	h.mu.Lock()
	full := len(h.pending) >= maxPending
	h.mu.Unlock()
	if full {
		return errs.New(errs.Congested, "too many calls join the queue of this switch at once")
	}
	h.post(order{line: e.Line, event: Join{e, limits}, call: c})
	return nil
}

// Returned says that at the turn of a call the callee was busy.
func (h *Hall) Returned(line, call string) { h.post(order{line: line, event: Returned{call}}) }

// Left says that a call no longer waits, or had its turn; by is the member who answered, "" where there is one only.
func (h *Hall) Left(line, call string, why Reason, by string) {
	h.post(order{line: line, event: Left{call, why, by}})
}

// Kept says that the caller hung up and keeps the place.
func (h *Hall) Kept(line, call string) { h.post(order{line: line, event: Kept{call}}) }

// Reached says that the caller answered the call-back: c has the turn of the call.
func (h *Hall) Reached(line, call string, c Call) {
	h.post(order{line: line, event: Reached{call}, call: c})
}

// Missed says that the caller did not answer, which counts if they could have, or could not be called: rest passes before they are called again.
func (h *Hall) Missed(line, call string, rest time.Duration, counts bool) {
	h.post(order{line: line, event: Missed{call, rest, counts}})
}

// Occupied says that whom a line is for is on a call.
func (h *Hall) Occupied(line, call string) { h.post(order{line: line, event: Occupied{call}}) }

// Freed says that they no longer are.
func (h *Hall) Freed(line, call string) { h.post(order{line: line, event: Freed{call}}) }

// Reorder puts a waiting call at a position, 0 to take it out, and returns when that is done. It says whether the call waited.
func (h *Hall) Reorder(ctx context.Context, call string, position int) bool {
	for line, told := range h.Waiting() {
		if !slices.ContainsFunc(told, func(t Told) bool { return t.Call == call }) {
			continue
		}
		done := make(chan struct{})
		o := order{line: line, event: Moved{call, position}, done: done}
		if position == 0 {
			o.event = Removed{call}
		}
		h.post(o)
		select {
		case <-done:
		case <-ctx.Done():
		}
		return true
	}
	return false
}

func (h *Hall) post(o order) {
	h.mu.Lock()
	h.pending = append(h.pending, o)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default: // it will look
	}
}

// Waiting returns who waits, by line, each in order.
func (h *Hall) Waiting() map[string][]Told {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string][]Told, len(h.listed))
	for line, told := range h.listed {
		all[line] = told // never changed once it is listed
	}
	return all
}

// Ready says why entries cannot be kept, nil if they can.
func (h *Hall) Ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

// Run keeps the lines until ctx ends.
func (h *Hall) Run(ctx context.Context) error {
	h.resume()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(h.untilNext())
		select {
		case <-ctx.Done():
			return h.disk.file.Close()
		case <-h.wake:
		case <-timer.C:
		}
		h.work(h.take())
	}
}

// startPause is how long phones and the cloud have to come back to a switch that started, before callers are called back.
const startPause = 5 * time.Second

// resume goes on after a kill of the switch: who can be called back keeps the place, the waiting of the others is over.
func (h *Hall) resume() {
	now := h.cfg.Now()
	var acts []Action
	lines := map[string][]Entry{}
	for _, e := range h.disk.live {
		switch {
		case now.After(e.Until):
			acts = append(acts, Drop{e.Call, Elapsed})
		case e.Line == Whole || !e.From.Callable():
			acts = append(acts, Drop{e.Call, Lost})
		default:
			if !e.Away {
				e = e.keep(now)
			}
			e.Rest = now.Add(startPause)
			lines[e.Line] = append(lines[e.Line], e)
			acts = append(acts, Keep{e})
		}
	}
	touched := map[string]bool{}
	for name, entries := range lines {
		h.line(name).Restore(entries)
		for _, e := range entries {
			h.joins(e)
		}
		touched[name] = true
	}
	h.keep(acts)
	h.list(touched)
	h.forget(touched)
}

func (h *Hall) take() []order {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.pending
	h.pending = nil
	return all
}

func (h *Hall) untilNext() time.Duration {
	next := time.Hour
	now := h.cfg.Now()
	for _, at := range h.timed {
		next = min(next, at.Sub(now))
	}
	return max(next, 0)
}

// work steps the lines, keeps what is to be kept together, and then does what the lines want done.
func (h *Hall) work(orders []order) {
	now := h.cfg.Now()
	touched := map[string]bool{}
	var acts []Action
	for _, o := range orders {
		switch ev := o.event.(type) {
		case Join:
			if h.calls[ev.Entry.Call] != nil { // a call that comes a second time would be told nothing
				h.cfg.Count("call in a line already")
				o.call.Expel(Full)
				continue
			}
			h.calls[ev.Entry.Call] = o.call
			h.joins(ev.Entry)
		case Left: // at once: it may join another line with the next order
			delete(h.calls, ev.Call)
		case Kept:
			delete(h.calls, ev.Call)
		case Reached:
			h.calls[ev.Call] = o.call
		}
		touched[o.line] = true
		acts = append(acts, h.line(o.line).Step(now, o.event)...)
		acts = append(acts, h.share(now, touched)...)
	}
	for name, at := range h.timed {
		if !at.After(now) {
			touched[name] = true
			acts = append(acts, h.lines[name].Step(now, Tick{})...)
		}
	}
	acts = append(acts, h.share(now, touched)...)
	h.keep(acts)
	h.list(touched)
	for _, a := range acts {
		h.act(a)
	}
	h.forget(touched)
	for _, o := range orders {
		if o.done != nil {
			close(o.done)
		}
	}
}

func (h *Hall) line(name string) *Line {
	l := h.lines[name]
	if l == nil {
		seats := 1
		if name == Whole {
			seats = h.cfg.Seats
		}
		l = NewLine(name, seats, h.team)
		h.lines[name] = l
	}
	return l
}

// keep has entries on disk before their callers hear of them. When the disk fails they wait all the same, and the switch says
// that a crash would lose them.
func (h *Hall) keep(acts []Action) {
	var records []record
	for _, a := range acts {
		switch a := a.(type) {
		case Keep:
			if a.Entry.Away && !h.disk.live[a.Entry.Call].Away {
				h.cfg.Kept(a.Entry)
			}
			records = append(records, record{Came: &a.Entry})
		case Drop:
			if e, kept := h.disk.live[a.Call]; kept {
				h.cfg.Left(e, a.Reason)
				records = append(records, record{Left: a.Call})
			}
		}
	}
	if len(records) == 0 {
		return
	}
	if h.cfg.Noted != nil { // who is called back by the next run was recorded as a caller
		h.cfg.Noted()
	}
	h.save(records)
}

func (h *Hall) save(records []record) {
	err := h.disk.save(records)
	h.mu.Lock()
	was := h.broken
	h.broken = err
	h.mu.Unlock()
	if err != nil && was == nil {
		h.cfg.Logger.Error("the queue cannot be kept on disk: a crash would lose who waits", "file", h.cfg.Path, "error", err)
	}
}

func (h *Hall) list(touched map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range touched {
		if l := h.lines[name]; l.Len() > 0 {
			h.listed[name] = l.Waiting()
		} else {
			delete(h.listed, name)
		}
	}
}

func (h *Hall) act(a Action) {
	switch a := a.(type) {
	case Tell:
		if c := h.calls[a.Call]; c != nil {
			c.Stands(a.Standing)
		}
	case Turn:
		if c := h.calls[a.Call]; c != nil {
			c.Turn(a.Offer)
		}
	case Recall:
		h.cfg.Recall(a.Entry)
	case Expel:
		if c := h.calls[a.Call]; c != nil {
			c.Expel(a.Reason)
			delete(h.calls, a.Call)
		}
	case Count:
		h.cfg.Count(a.Name)
	}
}

// maxLines bounds the lines that are remembered for how long their callee's calls last.
const maxLines = 10_000

// forget drops what is no longer needed of lines, and notes when the others want to be asked again.
func (h *Hall) forget(touched map[string]bool) {
	for name := range touched {
		l := h.lines[name]
		if at := l.Next(); at.IsZero() {
			delete(h.timed, name)
		} else {
			h.timed[name] = at
		}
		if l.Idle() && (len(l.holds) == 0 || len(h.lines) > maxLines) {
			delete(h.lines, name)
			h.disband(l)
		}
	}
}
