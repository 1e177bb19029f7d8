// Package exchange is the cloud's end of the fabric: NATS servers that switches reach over TLS with their node
// certificates, and the auth callout that decides what each of them may do. The server is embedded, or external ones are
// used: one, or a cluster, configured as ServerConfig says. The callout, its permissions and Kick are the same for both.
//
// The server itself verifies that a certificate leads to the installation root. The callout then verifies that it was
// issued by the intermediate of the organization that it names, asks the registry whether the node is enrolled with that
// very key and not revoked, and answers with permissions for the node's own subjects (package fabric lists them). It
// answers nothing when it cannot decide, for instance without SQL: the node tries again. A connection ends when its
// certificate expires, and at once when Kick says so.
//
// A cloud instance has three connections, each as a user of its own (see Keys): one for all traffic, one that answers for
// the callout, one that finds and cuts connections. Several instances share external servers: one of them answers each
// question of the callout, and what one kicks is cut at whatever server it is.
package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/trust"
)

// The NATS accounts: one for all traffic, one in which only the callout is, and the servers' own.
const (
	trafficAccount = "FABRIC"
	calloutAccount = "CALLOUT"
	systemAccount  = "SYS"
)

// Times and limits of the server. A switch that vanished is noticed after three pings.
const (
	tlsTimeout    = 5 * time.Second
	authTimeout   = 3 * time.Second // for the callout's answer
	pingInterval  = 10 * time.Second
	pingsOut      = 2
	writeDeadline = 5 * time.Second
	maxConn       = 1 << 16 // nodes, and an eighth of the files of the process
	fileParts     = 8
)

// Times of this instance's connections to external servers.
const (
	dialTimeout   = 2 * time.Second
	reconnectWait = 100 * time.Millisecond
)

// Config is what an exchange needs. All fields but Now, and those of the kind of server that is not used, are required.
type Config struct {
	// Embedded server.
	Listen string      // [IP]:port for nodes; port 0 chooses a free one, see Address
	TLS    *tls.Config // the cloud's certificate

	// External servers.
	Servers   []string    // "host:port" of each; none: the server is embedded
	ClientTLS *tls.Config // a certificate of the root, and the root to verify the servers by

	Root     *x509.Certificate // of the installation
	Keys     Keys
	Instance string // id of this cloud instance
	Logger   *slog.Logger
	Now      func() time.Time // to judge certificates; default time.Now

	// MayAsk says whether a node may ask on a subject that does not name it.
	MayAsk func(s fabric.Subject, node string) bool
	// Intermediate returns the CA of an organization. An error without a code of package errs means "cannot decide".
	Intermediate func(ctx context.Context, org string) (*x509.Certificate, error)
	// Check says whether a node is enrolled with the key of that hash and not revoked, and at which site it is. An
	// error without a code of package errs means "cannot decide".
	Check func(ctx context.Context, name trust.Name, keyHash string) (site string, err error)
}

// Exchange is the fabric as a cloud instance has it.
type Exchange struct {
	cfg  Config
	log  *slog.Logger
	keys Keys

	server *server.Server // nil when the servers are external
	fatal  chan error     // what kept the server from starting
	client *fabric.Client // all traffic

	guard   *nats.Conn // the callout's
	asked   chan *nats.Msg
	callout sync.WaitGroup

	system  *nats.Conn
	found   string // where the system account answers
	closing chan struct{}

	mu     sync.Mutex
	closed bool
	sweeps sync.WaitGroup // Kick adds only while not closed
}

// New prepares an exchange. It starts nothing.
func New(cfg Config) (*Exchange, error) {
	if cfg.Root == nil || cfg.Instance == "" || cfg.Logger == nil || cfg.Intermediate == nil || cfg.Check == nil {
		return nil, errors.New("exchange: a required field of the configuration is missing")
	}
	if cfg.Keys == (Keys{}) {
		return nil, errors.New("exchange: the keys of the fabric are missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	x := &Exchange{
		cfg: cfg, log: cfg.Logger, keys: cfg.Keys, fatal: make(chan error, 1), closing: make(chan struct{}),
		asked: make(chan *nats.Msg, calloutQueue),
	}
	switch {
	case len(cfg.Servers) > 0 && cfg.ClientTLS == nil, len(cfg.Servers) == 0 && cfg.TLS == nil:
		return nil, errors.New("exchange: the TLS configuration is missing")
	case len(cfg.Servers) > 0:
		return x, nil
	}
	var err error
	x.server, err = x.embedded()
	return x, err
}

// Start brings the fabric up, and returns when nodes can connect. External servers are examined first: the error says
// what they lack and how to mend it. The callout asks the registry within ctx. Close ends it all.
func (x *Exchange) Start(ctx context.Context) (err error) {
	var undo []func()
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	if x.server != nil {
		if err := x.startServer(); err != nil {
			return err
		}
		undo = append(undo, x.stopServer)
	}
	if err := x.startCallout(ctx); err != nil {
		return err
	}
	undo = append(undo, x.stopCallout)
	if err := x.startKicks(); err != nil {
		return err
	}
	undo = append(undo, x.stopKicks)
	if x.server == nil {
		if err := x.examine(ctx); err != nil {
			return err
		}
	}
	if x.client, err = fabric.Connect(x.clientConfig()); err != nil {
		return err
	}
	undo = append(undo, x.client.Close)
	return x.client.Ready(ctx)
}

func (x *Exchange) clientConfig() fabric.Config {
	c := fabric.Config{Node: x.cfg.Instance, Name: x.cfg.Instance, Logger: x.log, Key: x.keys.cloud.pair, Cloud: true, MayAsk: x.cfg.MayAsk}
	if x.server != nil {
		c.InProcess = x.server
	} else {
		c.Servers, c.TLS = x.cfg.Servers, x.cfg.ClientTLS
	}
	return c
}

// connect connects as one of the users beside the traffic. The connection stays until it is closed.
func (x *Exchange) connect(who identity, name string) (*nats.Conn, error) {
	conn, err := x.dial(name, nats.Nkey(who.public, who.pair.Sign), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			x.log.Warn("connection to the fabric", "user", name, "error", err)
		}))
	if err != nil {
		return nil, x.explain(name, err)
	}
	return conn, nil
}

func (x *Exchange) dial(name string, options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.Name(name), nats.Timeout(dialTimeout))
	if x.server != nil {
		return nats.Connect("", append(options, nats.InProcessServer(x.server))...)
	}
	return nats.Connect("tls://"+strings.Join(x.cfg.Servers, ",tls://"),
		append(options, nats.Secure(x.cfg.ClientTLS), nats.IgnoreDiscoveredServers())...)
}

// explain says what to do about a connection that a server refused.
func (x *Exchange) explain(user string, err error) error {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case x.server != nil:
		return fmt.Errorf("connect to the fabric's server as %q: %w", user, err)
	case errors.As(err, &authority), errors.As(err, &name):
		return errs.New(errs.Unauthenticated, "the NATS server at %v has not the certificate that this installation made for it: %w; %s", x.cfg.Servers, err, mend)
	case errors.Is(err, nats.ErrNoServers):
		return errs.New(errs.Unreachable, "no NATS server at %v can be reached: %w; start one of them, or name others with --nats", x.cfg.Servers, err)
	}
	return errs.New(errs.Unauthenticated, "the NATS server at %v does not let in this installation's user %q: %w; %s", x.cfg.Servers, user, err, mend)
}

// Client is the cloud instance's own connection, once Start has returned.
func (x *Exchange) Client() *fabric.Client { return x.client }

// Address is where nodes connect to the embedded server, with the port that was chosen, once Start has returned.
func (x *Exchange) Address() net.Addr { return x.server.Addr() }

// Close ends the cloud's connections and, if it is embedded, the server, and waits for them.
func (x *Exchange) Close() {
	x.client.Close()
	x.stopKicks()
	x.stopCallout()
	if x.server != nil {
		x.stopServer()
	}
}

func (x *Exchange) stopServer() {
	x.server.Shutdown()
	x.server.WaitForShutdown()
}
