package sdk

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
)

// wire is one connection to a bridge.
type wire struct {
	carrier
	sent   uint64 // numbered frame that was written last
	ack    bool   // is due
	pinged time.Time
}

// byeError is a bye of the bridge's.
type byeError struct{ why *errs.Error }

func (e byeError) Error() string { return "the bridge ends the channel: " + e.why.Words }
func (e byeError) Unwrap() error { return e.why }

// connect opens the channel at some bridge, and serves it until it is lost or no longer wanted.
func (l *line) connect() error {
	id, err := l.phone.enrolled()
	if err != nil {
		return err
	}
	ctx := context.Context(l.phone.life)
	l.mu.Lock()
	idle, bridge, resume := l.idle, l.bridge, l.resume
	l.mu.Unlock()
	if resume == "" {
		if bridge, err = l.choose(ctx, id); err != nil {
			return err
		}
	}
	w, err := l.open(ctx, id, bridge)
	if err != nil {
		if code := errs.CodeOf(err); resume != "" && code != errs.CloudAway {
			l.lose(errs.New(errs.LinkLost, "the bridge was lost: %w", err)) // and another one is tried
		}
		return err
	}
	defer w.Close()
	err = l.serve(ctx, w, idle)
	var bye byeError
	if errors.As(err, &bye) {
		l.lose(errs.New(errs.LinkLost, "the bridge ended the channel: %w", bye.why))
	}
	return err
}

// choose picks a bridge. A phone that knows none, or none that answers, asks the cloud for them.
func (l *line) choose(ctx context.Context, id *identity) (designation.BridgeFace, error) {
	l.mu.Lock()
	last := l.bridge
	l.bridge = designation.BridgeFace{}
	l.mu.Unlock()
	if len(id.Info.Bridges) == 0 || last.ID != "" {
		if l.phone.mayAsk() {
			if err := l.phone.update(ctx, id.Push); err != nil {
				l.phone.logger().Info("cannot ask the cloud for bridges", "error", err)
			} else if id, err = l.phone.enrolled(); err != nil {
				return designation.BridgeFace{}, err
			}
		}
	}
	if len(id.Info.Bridges) == 0 {
		return designation.BridgeFace{}, errs.New(errs.Unreachable, "the cloud names no bridge that takes channels")
	}
	return id.Info.Bridges[mathrand.N(len(id.Info.Bridges))], nil
}

// open dials a bridge and has the phone let in.
func (l *line) open(ctx context.Context, id *identity, at designation.BridgeFace) (w *wire, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	l.mu.Lock()
	l.bridge = at
	l.mu.Unlock()
	c, err := l.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	w = &wire{carrier: c, pinged: time.Now()}
	if err := l.enter(ctx, w, id, at); err != nil {
		c.Close()
		return nil, err
	}
	return w, nil
}

// enter answers the challenge, and takes up the session again if the bridge has it.
func (l *line) enter(ctx context.Context, w *wire, id *identity, at designation.BridgeFace) error {
	_, frame, err := w.next(ctx, channel.TypeChallenge)
	if err != nil {
		return err
	}
	challenge, err := channel.Body[channel.Challenge](frame)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.order = max(l.order+1, time.Now().UnixMilli())
	order, resume, received := l.order, l.resume, l.dealt
	l.mu.Unlock()
	signed, err := proof.Sign(proof.TypeChannel, l.phone.keys.signing, proof.Channel{
		Bridge: at.ID, Nonce: challenge.Nonce, Device: id.Info.Device, Order: order, ID: rand.Text(), IssuedAt: time.Now().Unix(),
	})
	if err != nil {
		return err
	}
	head := channel.Head{Type: channel.TypeHello}
	if resume != "" {
		head.Received = received
	}
	if err := w.say(ctx, head, channel.Hello{Proof: signed, Resume: resume}); err != nil {
		return err
	}
	head, frame, err = w.next(ctx, channel.TypeWelcome)
	if err != nil {
		return err
	}
	welcome, err := channel.Body[channel.Welcome](frame)
	if err != nil {
		return err
	}
	if resume != "" && !welcome.Resumed { // what waits for the first one is not lost
		l.lose(errs.New(errs.LinkLost, "the bridge has forgotten the channel"))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume, w.sent = welcome.Resume, head.Received
	return l.state.Acked(head.Received)
}

// next reads a frame of a type; a bye is an error.
func (w *wire) next(ctx context.Context, typ string) (channel.Head, []byte, error) {
	frame, err := w.Read(ctx)
	if err != nil {
		return channel.Head{}, nil, err
	}
	h, err := channel.Decode(frame)
	switch {
	case err != nil:
		return h, nil, err
	case h.Type == channel.TypeBye:
		why, err := channel.Body[errs.Error](frame)
		if err != nil {
			return h, nil, err
		}
		return h, nil, byeError{&why}
	case typ != "" && h.Type != typ:
		return h, nil, errs.New(errs.Invalid, "the bridge sent a frame of type %.40q, want %q", h.Type, typ)
	}
	return h, frame, nil
}

// say writes what is not numbered.
func (w *wire) say(ctx context.Context, h channel.Head, body any) error {
	frame, err := channel.Encode(h, body)
	if err != nil {
		return err
	}
	return w.Write(ctx, frame)
}

// serve reads and writes frames until the connection ends, or the phone sleeps or is closed: then the bridge hears that.
func (l *line) serve(ctx context.Context, w *wire, idle <-chan struct{}) error {
	l.mu.Lock()
	l.wire = w
	close(l.there)
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.wire, l.there = nil, make(chan struct{})
		l.mu.Unlock()
	}()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx)) // a phone that is closed has something to say yet
	written, over := make(chan struct{}), make(chan struct{})
	defer func() { close(over); cancel(nil); <-written }()
	go func() {
		defer close(written)
		err := l.write(ctx, w, idle, over)
		if errors.Is(err, errAsleep) {
			err = l.leave(ctx, w, over)
		}
		cancel(err)
	}()
	for {
		h, frame, err := w.next(ctx, "")
		if err == nil {
			err = l.take(w, h, frame)
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
	}
}

// errAsleep ends a channel that is no longer wanted.
var errAsleep = errs.New(errs.Offline, "the phone sleeps")

// goodbye is how long a bridge may take to hear that a phone sleeps.
const goodbye = time.Second

// leave tells the bridge that the phone sleeps, and waits until the bridge has closed the connection: what was not acknowledged
// when a connection of WebTransport is closed may be lost.
func (l *line) leave(ctx context.Context, w *wire, over <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if err := w.say(ctx, channel.Head{Type: channel.TypeBye}, errAsleep); err != nil {
		return err
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
	return errAsleep
}

// write writes what is due until the connection is over; errAsleep says that the phone is to sleep, or is closed.
func (l *line) write(ctx context.Context, w *wire, idle, over <-chan struct{}) error {
	ping := time.NewTimer(channel.PingEvery)
	defer ping.Stop()
	waits := false // for a pong
	for {
		frame, err := l.next(w)
		if err != nil {
			return err
		}
		if frame != nil {
			if err := w.Write(ctx, frame); err != nil {
				return err
			}
			continue
		}
		select {
		case <-over:
			return nil
		case <-idle:
			return errAsleep
		case <-l.phone.life.Done():
			return errAsleep
		case <-l.changed:
		case <-ping.C:
			l.mu.Lock()
			answered := !waits || w.pinged.IsZero()
			w.pinged = time.Now()
			l.mu.Unlock()
			if !answered {
				return errs.New(errs.LinkLost, "the bridge is silent")
			}
			if err := w.say(ctx, channel.Head{Type: channel.TypePing}, nil); err != nil {
				return err
			}
			waits = true
			ping.Reset(channel.PongWithin)
		}
		l.mu.Lock()
		if waits && w.pinged.IsZero() {
			waits = false
			ping.Reset(channel.PingEvery)
		}
		l.mu.Unlock()
	}
}

// next returns the next frame to write, nil for none.
func (l *line) next(w *wire) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.ack {
		w.ack = false
		return channel.Encode(channel.Head{Type: channel.TypeAck, Received: l.dealt}, nil)
	}
	frame, seq := l.state.After(w.sent)
	if frame != nil {
		w.sent = seq
	}
	return frame, nil
}

// take takes a frame of the bridge's. It is acked when it was dealt with.
func (l *line) take(w *wire, h channel.Head, frame []byte) error {
	fresh, got, err := l.note(w, h)
	if err != nil || h.Seq == 0 {
		return err
	}
	switch {
	case !fresh:
	case got != nil:
		got <- answer{frame: frame}
	case h.Type == channel.TypeWake:
		l.phone.woken(frame)
	case h.Type == channel.TypeCancel:
		l.phone.cancelled(frame)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dealt, w.ack = max(l.dealt, h.Seq), true
	l.kick()
	return nil
}

// note notes what a frame says of the session, and whose answer it is.
func (l *line) note(w *wire, h channel.Head) (fresh bool, got chan<- answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.state.Acked(h.Received); err != nil {
		return false, nil, err
	}
	if h.Type == channel.TypePong {
		w.pinged = time.Time{}
		l.kick()
	}
	if h.Seq == 0 {
		return false, nil, nil
	}
	if fresh, err = l.state.Take(h.Seq); fresh && h.Re != 0 {
		got = l.asks[h.Re]
		delete(l.asks, h.Re)
	}
	return fresh, got, err
}
