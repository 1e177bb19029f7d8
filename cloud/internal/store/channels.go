package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
)

// Replaced is a channel whose place another took.
type Replaced struct {
	fabric.Channel
	fabric.Bound
}

// Coming is a device that has come to a bridge, by its own proof.
type Coming struct {
	fabric.Bound
	Refused *errs.Error // the proof is none
	Stale   *errs.Error // it is not of now: the device is known to be there, or it may not
	Hearsay bool        // there is no proof, only the bridge's word: the device may come, but nothing is noted
}

// Bind notes which devices have a channel at a bridge. For each that came it says why it may not have one, nil if it may. It
// also returns the channels at other bridges that are over now.
func (s *Store) Bind(ctx context.Context, org string, at fabric.Channel, come []Coming, gone []fabric.Bound) (refused []*errs.Error, replaced []Replaced, err error) {
	change := Change{Org: org}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		refused, replaced, change.Devices = make([]*errs.Error, len(come)), nil, nil
		for i, b := range come {
			if b.Refused != nil {
				refused[i] = b.Refused
				continue
			}
			old, err := s.bind(ctx, tx, org, at, b)
			var no *errs.Error
			switch {
			case errors.As(err, &no):
				refused[i] = no
				continue
			case err != nil:
				return fmt.Errorf("note the channel of %s: %w", b.Device, err)
			case old != nil:
				replaced = append(replaced, *old)
			}
			if b.Hearsay {
				continue
			}
			if err := reached(ctx, tx, b.Device, &change); err != nil {
				return err
			}
		}
		for _, b := range gone {
			if err := unbind(ctx, tx, at, b, &change); err != nil {
				return fmt.Errorf("forget the channel of %s: %w", b.Device, err)
			}
		}
		if len(change.Devices) == 0 {
			return nil
		}
		return bump(ctx, tx, &change)
	})
	if err == nil && len(change.Devices) > 0 {
		s.tellChanged(change)
	}
	for i, b := range come {
		if err != nil || refused[i] != nil {
			continue
		}
		// Who revokes the device at this moment either finds what was noted, or is seen here.
		var no *errs.Error
		if err = mayHaveChannel(ctx, s.read, org, b.Bound); errors.As(err, &no) {
			refused[i], err = no, nil
		}
	}
	return refused, replaced, err
}

// reached notes that a device which no push reaches has a channel.
func reached(ctx context.Context, tx *sql.Tx, device string, change *Change) error {
	n, err := affected(tx.ExecContext(ctx, `UPDATE devices SET unreachable = '' WHERE id = $1 AND unreachable <> ''`, device))
	if n > 0 {
		change.Devices = append(change.Devices, device)
	}
	return err
}

// unbind forgets a channel. A device without push tokens is reached by nothing then.
func unbind(ctx context.Context, tx *sql.Tx, at fabric.Channel, b fabric.Bound, change *Change) error {
	n, err := affected(tx.ExecContext(ctx, `DELETE FROM channels WHERE device = $1 AND bridge = $2 AND boot = $3 AND opened <= $4`, b.Device, at.Bridge, at.Boot, b.Order))
	if err != nil || n == 0 {
		return err
	}
	n, err = affected(tx.ExecContext(ctx, `UPDATE devices SET unreachable = $1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM push_tokens WHERE device = $2 AND provider <> $3)`,
		noToken, b.Device, string(pushtarget.APNsAlert)))
	if n > 0 {
		change.Devices = append(change.Devices, b.Device)
	}
	return err
}

// bind notes one. An errs.Error says why it may not be.
func (s *Store) bind(ctx context.Context, tx *sql.Tx, org string, at fabric.Channel, b Coming) (*Replaced, error) {
	if err := mayHaveChannel(ctx, tx, org, b.Bound); err != nil || b.Hearsay {
		return nil, err
	}
	var old Replaced
	var until sql.NullInt64
	var boot string
	err := tx.QueryRowContext(ctx, `SELECT c.bridge, c.boot, c.opened, b.boot, b.live_until FROM channels c JOIN bridges b ON b.id = c.bridge WHERE c.device = $1`, b.Device).
		Scan(&old.Bridge, &old.Boot, &old.Order, &boot, &until)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	elsewhere := known && old.Bridge != at.Bridge && old.Boot == boot && until.Int64 > s.now().UnixMicro()
	if elsewhere && old.Order > b.Order {
		return nil, errs.New(errs.Conflict, "device %s has opened a later channel at another bridge", b.Device)
	}
	if b.Stale != nil && (!known || old.Channel != at) { // who was there and went must not be said to be there again
		return nil, b.Stale
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO channels (device, org, bridge, boot, opened, thumbprint) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (device) DO UPDATE SET org = excluded.org, bridge = excluded.bridge, boot = excluded.boot, opened = excluded.opened, thumbprint = excluded.thumbprint`,
		b.Device, org, at.Bridge, at.Boot, b.Order, b.Thumbprint)
	if err != nil || !elsewhere {
		return nil, err
	}
	old.Device = b.Device
	return &old, nil
}

// mayHaveChannel says why a device may not have a channel, by the key that it showed.
func mayHaveChannel(ctx context.Context, q querier, org string, b fabric.Bound) error {
	var thumbprint, name, owner string
	var device, user, organization bool
	err := q.QueryRowContext(ctx, `SELECT d.thumbprint, d.name, u.name, d.enabled, u.enabled, o.enabled
		FROM devices d JOIN users u ON u.id = d.user_id JOIN organizations o ON o.id = d.org WHERE d.id = $1 AND d.org = $2`, b.Device, org).
		Scan(&thumbprint, &name, &owner, &device, &user, &organization)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && (thumbprint == "" || thumbprint != b.Thumbprint):
		return NotOfKey(b.Device, err == nil)
	case err != nil:
		return err
	case !organization:
		return errs.New(errs.Disabled, "the organization of %s is disabled", owner)
	case !user:
		return errs.New(errs.Disabled, "the user %s is disabled: an administrator may enable them again", owner)
	case !device:
		return errs.New(errs.Disabled, "device %s is disabled: an administrator may enable it again", name)
	}
	return nil
}

// fillAwake adds which apps have a channel.
func (s *Store) fillAwake(ctx context.Context, q querier, ids []any, apps map[string]*rest.Device) error {
	err := rows(ctx, q, func(r *sql.Rows) error {
		var device string
		err := r.Scan(&device)
		if d := apps[device]; d != nil {
			d.Awake = true
		}
		return err
	}, fmt.Sprintf(`SELECT c.device FROM channels c JOIN bridges b ON b.id = c.bridge
		WHERE c.device IN (%s) AND b.boot = c.boot AND b.state = $%d AND b.live_until > $%d`, places(len(ids)), len(ids)+1, len(ids)+2),
		append(slices.Clone(ids), stateEnrolled, s.now().UnixMicro())...)
	if err != nil {
		return fmt.Errorf("read channels: %w", err)
	}
	return nil
}

// ChannelOf returns where a device's channel is, nil if it has none.
func (s *Store) ChannelOf(ctx context.Context, org, device string) (*fabric.Channel, error) {
	var c fabric.Channel
	err := s.read.QueryRowContext(ctx, `SELECT c.bridge, c.boot FROM channels c JOIN bridges b ON b.id = c.bridge
		WHERE c.device = $1 AND c.org = $2 AND b.state = $3 AND b.boot = c.boot AND b.live_until > $4`, device, org, stateEnrolled, s.now().UnixMicro()).
		Scan(&c.Bridge, &c.Boot)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for the channel of %s: %w", device, err)
	}
	return &c, nil
}

// Unwelcome forgets the channels of an organization that may not be any more, and returns them with the reasons.
func (s *Store) Unwelcome(ctx context.Context, org string) (all []Replaced, why []*errs.Error, err error) {
	var found []Replaced
	err = rows(ctx, s.read, func(r *sql.Rows) error {
		var c Replaced
		err := r.Scan(&c.Device, &c.Bridge, &c.Boot, &c.Order, &c.Thumbprint)
		found = append(found, c)
		return err
	}, `SELECT c.device, c.bridge, c.boot, c.opened, c.thumbprint FROM channels c
		LEFT JOIN devices d ON d.id = c.device LEFT JOIN users u ON u.id = d.user_id JOIN organizations o ON o.id = c.org
		WHERE c.org = $1 AND (d.id IS NULL OR d.thumbprint <> c.thumbprint OR NOT d.enabled OR NOT u.enabled OR NOT o.enabled)`, org)
	if err != nil {
		return nil, nil, fmt.Errorf("look for channels of %s that are to end: %w", org, err)
	}
	for _, c := range found {
		var no *errs.Error
		switch err := mayHaveChannel(ctx, s.read, org, c.Bound); {
		case err == nil: // it may again
			continue
		case !errors.As(err, &no):
			return nil, nil, err
		}
		_, err := s.write.ExecContext(ctx, `DELETE FROM channels WHERE device = $1 AND bridge = $2 AND boot = $3 AND opened = $4`, c.Device, c.Bridge, c.Boot, c.Order)
		if err != nil {
			return nil, nil, fmt.Errorf("forget the channel of %s: %w", c.Device, err)
		}
		all, why = append(all, c), append(why, no)
	}
	return all, why, nil
}

// LiveBridges returns where apps reach the bridges of an organization that live.
func (s *Store) LiveBridges(ctx context.Context, org string) ([]designation.BridgeFace, error) {
	var all []designation.BridgeFace
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var b designation.BridgeFace
		err := r.Scan(&b.ID, &b.URL, &b.KeyHash, texts{&b.Addresses}, texts{&b.Web})
		if len(b.Web) == 0 {
			b.Addresses = nil // those are for switches only
		}
		all = append(all, b)
		return err
	}, `SELECT id, url, web_key_hash, addresses, web FROM bridges WHERE org = $1 AND state = $2 AND url <> '' AND live_until > $3 ORDER BY id`, org, stateEnrolled, s.now().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("look for the bridges of %s: %w", org, err)
	}
	return all, nil
}
