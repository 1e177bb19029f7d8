package fabric

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// Times of the connection. A cloud that stopped answering is noticed after three pings.
const (
	dialTimeout  = 2 * time.Second
	writeTimeout = 2 * time.Second
	pingInterval = 5 * time.Second
	pingsOut     = 2
	minDelay     = 100 * time.Millisecond // between attempts to reconnect
	maxDelay     = 5 * time.Second
)

// options are those that keep a client alive: nats.go otherwise gives up after two refusals, and sends what was published
// while it was away after it is back, when nobody waits for it any more.
func (c *Client) options() nats.Options {
	o := nats.GetDefaultOptions()
	for _, s := range c.cfg.Servers {
		o.Servers = append(o.Servers, "tls://"+s)
	}
	o.Name = c.cfg.Name
	o.InboxPrefix = Inbox(c.cfg.Node)
	o.IgnoreAuthErrorAbort = true
	o.RetryOnFailedConnect = true
	o.IgnoreDiscoveredServers = true // a node talks to the addresses of its enrolment only
	o.MaxReconnect = -1
	o.ReconnectBufSize = -1
	o.CustomReconnectDelayCB = c.retryDelay
	o.Timeout = dialTimeout
	o.FlusherTimeout = writeTimeout
	o.PingInterval = pingInterval
	o.MaxPingsOut = pingsOut
	o.ConnectedCB = c.connected
	o.ReconnectedCB = c.connected
	o.DisconnectedErrCB = c.disconnected
	o.ReconnectErrCB = func(_ *nats.Conn, err error) { c.state.failed(err) }
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { c.asyncError(err) }
	o.ClosedCB = func(*nats.Conn) { close(c.closed) }
	if c.cfg.InProcess != nil {
		o.InProcessServer = c.cfg.InProcess
	} else {
		o.Secure, o.TLSConfig = true, c.cfg.TLS
	}
	if c.cfg.Key != nil {
		o.SignatureCB = c.cfg.Key.Sign
		o.Nkey, _ = c.cfg.Key.PublicKey() // fails only for a wiped pair
	}
	return o
}

// retryDelay grows to maxDelay and is spread, so that a thousand switches do not return to a restarted cloud at once.
func (c *Client) retryDelay(attempts int) time.Duration {
	c.state.failedBefore()
	// A server that lets a node connect and then refuses it begins nats.go's count anew each time.
	attempts = max(attempts, int(c.tries.Add(1)-1))
	d := min(minDelay<<min(attempts, 10), maxDelay)
	return d/2 + rand.N(d/2)
}

func (c *Client) connected(conn *nats.Conn) {
	c.up.Store(time.Now().UnixNano())
	c.log.Info("connected to the cloud", "server", conn.ConnectedUrlRedacted())
	c.tell(Status{Connected: true})
}

func (c *Client) disconnected(conn *nats.Conn, err error) {
	if err == nil {
		err = errors.New("connection closed")
	}
	reason := errs.New(errs.CloudAway, "the connection to the cloud is lost: %w", err)
	if time.Since(time.Unix(0, c.up.Load())) > maxDelay {
		c.tries.Store(0) // it held: come back soon
	}
	c.clock.doubt()
	if c.cfg.OnStatus == nil && !conn.IsClosed() { // else who is told tells it
		c.log.Warn("disconnected from the cloud", "error", err)
	}
	c.tell(Status{Reason: reason})
	// An answer that was under way is lost: whoever waits can take the offline rules now.
	c.pending.fail(func(string) bool { return true }, reason)
}

// tell keeps a status and passes it on. All calls come from the one goroutine of nats.go's callbacks.
func (c *Client) tell(s Status) {
	c.state.set(s)
	if c.cfg.OnStatus != nil {
		c.cfg.OnStatus(s)
	}
}

// asyncError takes what the server says outside of any request.
func (c *Client) asyncError(err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		c.permissionDenied(err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		c.log.Warn("the cloud refuses this node", "error", err)
		c.state.failed(err)
	default:
		c.log.Warn("fabric error", "error", err)
	}
}

// permissionDenied maps a violation, which NATS reports asynchronously, to the requests that wait on its subject.
func (c *Client) permissionDenied(err error) {
	c.denied.Add(1)
	c.log.Warn("the fabric denies a subject to this node", "error", err)
	if _, rest, ok := strings.Cut(err.Error(), `Publish to "`); ok {
		subject, _, _ := strings.Cut(rest, `"`)
		c.pending.fail(func(s string) bool { return s == subject },
			errs.New(errs.Forbidden, "this node may not send to %s", subject))
		return
	}
	if _, rest, ok := strings.Cut(err.Error(), `Subscription to "`); ok {
		subject, _, _ := strings.Cut(rest, `"`)
		c.tell(Status{Connected: true, Reason: errs.New(errs.Forbidden, "this node may not subscribe to %s", subject)})
	}
}

// state is the connection's status, for those who wait for a change.
type state struct {
	mu      sync.Mutex
	conn    *nats.Conn // nil until Connect has it
	current Status
	changed chan struct{} // closed and replaced at each change
}

func newState() state {
	return state{
		current: Status{Reason: errs.New(errs.CloudAway, "no connection to the cloud yet")},
		changed: make(chan struct{}),
	}
}

func (s *state) attach(conn *nats.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

func (s *state) status() Status {
	status, _ := s.watch()
	return status
}

func (s *state) watch() (Status, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.changed
}

func (s *state) set(status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = status
	close(s.changed)
	s.changed = make(chan struct{})
}

// failed keeps why an attempt to connect failed.
func (s *state) failed(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Connected {
		return
	}
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
		err = errs.New(errs.Unauthenticated, "the cloud refuses this node (its log says why): %w", err)
	}
	s.current.Reason = trust.Validity(err, time.Now())
}

// failedBefore keeps why the last attempt failed where nats.go has no callback for it: TLS and the server's greeting.
func (s *state) failedBefore() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		s.failed(conn.LastError())
	}
}
