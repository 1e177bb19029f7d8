package cloud

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"strowger/cloud/internal/api"
	"strowger/cloud/internal/authority"
	"strowger/cloud/internal/broker"
	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/exchange"
	"strowger/cloud/internal/records"
	"strowger/cloud/internal/store"
	"strowger/pkg/config"
	"strowger/pkg/datafolder"
	"strowger/pkg/health"
	"strowger/pkg/ident"
	"strowger/pkg/life"
	"strowger/pkg/limit"
	"strowger/pkg/rest"
)

// instance is one running cloud.
type instance struct {
	ctx       context.Context // of Run
	cfg       Config
	log       *slog.Logger
	store     *store.Store
	directory *directory.Directory
	authority *authority.Authority
	broker    *broker.Broker
	records   *records.Records
	api       *api.API
	alerts    chan rest.Alert
	notices   chan rest.Alert // of emergency calls, for people
	exchange  *exchange.Exchange
	changes   *changes
	edited    *edited
	health    *health.Server
	address   string                // of the API, as others reach it
	away      atomic.Pointer[error] // why the database is away, nil when it is there
}

// How many connections clients of the API may have, all and those of one source. Some files are left to others.
const (
	maxClients   = 1 << 16
	apiFileParts = 8
	maxPerSource = 1024
)

// usualFiles is enough for hundreds of switches and as many clients.
const usualFiles = 1024

// drainTime is how long requests under way may take when the cloud stops.
const drainTime = 3 * time.Second

// Run serves until ctx ends or something that it cannot do without fails. It is done with everything when it returns.
func Run(ctx context.Context, cfg Config) error {
	return withData(ctx, cfg, func(c *instance) error { return c.serve(ctx) })
}

// withData has use called with an instance that is open, but for the network.
func withData(ctx context.Context, cfg Config, use func(*instance) error) (err error) {
	cfg, err = cfg.validate()
	if err != nil {
		return err
	}
	if file, ok := cfg.file(); ok { // without one there is nothing in a folder that two clouds might share
		folder, err := datafolder.Open(filepath.Dir(file), "cloud")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, folder.Close()) }()
	}
	c := &instance{ctx: ctx, cfg: cfg, log: cfg.Logger, alerts: make(chan rest.Alert, maxPosts), notices: make(chan rest.Alert, maxPosts)}
	if limit := life.OpenFiles(); limit > 0 && limit < usualFiles {
		c.log.Warn("the limit of open files is low, and each switch and each client of the API takes one: "+
			"raise it with LimitNOFILE= in the systemd unit, or ulimit -n in a shell", "limit", limit, "recommended", usualFiles)
	}
	c.changes, c.edited = newChanges(time.Now, c.phones), newEdited()
	if c.store, err = c.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.store.Close()) }()
	if err := c.open(ctx); err != nil {
		return err
	}
	return use(c)
}

func (c *instance) openStore(ctx context.Context) (*store.Store, error) {
	if _, ok := c.cfg.file(); ok {
		if err := os.MkdirAll(filepath.Dir(c.cfg.MasterKey), 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the master key: %w", err)
		}
	}
	return store.Open(ctx, c.cfg.DB, c.log)
}

// open brings up what needs no network: directory, custody, broker.
func (c *instance) open(ctx context.Context) (err error) {
	_, alone := c.cfg.file()
	c.directory = directory.New(directory.Config{Store: c.store, Logger: c.log, Reloaded: c.changes.note})
	c.store.OnChange(c.directory.Changed)
	c.store.OnChange(c.edited.note)
	if err := c.directory.Load(ctx); err != nil {
		return err
	}
	c.authority, err = authority.Open(ctx, authority.Config{
		Store: c.store, Directory: c.directory, MasterKeyFile: c.cfg.MasterKey, CreateMasterKey: alone,
		Fabric: func() []string { return c.fabricAddresses() }, Now: time.Now, Log: c.log,
	})
	if err != nil {
		return err
	}
	c.broker = broker.New(broker.Config{
		Snapshot: c.directory.Snapshot, Later: c.directory.Later, Store: c.store, Signer: c.authority, Verify: c.authority.OpenSession, Offer: c.offer, Ask: c.ask, Announce: c.attempted, Control: c.control,
		Alert: c.alerted, Now: time.Now, Logger: c.log,
	})
	c.records = records.New(records.Config{
		Store: c.store, Snapshot: c.directory.Snapshot, Parties: c.broker.Parties(), Settled: c.settled, Alert: c.alerted, Now: time.Now, Logger: c.log,
	})
	return c.broker.Load(ctx, c.directory.Organizations())
}

// serve brings up the network side and runs until ctx ends.
func (c *instance) serve(ctx context.Context) error {
	tlsConfig, err := c.authority.ServerTLS(c.cfg.Host)
	if err != nil {
		return err
	}
	if c.exchange, err = c.newExchange(ctx, tlsConfig); err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", c.cfg.API)
	if err != nil {
		return fmt.Errorf("serve the API: %w; choose another address with --api", err)
	}
	listener := limit.Connections(tcp, life.Share(apiFileParts, maxClients), maxPerSource)
	c.api, err = api.New(api.Config{
		Store: c.store, Keys: c.authority, Nodes: nodes{c}, Apps: apps{c.authority, c.directory}, Renew: c.orderRenewal, Passwords: c.authority, TrunkPassword: c.authority.SetTrunkPassword, Calls: c.records, Queues: queues{c}, Guarding: guarding{c}, Mailboxes: mailboxes{c}, TestTrunk: c.testTrunk, Explain: c.broker.Explain, Follow: c.directory.Follow, Version: config.Version(),
		Now: time.Now, Log: c.log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if c.health, err = health.Listen(c.cfg.Metrics, c.cfg.Pprof, c.log); err != nil {
		return errors.Join(err, listener.Close())
	}
	c.health.Check(c.databaseAway)
	c.health.Counts("api_refused_total", "Connections to the API that were one too many.", "what", func() map[string]uint64 {
		return map[string]uint64{"connections": listener.Refused()}
	})
	if err := c.exchange.Start(ctx); err != nil {
		return errors.Join(err, listener.Close(), c.health.Close())
	}
	defer c.exchange.Close()
	c.store.OnChange(c.tellInstances)
	server := &http.Server{
		Handler: c.api.Handler(), TLSConfig: tlsConfig.Clone(), ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, // of a handshake as well, and of who does not read
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	c.address = "https://" + hostPort(c.cfg.Host[0], listener.Addr())
	return c.run(ctx, server, listener)
}

// run starts the parts in the order in which they need each other, and ends them in the other.
func (c *instance) run(ctx context.Context, server *http.Server, listener net.Listener) error {
	group := life.NewGroup(ctx, c.log)
	group.Go("directory", c.directory.Run)
	group.Go("records", c.records.Run)
	group.Go("refusals", c.recordRefusals)
	group.Go("alerts", c.postAlerts)
	group.Go("notices", c.tellContacts)
	group.Go("retention", c.forget)
	group.Go("health", c.health.Run)
	group.Go("database", c.watchDatabase)
	group.Go("fabric", func(ctx context.Context) error {
		if err := c.handle(ctx); err != nil {
			return err
		}
		c.changes.run(ctx, c.announce)
		return nil
	})
	group.Go("channels", c.endChannels)
	group.Go("api", func(context.Context) error {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	key, err := c.authority.FirstAPIKey(ctx)
	if err == nil {
		c.started(key)
	}
	stop := life.Shutdown{
		NotReady: c.health.NotReady,
		Drain: func(ctx context.Context) {
			if err := server.Shutdown(ctx); err != nil {
				c.log.Warn("requests were cut off", "error", err)
			}
		},
		Deadline: drainTime,
		Close: func() {
			if err := server.Close(); err != nil {
				c.log.Warn("close the API", "error", err)
			}
		},
	}
	if err != nil {
		failed, cancel := context.WithCancel(ctx)
		cancel()
		return errors.Join(err, group.Run(failed, stop))
	}
	return group.Run(ctx, stop)
}

// forgetEvery is how often old events are looked for.
const forgetEvery = time.Hour

// forget deletes the events of calls that are older than they are kept, until ctx ends.
func (c *instance) forget(ctx context.Context) error {
	if c.cfg.KeepEvents == 0 {
		return nil
	}
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := c.store.ForgetReplies(ctx, time.Now().Add(-api.ReplyLifetime)); err != nil && ctx.Err() == nil {
			c.log.Error("old replies cannot be deleted", "error", err)
		}
		n, err := c.store.ForgetEvents(ctx, time.Now().Add(-c.cfg.KeepEvents))
		switch {
		case err != nil && ctx.Err() == nil:
			c.log.Error("old events of calls cannot be deleted", "error", err)
		case n > 0:
			c.log.Info("deleted old events of calls", "events", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// newExchange prepares the fabric, on an embedded server or external ones.
func (c *instance) newExchange(ctx context.Context, server *tls.Config) (*exchange.Exchange, error) {
	keys, err := fabricKeys(ctx, c.authority)
	if err != nil {
		return nil, err
	}
	client, err := c.authority.ClientTLS()
	if err != nil {
		return nil, err
	}
	return exchange.New(exchange.Config{
		Listen: c.cfg.Fabric, TLS: server, Servers: c.cfg.NATS, ClientTLS: client,
		Root: c.authority.Root(), Keys: keys, Instance: ident.New(ident.Cloud), Logger: c.log,
		Intermediate: c.authority.Intermediate, Check: c.checkNode, MayAsk: c.mayAsk,
	})
}

// phones is how many devices an organization has.
func (c *instance) phones(org string) int {
	s, err := c.directory.Snapshot(org)
	if err != nil {
		return 0
	}
	return s.Devices()
}

// started tells that the cloud serves.
func (c *instance) started(key string) {
	s := Started{
		API: c.address, Fabric: c.fabricAddresses()[0],
		Metrics: c.health.Addr(), APIKey: key,
	}
	c.health.Ready()
	c.log.Info("cloud serves", "api", s.API, "fabric", s.Fabric, "metrics", s.Metrics)
	if c.cfg.Started != nil {
		c.cfg.Started(s)
	}
}

// fabricAddresses is where nodes find the fabric.
func (c *instance) fabricAddresses() []string {
	if len(c.cfg.Public) > 0 {
		return c.cfg.Public
	}
	var all []string
	for _, h := range c.cfg.Host {
		all = append(all, hostPort(h, c.exchange.Address()))
	}
	return all
}

func hostPort(host string, bound net.Addr) string {
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return cmp.Or(host, bound.String())
	}
	return net.JoinHostPort(host, port)
}
