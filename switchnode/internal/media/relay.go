package media

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"strowger/pkg/errs"
)

// Config is what a relay needs to know.
type Config struct {
	Bind      netip.Addr // where to listen: 0.0.0.0 for all of IPv4, :: for both families
	Advertise netip.Addr // what SDP says; the zero value means Bind
	Other     netip.Addr // what it says to legs of the other family of IP; the zero value: Advertise
	// MinPort and MaxPort bound the UDP ports of the legs, two for each. 0 and 0 let the system choose.
	MinPort, MaxPort uint16
	// MaxSockets bounds the sockets of all legs, two for each, so that some are left for what else the process does. 0: no bound.
	MaxSockets int
	Logger     *slog.Logger
	Now        func() time.Time
}

func (c *Config) validate() error {
	if !c.Advertise.IsValid() {
		c.Advertise = c.Bind
	}
	switch {
	case !c.Bind.IsValid():
		return errs.New(errs.Invalid, "media: no address to listen on")
	case c.Advertise.IsUnspecified():
		return errs.New(errs.Invalid, "media: %s cannot be told to a phone; say which address to advertise", c.Advertise)
	case c.MinPort == 0 && c.MaxPort == 0:
		return nil
	case c.MinPort == 0 || pairs(c.MinPort, c.MaxPort) == 0:
		return errs.New(errs.Invalid, "media: no pair of ports, even and odd, in %d-%d", c.MinPort, c.MaxPort)
	}
	return nil
}

// firstEven is the first port of a range that can carry RTP (RFC 3550, 11).
func firstEven(low uint16) int { return (int(low) + 1) &^ 1 }

func pairs(low, high uint16) int { return max(0, (int(high)+1-firstEven(low))/2) }

// Relay hands out ports. It is safe for concurrent use.
type Relay struct {
	cfg     Config
	network network

	mu      sync.Mutex // guards what follows and the settings of all ports
	ports   map[*Port]struct{}
	sockets int          // of those that are reached by UDP
	used    map[int]bool // RTP ports of the range
	next    int          // pair to try next: a port rests as long as possible, so that late packets meet nobody
	closed  Counters     // of closed ports
	refused map[string]uint64
}

// NewRelay returns a relay without any port open.
func NewRelay(cfg Config) (*Relay, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Relay{
		cfg: cfg, network: newNetwork(cfg.Logger), ports: map[*Port]struct{}{}, used: map[int]bool{}, closed: Counters{Dropped: map[Reason]uint64{}},
		refused: map[string]uint64{},
	}, nil
}

// maxSpare is the most legs for which ports and sockets are kept that only emergency calls get.
const maxSpare = 16

// spare is what is kept of room for so many legs: a tenth.
func spare(legs int) int { return min(maxSpare, legs/10) }

// Open opens the ports of a leg that is reached by UDP and begins to receive. Without a free pair, or without a socket, it is
// errs.Congested, and counted.
func (r *Relay) Open() (*Port, error) { return r.open(false) }

// OpenForHelp is Open for a leg of an emergency call, which finds ports and sockets when all others are taken.
func (r *Relay) OpenForHelp() (*Port, error) { return r.open(true) }

func (r *Relay) open(help bool) (*Port, error) {
	if !r.take(help) {
		return nil, r.refuse(syscall.EMFILE) // as the system would say a little later
	}
	p := r.newPort()
	s, port, err := r.listen(p, help)
	if err != nil {
		r.giveBack()
		return nil, r.refuse(err)
	}
	p.carrier = s
	p.local.Addr = netip.AddrPortFrom(r.cfg.Advertise, uint16(port))
	r.add(p)
	return p, nil
}

// OpenFlow opens a flow for a leg that is reached over a link.
func (r *Relay) OpenFlow(link Link) (*Port, error) {
	p := r.newPort()
	p.trusted = true
	flow, err := link.NewFlow(p.receiveFlow)
	if err != nil {
		return nil, fmt.Errorf("open a flow for media: %w", err)
	}
	p.carrier = linkFlow{link, flow}
	p.local.Flow = flow.ID()
	r.add(p)
	return p, nil
}

// OpenEnd opens a flow for a leg whose RTCP ends here: it gets none of the other leg's, and sends it none. end is what carries
// its media, in the words of the ledger.
func (r *Relay) OpenEnd(link Link, end string) (*Port, error) {
	p, err := r.OpenFlow(link)
	if err == nil {
		p.end = end
	}
	return p, err
}

// perLeg is the sockets of a leg: RTP and RTCP.
const perLeg = int(kinds)

// take takes the sockets of a leg from those that there may be.
func (r *Relay) take(help bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.cfg.MaxSockets
	if !help {
		most -= spare(most/perLeg) * perLeg
	}
	if r.cfg.MaxSockets > 0 && r.sockets+perLeg > most {
		return false
	}
	r.sockets += perLeg
	return true
}

func (r *Relay) giveBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets -= perLeg
}

// refuse counts a leg that gets no port by the reason, and returns it in words.
func (r *Relay) refuse(err error) error {
	reason := "system"
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		reason = "files"
		err = errs.New(errs.Congested, "no socket is left for the audio of one more call; the limit of open files of this switch must be raised: %w", err)
	case errors.Is(err, errAllTaken), errors.Is(err, syscall.EADDRINUSE):
		reason = "ports"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[reason]++
	return err
}

func (r *Relay) newPort() *Port {
	p := &Port{relay: r}
	p.route.Store(&route{})
	return p
}

func (r *Relay) add(p *Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ports[p] = struct{}{}
}

func (r *Relay) remove(p *Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ports, p)
	r.closed.add(p)
	if !p.trusted {
		r.sockets -= perLeg
		delete(r.used, int(p.local.Addr.Port()))
	}
}

// Close closes all ports. None can be opened any more.
func (r *Relay) Close() {
	r.mu.Lock()
	open := slices.Collect(maps.Keys(r.ports))
	r.mu.Unlock()
	for _, p := range open {
		p.Close()
	}
	r.network.close()
}

// Counters is what the relay did so far.
func (r *Relay) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.closed
	c.Ports, c.Dropped, c.Refused = len(r.ports), maps.Clone(r.closed.Dropped), maps.Clone(r.refused)
	for p := range r.ports {
		c.add(p)
	}
	return c
}

// listen binds a pair of the range, or any, whose packets go to p.
func (r *Relay) listen(p *Port, help bool) (s *sockets, port int, err error) {
	if r.cfg.MinPort == 0 {
		return r.listenAny(p)
	}
	n := pairs(r.cfg.MinPort, r.cfg.MaxPort)
	for range n {
		port, ok := r.reserve(n, help)
		if !ok {
			break
		}
		s, err := r.bind(port, p, nil)
		if err == nil {
			return s, port, nil
		}
		r.release(port)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, 0, errs.New(errs.Congested, "open media ports %d and %d: %w", port, port+1, err)
		}
	}
	return nil, 0, errs.New(errs.Congested, "all %d pairs of media ports in %d-%d are %w; widen the range",
		n, r.cfg.MinPort, r.cfg.MaxPort, errAllTaken)
}

// errAllTaken is of a range without a free pair.
var errAllTaken = errors.New("in use")

// reserve takes the next pair of n that this relay does not use.
func (r *Relay) reserve(n int, help bool) (port int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !help && len(r.used) >= n-spare(n) {
		return 0, false
	}
	for range n {
		port = firstEven(r.cfg.MinPort) + 2*(r.next%n)
		r.next++
		if !r.used[port] {
			r.used[port] = true
			return port, true
		}
	}
	return 0, false
}

func (r *Relay) release(port int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.used, port)
}

// listenAny lets the system choose one port of the pair, and takes the other.
func (r *Relay) listenAny(p *Port) (s *sockets, port int, err error) {
	const attempts = 32
	for range attempts {
		first, err := r.network.listen(netip.AddrPortFrom(r.cfg.Bind, 0), p, media)
		if err != nil {
			return nil, 0, errs.New(errs.Congested, "open a media port: %w", err)
		}
		port = int(first.local())
		if port%2 != 0 {
			first.close()
			port, first = port-1, nil
		}
		if s, err = r.bind(port, p, first); err == nil {
			return s, port, nil
		}
	}
	return nil, 0, errs.New(errs.Congested, "no free pair of media ports in %d attempts: %w", attempts, err)
}

// bind opens the sockets of a pair, of which the first may be there; if not both can be had, none stays.
func (r *Relay) bind(port int, p *Port, first socket) (*sockets, error) {
	s := sockets{media: first}
	for k := range kinds {
		if s[k] != nil {
			continue
		}
		socket, err := r.network.listen(netip.AddrPortFrom(r.cfg.Bind, uint16(port)+uint16(k)), p, k)
		if err != nil {
			if k > 0 {
				s[media].close()
			}
			return nil, err
		}
		s[k] = socket
	}
	return &s, nil
}
