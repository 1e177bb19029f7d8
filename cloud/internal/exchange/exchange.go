// Package exchange is the fabric's server inside the cloud: an embedded NATS server that switches reach over TLS with
// their node certificates, and the auth callout that decides what each of them may do.
//
// The server itself verifies that a certificate leads to the installation root. The callout then verifies that it was
// issued by the intermediate of the organization that it names, asks the registry whether the node is enrolled with that
// very key and not revoked, and answers with permissions for the node's own subjects (package fabric lists them). It
// answers nothing when it cannot decide, for instance without SQL: the node tries again. A connection ends when its
// certificate expires, and at once when Kick says so.
//
// The cloud instance around it has its own connection in process, as a user made for this run only.
package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"strowger/pkg/fabric"
	"strowger/pkg/trust"
)

// The NATS accounts: one for all traffic, one in which only the callout is.
const (
	trafficAccount = "FABRIC"
	calloutAccount = "CALLOUT"
)

// Times and limits of the server. A switch that vanished is noticed after three pings.
const (
	tlsTimeout    = 5 * time.Second
	authTimeout   = 3 * time.Second // for the callout's answer
	pingInterval  = 10 * time.Second
	pingsOut      = 2
	writeDeadline = 5 * time.Second
)

// Config is what an exchange needs. All fields but Now are required.
type Config struct {
	Listen   string            // [IP]:port for nodes; port 0 chooses a free one, see URL
	TLS      *tls.Config       // the cloud's certificate
	Root     *x509.Certificate // of the installation
	Seed     []byte            // of the account that signs the callout's answers, from NewSeed; keep it in custody
	Instance string            // id of this cloud instance
	Logger   *slog.Logger
	Now      func() time.Time // to judge certificates; default time.Now

	// Intermediate returns the CA of an organization. An error without a code of package errs means "cannot decide".
	Intermediate func(ctx context.Context, org string) (*x509.Certificate, error)
	// Check says whether a node is enrolled with the key of that hash and not revoked, and at which site it is. An
	// error without a code of package errs means "cannot decide".
	Check func(ctx context.Context, name trust.Name, keyHash string) (site string, err error)
}

// NewSeed makes the seed of an account for Config.Seed.
func NewSeed() ([]byte, error) {
	pair, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("make the key of the fabric's account: %w", err)
	}
	return pair.Seed()
}

// Exchange is the server with its callout.
type Exchange struct {
	cfg    Config
	log    *slog.Logger
	issuer identity // signs the callout's answers
	cloud  identity // the cloud instance's user
	guard  identity // the callout's user

	server  *server.Server
	fatal   chan error // what kept the server from starting
	conn    *nats.Conn // the callout's
	client  *fabric.Client
	callout sync.WaitGroup
	asked   chan *nats.Msg

	mu          sync.Mutex
	connections map[trust.Name][]uint64 // server's connection ids of each node, known before the node is let in
}

// identity is an nkey with its public form.
type identity struct {
	pair   nkeys.KeyPair
	public string
}

func newIdentity(pair nkeys.KeyPair, err error) (identity, error) {
	if err != nil {
		return identity{}, err
	}
	public, err := pair.PublicKey()
	return identity{pair, public}, err
}

// New prepares an exchange. It starts nothing.
func New(cfg Config) (*Exchange, error) {
	if cfg.TLS == nil || cfg.Root == nil || cfg.Instance == "" || cfg.Logger == nil || cfg.Intermediate == nil || cfg.Check == nil {
		return nil, errors.New("exchange: a required field of the configuration is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	x := &Exchange{
		cfg: cfg, log: cfg.Logger, fatal: make(chan error, 1),
		connections: make(map[trust.Name][]uint64),
	}
	var err error
	if x.issuer, err = newIdentity(nkeys.FromSeed(cfg.Seed)); err != nil {
		return nil, fmt.Errorf("read the seed of the fabric's account: %w", err)
	}
	if x.cloud, err = newIdentity(nkeys.CreateUser()); err != nil {
		return nil, fmt.Errorf("make the cloud's user of the fabric: %w", err)
	}
	if x.guard, err = newIdentity(nkeys.CreateUser()); err != nil {
		return nil, fmt.Errorf("make the callout's user of the fabric: %w", err)
	}
	options, err := x.options()
	if err != nil {
		return nil, err
	}
	if x.server, err = server.NewServer(options); err != nil {
		return nil, fmt.Errorf("configure the fabric's server: %w", err)
	}
	x.server.SetLogger(serverLog{x.log, x.fatal}, false, false)
	return x, nil
}

func (x *Exchange) options() (*server.Options, error) {
	host, portText, err := net.SplitHostPort(x.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("fabric address %q: want [IP]:port: %w", x.cfg.Listen, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("fabric address %q: want a port from 0 to 65535: %w", x.cfg.Listen, err)
	}
	traffic, callout := server.NewAccount(trafficAccount), server.NewAccount(calloutAccount)
	inside := map[string]struct{}{jwt.ConnectionTypeInProcess: {}}
	o := &server.Options{
		ServerName: x.cfg.Instance,
		Host:       host, Port: int(port),
		NoSigs: true, NoLog: true,
		TLS: true, TLSConfig: x.tls(), TLSTimeout: tlsTimeout.Seconds(),
		AuthTimeout:  authTimeout.Seconds(),
		PingInterval: pingInterval, MaxPingsOut: pingsOut,
		WriteDeadline: writeDeadline,
		MaxPayload:    fabric.MaxReply,
		Accounts:      []*server.Account{traffic, callout},
		Nkeys: []*server.NkeyUser{
			{Nkey: x.cloud.public, Account: traffic, AllowedConnectionTypes: inside},
			{Nkey: x.guard.public, Account: callout, AllowedConnectionTypes: inside},
		},
		AuthCallout: &server.AuthCallout{
			Issuer:    x.issuer.public,
			Account:   calloutAccount,
			AuthUsers: []string{x.cloud.public, x.guard.public},
		},
	}
	if port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

// tls asks every client for a certificate that leads to the installation root.
func (x *Exchange) tls() *tls.Config {
	c := x.cfg.TLS.Clone()
	c.MinVersion = tls.VersionTLS13
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.ClientCAs = x509.NewCertPool()
	c.ClientCAs.AddCert(x.cfg.Root)
	c.Time = x.cfg.Now
	return c
}

// Start listens, and returns when nodes can connect. The callout asks the registry within ctx. Close ends it all.
func (x *Exchange) Start(ctx context.Context) error {
	x.server.Start()
	if x.server.Addr() == nil {
		x.server.Shutdown()
		select {
		case err := <-x.fatal:
			return fmt.Errorf("start the fabric's server on %s: %w", x.cfg.Listen, err)
		default:
			return fmt.Errorf("start the fabric's server on %s: it does not listen", x.cfg.Listen)
		}
	}
	if err := x.startCallout(ctx); err != nil {
		x.server.Shutdown()
		return err
	}
	client, err := fabric.Connect(fabric.Config{
		Node: x.cfg.Instance, Name: x.cfg.Instance, Logger: x.log,
		InProcess: x.server, Key: x.cloud.pair, Cloud: true,
	})
	if err != nil {
		x.stopCallout()
		x.server.Shutdown()
		return err
	}
	x.client = client
	if err := client.Ready(ctx); err != nil {
		x.Close()
		return err
	}
	x.log.Info("the fabric listens", "address", x.server.Addr().String())
	return nil
}

// Client is the cloud instance's own connection, once Start has returned.
func (x *Exchange) Client() *fabric.Client { return x.client }

// Address is where nodes connect, with the port that was chosen, once Start has returned.
func (x *Exchange) Address() net.Addr { return x.server.Addr() }

// Kick cuts the connections of a node, also those that are being let in. Call it after the registry says that the node
// is revoked, so that the callout refuses the next attempt.
func (x *Exchange) Kick(name trust.Name) {
	x.mu.Lock()
	connections := x.connections[name]
	delete(x.connections, name)
	x.mu.Unlock()
	for _, id := range connections {
		_ = x.server.DisconnectClientByID(id) // fails when the connection has ended by itself
	}
	x.log.Info("cut a node off the fabric", "node", name.String(), "connections", len(connections))
}

// Close ends the cloud's connection, the callout and the server, in this order, and waits for them.
func (x *Exchange) Close() {
	x.client.Close()
	x.stopCallout()
	x.server.Shutdown()
	x.server.WaitForShutdown()
}
