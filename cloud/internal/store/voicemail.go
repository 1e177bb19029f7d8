package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// voicemail is the mailbox of a user, kept as JSON; none is "".
type voicemail struct{ v **rest.Voicemail }

func (c voicemail) Value() (driver.Value, error) {
	if *c.v == nil {
		return "", nil
	}
	b, err := json.Marshal(*c.v)
	return string(b), err
}

func (c voicemail) Scan(v any) error {
	*c.v = nil
	return scanJSON(v, c.v)
}

// ChangeMailboxSecrets replaces the wrapped secrets of a user's mailbox by what change makes of them, nil being none.
func (s *Store) ChangeMailboxSecrets(ctx context.Context, org, user string, change func(wrapped []byte) ([]byte, error)) error {
	return s.registryTx(ctx, &Change{Org: org, Users: []string{user}}, func(tx *sql.Tx) error {
		if _, err := s.Users.get(ctx, tx, org, user); err != nil {
			return err
		}
		var wrapped []byte
		err := tx.QueryRowContext(ctx, `SELECT wrapped FROM mailbox_secrets WHERE user_id = $1`, user).Scan(&wrapped)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read secrets of mailbox %s: %w", user, err)
		}
		if wrapped, err = change(wrapped); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO mailbox_secrets (user_id, org, wrapped) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET wrapped = excluded.wrapped`, user, org, wrapped)
		if err != nil {
			return fmt.Errorf("store secrets of mailbox %s: %w", user, err)
		}
		return nil
	})
}

// MailboxSecrets returns the wrapped secrets of the mailboxes of an organization, by user.
func (s *Store) MailboxSecrets(ctx context.Context, org string) (map[string][]byte, error) {
	all := make(map[string][]byte)
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var user string
		var wrapped []byte
		err := r.Scan(&user, &wrapped)
		all[user] = wrapped
		return err
	}, `SELECT user_id, wrapped FROM mailbox_secrets WHERE org = $1`, org)
	if err != nil {
		return nil, errs.New(errs.Internal, "read secrets of mailboxes: %w", err)
	}
	return all, nil
}
