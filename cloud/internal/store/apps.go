package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
)

// App is what an app said when it enrolled.
type App struct {
	Thumbprint string // of its signing key
	SealKey    string // package pushseal
	Platform   string // for people
	Push       []PushToken
}

// PushToken is where the pushes for one app on a device go; one for each provider and app.
type PushToken struct {
	Provider pushtarget.Provider
	App      string
	Sandbox  bool
	Wrapped  []byte // the token
}

// wakes says whether pushes to it wake the app for a call.
func (p PushToken) wakes() bool { return p.Provider != pushtarget.APNsAlert }

// Why an app cannot be reached, before a provider says more.
const (
	notEnrolled = "it has not enrolled"
	noToken     = "it gave no push token"
)

// SetAppEnrolled records an app's keys and push tokens in place of those of the app that enrolled as this device before.
func (s *Store) SetAppEnrolled(ctx context.Context, org, device string, a App) error {
	return s.registryTx(ctx, &Change{Org: org, Devices: []string{device}}, func(tx *sql.Tx) error {
		written, err := affected(tx.ExecContext(ctx, `UPDATE devices SET enrolled_at = $1, thumbprint = $2, seal_key = $3, platform = $4,
			version = version + 1, updated_at = $1 WHERE id = $5 AND org = $6`, s.now().UnixMicro(), a.Thumbprint, a.SealKey, a.Platform, device, org))
		if err != nil {
			return fmt.Errorf("enrol device %s: %w", device, err)
		}
		if written == 0 {
			return errs.New(errs.NotFound, "there is no device %q", device)
		}
		return s.replaceTokens(ctx, tx, device, a.Push)
	})
}

// NotOfKey is why an app that signs with another key than that of a device, or names a device that is not there, has no part in it.
func NotOfKey(device string, there bool) error {
	if !there {
		return errs.New(errs.Revoked, "device %s was removed: enrol anew, by a link of another device", device)
	}
	return errs.New(errs.WrongPresenter, "another phone has enrolled as device %s since: enrol anew, by a new link", device)
}

// Proof is what an app shows with a change.
type Proof struct {
	Thumbprint string // of the key that made it
	ID         string
	Until      time.Time // it is fresh
}

// SetPushTokens replaces the push tokens of the app that enrolled with a signing key; another one gets NotOfKey. A proof that was
// shown before, at whichever instance, is errs.Replayed; the last one may come again, since what it asks for is so already.
func (s *Store) SetPushTokens(ctx context.Context, org, device string, p Proof, push []PushToken) error {
	return s.registryTx(ctx, &Change{Org: org, Devices: []string{device}}, func(tx *sql.Tx) error {
		var known string
		err := tx.QueryRowContext(ctx, `SELECT thumbprint FROM devices WHERE id = $1 AND org = $2`, device, org).Scan(&known)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && known != p.Thumbprint:
			return NotOfKey(device, err == nil)
		case err != nil:
			return fmt.Errorf("look for device %s: %w", device, err)
		}
		if again, err := s.shown(ctx, tx, device, p); err != nil || again {
			return err
		}
		return s.replaceTokens(ctx, tx, device, push)
	})
}

// ShowProof notes a proof of the app that enrolled with a signing key; another one gets NotOfKey. A proof that was shown before, at
// whichever instance, is errs.Replayed.
func (s *Store) ShowProof(ctx context.Context, device string, p Proof) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		again, err := s.shown(ctx, tx, device, p)
		if again {
			err = errs.New(errs.Replayed, "the proof was shown before")
		}
		return err
	})
}

// shown notes a proof of a device, and says whether it is the last one again.
func (s *Store) shown(ctx context.Context, tx *sql.Tx, device string, p Proof) (again bool, err error) {
	now := s.now().UnixMicro()
	if _, err := tx.ExecContext(ctx, `DELETE FROM proofs WHERE device = $1 AND until < $2`, device, now); err != nil {
		return false, fmt.Errorf("forget proofs of %s: %w", device, err)
	}
	written, err := affected(tx.ExecContext(ctx, `INSERT INTO proofs (device, id, at, until)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), 1 + COALESCE(MAX(at), 0), CAST($3 AS BIGINT) FROM proofs WHERE device = $1 ON CONFLICT DO NOTHING`, device, p.ID, p.Until.UnixMicro()))
	if err != nil {
		return false, fmt.Errorf("note a proof of %s: %w", device, err)
	}
	if written > 0 {
		return false, nil
	}
	var last string
	if err := tx.QueryRowContext(ctx, `SELECT id FROM proofs WHERE device = $1 ORDER BY at DESC LIMIT 1`, device).Scan(&last); err != nil {
		return false, fmt.Errorf("look for proofs of %s: %w", device, err)
	}
	if last != p.ID {
		return false, errs.New(errs.Replayed, "the proof was shown before")
	}
	return true, nil
}

func (s *Store) replaceTokens(ctx context.Context, tx *sql.Tx, device string, push []PushToken) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM push_tokens WHERE device = $1`, device); err != nil {
		return fmt.Errorf("replace push tokens of %s: %w", device, err)
	}
	now := s.now().UnixMicro()
	for _, p := range push {
		_, err := tx.ExecContext(ctx, `INSERT INTO push_tokens (device, provider, app, sandbox, wrapped, updated_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			device, string(p.Provider), p.App, p.Sandbox, p.Wrapped, now)
		if err != nil {
			return fmt.Errorf("store push token of %s: %w", device, err)
		}
	}
	unreachable := ""
	if !slices.ContainsFunc(push, PushToken.wakes) {
		unreachable = noToken
	}
	return setUnreachable(ctx, tx, device, unreachable)
}

// setUnreachable notes why no push reaches a device. While it has a channel it is reached by that.
func setUnreachable(ctx context.Context, tx *sql.Tx, device, why string) error {
	_, err := tx.ExecContext(ctx, `UPDATE devices SET unreachable = CASE WHEN EXISTS (SELECT 1 FROM channels WHERE device = $2) THEN '' ELSE $1 END WHERE id = $2`, why, device)
	if err != nil {
		return fmt.Errorf("note whether pushes reach %s: %w", device, err)
	}
	return nil
}

// PushTokens returns where the pushes of a device go; none if the device is not there.
func (s *Store) PushTokens(ctx context.Context, org, device string) ([]PushToken, error) {
	return pushTokens(ctx, s.read, org, device)
}

func pushTokens(ctx context.Context, q querier, org, device string) ([]PushToken, error) {
	var all []PushToken
	err := rows(ctx, q, func(r *sql.Rows) error {
		var p PushToken
		err := r.Scan((*string)(&p.Provider), &p.App, &p.Sandbox, &p.Wrapped)
		all = append(all, p)
		return err
	}, `SELECT t.provider, t.app, t.sandbox, t.wrapped FROM push_tokens t JOIN devices d ON d.id = t.device
		WHERE d.id = $1 AND d.org = $2 ORDER BY t.provider, t.app`, device, org)
	if err != nil {
		return nil, fmt.Errorf("read push tokens of %s: %w", device, err)
	}
	return all, nil
}

// RemovePushToken forgets a token that its provider no longer knows; why is for the admin, if no other is left. One that was
// replaced meanwhile stays.
func (s *Store) RemovePushToken(ctx context.Context, org, device string, dead PushToken, why string) error {
	return s.registryTx(ctx, &Change{Org: org, Devices: []string{device}}, func(tx *sql.Tx) error {
		have, err := pushTokens(ctx, tx, org, device)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(have), func(p PushToken) bool {
			return p.Provider == dead.Provider && p.App == dead.App && bytes.Equal(p.Wrapped, dead.Wrapped)
		})
		if len(left) == len(have) {
			return nil
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM push_tokens WHERE device = $1 AND provider = $2 AND app = $3`, device, string(dead.Provider), dead.App)
		if err != nil {
			return fmt.Errorf("forget push token of %s: %w", device, err)
		}
		if slices.ContainsFunc(left, PushToken.wakes) {
			return nil
		}
		return setUnreachable(ctx, tx, device, why)
	})
}

// fillDevices adds what leases say of desk phones, where pushes to apps go, and which apps are awake.
func (s *Store) fillDevices(ctx context.Context, q querier, items []rest.Device) error {
	if err := s.fillPhones(ctx, q, items); err != nil {
		return err
	}
	apps := make(map[string]*rest.Device)
	var ids []any
	for i := range items {
		if d := &items[i]; d.Kind != designation.DeskPhone {
			if d.EnrolledAt == nil {
				d.Unreachable = notEnrolled
			}
			apps[d.ID], ids = d, append(ids, d.ID)
		}
	}
	for part := range slices.Chunk(ids, maxArgs) {
		err := rows(ctx, q, func(r *sql.Rows) error {
			var device string
			var p rest.PushTarget
			err := r.Scan(&device, (*string)(&p.Provider), &p.App, micros{&p.UpdatedAt})
			apps[device].Push = append(apps[device].Push, p)
			return err
		}, `SELECT device, provider, app, updated_at FROM push_tokens WHERE device IN (`+places(len(part))+`) ORDER BY device, provider, app`, part...)
		if err != nil {
			return fmt.Errorf("read push targets: %w", err)
		}
		if err := s.fillAwake(ctx, q, part, apps); err != nil {
			return err
		}
	}
	for _, d := range apps { // a bridge that died has not said that its channels are over
		wakes := slices.ContainsFunc(d.Push, func(p rest.PushTarget) bool { return p.Provider != pushtarget.APNsAlert })
		if d.Unreachable == "" && !d.Awake && !wakes {
			d.Unreachable = noToken
		}
		d.Reachable = d.Unreachable == ""
	}
	return nil
}
