package channel

import (
	"context"
	"sync"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// session is a device's session.
type session struct {
	hub *Channels
	id  string

	mu       sync.Mutex // guards what follows
	bound    fabric.Bound
	state    channel.Session
	link     *link                // nil without a connection
	since    time.Time            // without one
	waits    map[uint64]chan bool // told whether the frame was acked; one of them each
	requests int                  // of the device, under way
	unknown  bool                 // the cloud may not know of it
	ended    bool
}

// link is one connection of a session. Its fields are guarded by the session's mu.
type link struct {
	conn    conn
	welcome *channel.Welcome // to be written first
	sent    uint64           // numbered frame that was written last
	ack     bool             // to be written
	pong    bool             // to be written
	bye     *errs.Error      // to be written last
	writing bool             // somebody does
	heard   time.Time
	tokens  float64 // frames that the device may send
}

func (s *session) who() fabric.Bound {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound
}

func (s *session) stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unknown = true
}

// kick has somebody write what is due on a link. s.mu is held, and the link's reader runs.
func (s *session) kick(l *link) {
	if l != nil && !l.writing {
		l.writing = true
		s.hub.work.Go(func() { s.write(l) })
	}
}

// write writes until nothing is due.
func (s *session) write(l *link) {
	for {
		frame, last := s.next(l)
		if frame == nil {
			return
		}
		ctx, cancel := context.WithTimeout(s.hub.ctx, writeWithin)
		err := l.conn.Write(ctx, frame)
		cancel()
		if err != nil {
			l.conn.Close() // the reader sees it
			return
		}
		if last {
			time.AfterFunc(lastWords, l.conn.Close) // unless the app has closed it
			return
		}
	}
}

// next returns the next frame for a link, nil for none; last says that nothing follows.
func (s *session) next(l *link) (frame []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	received := s.state.Received()
	switch {
	case l.welcome != nil:
		frame, err = channel.Encode(channel.Head{Type: channel.TypeWelcome, Received: received}, l.welcome)
		l.welcome = nil
	case l.bye != nil:
		frame, err = channel.Encode(channel.Head{Type: channel.TypeBye}, l.bye)
		last = true
	case s.link != l: // another took its place
	case l.pong:
		frame, err = channel.Encode(channel.Head{Type: channel.TypePong, Received: received}, nil)
		l.pong, l.ack = false, false
	case l.ack:
		frame, err = channel.Encode(channel.Head{Type: channel.TypeAck, Received: received}, nil)
		l.ack = false
	default:
		var seq uint64
		if frame, seq = s.state.After(l.sent); frame != nil {
			l.sent = seq
		}
	}
	if err != nil { // words that are too long for a frame: there are none
		s.hub.cfg.Logger.Error("a frame cannot be written", "error", err)
	}
	if frame == nil {
		l.writing = false
	}
	return frame, last
}

// settle tells those whose frames were acked. s.mu is held.
func (s *session) settle() {
	for seq, wait := range s.waits {
		if s.state.Delivered(seq) {
			wait <- true
			delete(s.waits, seq)
		}
	}
	if len(s.waits) == 0 {
		s.waits = nil // an idle session is small
	}
}

// Send sends a device a frame, and returns when the device has taken it: errs.Offline if it has no channel here or ends it,
// errs.Congested if too much waits for it, and ctx's error if that ends first; the frame may arrive all the same.
func (c *Channels) Send(ctx context.Context, device, typ string, body any) error {
	c.mu.Lock()
	s := c.byDevice[device]
	c.mu.Unlock()
	if s == nil {
		return errs.New(errs.Offline, "device %s has no channel at this bridge", device)
	}
	wait, err := s.put(typ, body)
	if err != nil {
		return err
	}
	select {
	case acked := <-wait:
		if !acked {
			return errs.New(errs.Offline, "device %s has closed its channel", device)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *session) put(typ string, body any) (<-chan bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errs.New(errs.Offline, "device %s has closed its channel", s.bound.Device)
	}
	seq, err := s.state.Put(typ, 0, body)
	if err != nil {
		return nil, err
	}
	wait := make(chan bool, 1)
	if s.waits == nil {
		s.waits = map[uint64]chan bool{}
	}
	s.waits[seq] = wait
	s.kick(s.link)
	return wait, nil
}

// Drop ends the channel of a device that was opened up to an order, any if that is 0, and tells the device why.
func (c *Channels) Drop(device string, order int64, why error) {
	c.mu.Lock()
	s := c.byDevice[device]
	c.mu.Unlock()
	if s != nil && (order == 0 || s.who().Order <= order) {
		c.end(s, why)
	}
}

// end ends a session; a device that is connected is told why.
func (c *Channels) end(s *session, why error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	bound := s.bound
	bound.Proof = "" // that it is over, the bridge may say
	for _, wait := range s.waits {
		wait <- false
	}
	s.waits = nil
	if l := s.link; l != nil {
		l.bye = errs.From(why)
		s.kick(l)
	}
	s.mu.Unlock()
	c.mu.Lock()
	delete(c.byID, s.id)
	if c.byDevice[bound.Device] == s {
		delete(c.byDevice, bound.Device)
	}
	c.mu.Unlock()
	c.cfg.Unbind(bound)
	c.count(why)
	if c.told.Take(bound.Device) {
		c.cfg.Logger.Info("a channel ended", "device", bound.Device, "code", errs.CodeOf(why), "why", why)
	}
}

// sweep closes connections that are silent, and ends sessions that have had none for too long.
func (c *Channels) sweep() {
	now := time.Now()
	for _, s := range c.sessions() {
		s.mu.Lock()
		l, bound, unknown := s.link, s.bound, s.unknown
		silent := l != nil && now.Sub(l.heard) > channel.SilentFor
		over := l == nil && now.Sub(s.since) > channel.Keep
		s.unknown = false
		s.mu.Unlock()
		switch {
		case over:
			c.end(s, errs.New(errs.LinkLost, "the device did not come back"))
		case silent:
			l.conn.Close() // its reader sees it
		case unknown:
			c.rebind(s, bound)
		}
	}
}
