// Package lampline is lamps over links: how switches tell each other who is on the phone while the cloud is away (package fabric, Lamps).
//
// A switch that has something to tell opens a stream of the link to the other one, makes that link if there is none, and keeps it until
// nothing was told for a while. What cannot be sent is dropped and counted: it is said again, see package lamp.
package lampline

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/link"
)

const (
	maxWaiting = 16 // messages to one switch
	sendTime   = 5 * time.Second
	idleTime   = fabric.LampLease + fabric.LampRefresh
)

// Config is what lines need.
type Config struct {
	Connect func(context.Context, designation.Node) (*link.Conn, error)
	Hear    func(fabric.Lamps)
	Count   func(outcome string)
	Logger  *slog.Logger
}

// letter is a message, and where the switch that it is for is now.
type letter struct {
	node designation.Node
	fabric.Lamps
}

// Lines is the streams of a switch to others.
type Lines struct {
	cfg  Config
	work sync.WaitGroup

	mu   sync.Mutex
	to   map[string]chan letter // by switch
	over bool
	ctx  context.Context // ends them; nil before Run
}

// New returns lines; Run serves them.
func New(cfg Config) *Lines { return &Lines{cfg: cfg, to: map[string]chan letter{}} }

// Run lets messages be sent until ctx ends.
func (l *Lines) Run(ctx context.Context) error {
	l.mu.Lock()
	l.ctx = ctx
	l.mu.Unlock()
	<-ctx.Done()
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.work.Wait()
	return nil
}

// Send has a message go to a switch. It never blocks.
func (l *Lines) Send(node designation.Node, m fabric.Lamps) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil || l.over {
		return
	}
	queue := l.to[node.ID]
	if queue == nil {
		queue = make(chan letter, maxWaiting)
		l.to[node.ID] = queue
		l.work.Go(func() { l.serve(node.ID, queue) })
	}
	select {
	case queue <- letter{node, m}:
	default:
		l.cfg.Count("dropped")
	}
}

// open is a stream that can be written to.
type open struct {
	net.Conn
	release func()
}

func (o *open) close() {
	if o != nil {
		_ = o.Close() // what was sent still arrives, and the rest is said again
		o.release()
	}
}

// serve sends what is for one switch, until nothing was for a while.
func (l *Lines) serve(node string, queue chan letter) {
	var s *open
	defer func() { s.close() }()
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-idle.C:
			if l.leave(node) {
				return
			}
		case m := <-queue:
			var err error
			if s, err = l.tell(s, m.node, m.Lamps); err != nil {
				l.cfg.Count("unsent")
				l.cfg.Logger.Debug("another switch is not told of lamps", "peer", m.node.Name, "error", err)
			}
		}
		idle.Reset(idleTime)
	}
}

// leave ends the line to a switch, unless there is something to send.
func (l *Lines) leave(node string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.to[node]) > 0 {
		return false
	}
	delete(l.to, node)
	return true
}

// tell sends a message by a stream, or another if that is gone. It returns the one to use next, nil for none.
func (l *Lines) tell(s *open, node designation.Node, m fabric.Lamps) (*open, error) {
	line, err := json.Marshal(m)
	if err != nil {
		return s, err
	}
	if len(line) >= fabric.MaxRequest {
		return s, errs.New(errs.Invalid, "lamps of %d bytes, %d are allowed", len(line), fabric.MaxRequest)
	}
	line = append(line, '\n')
	if s != nil {
		if err = s.write(line); err == nil {
			return s, nil
		}
		s.close()
	}
	ctx, cancel := context.WithTimeout(l.ctx, sendTime)
	defer cancel()
	c, err := l.cfg.Connect(ctx, node)
	if err != nil {
		return nil, err
	}
	release := c.Hold()
	stream, err := c.OpenLamps(ctx)
	if err != nil {
		release()
		return nil, err
	}
	s = &open{stream, release}
	if err := s.write(line); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (o *open) write(line []byte) error {
	if err := o.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err := o.Write(line)
	return err
}

// Take reads what another switch tells, until the stream ends. What only the cloud may say of users is not taken from it.
func (l *Lines) Take(c *link.Conn, s net.Conn) {
	defer func() { _ = s.Close() }() // nothing was written to it
	lines := bufio.NewScanner(s)
	lines.Buffer(nil, fabric.MaxRequest)
	for lines.Scan() {
		m, err := Decode(lines.Bytes())
		if err != nil {
			l.cfg.Count("malformed")
			l.cfg.Logger.Warn("another switch tells of lamps what cannot be read", "peer", c.Peer().ID, "error", err)
			return
		}
		m.From = c.Peer().ID
		l.cfg.Hear(m)
	}
}

// Decode reads a line of another switch.
func Decode(line []byte) (m fabric.Lamps, err error) {
	if err := json.Unmarshal(line, &m); err != nil {
		return fabric.Lamps{}, errs.New(errs.Invalid, "lamps: %w", err)
	}
	if err := m.Check(); err != nil {
		return fabric.Lamps{}, err
	}
	m.Header, m.From, m.Sights = fabric.Header{}, "", nil // sights of users go by the cloud, which knows their homes
	for i := range m.Asks {
		m.Asks[i] = fabric.LampAsk{Number: m.Asks[i].Number, By: m.Asks[i].By}
	}
	return m, nil
}
