// Package cloudtest is what somebody can do who has the database of a cloud and its master key: tests of nodes sign with it what
// no cloud would.
package cloudtest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"strowger/cloud/internal/authority"
	"strowger/cloud/internal/store"
)

// SessionKey returns the first key that signs session keys of an organization, and the kid by which nodes know it. The cloud may
// run beside it. dsn and masterKey are as the cloud has them.
func SessionKey(ctx context.Context, dsn, masterKey, org string) (kid string, key ed25519.PrivateKey, err error) {
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(ctx, dsn, log)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = s.Close() }() // only read from
	a, err := authority.Open(ctx, authority.Config{Store: s, MasterKeyFile: masterKey, Now: time.Now, Log: log})
	if err != nil {
		return "", nil, err
	}
	if _, err := a.SessionKeys(ctx, org); err != nil { // it makes what is not there yet
		return "", nil, err
	}
	name := "keys/" + org + "/session/0"
	wrapped, err := s.Secret(ctx, name)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	plain, err := a.Unwrap(name, wrapped)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	var kept struct {
		Seed []byte `json:"seed"`
	}
	if err := json.Unmarshal(plain, &kept); err != nil || len(kept.Seed) != ed25519.SeedSize {
		return "", nil, fmt.Errorf("%s is no signing key: %w", name, err)
	}
	key = ed25519.NewKeyFromSeed(kept.Seed)
	return authority.SessionKID(key.Public().(ed25519.PublicKey)), key, nil
}
