package mobilebridge

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"strowger/mobile-bridge/internal/face"
	"strowger/mobile-bridge/internal/relay"
	"strowger/pkg/fabric"
	"strowger/pkg/hostaddr"
)

// Relaying is what helps the media of apps behind NATs: they are told where they are seen (STUN), so that two of them find a direct
// way to each other, and where none is found a relay carries them.
type Relaying struct {
	STUN         string `help:"Tell apps where they are seen from outside (STUN), so that those behind NATs find a direct way to each other: listen here, UDP; off: not. Default: :3478, or what --relay says, which does this too." name:"stun" placeholder:"ADDR"`
	Relay        string `help:"Relay media of apps that find no direct way (TURN): listen here, UDP and TCP, such as :3478. Default: no relay." name:"relay" placeholder:"ADDR"`
	RelayTLS     string `help:"Serve the relay over TLS too, TCP, such as :5349. Wants --tls-cert." name:"relay-tls" placeholder:"ADDR"`
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
	s.relaying.public = s.host
	if s.NAT != "" {
		var err error
		if s.relaying.public, err = hostaddr.Parse("public", s.NAT); err != nil {
			return err
		}
	}
	if s.Relay == "" {
		if at := s.stun(); at != "" && listenable(at) != nil {
			return fmt.Errorf("--stun %q: want [IP]:port, such as :3478, or off", at)
		}
		if given := s.Relaying.given(); len(given) > 0 {
			return fmt.Errorf("%s: of no use without --relay", strings.Join(given, ", "))
		}
		return nil
	}
	var errAll []error
	if s.STUN != "" && s.STUN != noSTUN && s.STUN != s.Relay {
		errAll = append(errAll, fmt.Errorf("--stun %s, --relay %s: one port is for both, leave --stun out", s.STUN, s.Relay))
	}
	for _, p := range []struct{ flag, at string }{{"--relay", s.Relay}, {"--relay-tls", s.RelayTLS}} {
		if err := listenable(p.at); p.at != "" && err != nil {
			errAll = append(errAll, fmt.Errorf("%s %q: want [IP]:port, such as :3478", p.flag, p.at))
		}
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
		{"--relay-tls", r.RelayTLS != ""}, {"--relay-ports", r.RelayPorts != "" && r.RelayPorts != defaultPorts},
		{"--relay-rate", r.RelayRate != 0 && r.RelayRate != defaultRate}, {"--relay-most", r.RelayMost != 0 && r.RelayMost != defaultMost},
		{"--relay-private", r.RelayPrivate},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

// stun is where to listen for apps that ask where they are seen, if not at the relay; empty: nowhere.
func (r Relaying) stun() string {
	if r.Relay != "" || r.STUN == noSTUN {
		return ""
	}
	return cmp.Or(r.STUN, defaultSTUN)
}

// noSTUN is a Relaying.STUN, defaultSTUN what it is if empty.
const (
	noSTUN      = "off"
	defaultSTUN = ":3478" // RFC 8489, 8.1: the port of STUN
)

// Free says why what is given of a Relaying cannot be listened on now.
func (r Relaying) Free() error {
	cfg := relay.Config{Listen: r.Relay, TLS: r.RelayTLS, Ports: [2]uint16{1, 1}, Now: time.Now}
	if r.Relay == "" {
		cfg = relay.Config{Listen: r.STUN, Now: time.Now}
	}
	if cfg.Listen == "" || cfg.Listen == noSTUN { // no port must be free
		return nil
	}
	opened, err := relay.Open(cfg)
	if err != nil {
		return taken(err)
	}
	return opened.Close()
}

// taken says what to do if a port is not to be had.
func taken(err error) error {
	return fmt.Errorf("%w; end what has taken the port, choose another with --stun, --relay or --relay-tls, or do without: --stun off", err)
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

// openRelay binds what apps reach the relay at, or what tells them where they are seen, if there is to be one, and says where that is.
func (b *bridge) openRelay() error {
	if b.Relay == "" && b.stun() == "" {
		return nil
	}
	cfg := relay.Config{Listen: b.stun(), Public: b.relaying.public, Now: b.now, Logger: b.log}
	if b.Relay != "" {
		cfg.Listen, cfg.TLS, cfg.Ports, cfg.Rate, cfg.Most = b.Relay, b.RelayTLS, b.relaying.ports, b.RelayRate*1000, b.RelayMost
		cfg.Realm, cfg.Private = b.identity.Load().Org, b.RelayPrivate
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
		return taken(err)
	}
	b.links.relay = r
	at := netip.AddrPortFrom(b.relaying.public, r.Addr().Port()).String()
	if b.Relay == "" {
		b.at.STUN, b.started.STUN = "stun:"+at, at // RFC 7064, 3.1
		return nil
	}
	// RFC 7065, 3.1. Clients of a relay learn where it sees them, too.
	told := &fabric.Relay{URLs: []string{"turn:" + at + "?transport=udp", "turn:" + at + "?transport=tcp"}, Secret: r.Secret()}
	if u, err := url.Parse(b.at.URL); err == nil && r.SecureAddr().IsValid() {
		told.URLs = append(told.URLs, "turns:"+u.Hostname()+":"+strconv.Itoa(int(r.SecureAddr().Port()))+"?transport=tcp")
	}
	b.at.Relay, b.started.Relay = told, at
	return nil
}

// runRelay serves the relay, or STUN, until ctx ends, and says at the start whether clients are likely to reach it.
func (b *bridge) runRelay(ctx context.Context) error {
	r := b.links.relay
	tested := make(chan struct{})
	go func() {
		defer close(tested)
		words, err := r.Test(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			b.log.Error("the test of STUN and the relay", "error", err)
		default:
			b.log.Info("the test of STUN and the relay", "shows", words)
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
	b.health.Counts("relay_total", "Bytes that were relayed, packets that were dropped because their leg sent too much, and apps that were told where they are seen.", "what", func() map[string]uint64 {
		c := r.Counters()
		return map[string]uint64{"bytes": c.Bytes, "over rate": c.OverRate, "seen": c.Seen}
	})
	b.health.Counts("relay_refused_total", "Requests that the relay refused, by reason.", "reason", func() map[string]uint64 { return r.Counters().Refused })
}
