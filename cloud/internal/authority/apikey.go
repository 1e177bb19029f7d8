package authority

import (
	"context"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// touchEvery is how exact the time of a key's last use is.
const touchEvery = time.Minute

// IssueAPIKey makes the secret of a stored API key and sets k.Secret, which cannot be had again. An earlier secret of the
// key is void.
func (a *Authority) IssueAPIKey(ctx context.Context, k *rest.APIKey) error {
	secret, hash := enrol.NewAPIKey(a.spki)
	if err := a.cfg.Store.SetAPIKeyHash(ctx, k.ID, hash); err != nil {
		return err
	}
	k.Secret = secret
	return nil
}

// FirstAPIKey returns the secret of the first admin's key, which it makes if there is none; "" once a key was used.
func (a *Authority) FirstAPIKey(ctx context.Context) (string, error) {
	const name = "first-api-key"
	secret, hash := enrol.NewAPIKey(a.spki)
	stored, err := a.cfg.Store.CreateFirstAPIKey(ctx, rest.APIKey{Name: "first admin", Role: "admin"}, hash, a.custody.wrap(name, []byte(secret)))
	if err != nil || stored == nil {
		return "", err
	}
	plain, err := a.custody.unwrap(name, stored)
	return string(plain), err
}

// Authenticate returns the API key that a secret belongs to, or errs.Unauthenticated.
func (a *Authority) Authenticate(ctx context.Context, secret string) (rest.APIKey, error) {
	hash, _, err := enrol.ParseAPIKey(secret)
	if err != nil {
		return rest.APIKey{}, err
	}
	k, err := a.cfg.Store.APIKeyByHash(ctx, hash)
	if errs.CodeOf(err) == errs.NotFound {
		return rest.APIKey{}, errs.New(errs.Unauthenticated, "this API key is not known here: it was deleted, or it is of another cloud")
	}
	if err != nil {
		return rest.APIKey{}, err
	}
	now := a.cfg.Now()
	if k.UsedAt == nil || now.Sub(*k.UsedAt) >= touchEvery {
		if err := a.cfg.Store.TouchAPIKey(ctx, k.ID, now); err != nil {
			a.cfg.Log.Warn("could not note the use of an API key", "key", k.ID, "error", err)
		}
	}
	return k, nil
}
