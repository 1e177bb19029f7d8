package channel

import (
	"context"
	"sync"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// read takes frames of a connection until it ends. Its stack stays small: it is there for as long as the channel.
func (c *Channels) read(s *session, l *link) {
	for {
		frame, err := l.conn.Read(c.ctx)
		if err != nil && errs.CodeOf(err) != errs.Invalid {
			break
		}
		apart(func() {
			if err == nil {
				err = c.take(s, l, frame)
			}
			if err != nil {
				c.end(s, err)
			}
		})
	}
	l.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == l {
		s.link, s.since = nil, time.Now()
	}
}

// apart does something that takes much stack where that is given back at once.
func apart(do func()) {
	var work sync.WaitGroup
	work.Go(do)
	work.Wait()
}

// take takes a frame. An error ends the session.
func (c *Channels) take(s *session, l *link, frame []byte) error {
	h, err := channel.Decode(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l || s.ended {
		return nil // what comes on the old connection comes again on the new one
	}
	if !l.allowed(time.Now()) {
		return errs.New(errs.Congested, "the device sends more than %d frames a second", frameRate)
	}
	if err := s.state.Acked(h.Received); err != nil {
		return err
	}
	s.settle()
	switch {
	case h.Type == channel.TypeBye:
		return errs.New(errs.Offline, "the device sleeps")
	case h.Type == channel.TypePing:
		l.pong = true
		s.kick(l)
		return nil
	case h.Seq == 0:
		return nil
	}
	fresh, err := s.state.Take(h.Seq)
	if err != nil {
		return err
	}
	l.ack = true
	if fresh {
		c.dispatch(s, h, frame)
	}
	s.kick(l)
	return nil
}

// allowed takes one of the frames that a device may send, and notes that it lives.
func (l *link) allowed(now time.Time) bool {
	l.tokens = min(frameBurst, l.tokens+frameRate*max(0, now.Sub(l.heard).Seconds()))
	l.heard = now
	l.tokens--
	return l.tokens >= 0
}

// dispatch has a numbered frame dealt with. s.mu is held.
func (c *Channels) dispatch(s *session, h channel.Head, frame []byte) {
	q, known := c.cfg.Requests[h.Type]
	switch {
	case !known:
		s.answer(h, h.Type, nil, errs.New(errs.Upgrade, "this release knows no %.40q", h.Type))
	case s.requests >= maxRequests:
		s.answer(h, q.Answer, nil, errs.New(errs.Congested, "%d requests of this device are under way, wait for their answers", s.requests))
	default:
		s.requests++
		device := s.bound.Device
		c.work.Go(func() {
			ctx, cancel := context.WithTimeout(c.ctx, askWithin)
			defer cancel()
			body, err := q.Do(ctx, device, frame)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests--
			s.answer(h, q.Answer, body, err)
		})
	}
}

// answer answers a request; what is nobody's question gets none. s.mu is held.
func (s *session) answer(h channel.Head, typ string, body any, err error) {
	if typ == "" || s.ended {
		return
	}
	if err != nil {
		body = channel.Failure{Error: errs.From(err)}
	}
	if _, err := s.state.Put(typ, h.Seq, body); err != nil {
		s.hub.cfg.Logger.Warn("a device was not answered", "device", s.bound.Device, "type", typ, "error", err)
		return
	}
	s.kick(s.link)
}
