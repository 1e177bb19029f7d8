package channel

import (
	"context"
	"crypto/rand"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
)

// greet finds out who has connected, and makes the connection that of a session.
func (c *Channels) greet(conn conn) (*session, *link, error) {
	ctx, cancel := context.WithTimeout(c.ctx, channel.HelloTime)
	defer cancel()
	nonce := rand.Text()
	frame, err := channel.Encode(channel.Head{Type: channel.TypeChallenge}, channel.Challenge{Bridge: c.cfg.Bridge, Nonce: nonce})
	if err == nil {
		err = conn.Write(ctx, frame)
	}
	if err != nil {
		return nil, nil, errs.New(errs.Unauthenticated, "the challenge is not taken: %w", err)
	}
	head, hello, err := readHello(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	who, err := c.prove(hello, nonce)
	if err != nil {
		return nil, nil, err
	}
	s, resumed, err := c.find(ctx, hello.Resume, who)
	if err != nil {
		return nil, nil, err
	}
	l, err := c.attach(s, conn, who, head.Received, resumed)
	return s, l, err
}

func readHello(ctx context.Context, conn conn) (channel.Head, channel.Hello, error) {
	var hello channel.Hello
	frame, err := conn.Read(ctx)
	if err != nil {
		return channel.Head{}, hello, errs.New(errs.Unauthenticated, "no hello came: %w", err)
	}
	head, err := channel.Decode(frame)
	if err != nil {
		return head, hello, err
	}
	if head.Type != channel.TypeHello {
		return head, hello, errs.New(errs.Unauthenticated, "the first frame is of type %.40q, want %q", head.Type, channel.TypeHello)
	}
	hello, err = channel.Body[channel.Hello](frame)
	return head, hello, err
}

// prove says which device holds the key that a hello was proved by; whether the key is the device's, the cloud knows.
func (c *Channels) prove(h channel.Hello, nonce string) (fabric.Bound, error) {
	var p proof.Channel
	if len(h.Proof) > fabric.MaxBoundProof {
		return fabric.Bound{}, errs.New(errs.KeyMalformed, "proof of %d bytes, at most %d are allowed", len(h.Proof), fabric.MaxBoundProof)
	}
	thumbprint, err := proof.Open(h.Proof, proof.TypeChannel, &p)
	switch {
	case err != nil:
		return fabric.Bound{}, err
	case p.Bridge != c.cfg.Bridge:
		return fabric.Bound{}, errs.New(errs.WrongAudience, "the proof is for bridge %.40q, this is %s", p.Bridge, c.cfg.Bridge)
	case p.Nonce != nonce:
		return fabric.Bound{}, errs.New(errs.Replayed, "the proof answers another challenge than that of this connection")
	case p.Device == "" || p.Order <= 0:
		return fabric.Bound{}, errs.New(errs.Invalid, "the proof lacks its device or its order")
	}
	// The nonce is fresh; this keeps a device with a wrong clock from channels whose calls it could not take.
	if err := proof.Fresh(p.IssuedAt, c.cfg.Now()); err != nil {
		return fabric.Bound{}, err
	}
	return fabric.Bound{Device: p.Device, Thumbprint: thumbprint, Order: p.Order, Proof: h.Proof}, nil
}

// find returns the session that a device names, or a new one that the cloud allows.
func (c *Channels) find(ctx context.Context, resume string, who fabric.Bound) (s *session, resumed bool, err error) {
	c.mu.Lock()
	old := c.byID[resume]
	c.mu.Unlock()
	if old != nil {
		if bound := old.who(); bound.Device != who.Device || bound.Thumbprint != who.Thumbprint {
			return nil, false, errs.New(errs.WrongPresenter, "the session belongs to another device")
		}
		return old, true, nil
	}
	if err := c.cfg.Bind(ctx, who); err != nil {
		return nil, false, err
	}
	s = &session{hub: c, id: rand.Text(), bound: who, since: time.Now()}
	c.mu.Lock()
	before := c.byDevice[who.Device]
	if before != nil && before.who().Order > who.Order {
		c.mu.Unlock()
		return nil, false, errs.New(errs.Conflict, "a later channel of this device is here already")
	}
	c.byID[s.id], c.byDevice[who.Device] = s, s
	c.mu.Unlock()
	if before != nil {
		c.end(before, errs.New(errs.Conflict, "this device has opened another channel"))
	}
	return s, false, nil
}

// attach makes a connection that of a session, in place of the one that it had, and welcomes the device.
func (c *Channels) attach(s *session, conn conn, who fabric.Bound, received uint64, resumed bool) (*link, error) {
	l := &link{conn: conn, sent: received, heard: time.Now(), tokens: frameBurst}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, errs.New(errs.Gone, "the session ended just now; come again")
	}
	if err := s.state.Acked(received); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.settle()
	old := s.link
	if s.link = l; who.Order > s.bound.Order {
		s.bound = who
	}
	bound := s.bound
	l.welcome = &channel.Welcome{Resume: s.id, Resumed: resumed}
	s.kick(l)
	s.mu.Unlock()
	if old != nil {
		c.work.Go(old.conn.Close)
	}
	if resumed {
		c.mu.Lock()
		c.resumed++
		c.mu.Unlock()
		c.rebind(s, bound)
	}
	return l, nil
}

// rebind has the cloud know that a session goes on here. Who is not to have one any more is told.
func (c *Channels) rebind(s *session, bound fabric.Bound) {
	c.cfg.Rebind(bound, func(err error) {
		switch errs.CodeOf(err) {
		case "":
		case errs.CloudAway, errs.Congested, errs.Internal:
			s.stale()
		default:
			c.end(s, err)
		}
	})
}

// Rebind has the cloud know of every session, when it may not, or may have refused one that was not heard of.
func (c *Channels) Rebind() {
	for _, s := range c.sessions() {
		c.rebind(s, s.who())
	}
}
