package mobilebridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"strowger/mobile-bridge/internal/face"
	"strowger/mobile-bridge/internal/relay"
	"strowger/pkg/fabric"
)

// Relaying is the relay of media, for apps that find no direct way to each other or to a switch.
type Relaying struct {
	Relay        string `help:"Relay media of apps that find no direct way (TURN): listen here, UDP and TCP, such as :3478. Default: no relay." name:"relay" placeholder:"ADDR"`
	RelayTLS     string `help:"Serve the relay over TLS too, TCP, such as :5349. Wants --tls-cert." name:"relay-tls" placeholder:"ADDR"`
	RelayPublic  string `help:"IP address that apps and their peers use to reach the relay. Default: that of --host." name:"relay-public" placeholder:"IP"`
	RelayPorts   string `help:"UDP ports of relayed media, FIRST-LAST. Default: ${default}." default:"49152-65535" name:"relay-ports" placeholder:"RANGE"`
	RelayRate    int    `help:"kbit/s that one leg of a call may relay. Default: ${default}." default:"4096" name:"relay-rate" placeholder:"N"`
	RelayMost    int    `help:"Allocations at a time; a leg uses one to three. Default: ${default}." default:"1000" name:"relay-most" placeholder:"N"`
	RelayPrivate bool   `help:"Also relay to addresses that are not on the public internet, as in an office without NAT. Whoever is in a call can then send UDP into this network." name:"relay-private"`
}

// relaying is a Relaying that has been read.
type relaying struct {
	public netip.Addr
	ports  [2]uint16
}

func (s *settings) validateRelay() error {
	if s.Relay == "" {
		if given := s.Relaying.given(); len(given) > 0 {
			return fmt.Errorf("%s: of no use without --relay", strings.Join(given, ", "))
		}
		return nil
	}
	var errAll []error
	for flag, at := range map[string]string{"--relay": s.Relay, "--relay-tls": s.RelayTLS} {
		if err := listenable(at); at != "" && err != nil {
			errAll = append(errAll, fmt.Errorf("%s %q: want [IP]:port, such as :3478", flag, at))
		}
	}
	s.relaying.public = s.host
	if s.RelayPublic != "" {
		a, err := netip.ParseAddr(s.RelayPublic)
		if err != nil || a.IsUnspecified() {
			errAll = append(errAll, fmt.Errorf("--relay-public %q: want an IP address", s.RelayPublic))
		}
		s.relaying.public = a.Unmap()
	}
	first, last, ok := strings.Cut(s.RelayPorts, "-")
	x, e1 := strconv.ParseUint(first, 10, 16)
	y, e2 := strconv.ParseUint(last, 10, 16)
	if !ok || e1 != nil || e2 != nil || x < 1024 || y <= x {
		errAll = append(errAll, fmt.Errorf("--relay-ports %q: want FIRST-LAST, two ports from 1024 to 65535", s.RelayPorts))
	}
	s.relaying.ports = [2]uint16{uint16(x), uint16(y)}
	if s.RelayTLS != "" && s.TLSCert == "" {
		errAll = append(errAll, errors.New("--relay-tls wants --tls-cert and --tls-key: browsers know the relay by them"))
	}
	if s.RelayRate <= 0 || s.RelayMost <= 0 {
		errAll = append(errAll, fmt.Errorf("--relay-rate %d, --relay-most %d: want more than 0", s.RelayRate, s.RelayMost))
	}
	return errors.Join(errAll...)
}

// given names the flags of a relay that are not at their defaults.
func (r Relaying) given() []string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"--relay-tls", r.RelayTLS != ""}, {"--relay-public", r.RelayPublic != ""}, {"--relay-ports", r.RelayPorts != "" && r.RelayPorts != defaultPorts},
		{"--relay-rate", r.RelayRate != 0 && r.RelayRate != defaultRate}, {"--relay-most", r.RelayMost != 0 && r.RelayMost != defaultMost},
		{"--relay-private", r.RelayPrivate},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

// Defaults of Relaying, as its tags have them.
const (
	defaultPorts = "49152-65535"
	defaultRate  = 4096
	defaultMost  = 1000
)

// listenable says why nothing can listen at [IP]:port, whoever has it now.
func listenable(at string) error {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return err
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return err
		}
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err
}

// openRelay binds what apps reach the relay at, if there is to be one, and says where that is.
func (b *bridge) openRelay() error {
	if b.Relay == "" {
		return nil
	}
	cfg := relay.Config{
		Listen: b.Relay, TLS: b.RelayTLS, Public: b.relaying.public, Ports: b.relaying.ports, Rate: b.RelayRate * 1000, Most: b.RelayMost,
		Realm: b.identity.Load().Org, Private: b.RelayPrivate, Now: b.now, Logger: b.log,
	}
	if b.RelayTLS != "" {
		files, err := face.OpenFiles(b.TLSCert, b.TLSKey, b.log)
		if err != nil {
			return err
		}
		cfg.Cert = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.Get}
	}
	r, err := relay.Open(cfg)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --relay or --relay-tls", err)
	}
	b.links.relay = r
	// RFC 7065, 3.1.
	at := netip.AddrPortFrom(b.relaying.public, r.Addr().Port()).String()
	told := &fabric.Relay{URLs: []string{"turn:" + at + "?transport=udp", "turn:" + at + "?transport=tcp"}, Secret: r.Secret()}
	if u, err := url.Parse(b.at.URL); err == nil && r.SecureAddr().IsValid() {
		told.URLs = append(told.URLs, "turns:"+u.Hostname()+":"+strconv.Itoa(int(r.SecureAddr().Port()))+"?transport=tcp")
	}
	b.at.Relay, b.started.Relay = told, at
	return nil
}

// runRelay relays until ctx ends, and says at the start whether clients are likely to reach it.
func (b *bridge) runRelay(ctx context.Context) error {
	r := b.links.relay
	tested := make(chan struct{})
	go func() {
		defer close(tested)
		words, err := r.Test(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			b.log.Error("the relay's test of itself", "error", err)
		default:
			b.log.Info("the relay's test of itself", "shows", words)
		}
	}()
	defer func() { <-tested }()
	return r.Run(ctx)
}

// publishRelay makes the figures of the relay readable.
func (b *bridge) publishRelay() {
	r := b.links.relay
	if r == nil {
		return
	}
	b.health.Gauge("relay_allocations", "Allocations of the relay.", func() float64 { return float64(r.Counters().Allocations) })
	b.health.Counts("relay_total", "Bytes that were relayed, and packets that were dropped because their leg sent too much.", "what", func() map[string]uint64 {
		c := r.Counters()
		return map[string]uint64{"bytes": c.Bytes, "over rate": c.OverRate}
	})
	b.health.Counts("relay_refused_total", "Requests that the relay refused, by reason.", "reason", func() map[string]uint64 { return r.Counters().Refused })
}
