package enrol

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// requestTimeout bounds one exchange with the cloud, reading included.
const requestTimeout = 30 * time.Second

// Trust says whom a pinned client accepts.
type Trust struct {
	Pin []byte // of the server's key, PinSize bytes
	// SystemRoots also accepts a server that the machine's certificate authorities vouch for under the name asked for.
	SystemRoots bool
}

// Client returns an HTTPS client that talks only to servers that t accepts, over TLS 1.3. It follows no redirects.
func (t Trust) Client() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       t.tls(),
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   requestTimeout,
		ResponseHeaderTimeout: requestTimeout,
		IdleConnTimeout:       requestTimeout,
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (t Trust) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The pin takes the place of the chain and the name; VerifyConnection runs on resumed sessions too.
		InsecureSkipVerify: true,
		VerifyConnection:   t.verify,
	}
}

func (t Trust) verify(cs tls.ConnectionState) error {
	leaf := cs.PeerCertificates[0] // TLS 1.3 servers always send one
	pin := PinOf(leaf.RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(pin, t.Pin) == 1 {
		return nil
	}
	why := errs.New(errs.Unauthenticated, "this is not the cloud that gave out the code or API key")
	if t.SystemRoots && cs.ServerName != "" { // without a name x509 would check none
		inter := x509.NewCertPool()
		for _, c := range cs.PeerCertificates[1:] {
			inter.AddCert(c)
		}
		now := time.Now()
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: cs.ServerName, Intermediates: inter, CurrentTime: now})
		if err == nil {
			return nil
		}
		if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			why = errs.From(trust.Validity(err, now))
		}
	}
	return errs.New(why.Code, "the server has the key %x, want %x: %w", pin[:4], t.Pin[:min(4, len(t.Pin))], why)
}
