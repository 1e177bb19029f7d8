// Package identity is who a running node is: found on disk or enrolled at its first start, and renewed for as long as it runs.
package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
)

// Renewal: node certificates live 90 days and are renewed when 30 are left (3-protocols, Trust).
const (
	renewBefore = 30 * 24 * time.Hour
	renewFirst  = time.Minute // by then the fabric is there, as a rule
	renewCheck  = time.Hour
	renewTime   = 8 * time.Second // that the cloud may take; whoever orders it waits a little longer
)

// clocksApart is how far the clocks of the node and of the cloud may be apart before it is told: as session keys bear.
const clocksApart = 30 * time.Second

// Config says where an identity is, or comes from.
type Config struct {
	Kind   string // what the node is: trust.Switch, trust.Bridge; also in words
	Data   string // folder of the role; the identity is below it
	Code   string // enrolment code; not used by a node that is enrolled
	Cloud  string // where to enrol
	Logger *slog.Logger
}

// Holder holds the identity. Each renewal replaces it, and one goroutine renews: see Keep.
type Holder struct {
	atomic.Pointer[enrol.Identity]
	orders chan chan<- error // to renew now; each is answered
}

// Open finds the identity of a node, or gets one.
func Open(ctx context.Context, cfg Config) (*Holder, error) {
	h := &Holder{orders: make(chan chan<- error)}
	dir := filepath.Join(cfg.Data, "identity")
	id, err := enrol.Load(dir)
	switch {
	case err == nil:
		if cfg.Code != "" {
			cfg.Logger.Warn("enrolled already, the code is not used; to enrol anew, move the identity away", cfg.Kind, id.NodeName, "identity", dir)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case cfg.Code == "":
		return nil, fmt.Errorf("this %[1]s is not enrolled (no identity in %[2]s): make a code with 'strowger %[1]s add' or 'strowger %[1]s code', then start with --enroll CODE --cloud ADDR", cfg.Kind, dir)
	case cfg.Cloud == "":
		return nil, errors.New("--enroll needs --cloud: where the cloud's API is, such as cloud.example.com or https://192.0.2.1:443")
	default:
		if id, err = enrol.Enrol(ctx, cfg.Kind, cfg.Cloud, cfg.Code, dir); err != nil {
			return nil, fmt.Errorf("enrol at %s: %w", cfg.Cloud, err)
		}
		cfg.enrolled(id)
	}
	if id.Kind != cfg.Kind {
		return nil, fmt.Errorf("the identity in %s is that of a %s, this is a %s: enrol with the code of one", dir, id.Kind, cfg.Kind)
	}
	h.Store(id)
	return h, nil
}

func (c Config) enrolled(id *enrol.Identity) {
	log := c.Logger.With(c.Kind, id.NodeName)
	if id.SiteName != "" {
		log = log.With("site", id.SiteName)
	}
	log.Info("enrolled", "id", id.Node)
	if now := time.Now(); id.Apart.Abs() > clocksApart {
		log.Warn("the clocks of this machine and of the cloud are apart; set the wrong one (NTP)", "here", now, "cloud", now.Add(id.Apart), "apart", id.Apart.Abs())
	}
}

// Roots is the installation's root.
func (h *Holder) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(h.Load().Root)
	return pool
}

// ClientTLS is how the node shows itself to the fabric, which is known by the installation root.
func (h *Holder) ClientTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: h.Roots(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := h.Load().Certificate()
			return &c, nil
		},
	}
}

// Order has the certificate renewed now, and returns when it is.
func (h *Holder) Order(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case h.orders <- done:
	case <-ctx.Done():
		return errs.New(errs.Congested, "this node renews its certificate already, or stops: %w", context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errs.New(errs.Congested, "the certificate is not renewed in time: %w", context.Cause(ctx))
	}
}

// Renewal is how a certificate is renewed.
type Renewal struct {
	Ask    func(ctx context.Context, csr []byte) (chain string, err error) // the cloud
	Now    func() time.Time                                                // the cloud's time
	Logger *slog.Logger
}

// Keep keeps the certificate fresh until ctx ends, also of a node that never runs for an hour, and renews it when that is
// ordered.
func (h *Holder) Keep(ctx context.Context, r Renewal) error {
	due := time.NewTimer(renewFirst)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case done := <-h.orders:
			done <- h.renew(ctx, r)
		case <-due.C:
			due.Reset(renewCheck)
			h.renewIfDue(ctx, r)
		}
	}
}

func (h *Holder) renewIfDue(ctx context.Context, r Renewal) {
	expires := h.Load().Chain[0].NotAfter
	if r.Now().Before(expires.Add(-renewBefore)) {
		return
	}
	if err := h.renew(ctx, r); err != nil {
		r.Logger.Warn("certificate not renewed, tried again in an hour", "expires", expires, "error", err)
	}
}

// renew gets a new certificate for the same key. Connections that are up keep the one that they began with; the next ones
// show the new one.
func (h *Holder) renew(ctx context.Context, r Renewal) error {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	id := h.Load()
	csr, err := id.CSR()
	if err != nil {
		return err
	}
	chain, err := r.Ask(ctx, csr)
	if err != nil {
		return err
	}
	next, err := id.Renewed(chain)
	if err != nil {
		return err
	}
	h.Store(next)
	r.Logger.Info("certificate renewed", "expires", next.Chain[0].NotAfter)
	return nil
}
