// Package linkside is the calls between this switch and others: SIP and media over the links of package link. A caller
// that comes in shows a session key; a call that goes out carries one.
//
// All calls between two nodes share one SIP stream, which both sides use in both directions. When a stream ends, the
// calls live on: the side that dialled the link opens another, and both move their dialogs to it. When the link ends, so do
// its calls.
package linkside

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/link"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// Config is what the link side needs.
type Config struct {
	Node   string // name of this switch, for ladders
	Org    string // organization id: the host of SIP URIs on links
	Relay  *media.Relay
	Verify func(key string, p sessionkey.Presenter) (sessionkey.Claims, error)
	Done   func(leg string)          // the leg of a key is answered or over
	Begin  func(call.Incoming) error // starts the call, or says why not
	NameOf func(node string) string  // of another switch, for ladders
	Logger *slog.Logger
}

// Links is the link side of a switch.
type Links struct {
	cfg   Config
	sip   *sip.Endpoint
	ready chan struct{} // closed by Run, which sets link and ctx
	link  *link.Endpoint
	ctx   context.Context // ends dials under way
	work  sync.WaitGroup  // dials and watches under way

	mu    sync.Mutex
	peers map[*link.Conn]*peer
	at    map[sip.Peer]*peer // by SIP stream
}

// peer is the other end of one link: its SIP stream and the calls on it.
type peer struct {
	conn    *link.Conn
	stream  sip.Peer      // zero: none that works
	opening chan struct{} // closed when the stream that is being opened is there or cannot be; nil: none is
	calls   map[*user]struct{}
}

// user is a leg that is to be told what becomes of its stream.
type user struct {
	stream sip.Peer
	post   func(any) bool
}

// Inputs of a leg besides those of its dialog.
type (
	cut   struct{}               // the stream ended, another will come
	moved struct{ to sip.Peer }  // use this stream from now on
	gone  struct{ cause string } // the link ended
)

// New returns the link side. The endpoint that it dials from gets TakeSIP as its OnSIP.
func New(cfg Config) *Links {
	l := &Links{cfg: cfg, ready: make(chan struct{}), peers: map[*link.Conn]*peer{}, at: map[sip.Peer]*peer{}}
	l.sip = sip.NewEndpoint(sip.Config{Name: "Strowger", AdvertiseHost: cfg.Org, Handler: l, Logger: cfg.Logger})
	return l
}

// Run serves until ctx ends. It dials by e.
func (l *Links) Run(ctx context.Context, e *link.Endpoint) error {
	l.ctx, l.link = ctx, e
	close(l.ready)
	err := l.sip.Run(ctx)
	l.work.Wait()
	return err
}

// TakeSIP serves a SIP stream that the other side of a link opened, and moves the calls that lost theirs to it.
func (l *Links) TakeSIP(c *link.Conn, s net.Conn) {
	<-l.ready
	if _, err := l.serve(c, s); err != nil {
		l.cfg.Logger.Warn("cannot serve a SIP stream", "peer", c.Peer(), "error", err)
	}
}

// serve gives a stream to SIP and tells the calls that lost theirs. The stream is known by its address before SIP reads
// from it: its first INVITE may be there already.
func (l *Links) serve(c *link.Conn, s net.Conn) (sip.Peer, error) {
	addr, err := netip.ParseAddrPort(s.RemoteAddr().String())
	if err != nil {
		return sip.Peer{}, errors.Join(err, s.Close())
	}
	at := sip.Peer{Transport: sip.TCP, Addr: addr}
	l.mu.Lock()
	p := l.peerOf(c)
	l.at[at] = p
	l.mu.Unlock()
	stream, err := l.sip.ServeStream(l.ctx, s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		delete(l.at, at)
		return at, errors.Join(err, s.Close())
	}
	p.stream = at
	l.move(p)
	began := time.Now()
	l.work.Go(func() {
		<-stream.Done()
		l.streamEnded(c, at, began)
	})
	return at, nil
}

// move tells the calls that lost their stream to use the peer's other one. l.mu is held.
func (l *Links) move(p *peer) {
	for u := range p.calls {
		if l.at[u.stream] == nil {
			u.stream = p.stream
			u.post(moved{p.stream})
		}
	}
}

// peerOf returns the peer of a link and, for a new one, watches for its end. l.mu is held.
func (l *Links) peerOf(c *link.Conn) *peer {
	p := l.peers[c]
	if p == nil {
		p = &peer{conn: c, calls: map[*user]struct{}{}}
		l.peers[c] = p
		l.work.Go(func() { l.watch(p) })
	}
	return p
}

// watch tells the calls of a link that it ended.
func (l *Links) watch(p *peer) {
	select {
	case <-p.conn.Done():
	case <-l.ctx.Done():
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.peers, p.conn)
	if len(p.calls) > 0 {
		l.cfg.Logger.Warn("a link ended with calls on it", "peer", p.conn.Peer().ID, "calls", len(p.calls), "error", p.conn.Err())
	}
	for u := range p.calls {
		u.post(gone{ended(p.conn.Err())})
	}
}

// ended is what people are told of the end of a link; the rest is for the log.
func ended(err error) string {
	if code := errs.CodeOf(err); code == errs.Revoked || code == errs.NodeStopped || code == errs.Restarted {
		return "The link between the offices ended: " + string(code)
	}
	return "" // the words of the code
}

// streamEnded forgets a stream. Calls that it carried move to the other one, if both sides opened one at once; else they
// are given another.
func (l *Links) streamEnded(c *link.Conn, at sip.Peer, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.at[at]
	delete(l.at, at)
	if p.stream != at {
		l.move(p)
		return
	}
	p.stream = sip.Peer{}
	for u := range p.calls {
		if u.stream == at {
			u.post(cut{})
		}
	}
	if len(p.calls) > 0 && l.ctx.Err() == nil {
		var wait time.Duration
		if !c.Dialled() {
			wait = theirTurn
		}
		if time.Since(began) < shortLived {
			wait += breather
		}
		l.work.Go(func() { l.reopen(c, wait) })
	}
}

const (
	theirTurn  = time.Second            // how long the side that was dialled leaves it to the other to open another stream
	shortLived = time.Second            // a stream that ends within this may have met an error that comes back with the next:
	breather   = 100 * time.Millisecond // such an error must not keep both sides busy
)

// reopen opens another stream for the calls of a link, unless one comes up while it waits.
func (l *Links) reopen(c *link.Conn, wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-c.Done():
		return
	case <-l.ctx.Done():
		return
	}
	if _, err := l.streamOf(l.ctx, c); err != nil {
		l.cfg.Logger.Warn("cannot open another SIP stream", "peer", c.Peer(), "error", err)
	}
}

// streamOf returns the SIP stream of a link, opening one if there is none. Many calls that begin at once share it.
func (l *Links) streamOf(ctx context.Context, c *link.Conn) (sip.Peer, error) {
	for {
		l.mu.Lock()
		p := l.peerOf(c)
		at, opening := p.stream, p.opening
		if at != (sip.Peer{}) {
			l.mu.Unlock()
			return at, nil
		}
		if opening == nil {
			opening = make(chan struct{})
			p.opening = opening
			l.mu.Unlock()
			at, err := l.open(ctx, c)
			l.mu.Lock()
			p.opening = nil
			close(opening)
			l.mu.Unlock()
			return at, err
		}
		l.mu.Unlock()
		select {
		case <-opening:
		case <-ctx.Done():
			return sip.Peer{}, ctx.Err()
		}
	}
}

func (l *Links) open(ctx context.Context, c *link.Conn) (sip.Peer, error) {
	s, err := c.OpenSIP(ctx)
	if err != nil {
		return sip.Peer{}, err
	}
	return l.serve(c, s)
}

// join has a leg told of its stream's fate until the returned function is called.
func (l *Links) join(c *link.Conn, at sip.Peer, post func(any) bool) (leave func()) {
	release := c.Hold()
	u := &user{stream: at, post: post}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peerOf(c)
	p.calls[u] = struct{}{}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		delete(p.calls, u)
		l.mu.Unlock()
		release()
	})
}

// connOf returns the link that a stream belongs to.
func (l *Links) connOf(at sip.Peer) *link.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.at[at]; p != nil {
		return p.conn
	}
	return nil
}

// Register refuses phones that take a link for a registrar.
func (l *Links) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) {
	respond(405, "Method Not Allowed", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS"))
}
