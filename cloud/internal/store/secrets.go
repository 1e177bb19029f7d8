package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// PutSecret stores opaque bytes under a name, replacing what was there. The caller has encrypted them.
func (s *Store) PutSecret(ctx context.Context, name string, wrapped []byte) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO secrets (name, wrapped) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET wrapped = excluded.wrapped`, name, wrapped)
	if err != nil {
		return fmt.Errorf("store secret %s: %w", name, err)
	}
	return nil
}

// PutSecretOnce stores opaque bytes under a name unless something is there, and returns what is there then: of several
// instances that make the same secret at once, the first wins.
func (s *Store) PutSecretOnce(ctx context.Context, name string, wrapped []byte) (stored []byte, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO secrets (name, wrapped) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, wrapped); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, name).Scan(&stored)
	})
	if err != nil {
		return nil, fmt.Errorf("store secret %s: %w", name, err)
	}
	return stored, nil
}

// Secret returns what is stored under a name, or errs.NotFound.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	var b []byte
	err := s.read.QueryRowContext(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, name).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "there is no secret %q", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	return b, nil
}

// SetCredential stores the wrapped digests of a device's password.
func (s *Store) SetCredential(ctx context.Context, org, device string, wrapped []byte) error {
	return s.registryTx(ctx, &Change{Org: org}, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT id FROM devices WHERE id = $1 AND org = $2`, device, org).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return errs.New(errs.NotFound, "there is no device %q", device)
		}
		if err != nil {
			return fmt.Errorf("look for device %s: %w", device, err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO credentials (device, org, wrapped) VALUES ($1, $2, $3)
			ON CONFLICT (device) DO UPDATE SET wrapped = excluded.wrapped`, device, org, wrapped)
		if err != nil {
			return fmt.Errorf("store credential of device %s: %w", device, err)
		}
		return nil
	})
}

// Credentials returns the wrapped digests of the phones of a site, by device id.
func (s *Store) Credentials(ctx context.Context, org, site string) (map[string][]byte, error) {
	creds := make(map[string][]byte)
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var device string
		var wrapped []byte
		err := r.Scan(&device, &wrapped)
		creds[device] = wrapped
		return err
	}, `SELECT c.device, c.wrapped FROM switches s JOIN devices d ON d.switch = s.id JOIN credentials c ON c.device = d.id
		WHERE s.org = $1 AND s.site = $2`, org, site)
	if err != nil {
		return nil, fmt.Errorf("read credentials of site %s: %w", site, err)
	}
	return creds, nil
}

// SetAPIKeyHash stores the hash by which an API key is found.
func (s *Store) SetAPIKeyHash(ctx context.Context, id string, hash []byte) error {
	n, err := affected(s.write.ExecContext(ctx, `UPDATE api_keys SET hash = $1 WHERE id = $2`, hash, id))
	if err != nil {
		return fmt.Errorf("store hash of API key %s: %w", id, err)
	}
	if n == 0 {
		return errs.New(errs.NotFound, "there is no API key %q", id)
	}
	return nil
}

// firstAPIKey is the secret of the first API key, for as long as no key was used.
const firstAPIKey = "first-api-key"

// CreateFirstAPIKey stores a key of the whole installation with its hash and with its secret, which the caller has encrypted, unless
// there is one already that somebody may have. It returns the secret that is stored, nil once a key was used: a first start that is
// cut off leaves no key that nobody has.
func (s *Store) CreateFirstAPIKey(ctx context.Context, k rest.APIKey, hash, wrapped []byte) (stored []byte, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		var have string
		err := tx.QueryRowContext(ctx, `SELECT id FROM api_keys WHERE hash IS NOT NULL LIMIT 1`).Scan(&have)
		if err == nil {
			err = tx.QueryRowContext(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, firstAPIKey).Scan(&stored)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		stored = wrapped
		if _, err := tx.ExecContext(ctx, `INSERT INTO secrets (name, wrapped) VALUES ($1, $2)`, firstAPIKey, wrapped); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO api_keys (id, version, created_at, updated_at, name, role, hash) VALUES ($1, 1, $2, $2, $3, $4, $5)`,
			ident.New(ident.APIKey), s.now().UnixMicro(), k.Name, k.Role, hash)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the first API key: %w", err)
	}
	return stored, nil
}

// APIKeyByHash returns the key with that hash, or errs.NotFound.
func (s *Store) APIKeyByHash(ctx context.Context, hash []byte) (rest.APIKey, error) {
	keys, err := s.APIKeys.find(ctx, s.read, "", []string{"hash = $1"}, []any{hash}, 1)
	if err != nil {
		return rest.APIKey{}, err
	}
	if len(keys) == 0 {
		return rest.APIKey{}, errs.New(errs.NotFound, "there is no such API key")
	}
	return keys[0], nil
}

// TouchAPIKey notes that a key was used: somebody has it, and the first one need not be shown again.
func (s *Store) TouchAPIKey(ctx context.Context, id string, at time.Time) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE api_keys SET used_at = $1 WHERE id = $2`, at.UnixMicro(), id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM secrets WHERE name = $1`, firstAPIKey)
		return err
	})
	if err != nil {
		return fmt.Errorf("note use of API key %s: %w", id, err)
	}
	return nil
}
