package exchange

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nats-io/nkeys"
)

// Keys are who is who on an installation's fabric. All derive from one seed in custody: every cloud instance has the
// same, the configuration of external servers names their public halves, and no operator has to carry a secret to the
// cloud.
type Keys struct {
	issuer identity // account that signs the callout's answers
	cloud  identity // user of the cloud instances
	guard  identity // user of the callout
	system identity // user that finds and cuts connections
	probe  string   // token of a client that only tries whether the callout is asked
	route  string   // password between the servers of a cluster: any certificate of the root would else open their door
}

// identity is an nkey with its public form.
type identity struct {
	pair   nkeys.KeyPair
	public string
}

// NewSeed makes the seed of an installation's Keys.
func NewSeed() ([]byte, error) {
	pair, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("make the key of the fabric's account: %w", err)
	}
	return pair.Seed()
}

// NewKeys derives the keys from a seed of NewSeed.
func NewKeys(seed []byte) (k Keys, err error) {
	if k.issuer, err = newIdentity(nkeys.FromSeed(seed)); err != nil {
		return Keys{}, fmt.Errorf("read the seed of the fabric's account: %w", err)
	}
	for purpose, user := range map[string]*identity{"cloud": &k.cloud, "callout": &k.guard, "system": &k.system} {
		raw, err := derive(seed, purpose)
		if err != nil {
			return Keys{}, err
		}
		if *user, err = newIdentity(nkeys.FromRawSeed(nkeys.PrefixByteUser, raw)); err != nil {
			return Keys{}, fmt.Errorf("make the fabric's user %s: %w", purpose, err)
		}
	}
	for purpose, word := range map[string]*string{"probe": &k.probe, "route": &k.route} {
		raw, err := derive(seed, purpose)
		if err != nil {
			return Keys{}, err
		}
		*word = hex.EncodeToString(raw)
	}
	return k, nil
}

// derive makes an independent secret of 32 bytes for a purpose (HKDF, RFC 5869; the seed holds 256 random bits, so that
// no salt is needed: 3.1).
func derive(seed []byte, purpose string) ([]byte, error) {
	raw, err := hkdf.Key(sha256.New, seed, nil, "strowger fabric "+purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the fabric's key for %s: %w", purpose, err)
	}
	return raw, nil
}

func newIdentity(pair nkeys.KeyPair, err error) (identity, error) {
	if err != nil {
		return identity{}, err
	}
	public, err := pair.PublicKey()
	return identity{pair, public}, err
}
