// Package sipside is the desk phones of this switch: they register here, call from here and are rung here. Every
// REGISTER and every INVITE proves its device by digest; who the caller is comes from the site copy, never from From.
package sipside

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/pkg/sip/digest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/stir"
	"strowger/switchnode/internal/barring"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
	"strowger/switchnode/internal/toll"
	"strowger/switchnode/internal/trunk"
)

// Account is a device as it signs in.
type Account struct {
	Device  string // id
	Party   designation.Party
	Enabled bool // device and user
	SignIn  SignIn
	use     *trunk.Use   // of a caller outside: a channel
	line    *sipleg.Line // and how their phone company is spoken to
	HA1     digest.HA1
}

// Config is what the phone side needs.
type Config struct {
	Node   string   // name of this switch, for ladders
	Realm  string   // organization id
	Digest []string // algorithms to offer, as of digest.Config
	Hosts
	Accounts  func(username string) (Account, bool)
	Registrar *registrar.Registrar
	Relay     *media.Relay
	Locate    func(context.Context, sip.URI, string) ([]sip.Peer, error) // the servers of a URI that a transport reaches, by DNS (RFC 3263); nil: none
	Trunks    func() []sitecopy.Trunk                                    // of this switch
	Password  func(trunk string) string                                  // that answers the challenges of a phone company
	Office
	Begin func(call.Incoming) error // starts the call, or says why not
	// Guard lets a call leave by a trunk, or says why not; nil: all may. The permit, nil for a call that needs none, ends with the call.
	Guard func(context.Context, Leaving) (*toll.Permit, error)
	// Sign returns the value of the Identity header of a call by a trunk; nil: calls go out unsigned.
	Sign func(caller, called stir.Name, level stir.Attest, origID string) (string, error)
	// Verify judges a call from a trunk by its signature, and says whether it is refused for that; nil: nobody does. It may block.
	Verify    func(context.Context, stir.Call) (v stir.Verdict, refused bool)
	Stations  Stations
	Strangers Strangers
	Pushes    Pushes
	Now       func() time.Time
	Logger    *slog.Logger
}

// Hosts are the addresses that phones use for this switch.
type Hosts struct {
	Host  netip.Addr
	Other netip.Addr // of the other family of IP; zero: none
}

// to is the address for a peer, as a URI has it.
func (h Hosts) to(peer netip.Addr) string {
	if h.Other.IsValid() && peer.IsValid() && peer.Unmap().Is6() == h.Other.Is6() {
		return hostOf(h.Other)
	}
	return hostOf(h.Host)
}

// Office is what the site copy says of the site.
type Office struct {
	Dialling func() e164.Plan // how phone numbers are dialled here
	Location func() string    // for who takes an emergency call
	// Security is how the media of a device are encrypted, but for what depends on its connection.
	Security func(device string) sipleg.Security
	// KeepAlive is how often phones on UDP behind a NAT are asked something, 0 for never; nil: never.
	KeepAlive func() time.Duration
	// Direct says whether media of two phones may go straight from one to the other; nil: none do.
	Direct func() bool
	Certificates
}

// security is how the media of a device are encrypted whose signalling takes a way: keys are told only where nobody else reads them (RFC 4568, 8.3).
func (p *Phones) security(device string, by sip.Peer) sipleg.Security {
	if device == "" || p.cfg.Security == nil {
		return sipleg.Security{}
	}
	s := p.cfg.Security(device)
	s.SDES = by.Transport == sip.TLS
	return s
}

// direct says whether media of a phone may go straight to another one.
func (p *Phones) direct(device string) bool {
	return device != "" && p.cfg.Direct != nil && p.cfg.Direct()
}

// Phones is the phone side of a switch.
type Phones struct {
	cfg      Config
	sip      *sip.Endpoint
	digest   *digest.Server
	refusals *refusals
	guesses  guesses
	gate     *gate
	ready    chan struct{} // closed when ctx is set
	channels trunk.Channels
	resolved atomic.Pointer[map[way][]netip.AddrPort]
	stations stations
	sleepers sleepers
	services services
	roamers  roamers
	notifier *sip.Notifier // nil: there are no lamps
	mail     mail

	connections connections
	ctx         context.Context // of Run
	work        sync.WaitGroup  // what runs beside the sessions
}

// New returns the phone side; the listeners are opened by the Listen methods, and Run serves.
func New(cfg Config) *Phones {
	p := &Phones{cfg: cfg, refusals: newRefusals(cfg.Logger, cfg.Now), guesses: newGuesses(cfg.Now), ready: make(chan struct{}), stations: newStations(), sleepers: newSleepers(), roamers: newRoamers(), connections: newConnections(), mail: newMail()}
	p.resolved.Store(&map[way][]netip.AddrPort{})
	p.digest = digest.New(digest.Config{Realm: cfg.Realm, Algorithms: cfg.Digest, Now: cfg.Now, Lookup: func(user string) (digest.HA1, bool) {
		a, ok := cfg.Accounts(user)
		return a.HA1, ok
	}})
	p.gate = newGate(p)
	p.sip = sip.NewEndpoint(sip.Config{Name: "Strowger", AdvertiseHost: hostOf(cfg.Host), OtherHost: hostOf(cfg.Other), Handler: p, Logger: cfg.Logger, Replaces: true,
		MaxPerSource: maxConnections, Trial: trialTime, PerSource: cfg.Strangers.Rate, Gate: p.gate,
	})
	return p
}

// Listen opens UDP and TCP on one port and returns it.
func (p *Phones) Listen(at netip.AddrPort) (netip.AddrPort, error) {
	return p.sip.Listen(at.String())
}

// ListenTLS opens TLS.
func (p *Phones) ListenTLS(at netip.AddrPort, cfg *tls.Config) (netip.AddrPort, error) {
	return p.sip.ListenTLS(at.String(), cfg)
}

// Run serves until ctx ends. Phones that registered before the last stop have shown their password.
func (p *Phones) Run(ctx context.Context) error {
	for _, device := range p.cfg.Registrar.Registered() {
		for _, b := range p.cfg.Registrar.Lookup(device) {
			p.trust(peerOf(b.Source))
		}
	}
	p.ctx = ctx
	close(p.ready)
	p.work.Go(func() { p.resolve(ctx) })
	p.work.Go(func() { p.keepTrunks(ctx) })
	p.work.Go(func() { p.watchTrunks(ctx) })
	p.work.Go(func() { p.keepPhones(ctx) })
	p.work.Go(func() { p.bringMail(ctx) })
	defer p.work.Wait()
	return p.sip.Run(ctx)
}

// trust frees a peer that showed a password from the limits of strangers, and its address from being shut out.
func (p *Phones) trust(from sip.Peer) {
	p.sip.Trust(from)
	p.gate.Signed(from.Addr.Addr())
}

// Seek tells the owner of a phone's dialog who is to take the phone's place; false: there is no such dialog.
func (p *Phones) Seek(d call.Named, g *call.Guest) bool { return sipleg.Seek(p.sip, d, g) }

// Drops counts what was dropped of SIP messages, by reason.
func (p *Phones) Drops() map[string]uint64 { return p.sip.Drops() }

// Limits on TCP and TLS connections. An office behind one address may have many phones; a connection is for those that
// show a password soon.
const (
	maxConnections = 500
	trialTime      = time.Minute
)

// SignIns counts sign-ins that were refused, by reason.
func (p *Phones) SignIns() map[string]uint64 { return p.refusals.counts() }

// authenticate says which account signed a request, or which answer it gets instead.
func (p *Phones) authenticate(req *sip.Request, from sip.Peer) (Account, *denial) {
	var credentials []string
	for h := range sip.Named(req, "Authorization") {
		if scheme, _, _ := strings.Cut(h.Value(), " "); strings.EqualFold(scheme, "Bearer") { // RFC 8898: links and apps do that
			p.refuses(sessionKey, "", from)
			return Account{}, deny(errs.WrongPresenter, "A session key is for switches and apps to show, not for phones")
		}
		credentials = append(credentials, h.Value())
	}
	if a, ok := p.byCertificate(from, credentials); ok {
		if !a.Enabled {
			return a, deny(errs.Disabled, "")
		}
		return a, nil
	}
	user, err := p.digest.Verify(string(req.Method), req.Recipient.String(), credentials, from.Addr.Addr())
	if errors.Is(err, digest.ErrMissing) {
		p.gate.Asked(from.Addr.Addr(), stream(from))
		return Account{}, p.challenge(false, from)
	}
	if errors.Is(err, digest.ErrMalformed) {
		p.gate.Offend(from.Addr.Addr(), stream(from), barring.Unreadable)
		return Account{}, deny(errs.Invalid, err.Error())
	}
	a, known := p.cfg.Accounts(user)
	if known && p.guesses.held(from.Addr, user) && !p.lives(a, from) { // whatever Verify found: a right guess must not show
		p.refuses(tooMany, user, from)
		return Account{}, held()
	}
	switch {
	case errors.Is(err, digest.ErrStale), errors.Is(err, digest.ErrReplayed):
		return Account{}, p.challenge(true, from)
	case errors.Is(err, digest.ErrUnknownUser):
		p.refuses(unknownUser, user, from)
		return Account{}, &denial{code: 404, cause: call.CauseOf(errs.NotFound, "No device has this user name")}
	case err != nil:
		p.guesses.wrong(from.Addr, user)
		p.refuses(wrongPassword, user, from)
		return Account{}, &denial{code: 403, cause: call.CauseOf(errs.Unauthenticated, "Wrong password")}
	}
	if !known || !a.Enabled {
		return a, deny(errs.Disabled, "")
	}
	return a, p.signedIn(a, user, from)
}
