package fabric

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"strowger/pkg/errs"
)

// Config says how a node or a cloud instance connects.
type Config struct {
	Servers []string    // "host:port" of the fabric; unused with InProcess
	TLS     *tls.Config // the node's certificate and the installation root; unused with InProcess
	Org     string      // id of the node's organization; empty for the cloud
	Node    string      // id of the node or cloud instance: names its inbox
	Name    string      // for people, in the server's log
	Logger  *slog.Logger

	// OnStatus, if set, is told of each change, in order and from one goroutine. It must not block.
	OnStatus func(Status)

	InProcess nats.InProcessConnProvider // the embedded server, for the cloud instance around it
	Key       nkeys.KeyPair              // proves the cloud instance to the server
	Cloud     bool                       // a cloud instance: its answers carry the time that nodes follow
	// MayAsk says whether a node may ask on a subject that does not name it, as documents are fetched: it gets the answer.
	// Nil: any may.
	MayAsk func(s Subject, node string) bool
}

func (c Config) validate() error {
	switch {
	case c.Node == "":
		return errors.New("fabric: node id is missing")
	case c.Logger == nil:
		return errors.New("fabric: logger is missing")
	case c.InProcess == nil && len(c.Servers) == 0:
		return errors.New("fabric: no servers are named; want host:port of the cloud's fabric")
	case c.InProcess == nil && c.TLS == nil:
		return errors.New("fabric: TLS configuration with the node's certificate is missing")
	}
	return nil
}

// Status is the state of the connection.
type Status struct {
	Connected bool
	Reason    error // why not connected; with Connected, a subscription that the cloud denied
}

// Counts are what a client dropped or was denied since its start.
type Counts struct {
	Late      uint64 // requests past their deadline, dropped unanswered
	Overflow  uint64 // requests refused as congested, announcements dropped: all workers busy and the queue full
	Malformed uint64 // messages that could not be read, or whose answer was to go elsewhere than to the sender
	Denied    uint64 // publications and subscriptions that the fabric's permissions refused
}

// Client is a connection to the fabric that stays: it reconnects for ever, whatever the server says.
type Client struct {
	cfg     Config
	log     *slog.Logger
	conn    *nats.Conn
	clock   *clock
	pending *pending
	state   state
	closed  chan struct{}
	workers sync.WaitGroup

	tries atomic.Int32 // attempts to connect since a connection last held
	up    atomic.Int64 // when the last connection came up, Unix nanoseconds

	late, overflow, malformed, denied atomic.Uint64
}

// Connect returns a client at once, connected or not; see Ready. Close ends it.
func Connect(cfg Config) (*Client, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg:     cfg,
		log:     cfg.Logger.With("node", cfg.Node),
		clock:   newClock(cfg.Cloud),
		pending: newPending(),
		state:   newState(),
		closed:  make(chan struct{}),
	}
	conn, err := c.options().Connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the fabric at %v: %w", cfg.Servers, err)
	}
	c.conn = conn
	c.state.attach(conn)
	return c, nil
}

// Org is the organization of the node.
func (c *Client) Org() string { return c.cfg.Org }

// Node is the id of the node.
func (c *Client) Node() string { return c.cfg.Node }

// Now is the cloud's time.
func (c *Client) Now() time.Time {
	t, _ := c.clock.now()
	return t
}

// Status is the present state of the connection.
func (c *Client) Status() Status { return c.state.status() }

// Ready waits until the client is connected. Its error says why it is not when ctx ends.
func (c *Client) Ready(ctx context.Context) error {
	for {
		s, changed := c.state.watch()
		if s.Connected {
			return nil
		}
		select {
		case <-changed:
		case <-c.closed:
			return errs.New(errs.CloudAway, "the fabric client is closed")
		case <-ctx.Done():
			return errs.New(errs.CloudAway, "not connected to the cloud at %v: %w", c.cfg.Servers, c.state.status().Reason)
		}
	}
}

// Counts returns what was dropped since the start.
func (c *Client) Counts() Counts {
	return Counts{
		Late: c.late.Load(), Overflow: c.overflow.Load(), Malformed: c.malformed.Load(), Denied: c.denied.Load(),
	}
}

// Close sends what was published, ends the connection with all handlers and subscriptions, and waits for them.
func (c *Client) Close() {
	c.conn.Close()
	<-c.closed
	c.workers.Wait()
}
