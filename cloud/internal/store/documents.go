package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"strowger/pkg/errs"
)

// PutDocument stores the pieces of a version of a signed document, unless another cloud instance made that version first:
// then stored is false. Of older versions the last is kept, for who is fetching it.
func (s *Store) PutDocument(ctx context.Context, org, name string, version uint64, pieces []string) (stored bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, `INSERT INTO document_pieces (org, name, version, no, pieces, text)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org, name, version, no) DO NOTHING`)
		if err != nil {
			return err
		}
		defer func() { _ = st.Close() }() // the transaction's end closes it as well
		for no, text := range pieces {
			n, err := affected(st.ExecContext(ctx, org, name, int64(version), int64(no), int64(len(pieces)), text))
			if err != nil {
				return err
			}
			if n == 0 {
				return nil // its first piece was waited for, so all of it is there
			}
		}
		stored = true
		_, err = tx.ExecContext(ctx, `DELETE FROM document_pieces WHERE org = $1 AND name = $2 AND version <
			(SELECT MAX(version) FROM document_pieces WHERE org = $1 AND name = $2 AND version < $3)`, org, name, int64(version))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store version %d of document %s: %w", version, name, err)
	}
	return stored, nil
}

// DocumentPiece returns piece no of a version of a signed document and how many there are; errs.Conflict if that version
// is not kept, any more or yet.
func (s *Store) DocumentPiece(ctx context.Context, org, name string, version uint64, no int) (text string, pieces int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT text, pieces FROM document_pieces WHERE org = $1 AND name = $2 AND version = $3 AND no = $4`,
		org, name, int64(version), int64(no)).Scan(&text, &pieces)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, errs.New(errs.Conflict, "version %d of document %s has no piece %d, or is superseded: ask for the newest", version, name, no)
	}
	if err != nil {
		return "", 0, fmt.Errorf("read piece %d of version %d of document %s: %w", no, version, name, err)
	}
	return text, pieces, nil
}
