package link

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/quic-go/quic-go"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/limit"
	"strowger/pkg/trust"
)

// peerID is who a verified certificate speaks for, and the pin of its key.
type peerID struct {
	trust.Name
	keyHash string
	expired bool // the certificate; Authorize let it in all the same
}

// tlsConfig is what both sides share; verify judges the certificate of the other.
func (e *Endpoint) tlsConfig(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768}, // hybrid or nothing
		NextProtos:             []string{ALPN},
		SessionTicketsDisabled: true,
		Time:                   e.cfg.Now,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // verify does it: nodes are named by URI, not by host
		VerifyConnection:       verify,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := e.cfg.Certificate()
			return &c, nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := e.cfg.Certificate()
			return &c, nil
		},
	}
}

// acceptTLS is the configuration of the listening side, by the protocols that the hello offers.
func (e *Endpoint) acceptTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if e.cfg.OnWeb != nil && slices.Contains(hello.SupportedProtos, ALPNWeb) {
				return e.webTLS(), nil
			}
			return e.tlsConfig(func(cs tls.ConnectionState) error {
				_, err := e.verify(cs.PeerCertificates, x509.ExtKeyUsageClientAuth)
				if err == nil {
					return nil
				}
				e.refused(hello.Conn.RemoteAddr(), err)
				return alert(err)
			}), nil
		},
	}
}

// webTLS is what apps meet: any of them may connect, and says by its session key who it is. Its key exchange is what a
// browser offers.
func (e *Endpoint) webTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{ALPNWeb}, SessionTicketsDisabled: true, Time: e.cfg.Now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return e.cfg.WebCertificate(), nil },
	}
}

// dialTLS is the configuration for dialling one node, whose key is pinned.
func (e *Endpoint) dialTLS(node designation.Node) *tls.Config {
	return e.tlsConfig(func(cs tls.ConnectionState) error {
		peer, err := e.verify(cs.PeerCertificates, x509.ExtKeyUsageServerAuth)
		if err == nil && (peer.ID != node.ID || peer.keyHash != node.KeyHash) {
			err = errs.New(errs.WrongNode, "%s with key %s answers where node %s with key %s was designated: the address or the designation is out of date",
				peer.ID, peer.keyHash, node.ID, node.KeyHash)
		}
		if err != nil {
			return alert(err)
		}
		return nil
	})
}

func (e *Endpoint) refused(from net.Addr, err error) {
	e.counters.refused.Add(1)
	if e.told.Take(limit.Host(from.String())) {
		e.log.Warn("link refused", "remote", from, "code", errs.CodeOf(err), "err", err)
	}
}

// verify judges the certificates that a peer shows, leaf first.
func (e *Endpoint) verify(shown []*x509.Certificate, usage x509.ExtKeyUsage) (peerID, error) {
	peer, err := e.identify(shown)
	if err != nil {
		return peerID{}, err
	}
	leaf, between := shown[0], x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	at := e.cfg.Now()
	if peer.expired = at.After(leaf.NotAfter); peer.expired {
		at = leaf.NotAfter // Authorize decides whether an expired node still belongs
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: e.cfg.Roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err = trust.Validity(err, at); errs.CodeOf(err) == errs.ClockSkew {
		return peerID{}, err
	}
	if err != nil {
		return peerID{}, errs.New(errs.Unauthenticated, "certificate of %s: %w", peer.Name, err)
	}
	if peer.Org != e.cfg.Name.Org {
		return peerID{}, errs.New(errs.WrongOrganization, "%s is not of organization %s", peer.Name, e.cfg.Name.Org)
	}
	if err := e.checkIssuer(peer.Name, chains); err != nil {
		return peerID{}, err
	}
	if dialled := usage == x509.ExtKeyUsageServerAuth; peer.Kind != trust.Switch && (peer.Kind != trust.Bridge || !dialled) {
		return peerID{}, errs.New(errs.Forbidden, "%s is no switch: only switches link, and they dial bridges", peer.Name)
	}
	if peer.ID == e.cfg.Name.ID {
		return peerID{}, errs.New(errs.WrongNode, "%s is this node itself", peer.Name)
	}
	return peer, e.cfg.Authorize(peer.Name, peer.keyHash, peer.expired)
}

// identify reads who a peer says it is.
func (e *Endpoint) identify(shown []*x509.Certificate) (peerID, error) {
	if len(shown) == 0 {
		return peerID{}, errs.New(errs.Unauthenticated, "no certificate was shown")
	}
	name, err := trust.NameOf(shown[0])
	if err != nil {
		return peerID{}, errs.New(errs.Invalid, "not the certificate of a node: %w", err)
	}
	return peerID{Name: name, keyHash: trust.CertKeyHash(shown[0].RawSubjectPublicKeyInfo)}, nil
}

// checkIssuer holds the organization's boundary: another organization's intermediate could write our name into a
// certificate, so a chain must be leaf, the intermediate that issued our own certificate, root.
func (e *Endpoint) checkIssuer(peer trust.Name, chains [][]*x509.Certificate) error {
	own := e.cfg.Certificate().Certificate
	if len(own) < 2 {
		return errs.New(errs.Internal, "this node's certificate has no intermediate: enrol it again")
	}
	intermediate, err := x509.ParseCertificate(own[1])
	if err != nil {
		return errs.New(errs.Internal, "this node's intermediate certificate: %w", err)
	}
	for _, chain := range chains {
		if len(chain) == 3 && bytes.Equal(chain[1].RawSubjectPublicKeyInfo, intermediate.RawSubjectPublicKeyInfo) {
			return nil
		}
	}
	return errs.New(errs.WrongOrganization, "the certificate of %s was not issued by the intermediate of organization %s", peer, e.cfg.Name.Org)
}

// TLS alerts (RFC 8446, 6.2) that tell the other side why it was refused.
const (
	alertBadCertificate     tls.AlertError = 42
	alertCertificateRevoked tls.AlertError = 44
	alertCertificateExpired tls.AlertError = 45 // "or is not currently valid"
	alertUnknownCA          tls.AlertError = 48
	alertAccessDenied       tls.AlertError = 49
)

// alert adds to err the TLS alert that the peer gets.
func alert(err error) error {
	a := alertAccessDenied
	switch errs.CodeOf(err) {
	case errs.Unauthenticated:
		a = alertUnknownCA
	case errs.Invalid:
		a = alertBadCertificate
	case errs.Revoked:
		a = alertCertificateRevoked
	case errs.ClockSkew:
		a = alertCertificateExpired
	}
	return fmt.Errorf("%w%.0w", err, a)
}

// fromAlert returns what an alert of the peer means for this node, or nil if err is none.
func fromAlert(err error) error {
	var t *quic.TransportError
	if !errors.As(err, &t) || !t.Remote || !t.ErrorCode.IsCryptoError() {
		return nil
	}
	switch tls.AlertError(t.ErrorCode - 0x100) { // RFC 9001, 4.8
	case alertCertificateRevoked:
		return errs.New(errs.Revoked, "the peer refuses this node: it is revoked")
	case alertCertificateExpired:
		return errs.New(errs.ClockSkew, "the peer refuses this node: by its clock the certificate is not valid yet; set the clocks of both (NTP)")
	}
	return errs.New(errs.Forbidden, "the peer refuses this node: %w", err)
}
