// Package channel is the bridge's end of the channels of apps that are awake (strowger/pkg/channel).
//
// An idle channel costs one goroutine, which reads, and its connection: what is to be written is written by a goroutine that
// lives as long as there is something, time-outs of all channels are one sweep, and buffers are small.
package channel

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/limit"
)

// Limits.
const (
	// MaxChannels is how many sessions and strangers a bridge has at a time, maxPerSource how many from one source.
	MaxChannels  = 50_000
	maxPerSource = 1024
	maxRequests  = 4 // of one device, under way
)

// Times.
const (
	sweepEvery  = 5 * time.Second
	writeWithin = 10 * time.Second
	askWithin   = 10 * time.Second // a request of a device
	lastWords   = time.Second      // that an app has to read a bye and to close
)

// Frames of a device: more end its session.
const (
	frameRate  = 20 // a second, in the long run
	frameBurst = 200
)

// Config is what a bridge does for channels.
type Config struct {
	Bridge string // id
	// Bind asks the cloud whether a device may have a channel, and notes that it has.
	Bind func(ctx context.Context, b fabric.Bound) error
	// Rebind does so for a session that goes on, and calls back; Unbind notes that it has ended. Both return at once.
	Rebind func(b fabric.Bound, done func(error))
	Unbind func(b fabric.Bound)
	// Requests answers requests of devices, by type: frame is the whole, the answer becomes the members of answer's type.
	Requests map[string]Request
	// Allow says whether a source may ask for one more channel by WebTransport. For WebSockets the server knows it.
	Allow     func(source netip.Prefix) bool
	PerSource int // channels; 0: maxPerSource
	Now       func() time.Time
	Logger    *slog.Logger
}

// Request answers requests of a type.
type Request struct {
	Answer string // its type
	Do     func(ctx context.Context, device string, frame []byte) (any, error)
}

// Channels is all channels of a bridge. It is safe for concurrent use.
type Channels struct {
	cfg  Config
	ctx  context.Context // never ends
	web  *web
	work sync.WaitGroup         // connections, and what they have under way
	told *limit.Buckets[string] // of whom the log tells: sources and devices

	mu       sync.Mutex
	ended    bool
	open     map[conn]struct{}    // of strangers and of devices
	bySource map[netip.Prefix]int // of them
	byID     map[string]*session
	byDevice map[string]*session
	refused  map[errs.Code]uint64
	resumed  uint64
}

// New returns no channels. The values of ctx are those of all that is done.
func New(ctx context.Context, cfg Config) *Channels {
	if cfg.PerSource == 0 {
		cfg.PerSource = maxPerSource
	}
	c := &Channels{
		cfg: cfg, ctx: context.WithoutCancel(ctx), open: map[conn]struct{}{}, bySource: map[netip.Prefix]int{},
		byID: map[string]*session{}, byDevice: map[string]*session{}, refused: map[errs.Code]uint64{},
		told: limit.NewTold[string](cfg.Now),
	}
	c.web = newWeb(c)
	return c
}

// conn is a connection that carries frames: a WebSocket, or a stream of WebTransport. One goroutine reads and one writes; the
// time that either has is the deadline of its context.
type conn interface {
	// Read returns the next frame. What is no frame is errs.Invalid; after any other error there are none.
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, frame []byte) error
	Close() // at once, whoever reads or writes
}

// Counters is what became of channels.
type Counters struct {
	Open     int // sessions, those without a connection included
	Attached int // connections
	Resumed  uint64
	Refused  map[errs.Code]uint64
}

// Counters returns what became of channels so far.
func (c *Channels) Counters() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counters{Open: len(c.byID), Attached: len(c.open), Resumed: c.resumed, Refused: maps.Clone(c.refused)}
}

// Run ends what is silent for too long, until ctx ends. Then Close ends all.
func (c *Channels) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.sweep()
		}
	}
}

// Close tells every device that the bridge stops, and returns when nothing runs any more.
func (c *Channels) Close() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	for _, s := range c.sessions() {
		c.end(s, errs.New(errs.NodeStopped, "this bridge stops; another one takes you"))
	}
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
	c.mu.Lock()
	for conn := range c.open {
		c.work.Go(conn.Close)
	}
	c.mu.Unlock()
	_ = c.web.server.Close() // strangers go without a word
	<-done
}

func (c *Channels) sessions() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*session, 0, len(c.byID))
	for _, s := range c.byID {
		all = append(all, s)
	}
	return all
}

// enter counts a connection, if there may be one more.
func (c *Channels) enter(source netip.Prefix) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return errs.New(errs.NodeStopped, "this bridge stops; ask another one")
	case len(c.open) >= MaxChannels || len(c.byID) >= MaxChannels:
		return errs.New(errs.Congested, "this bridge has %d channels, the most it takes; ask another one", MaxChannels)
	case c.bySource[source] >= c.cfg.PerSource:
		return errs.New(errs.Congested, "%d channels come from your address, the most there may be", c.cfg.PerSource)
	}
	c.bySource[source]++
	c.work.Add(1)
	return nil
}

func (c *Channels) leave(source netip.Prefix) {
	c.mu.Lock()
	if c.bySource[source]--; c.bySource[source] == 0 {
		delete(c.bySource, source)
	}
	c.mu.Unlock()
	c.work.Done()
}

// opened and closed note a connection that frames come by.
func (c *Channels) opened(conn conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = struct{}{}
	if c.ended { // Close may have closed all that there were
		c.work.Go(conn.Close)
	}
}

func (c *Channels) closed(conn conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

func (c *Channels) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[errs.CodeOf(err)]++
}

// refuse tells a stranger why it is not let in, and closes its connection.
func (c *Channels) refuse(conn conn, source netip.Prefix, why error) {
	c.count(why)
	if c.told.Take(source.String()) {
		c.cfg.Logger.Info("refused a channel", "source", source, "code", errs.CodeOf(why), "error", why)
	}
	defer conn.Close()
	e := errs.From(why)
	if e.Code == errs.Internal {
		e = errs.New(errs.Internal, "something failed inside; the log of the bridge says what")
	}
	ctx, cancel := context.WithTimeout(c.ctx, writeWithin)
	defer cancel()
	frame, err := channel.Encode(channel.Head{Type: channel.TypeBye}, e)
	if err != nil || conn.Write(ctx, frame) != nil {
		return
	}
	ctx, cancel = context.WithTimeout(c.ctx, lastWords)
	defer cancel()
	for err == nil || errs.CodeOf(err) == errs.Invalid { // until the app has closed it
		_, err = conn.Read(ctx)
	}
}
