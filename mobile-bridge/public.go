package mobilebridge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/fabric"
	"strowger/pkg/trust"
)

// validatePublic checks how apps reach the bridge.
func (s *settings) validatePublic() error {
	if s.Listen == "" {
		return nil
	}
	var errAll []error
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		errAll = append(errAll, fmt.Errorf("--listen %q: want host:port or :port", s.Listen))
	}
	for _, p := range s.Proxy {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(p); err == nil {
				prefix = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			errAll = append(errAll, fmt.Errorf("--proxy %q: want an address, or one with /bits", p))
		}
		s.proxies = append(s.proxies, prefix)
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		errAll = append(errAll, errors.New("--tls-cert and --tls-key go together"))
	}
	if s.Plain && s.TLSCert != "" {
		errAll = append(errAll, errors.New("--plain is without TLS: leave --tls-cert and --tls-key out"))
	}
	if s.Plain && len(s.Proxy) == 0 && !loopback(host) {
		errAll = append(errAll, fmt.Errorf("--plain on %q: only on a loopback address, or with the --proxy that does TLS", s.Listen))
	}
	if s.URL != "" && !baseURL(s.URL, "https", "http") {
		errAll = append(errAll, fmt.Errorf("--url %q: want https://host", s.URL))
	}
	return errors.Join(errAll...)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// openFace binds what the public sees, and says how others reach it. Without --listen there is nothing.
func (b *bridge) openFace() (err error) {
	if b.Listen == "" {
		return nil
	}
	cfg := face.Config{Listen: b.Listen, Proxies: b.proxies, Now: b.now, Logger: b.log}
	id := b.identity.Load()
	at := fabric.Face{URL: strings.TrimSuffix(b.URL, "/")}
	switch {
	case b.Plain:
	case b.TLSCert != "":
		files, err := face.OpenFiles(b.TLSCert, b.TLSKey, b.log)
		if err != nil {
			return err
		}
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: files.Get}
	default:
		at.KeyHash = trust.CertKeyHash(id.Chain[0].RawSubjectPublicKeyInfo) // which renewal keeps
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := b.identity.Load().Certificate()
			return &c, nil
		}}
	}
	if b.face, err = face.Listen(cfg); err != nil {
		return fmt.Errorf("listen for apps: %w; choose another address with --listen, or turn it off with --listen ''", err)
	}
	if at.URL == "" {
		at.URL = b.urlOf(b.face.Addr(), cfg.TLS != nil)
	}
	at.Push = b.at.Push // of openSenders
	b.at, b.started.URL = at, at.URL
	return nil
}

// urlOf is how an address that is listened on is reached: by the machine's outward one, if it is all of the machine's.
func (b *bridge) urlOf(at netip.AddrPort, secure bool) string {
	a := at.Addr().Unmap()
	if a.IsUnspecified() {
		a = b.host
	}
	if secure {
		return "https://" + netip.AddrPortFrom(a, at.Port()).String()
	}
	return "http://" + netip.AddrPortFrom(a, at.Port()).String()
}
