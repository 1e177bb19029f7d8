package sip

import (
	"container/heap"
	"context"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Limits of subscriptions.
const (
	maxWatches  = 1 << 17 // in total
	maxWatcher  = 512     // of one watcher: two consoles full of lamps
	notifyQueue = 4096    // inputs that wait for the notifier
	maxHeld     = 4096    // SUBSCRIBEs that wait for what another node says
	holdTime    = 2 * time.Second
)

// Watching is what a subscriber may see, as the [Source] grants it.
type Watching struct {
	Watched
	Watcher  string // who subscribes, "" while nobody knows: what the limit of one is counted by
	Resource string // what is watched: see [Notifier.Changed]
	Type     string // media type of its documents
	Grant    any    // whatever the source wants to know again
}

// Source is what there is to see. Its methods are called in the notifier's goroutine and must not block.
type Source interface {
	// Watch judges a SUBSCRIBE, the first or a later one: what it may see, or the answer that it gets instead.
	Watch(req *Request, from Peer, w Watched) (Watching, *Denied)
	// Judge says what is known of the right to what Watch granted: Pending has the SUBSCRIBE wait for a while, until Changed says that more
	// is known.
	Judge(w Watching) (Standing, *Denied)
	// Document is the state of what is watched, in full, and how the subscription stands. version counts up within it, from 0.
	Document(w Watching, version uint32) ([]byte, Standing)
}

// Standing is how a subscription stands with its source (RFC 6665, 4.1.3).
type Standing int

// The standings.
const (
	Active     Standing = iota
	Pending             // whether it may be is not known yet
	NoResource          // what is watched is no more
	Rejected            // it may no longer be watched
)

// Denied is the answer to a SUBSCRIBE that is refused.
type Denied struct {
	Code    int
	Reason  string
	Headers []Header
}

// Notifier is the subscriptions of an endpoint (RFC 6665), owned by the goroutine of [Notifier.Run].
type Notifier struct {
	endpoint *Endpoint
	source   Source
	packages map[string]string // media type by event package
	events   string            // Allow-Events
	in       chan any
	wake     chan struct{}

	count  atomic.Int64
	counts tallies

	mu      sync.Mutex
	changes map[string]bool // resources
	again   map[string]Peer // watchers that showed that they are there

	// Run owns what follows.
	usages   map[key]*usage
	watching map[string]map[*usage]struct{} // by resource
	watchers map[string]map[*usage]struct{}
	agenda   usages
	held     map[string][]*waiting // by resource
	holds    int
}

// tallies counts what became of messages, by name.
type tallies struct {
	mu   sync.Mutex
	n    map[string]uint64
	live map[string]uint64 // subscriptions by package
}

// now notes how many subscriptions of a package more, or fewer, there are.
func (t *tallies) now(event string, more uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == nil {
		t.live = map[string]uint64{}
	}
	t.live[event] += more
}

func (t *tallies) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]uint64{}
	}
	t.n[name]++
}

// Counts is how many subscriptions began and ended, and how NOTIFYs were answered, by name.
func (n *Notifier) Counts() map[string]uint64 {
	n.counts.mu.Lock()
	defer n.counts.mu.Unlock()
	all := make(map[string]uint64, len(n.counts.n))
	for name, count := range n.counts.n {
		all[name] = count
	}
	return all
}

// Packages is how many subscriptions there are of each event package.
func (n *Notifier) Packages() map[string]uint64 {
	n.counts.mu.Lock()
	defer n.counts.mu.Unlock()
	return maps.Clone(n.counts.live)
}

// Len is how many subscriptions there are.
func (n *Notifier) Len() int { return int(n.count.Load()) }

// wanted is a SUBSCRIBE.
type wanted struct {
	req    *Request
	tx     *txn
	begins bool
}

// heard is what became of a NOTIFY.
type heard struct {
	of   *usage
	code int
	wait time.Duration
}

// Notify has the endpoint take SUBSCRIBEs for some event packages, each with the media type of its documents. It is called before
// [Endpoint.Run], and [Notifier.Run] beside that.
func (e *Endpoint) Notify(source Source, packages map[string]string, order ...string) *Notifier {
	n := &Notifier{
		endpoint: e, source: source, packages: packages, events: strings.Join(order, ", "),
		in: make(chan any, notifyQueue), wake: make(chan struct{}, 1),
		changes: map[string]bool{}, again: map[string]Peer{},
		usages: map[key]*usage{}, watching: map[string]map[*usage]struct{}{}, watchers: map[string]map[*usage]struct{}{},
		held: map[string][]*waiting{},
	}
	e.notifier = n
	return n
}

// Changed says that a resource is not what it was. It never blocks; what changes again before it is told is told once.
func (n *Notifier) Changed(resources ...string) {
	n.mu.Lock()
	for _, r := range resources {
		n.changes[r] = true
	}
	n.mu.Unlock()
	n.stir()
}

// Heard says that a watcher has shown that it is there, and where: what it was not told for want of an answer it is told now, over its
// new stream if the old one is gone.
func (n *Notifier) Heard(watcher string, at Peer) {
	n.mu.Lock()
	n.again[watcher] = at
	n.mu.Unlock()
	n.stir()
}

func (n *Notifier) stir() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// subscribe takes a SUBSCRIBE from the network.
func (n *Notifier) subscribe(w wanted) {
	select {
	case n.in <- w:
	default:
		n.counts.add("refused: busy")
		n.endpoint.answer(w.req, w.tx, 503, "Service Unavailable", retryAfter(1))
	}
}

// Leave ends all subscriptions, since the endpoint is about to stop: they are to come again in a while (RFC 6665, 4.1.3: probation).
func (n *Notifier) Leave() {
	select {
	case n.in <- leaving{}:
	default: // they notice when they refresh
	}
}

// leaving ends all subscriptions.
type leaving struct{}

// Run serves until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(n.until(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case in := <-n.in:
			n.handle(in, time.Now())
		case <-n.wake:
			n.renewed()
		case <-timer.C:
			n.tick(time.Now())
		}
	}
}

func (n *Notifier) until(now time.Time) time.Duration {
	if len(n.agenda) == 0 {
		return time.Hour
	}
	return max(0, n.agenda[0].due.Sub(now))
}

func (n *Notifier) tick(now time.Time) {
	for len(n.agenda) > 0 && !now.Before(n.agenda[0].due) {
		n.proceed(n.agenda[0], now)
	}
}

// renewed takes what changed.
func (n *Notifier) renewed() {
	n.mu.Lock()
	changes, again := n.changes, n.again
	n.changes, n.again = map[string]bool{}, map[string]Peer{}
	n.mu.Unlock()
	now := time.Now()
	for r := range changes {
		n.resume(r, now)
		for u := range n.watching[r] {
			u.changed()
			n.proceed(u, now)
		}
	}
	for watcher, at := range again {
		for u := range n.watchers[watcher] {
			n.found(u, at, now)
		}
	}
}

// found has a subscription follow its phone that registered anew: what is sent goes by its new stream or address, if the old one is gone.
func (n *Notifier) found(u *usage, at Peer, now time.Time) {
	old := u.dialog.path.peer
	gone := u.lost > 0 || !n.endpoint.Connected(old)
	if !gone || old.Addr.Addr() != at.Addr.Addr() || old.Transport != at.Transport {
		return
	}
	u.dialog.path.peer = at
	u.renew()
	n.proceed(u, now)
}

func (n *Notifier) handle(in any, now time.Time) {
	switch in := in.(type) {
	case wanted:
		n.wanted(in, now)
	case heard:
		if n.usages[in.of.key()] != in.of {
			return
		}
		n.counts.add(outcomeOf(in.code))
		if !in.of.answered(in.code, in.wait, now) {
			n.counts.add("ended: " + endWords(in.of, in.code))
			n.forget(in.of)
			return
		}
		n.proceed(in.of, now)
	case *waiting:
		n.settle(in, true, now)
	case leaving:
		for _, u := range n.usages {
			u.end(endProbation + ";retry-after=" + strconv.Itoa(returnAfter+rand.IntN(returnAfter)))
			n.proceed(u, now)
		}
	}
}

// outcomeOf is what is counted of a NOTIFY.
func outcomeOf(code int) string {
	switch {
	case code == 0:
		return "unanswered"
	case code < 300:
		return "answered"
	}
	return "refused by the phone"
}

func endWords(u *usage, code int) string {
	if u.ended != "" {
		return u.ended
	}
	return strconv.Itoa(code)
}

func (u *usage) key() key { return key{u.dialog.callID, u.dialog.local.tag} }

// proceed does what is due for a subscription, and notes when to look at it again.
func (n *Notifier) proceed(u *usage, now time.Time) {
	due, at := u.next(now)
	if due {
		n.notify(u, now)
		if n.usages[u.key()] != u {
			return
		}
		_, at = u.next(now)
	}
	switch {
	case at.IsZero() && u.place > 0:
		heap.Remove(&n.agenda, u.place-1)
	case at.IsZero():
	case u.place > 0:
		u.due = at
		heap.Fix(&n.agenda, u.place-1)
	default:
		u.due = at
		heap.Push(&n.agenda, u)
	}
}

// notify sends the state (RFC 6665, 4.2.2). A NOTIFY that cannot be sent counts as one that has no answer.
func (n *Notifier) notify(u *usage, now time.Time) {
	body, standing := n.source.Document(u.Watching, u.version)
	switch u.pending = standing == Pending; standing {
	case NoResource:
		u.end(endNoResource)
	case Rejected:
		u.end(endRejected)
	}
	u.version++
	u.notified(now)
	req := u.dialog.next(sip.NOTIFY)
	req.AppendHeader(u.dialog.contact())
	req.AppendHeader(u.header())
	req.AppendHeader(NewHeader("Subscription-State", u.state(now)))
	req.AppendHeader(NewHeader("Allow-Events", n.events))
	if body != nil && standing <= Pending {
		kind, length := sip.ContentTypeHeader(u.Type), sip.ContentLengthHeader(len(body))
		req.AppendHeader(&kind)
		req.AppendHeader(&length)
		req.SetBody(body)
	}
	n.counts.add("notified")
	_, err := n.endpoint.transact(req, func(res *Response, err error) {
		switch {
		case err != nil:
			n.post(heard{of: u})
		case !res.IsProvisional():
			n.post(heard{of: u, code: res.StatusCode, wait: retryOf(res)})
		}
	})
	if err == nil {
		return
	}
	if !u.answered(0, 0, now) {
		n.counts.add("ended: " + endWords(u, 0))
		n.forget(u)
	}
}

// post tells the notifier something that is not to be lost: of a full mailbox it is kept until there is room.
func (n *Notifier) post(in any) {
	select {
	case n.in <- in:
	default:
		if !n.endpoint.over() {
			time.AfterFunc(again, func() { n.post(in) })
		}
	}
}
