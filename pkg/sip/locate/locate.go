// Package locate finds the servers of a SIP URI in DNS (RFC 3263): NAPTR where a domain has it, then SRV, then addresses.
//
// The transport comes from the URI (its transport parameter, an IP address or a port), else from NAPTR, else from the
// first SRV that exists (4.1). The servers come in the order in which to try them (4.2): the next one after a transport
// error, a 503, or no answer in time (4.3). To follow that order is the caller's part.
package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"strowger/pkg/sip"
)

// MaxServers bounds what one URI leads to, whatever its domain says.
const MaxServers = 8

// ErrNone is the error of a URI that leads to no server by any transport that is asked for.
var ErrNone = errors.New("no server in DNS")

// Config is what a Resolver asks.
type Config struct {
	Resolver *net.Resolver            // for SRV and addresses; nil: the system's
	Servers  func() ([]string, error) // host:port of DNS servers, for NAPTR; nil: those of /etc/resolv.conf
}

// Resolver is safe for concurrent use.
type Resolver struct{ cfg Config }

// New returns a resolver.
func New(cfg Config) *Resolver {
	if cfg.Resolver == nil {
		cfg.Resolver = &net.Resolver{}
	}
	if cfg.Servers == nil {
		cfg.Servers = systemServers
	}
	return &Resolver{cfg: cfg}
}

// service is a transport as NAPTR and SRV name it.
type service struct {
	transport string // of a sip.Peer
	naptr     string
	srv       string
	secure    bool
	port      uint16 // the default
}

// services are what RFC 3263, 4.1, names, without SCTP, in the order of our preference.
func services() []service {
	return []service{
		{sip.UDP, "SIP+D2U", "_sip._udp.", false, 5060},
		{sip.TCP, "SIP+D2T", "_sip._tcp.", false, 5060},
		{sip.TLS, "SIPS+D2T", "_sips._tcp.", true, 5061},
	}
}

// Locate returns the servers of a URI that can be reached by one of the transports ("UDP", "TCP", "TLS"), in the order in
// which to try them, at most MaxServers.
func (r *Resolver) Locate(ctx context.Context, u sip.URI, transports ...string) ([]sip.Peer, error) {
	sips := strings.EqualFold(u.Scheme, "sips")
	usable := slices.DeleteFunc(services(), func(s service) bool {
		return !slices.Contains(transports, s.transport) || sips && !s.secure
	})
	target := u.Host
	if maddr, ok := u.UriParams.Get("maddr"); ok && maddr != "" {
		target = maddr // RFC 3263, 4: TARGET
	}
	target = strings.TrimSuffix(strings.Trim(target, "[]"), ".")
	numeric, err := netip.ParseAddr(target)
	isNumeric := err == nil
	asked, _ := u.UriParams.Get("transport")
	switch {
	case asked != "":
		usable = slices.DeleteFunc(usable, func(s service) bool { return !s.named(asked) })
	case isNumeric || u.Port > 0: // RFC 3263, 4.1: UDP, or TLS for sips
		usable = slices.DeleteFunc(usable, func(s service) bool { return s.secure != sips })
		usable = usable[:min(len(usable), 1)]
	}
	var servers []sip.Peer
	switch {
	case len(usable) == 0:
	case isNumeric:
		servers = []sip.Peer{{Transport: usable[0].transport, Addr: netip.AddrPortFrom(numeric, portOf(u, usable[0]))}}
	case u.Port > 0:
		servers, err = r.addresses(ctx, usable[0], target, portOf(u, usable[0]))
	default:
		servers, err = r.named(ctx, usable, target, asked == "")
	}
	if len(servers) == 0 {
		return nil, errors.Join(fmt.Errorf("locate %s by %s: %w", u.String(), strings.Join(transports, ", "), ErrNone), err)
	}
	return servers[:min(len(servers), MaxServers)], nil
}

// named says whether a transport parameter means the service.
func (s service) named(transport string) bool {
	return strings.EqualFold(s.transport, transport) || s.secure && strings.EqualFold(transport, "tcp")
}

func portOf(u sip.URI, s service) uint16 {
	if u.Port > 0 && u.Port <= 65535 {
		return uint16(u.Port)
	}
	return s.port
}

// named resolves a domain name without a port.
func (r *Resolver) named(ctx context.Context, usable []service, domain string, anyTransport bool) ([]sip.Peer, error) {
	if anyTransport {
		if servers := r.byNAPTR(ctx, usable, domain); len(servers) > 0 {
			return servers, nil
		}
	}
	for _, s := range usable {
		if servers := r.bySRV(ctx, s, s.srv+domain); len(servers) > 0 {
			return servers, nil
		}
	}
	return r.addresses(ctx, usable[0], domain, usable[0].port) // RFC 3263, 4.2: no SRV, so the domain is the server
}

// byNAPTR follows the records of a domain that lead to a usable service. That they cannot be asked for is as if there were
// none: SRV is asked next (RFC 3263, 4.1).
func (r *Resolver) byNAPTR(ctx context.Context, usable []service, domain string) (all []sip.Peer) {
	followed := 0
	for _, n := range r.naptr(ctx, domain) {
		i := slices.IndexFunc(usable, func(s service) bool { return strings.EqualFold(s.naptr, n.service) })
		if i >= 0 && strings.EqualFold(n.flags, "s") && n.regexp == "" { // RFC 3263, 4.1: no other kind
			all = append(all, r.bySRV(ctx, usable[i], n.replacement)...)
			if followed++; followed == MaxServers || len(all) >= MaxServers { // an answer has room for a thousand
				break
			}
		}
	}
	return all
}

// bySRV returns the servers of a service in the order of RFC 2782, which net.Resolver makes.
func (r *Resolver) bySRV(ctx context.Context, s service, name string) (all []sip.Peer) {
	_, records, err := r.cfg.Resolver.LookupSRV(ctx, "", "", name)
	if err != nil && len(records) == 0 {
		return nil
	}
	for _, rec := range records {
		if rec.Target == "." || len(all) >= MaxServers { // RFC 2782: "." is "not here"
			break
		}
		servers, err := r.addresses(ctx, s, rec.Target, rec.Port)
		if err == nil {
			all = append(all, servers...)
		}
	}
	return all
}

// addresses returns the addresses of a host (A and AAAA).
func (r *Resolver) addresses(ctx context.Context, s service, host string, port uint16) ([]sip.Peer, error) {
	ips, err := r.cfg.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	var all []sip.Peer
	for _, ip := range ips {
		all = append(all, sip.Peer{Transport: s.transport, Addr: netip.AddrPortFrom(ip.Unmap(), port)})
	}
	return all, nil
}
