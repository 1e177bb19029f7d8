package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// Load is Read of the file at path; one that is not there has no records. Damage is logged and is no error: what comes after it is lost.
// what names the content for people: "the saved registrations".
func Load[T any](path, what string, log *slog.Logger, each func(T)) error {
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	err = Read(in, each)
	if errors.Is(err, ErrTorn) {
		log.Warn(what+": the end is damaged", "file", path, "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s in %s: %w; move the file away", what, path, err)
	}
	return nil
}

// Read hands each what the records of in say, in JSON, one after the other. ErrTorn says that more follows which is damaged.
func Read[T any](in io.Reader, each func(T)) error {
	for r := NewReader(in); ; {
		payload, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, ErrTorn):
			return fmt.Errorf("after %d bytes: %w", r.End(), err)
		case err != nil:
			return err
		}
		var v T
		if err := json.Unmarshal(payload, &v); err != nil {
			return err
		}
		each(v)
	}
}

// Encode frames what each record says, in JSON.
func Encode[T any](records []T) (b []byte, err error) {
	for _, v := range records {
		payload, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		b = Append(b, payload)
	}
	return b, nil
}
