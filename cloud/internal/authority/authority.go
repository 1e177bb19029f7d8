// Package authority is everything in the cloud that signs: certificates, session keys, site copies, revocations; and
// the custody of the secrets that it needs to do so.
//
// Secrets rest in the database wrapped by the master key (AES-256-GCM, the name of the secret as additional data). The
// master key is a file outside of database and backup. Losing it means enrolling every node and setting every password
// anew; a database without it gives nothing away.
//
// Keys by purpose:
//
//	ca/root                     the installation's root, 10 years
//	ca/<org>                    one intermediate per organization, 5 years, limited to names of that organization
//	tls                         the cloud's own TLS key, which codes and API keys pin
//	keys/<org>/session/<n>      signs session keys; the next generation is published 48 h before it signs
//	keys/<org>/copy/<n>         signs site copies, peer documents, revocations
//	fabric                      the seed of the keys by which the cloud rules the fabric
//	credential/<org>/<device>   digests of a phone's password
package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/sitecopy"
)

// Directory knows what the signed documents say: everything but their heads, keys and secrets.
type Directory interface {
	Copy(ctx context.Context, org, site string) (sitecopy.Copy, error)
	Peer(ctx context.Context, org, site string) (sitecopy.Peer, error)
}

// Config is what an Authority works with.
type Config struct {
	Store     *store.Store
	Directory Directory // only Current needs it
	// MasterKeyFile holds the key that wraps all others.
	MasterKeyFile string
	// CreateMasterKey makes the file if there is none and the database was never used with one.
	CreateMasterKey bool
	// Fabric returns the addresses that nodes are told at enrolment; only Enrol needs it.
	Fabric func() []string
	Now    func() time.Time
	Log    *slog.Logger
}

// Authority signs for one installation. Its methods may be called from any goroutine, and of several instances over one
// database all sign with the same keys.
type Authority struct {
	cfg     Config
	custody custody
	root    issuer
	tlsKey  *ecdsa.PrivateKey
	spki    []byte // of tlsKey

	mu            sync.Mutex // of the caches; never held while the database is asked
	rings         map[string]keyring
	intermediates map[string]issuer
	drafts        map[string]*draft // of documents, by name
}

// Open opens the custody and makes what an installation has once: the root and the cloud's TLS key.
func Open(ctx context.Context, cfg Config) (*Authority, error) {
	c, err := openCustody(ctx, cfg.Store, cfg.MasterKeyFile, cfg.CreateMasterKey)
	if err != nil {
		return nil, err
	}
	a := &Authority{cfg: cfg, custody: c, rings: make(map[string]keyring), intermediates: make(map[string]issuer), drafts: make(map[string]*draft)}
	if a.root, err = a.openRoot(ctx); err != nil {
		return nil, err
	}
	if a.tlsKey, err = a.openTLSKey(ctx); err != nil {
		return nil, err
	}
	if a.spki, err = x509.MarshalPKIXPublicKey(&a.tlsKey.PublicKey); err != nil {
		return nil, err
	}
	return a, nil
}

// Root is the installation's root certificate.
func (a *Authority) Root() *x509.Certificate { return a.root.cert }

// SPKIPin is the pin of the cloud's TLS key, which enrolment codes and API keys carry.
func (a *Authority) SPKIPin() []byte { return slices.Clone(enrol.PinOf(a.spki)) }
