package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
)

// fabricServerYears is how long the certificate of an external server of the fabric lives: an operator renews it by hand.
const fabricServerYears = 2

// FabricSeed returns the seed of the fabric's keys; fresh makes it the first time.
func (a *Authority) FabricSeed(ctx context.Context, fresh func() ([]byte, error)) ([]byte, error) {
	return a.custody.once(ctx, "fabric", fresh)
}

// FabricServer makes a key and a certificate of the root, in PEM, for an external server of the fabric under the given
// host names and addresses. Servers of a cluster are each other's clients too. Neither is kept here.
func (a *Authority) FabricServer(hosts []string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := a.cfg.Now()
	template := leafTemplate("Strowger fabric", now)
	template.NotAfter = now.AddDate(fabricServerYears, 0, 0)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	name(template, hosts)
	leaf, err := a.root.issue(template, &private.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("make the certificate of the fabric's server for %q: %w", hosts, err)
	}
	if key, err = marshalKey(private); err != nil {
		return nil, nil, err
	}
	return certPEM(leaf.Raw), key, nil
}

// RootPEM is the installation's root certificate in PEM.
func (a *Authority) RootPEM() []byte { return certPEM(a.root.cert.Raw) }
