package stir

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Limits of a Fetch.
const (
	fetchTime   = 3 * time.Second
	fetchAtOnce = 4
	maxFetched  = 256 // URLs remembered
	keptFound   = time.Hour
	keptMissing = 30 * time.Second
)

// Fetch gets certificates by HTTPS from hosts that are configured, and from no others: the URL is a stranger's. It follows no
// redirect and uses no proxy.
type Fetch struct {
	hosts  map[string]bool // "host:port"
	client *http.Client
	slots  chan struct{}

	mu      sync.Mutex
	fetched map[string]*fetched // by URL
}

// fetched is a URL that was asked, or is being asked until done is closed.
type fetched struct {
	done  chan struct{}
	chain []*x509.Certificate
	err   error
	until time.Time // zero while it is asked
}

// NewFetch returns a Fetch from hosts, each "host" or "host:port"; roots are those of the hosts' own TLS certificates, nil for
// the system's.
func NewFetch(hosts []string, roots *x509.CertPool) *Fetch {
	f := &Fetch{
		hosts: map[string]bool{}, slots: make(chan struct{}, fetchAtOnce), fetched: map[string]*fetched{},
		client: &http.Client{
			Transport: &http.Transport{
				TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				DisableKeepAlives:      true,
				DisableCompression:     true,
				MaxResponseHeaderBytes: maxFile,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, h := range hosts {
		f.hosts[withPort(strings.ToLower(h))] = true
	}
	return f
}

// withPort adds the port of HTTPS to a host without one.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "443")
}

// Chain returns the certificates at a URL, or the memory of them. Who asks for what is being fetched waits for that.
func (f *Fetch) Chain(ctx context.Context, now time.Time, at string) ([]*x509.Certificate, error) {
	u, err := parseURL(at)
	if err != nil {
		return nil, err
	}
	if !f.hosts[withPort(strings.ToLower(u.Host))] {
		return nil, fmt.Errorf("certificate %q: host %q is none of those that certificates are fetched from", at, u.Host)
	}
	mine, one, err := f.entry(u.String(), now)
	if err != nil {
		return nil, err
	}
	if mine {
		chain, err := f.get(ctx, u.String())
		f.keep(one, chain, err, now)
		<-f.slots
	}
	select {
	case <-one.done:
		return one.chain, one.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// entry returns what is known of a URL, or a new entry that the caller, who has a slot then, has to fill.
func (f *Fetch) entry(at string, now time.Time) (mine bool, one *fetched, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one = f.fetched[at]; one != nil && (one.until.IsZero() || now.Before(one.until)) {
		return false, one, nil
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return false, nil, fmt.Errorf("certificate %q: %d others are being fetched; try again", at, fetchAtOnce)
	}
	if one == nil && len(f.fetched) >= maxFetched {
		f.forget()
	}
	one = &fetched{done: make(chan struct{})}
	f.fetched[at] = one
	return true, one, nil
}

// forget drops the entry that ends first. There is one: at most fetchAtOnce of all are being asked.
func (f *Fetch) forget() {
	oldest := ""
	for at, one := range f.fetched {
		if !one.until.IsZero() && (oldest == "" || one.until.Before(f.fetched[oldest].until)) {
			oldest = at
		}
	}
	delete(f.fetched, oldest)
}

func (f *Fetch) keep(one *fetched, chain []*x509.Certificate, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.chain, one.err, one.until = chain, err, now.Add(keptMissing)
	if err == nil {
		one.until = now.Add(keptFound)
	}
	close(one.done)
}

// get asks the host. Others may wait for the answer, so that the end of this call does not end it.
func (f *Fetch) get(ctx context.Context, at string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", at, err)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("certificate %q: %w", at, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("certificate %q: the host answered %s", at, res.Status)
	}
	return readChain(res.Body, at)
}
