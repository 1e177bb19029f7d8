package switchnode

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/datafolder"
	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/fabric"
	"strowger/pkg/health"
	"strowger/pkg/ident"
	"strowger/pkg/identity"
	"strowger/pkg/life"
	"strowger/pkg/link"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/pkg/sip/locate"
	copies "strowger/pkg/sitecopy"
	"strowger/pkg/srtp"
	"strowger/pkg/trust"
	"strowger/switchnode/internal/barring"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/crossing"
	"strowger/switchnode/internal/lastcall"
	"strowger/switchnode/internal/linkside"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/notice"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/queue"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/sipside"
	"strowger/switchnode/internal/sitecopy"
	"strowger/switchnode/internal/spool"
	"strowger/switchnode/internal/toll"
	"strowger/switchnode/internal/voice"
	"strowger/switchnode/internal/voicemail"
)

// node is one running switch.
type node struct {
	settings
	log      *slog.Logger
	boot     string
	identity *identity.Holder
	fabric   *fabric.Client
	copy     *sitecopy.Holder
	books
	registrar *registrar.Registrar
	relay     *media.Relay
	lines
	links    *linkside.Links
	endpoint *link.Endpoint
	keys     *sessionkey.Verifier
	calls    *calls
	health   *health.Server
	leases   leases
	apps     apps
	started  Started
	stopping atomic.Bool
	folder   *datafolder.Folder
}

// books is what the switch keeps of its calls.
type books struct {
	mailboxes *voicemail.Office
	courier   *voicemail.Courier // of their messages
	mail      *notice.Mail       // nil: none
	webhooks  *notice.Webhooks
	spool     *spool.Spool // the ledger, until the cloud has it
	tolls     *toll.Keeper // what left by its trunks
	last      *lastcall.Book
	lamps     *lamps

	refused barring.Lately[fabric.Refused] // what was not let out by them
}

// drainTime is how long the calls that are ended, and their records, may take when the switch is told to stop.
const drainTime = 5 * time.Second

// flushTime is how long of it the cloud may take for events that it has not stored yet; what it leaves is for the next run.
const flushTime = 2 * time.Second

// Run serves until ctx ends or something that it cannot do without fails. It is done with everything when it returns.
func Run(ctx context.Context, cfg Config) (err error) {
	s, err := cfg.validate()
	if err != nil {
		return err
	}
	n := &node{settings: s, log: cfg.Logger, boot: ident.New(ident.Boot)}
	folder, err := datafolder.Open(n.Data, "switch")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	n.folder = folder
	n.identity, err = identity.Open(ctx, identity.Config{Kind: trust.Switch, Data: n.Data, Code: n.Enroll, Cloud: n.Cloud, Logger: n.log})
	if err != nil {
		return err
	}
	id := n.identity.Load()
	n.log = n.log.With("switch", id.NodeName)
	if err := n.open(); err != nil {
		return err
	}
	return n.serve(ctx)
}

// open brings up what needs no network.
func (n *node) open() (err error) {
	id := n.identity.Load()
	n.calls = &calls{
		node: id.NodeName, record: n.record, raised: n.raised, now: n.now, log: n.log, queues: func(user string) bool { return n.copy.Snapshot().Queues(user) },
		roll: roll{sessions: map[string]*call.Session{}, placed: map[string]int{}}, occupied: map[*call.Session][]seatOf{},
		limits: n.Limits,
	}
	n.calls.pickups = n.newPickups()
	library, err := prompt.Open(n.Waiting.Prompts, cmp.Or(n.Waiting.Language, "en"))
	if err != nil {
		return err
	}
	n.calls.player = prompt.NewPlayer(library)
	n.calls.library, n.calls.clock, n.calls.anchor = library, voice.NewClock(), id.Node
	n.copy, err = sitecopy.Open(sitecopy.Config{
		Dir: filepath.Join(n.Data, "copy"), Identity: id, Fetch: fetcher{n}, Changed: n.copyChanged, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.spool, err = spool.New(spool.Config{Dir: filepath.Join(n.Data, "spool"), Deliver: n.deliver, Logger: n.log})
	if err != nil {
		return err
	}
	n.leases.wake = make(chan struct{}, 1)
	n.trials = newTrials()
	n.registrar, err = registrar.New(registrar.Config{
		Path: filepath.Join(n.Data, "registrations"), Now: time.Now, Logger: n.log, OnChange: n.registrations,
	})
	if err != nil {
		return err
	}
	n.calls.hall, err = queue.NewHall(queue.Config{
		Path: filepath.Join(n.Data, "queue"), Seats: n.Limits.Calls, Now: n.now, Count: n.calls.tally.add, Logger: n.log,
		Left: n.calls.left, Kept: n.calls.kept, Noted: n.noted, Recall: n.calls.recall,
	})
	if err != nil {
		return err
	}
	n.tolls, err = toll.NewKeeper(toll.Config{Path: filepath.Join(n.Data, "tolls"), Alarm: n.alarm, Logger: n.log})
	if err != nil {
		return err
	}
	n.last, err = lastcall.Open(lastcall.Config{Path: filepath.Join(n.Data, "lastcalls"), Now: n.now, Logger: n.log})
	if err != nil {
		return err
	}
	n.lamps = newLamps(n)
	if n.dtls, err = srtp.NewIdentity(); err != nil {
		return err
	}
	n.serveFeatures()
	n.relay, err = media.NewRelay(media.Config{
		Bind: n.sip.Addr(), Advertise: n.host, Other: n.other, MinPort: n.rtpFirst, MaxPort: n.rtpLast, MaxSockets: n.mediaSockets(), Logger: n.log, Now: time.Now,
	})
	n.calls.relay = n.relay
	if err != nil {
		return err
	}
	if err := n.openVoicemail(); err != nil {
		return err
	}
	return n.openCourier()
}

// serve brings up the network side and runs until ctx ends.
func (n *node) serve(ctx context.Context) error {
	id := n.identity.Load()
	n.keys = &sessionkey.Verifier{
		Node: id.Node, Boot: n.boot, Org: id.Org, Now: n.now, Revoked: func(id string) bool { return n.copy.Snapshot().Revoked(id) },
		Keys: func(kid string) (sessionkey.Key, bool) { return n.copy.Snapshot().SessionKey(kid, n.now()) },
	}
	router := routing.New(routing.Config{
		Node: id.Node, Directory: directory{n}, Copy: offline{n}, Now: n.now, Logger: n.log,
		Phones: func(b designation.Branch, p designation.Plan) []call.Target {
			return n.calls.occupiedBy(b, p, n.phones.Targets(b, p.Ring))
		},
		Services: n.service,
		Lines:    func(b designation.Branch, p designation.Plan) call.Target { return n.phones.Line(b, p) },
		Link:     func(w routing.Way) call.Target { return n.links.Target(w) },
		Apps:     n.app,
		Queue:    n.calls.waiting,
		Barred:   n.barred,
	})
	n.calls.router = router
	n.calls.cross = crossing.New(crossing.Config{Node: id.Node, Expected: router.Expected, Count: n.calls.tally.add})
	n.links = linkside.New(linkside.Config{
		Node: id.NodeName, Org: id.Org, Relay: n.relay, Verify: n.keys.Verify, Done: n.keys.Done, Begin: n.calls.begin,
		NameOf: func(node string) string { return n.copy.Snapshot().NameOf(node) }, Logger: n.log,
	})
	var err error
	if n.signed, err = openSignatures(n.STIR); err != nil {
		return err
	}
	secret, err := n.trunkSecret()
	if err != nil {
		return err
	}
	resolver := locate.New(locate.Config{})
	n.phones = sipside.New(sipside.Config{
		Node: id.NodeName, Realm: id.Realm, Digest: n.Digest, Hosts: sipside.Hosts{Host: n.host, Other: n.other}, Accounts: n.account, Registrar: n.registrar, Relay: n.relay, Strangers: n.strangers(),
		Begin: n.calls.begin, Sign: n.signed.sign(n.now), Verify: n.signed.verify(n.now), Now: time.Now, Logger: n.log, Trunks: func() []copies.Trunk { return n.copy.Snapshot().Trunks() },
		Guard:    n.guard,
		Password: func(trunk string) string { return n.copy.Snapshot().TrunkPassword(trunk) },
		Office: sipside.Office{
			Location: func() string { return n.copy.Snapshot().Location() }, Security: n.security,
			KeepAlive:    func() time.Duration { return n.copy.Snapshot().Network().KeepAlive },
			Direct:       func() bool { return n.copy.Snapshot().Network().Direct },
			Certificates: sipside.Certificates{CAs: n.makers, Named: func(name string) (string, bool) { return n.copy.Snapshot().Certified(name) }},
			Dialling:     func() e164.Plan { return n.copy.Snapshot().Dialling() },
		},
		Pushes:   sipside.Pushes{Permit: n.permit, Wake: n.wake, Services: n.pushServices},
		Stations: sipside.Stations{Secret: secret, Changed: n.leases.soon, Alert: n.lineAlert},
		Locate: func(ctx context.Context, u sip.URI, transport string) ([]sip.Peer, error) {
			return locateBy(ctx, resolver, u, transport)
		},
	})
	n.lamps.serve(n.phones)
	n.lamps.lines = n.lampLines()
	defer n.apps.close()
	defer n.webhooks.Close()
	if err := n.listen(); err != nil {
		return err
	}
	servers := id.Fabric
	if len(n.Fabric) > 0 {
		servers = n.Fabric
	}
	n.fabric, err = fabric.Connect(fabric.Config{
		Servers: servers, TLS: n.identity.ClientTLS(), Org: id.Org, Node: id.Node, Name: id.NodeName, Logger: n.log, OnStatus: n.fabricStatus,
	})
	if err != nil {
		return err
	}
	defer n.fabric.Close()
	return n.run(ctx, router)
}

// alsoAt is where a socket for phones is reached by IPv6 beside --host, zero if it is not.
func (n *node) alsoAt(at netip.AddrPort) netip.AddrPort {
	if !n.other.IsValid() || !at.Addr().Is6() && at.Addr() != n.other {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(n.other, at.Port())
}

// listen opens every socket of the switch, so that what is taken is found before anything is promised.
func (n *node) listen() error {
	id := n.identity.Load()
	at, err := n.phones.Listen(n.sip)
	if err != nil {
		return fmt.Errorf("listen for phones: %w; choose another address with --sip", err)
	}
	n.started = Started{
		Node: id.Node, Name: id.NodeName, Site: id.Site, SIP: netip.AddrPortFrom(n.host, at.Port()),
	}
	n.started.SIP6 = n.alsoAt(at)
	if n.sips.IsValid() {
		certificate, err := n.phoneTLS()
		if err != nil {
			return err
		}
		if at, err = n.phones.ListenTLS(n.sips, certificate); err != nil {
			return fmt.Errorf("listen for phones over TLS: %w; choose another address with --sips, or turn it off with --sips ''", err)
		}
		n.started.SIPS, n.started.SIPS6 = netip.AddrPortFrom(n.host, at.Port()), n.alsoAt(at)
	}
	if err := n.openApps(); err != nil {
		return err
	}
	links := link.Config{
		Addr: n.Link, Name: trust.Name{Org: id.Org, Kind: trust.Switch, ID: id.Node}, Boot: n.boot,
		Certificate: func() tls.Certificate { return n.identity.Load().Certificate() }, Roots: n.identity.Roots(),
		Authorize: func(peer trust.Name, keyHash string, expired bool) error {
			return n.copy.Snapshot().Authorize(peer, keyHash, expired)
		},
		OnSIP: n.links.TakeSIP, OnLamps: n.lamps.lines.Take, Unreached: n.askToDial, Logger: n.log, Now: n.now,
	}
	n.apps.on(&links)
	if n.endpoint, err = link.Listen(links); err != nil {
		return fmt.Errorf("listen for other switches: %w; choose another address with --link", err)
	}
	n.started.Link = netip.AddrPortFrom(n.host, n.endpoint.Addr().Port())
	if n.health, err = health.Listen(n.Metrics, n.Pprof, n.log); err != nil {
		return err
	}
	n.started.Metrics = n.health.Addr()
	n.publish()
	return nil
}

// run starts the parts and ends them: new calls are refused, those under way are ended in words, then all is closed.
func (n *node) run(ctx context.Context, router *routing.Router) error {
	group := life.NewGroup(ctx, n.log)
	sessions, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	n.calls.ctx = sessions
	n.endInterrupted()
	group.Go("heartbeat", n.heartbeat)
	group.Go("spool", n.spool.Run)
	group.Go("registrar", n.registrar.Run)
	group.Go("queue", n.calls.hall.Run)
	group.Go("player", n.calls.player.Run)
	group.Go("voice", n.calls.clock.Run)
	group.Go("voicemail", n.mailboxes.Store.Run)
	group.Go("voicemail outside", n.courier.Run)
	group.Go("tolls", n.tolls.Run)
	group.Go("last calls", n.last.Run)
	group.Go("site copy", n.copy.Run)
	group.Go("links", func(ctx context.Context) error { return n.links.Run(ctx, n.endpoint) })
	group.Go("link endpoint", n.endpoint.Run)
	group.Go("phones", n.phones.Run)
	group.Go("lamps", n.lamps.notifier.Run)
	group.Go("lamps of others", n.lamps.run)
	group.Go("lamps over links", n.lamps.lines.Run)
	if n.apps.web != nil {
		group.Go("apps", n.apps.web.Run)
		group.Go("certificates for apps", n.apps.certificates.Run)
		group.Go("uplinks", n.apps.uplinks.Run)
	}
	group.Go("health", n.health.Run)
	group.Go("fabric", func(ctx context.Context) error { return n.serveFabric(ctx, router) })
	group.Go("tests of trunks", n.keepTrials)
	group.Go("certificates for calls", func(ctx context.Context) error { return n.signed.keep(ctx, n.log) })
	group.Go("lease", n.lease)
	group.Go("certificate", n.keepCertificate)
	n.health.Ready()
	n.log.Info("switch serves", "sip", n.started.SIP, "sips", n.started.SIPS, "link", n.started.Link, "webrtc", n.started.WebRTC)
	if n.Started != nil {
		n.Started(n.started)
	}
	return group.Run(ctx, life.Shutdown{
		NotReady: func() {
			n.stopping.Store(true)
			n.health.NotReady()
		},
		Drain: func(ctx context.Context) {
			n.calls.refuse()
			n.lamps.notifier.Leave()
			endCalls()                               // each call tells both sides that the switch stops
			connected := n.fabric.Status().Connected // else the call ledger is on disk, and nobody is there to take it
			var trunks sync.WaitGroup
			trunks.Go(func() { n.leaveTrunks(ctx) })
			defer trunks.Wait()
			if connected {
				n.leave(ctx) // while they do
			}
			n.calls.wait(ctx)
			if connected {
				n.flush(ctx)
			}
		},
		Deadline: drainTime,
		Close:    n.relay.Close,
	})
}

// flush hands the cloud what is left of the call ledger.
func (n *node) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := n.spool.Flush(ctx); err != nil {
		n.log.Info("call ledger stays on disk for the next run", "events", n.spool.Outstanding(), "error", err)
	}
}

// now is the cloud's time as far as it is known.
func (n *node) now() time.Time {
	if n.fabric == nil {
		return time.Now()
	}
	return n.fabric.Now()
}
