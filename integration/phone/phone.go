package phone

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/pkg/sip/digest"
)

// Policy is what a phone does with an incoming call.
type Policy int

// The policies.
const (
	Ring    Policy = iota // ring until someone answers or declines
	Answer                // ring, then answer after Config.After
	Busy                  // 486
	Decline               // 603
	Quiet                 // say nothing until told, as a phone company whose tones are to be heard
)

// Speech is how a phone sends its audio.
type Speech int

// The ways.
const (
	Plain  Speech = iota
	Mute          // it sends nothing
	Astray        // from another address, 127.0.0.2, than it says
)

// Config describes a phone.
type Config struct {
	Server    string      // address of the switch, or of the other phone
	Transport string      // sip.UDP (default), sip.TCP, sip.TLS
	TLS       *tls.Config // of sip.TLS; with a certificate where there is no Server
	Local     string      // own IP address, default 127.0.0.1
	User      string
	Password  string
	Name      string // display name
	Say       []int16
	Speech    Speech
	Codecs    []sdp.Codec // default PCMU, PCMA, telephone-event
	Policy    Policy
	After     time.Duration // of ringing, for Answer
	Expires   time.Duration // of the registration, default 5 minutes
	InfoDTMF  bool          // send digits by INFO even where telephone-event was negotiated
	Headers   []sip.Header  // of its INVITEs
	To        string        // whom they name in To, in place of who is dialled
	Security  Security      // how its audio is encrypted
	Logger    *slog.Logger  // default: none
	Company
	Reached
}

// Reached is how a phone is reached.
type Reached struct {
	Inside string // own IP address as it says it, behind a NAT; default Config.Local
	Push   string // parameters of its contact's URI: how it is woken (RFC 8599)
	Strict bool   // it takes no audio but from where it sends its own
	Stays  bool   // it refuses to send its audio to another address than that of before: 488
}

// Company is what a phone does that plays a phone company.
type Company struct {
	Asks      *digest.Server                            // who calls must show a password
	Registrar func(*sip.Request, sip.Peer, sip.Respond) // takes REGISTERs; nil: they are refused
}

// DefaultCodecs are what a phone offers unless told otherwise.
func DefaultCodecs() []sdp.Codec {
	return []sdp.Codec{
		{Name: "PCMU", Clock: 8000, Channels: 1}, {Name: "PCMA", Clock: 8000, Channels: 1},
		{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1, Fmtp: "0-15"},
	}
}

// Phone is one phone.
type Phone struct {
	cfg      Config
	server   netip.AddrPort
	endpoint *sip.Endpoint
	incoming chan *Call
	wg       sync.WaitGroup
	stopped  chan struct{}
	account  account
	lamps    lamps
	refuses  atomic.Int32

	dials chan *sip.Stream // holds the connection to the server, nil before the first; taken while dialling

	mu     sync.Mutex // guards what follows
	closed bool
	local  netip.Addr
	probed int // times that it was asked something outside of calls
}

// Shut drops nothing.
func (p *Phone) Shut(sip.Peer, []byte) bool { return false }

// Offends counts OPTIONS.
func (p *Phone) Offends(_ sip.Peer, o sip.Offence) {
	if o == sip.Probes {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.probed++
	}
}

// Probed is how often the phone was asked something outside of calls, as those are that a NAT must not forget.
func (p *Phone) Probed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probed
}

// New makes a phone and binds its socket.
func New(cfg Config) (*Phone, error) {
	if cfg.Transport == "" {
		cfg.Transport = sip.UDP
	}
	if cfg.Local == "" {
		cfg.Local = "127.0.0.1"
	}
	if cfg.Inside == "" {
		cfg.Inside = cfg.Local
	}
	if cfg.Codecs == nil {
		cfg.Codecs = DefaultCodecs()
	}
	if cfg.Expires == 0 {
		cfg.Expires = 5 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	local, err := netip.ParseAddr(cfg.Local)
	if err != nil {
		return nil, fmt.Errorf("phone %s: local address: %w", cfg.User, err)
	}
	p := &Phone{cfg: cfg, local: local, incoming: make(chan *Call, 64), stopped: make(chan struct{}), account: newAccount(), dials: make(chan *sip.Stream, 1)}
	p.dials <- nil
	if cfg.Server != "" {
		server, err := net.ResolveUDPAddr("udp", cfg.Server)
		if err != nil {
			return nil, fmt.Errorf("phone %s: server: %w", cfg.User, err)
		}
		p.server = server.AddrPort()
		p.server = netip.AddrPortFrom(p.server.Addr().Unmap(), p.server.Port())
	}
	p.endpoint = sip.NewEndpoint(sip.Config{Name: "Strowger phone", AdvertiseHost: cfg.Inside, Handler: handler{p}, Notified: p.notified, Logger: cfg.Logger, Gate: p})
	if cfg.Transport == sip.TLS && cfg.Server == "" { // it is called only, as a phone company is
		if _, err := p.endpoint.ListenTLS(net.JoinHostPort(cfg.Local, "0"), cfg.TLS); err != nil {
			return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
		}
	}
	if cfg.Transport == sip.UDP {
		if _, err := p.endpoint.ListenUDP(net.JoinHostPort(cfg.Local, "0")); err != nil {
			return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
		}
	}
	return p, nil
}

// Run serves the phone until ctx is done; calls that are up then end without a word, as when a cable is pulled.
func (p *Phone) Run(ctx context.Context) error {
	refreshed := make(chan struct{})
	go func() {
		defer close(refreshed)
		p.refresh(ctx)
	}()
	err := p.endpoint.Run(ctx)
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	close(p.stopped)
	p.wg.Wait()
	<-refreshed
	return err
}

// Address returns where the phone is called directly.
func (p *Phone) Address() string {
	u := p.endpoint.Contact(p.cfg.User, sip.Peer{Transport: p.cfg.Transport})
	return net.JoinHostPort(strings.Trim(u.Host, "[]"), strconv.Itoa(u.Port))
}

// Refuse has the phone refuse calls with a status, without ringing; 0 takes them again.
func (p *Phone) Refuse(code int) { p.refuses.Store(int32(code)) }

// Incoming delivers the calls that come, in the moment they ring. A phone whose calls nobody takes is busy after 16.
func (p *Phone) Incoming() <-chan *Call { return p.incoming }

// peer returns the way to the server, dialling it anew if the connection is gone.
func (p *Phone) peer(ctx context.Context) (sip.Peer, error) {
	select {
	case <-p.endpoint.Running():
	case <-ctx.Done():
		return sip.Peer{}, fmt.Errorf("phone %s does not run: %w", p.cfg.User, ctx.Err())
	}
	if p.cfg.Transport == sip.UDP {
		return sip.Peer{Transport: sip.UDP, Addr: p.server}, nil
	}
	select {
	case s := <-p.dials:
		if s == nil || ended(s) {
			next, err := p.endpoint.DialFrom(ctx, p.at(), p.cfg.Transport, p.server.String(), p.cfg.TLS)
			if err != nil {
				p.dials <- s
				return sip.Peer{}, fmt.Errorf("phone %s: %w", p.cfg.User, err)
			}
			s = next
		}
		p.dials <- s
		return s.Peer(), nil
	case <-ctx.Done():
		return sip.Peer{}, fmt.Errorf("phone %s: %w", p.cfg.User, ctx.Err())
	}
}

// at is the address of the phone.
func (p *Phone) at() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.local
}

// Drop breaks the connection to the server, as a network does that comes back at once, at the same address or another. The next request goes by a new
// connection.
func (p *Phone) Drop(local string) error {
	at, err := netip.ParseAddr(local)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.local = at
	p.mu.Unlock()
	s := <-p.dials
	defer func() { p.dials <- s }()
	if s == nil {
		return nil
	}
	err = s.Close()
	<-s.Left()
	return err
}

func ended(s *sip.Stream) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// Dial calls a number, or a service by its name (RFC 5031). The call's events tell how it goes. The INVITE has more headers if need be.
func (p *Phone) Dial(ctx context.Context, number string, headers ...sip.Header) (*Call, error) {
	peer, err := p.peer(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newCall(p, p.cfg.User, number)
	if err != nil {
		return nil, err
	}
	host := p.server.Addr().String()
	to := sip.URI{Scheme: "sip", User: number, Host: host}
	if strings.HasPrefix(number, "urn:") {
		if to, err = sip.ParseURI(number); err != nil {
			return nil, err
		}
	}
	c.dialog = p.endpoint.NewDialog(sip.InviteParams{
		To: to, ToParty: sip.Party{User: p.cfg.To}, From: sip.Party{Name: p.cfg.Name, User: p.cfg.User, Host: host},
		Peer: peer, Owner: c.own, Credentials: p.credentials(), Headers: slices.Concat(p.cfg.Headers, headers),
	})
	c.record(Event{Kind: Dialled})
	c.dialog.Invite(c.offer())
	if !p.start(c) {
		return nil, fmt.Errorf("phone %s does not run", p.cfg.User)
	}
	return c, nil
}

func (p *Phone) credentials() *sip.Credentials {
	if p.cfg.Password == "" {
		return nil
	}
	return &sip.Credentials{User: p.cfg.User, Password: p.cfg.Password}
}

// start runs the goroutine that owns a call.
func (p *Phone) start(c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.media.close()
		return false
	}
	p.wg.Go(c.run)
	return true
}

// handler is the phone as its endpoint knows it.
type handler struct{ *Phone }

// Invite takes an incoming call.
func (p handler) Invite(d *sip.Dialog) {
	switch p.cfg.Policy {
	case Busy:
		d.Refuse(486, "Busy Here", sip.Cause{})
		return
	case Decline:
		d.Refuse(603, "Decline", sip.Cause{})
		return
	}
	if p.cfg.Asks != nil && !p.asks(d) {
		return
	}
	if code := p.refuses.Load(); code != 0 {
		d.Refuse(int(code), "Refused", sip.Cause{})
		return
	}
	c, err := newCall(p.Phone, d.Remote().User, p.cfg.User)
	if err != nil {
		p.cfg.Logger.Error("take a call", "error", err)
		d.Refuse(500, "No Media Port", sip.Cause{})
		return
	}
	c.dialog, c.callee, c.Dialled = d, true, d.Request().Recipient.User
	d.SetCredentials(p.credentials())
	if !c.readOffer(d.SDP()) {
		c.media.close()
		d.Refuse(488, "Not Acceptable Here", sip.Cause{})
		return
	}
	c.record(Event{Kind: Incoming, Words: c.From})
	if p.cfg.Policy != Quiet { // before anybody can answer it
		d.Progress(180, "Ringing")
	}
	select {
	case p.incoming <- c:
	default:
		c.media.close()
		d.Refuse(486, "Busy Here", sip.Cause{})
		return
	}
	d.SetOwner(c.own)
	if !p.start(c) {
		return
	}
	if p.cfg.Policy == Answer {
		time.AfterFunc(p.cfg.After, c.Answer)
	}
}

// asks says whether a caller has shown a password; one who has not is asked for it.
func (p handler) asks(d *sip.Dialog) bool {
	var shown []string
	for h := range sip.Named(d.Request(), "Proxy-Authorization") {
		shown = append(shown, h.Value())
	}
	if _, err := p.cfg.Asks.Verify("INVITE", d.Request().Recipient.String(), shown, d.Peer().Addr.Addr()); err == nil {
		return true
	}
	var challenges []sip.Header
	for _, c := range p.cfg.Asks.Challenges(false, d.Peer().Addr.Addr()) {
		challenges = append(challenges, sip.NewHeader("Proxy-Authenticate", c))
	}
	d.Refuse(407, "Proxy Authentication Required", sip.Cause{}, challenges...)
	return false
}

// Register refuses, unless the phone is a registrar.
func (p handler) Register(req *sip.Request, from sip.Peer, respond sip.Respond) {
	if p.cfg.Registrar != nil {
		p.cfg.Registrar(req, from, respond)
		return
	}
	respond(405, "Method Not Allowed")
}
