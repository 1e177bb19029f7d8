// Package mailbox is what the cloud and a switch both know of the voicemail of a user: its settings, as the site copy has them, and the
// rules of its PIN, which the cloud sets at an administrator's word and a switch at the user's.
//
// A PIN is kept as "pbkdf2-sha256$<iterations>$<salt>$<key>", salt and key in unpadded base64url (RFC 8018, 5.2). Who guesses all PINs of
// four digits has them whatever the hash: it goes to the home switch only, sealed to its key.
//
// Capability 1 (2026-11). 2 (2026-11): messages go out by e-mail and to webhooks; a switch below it keeps them.
package mailbox

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Settings is the mailbox of a user who has one.
type Settings struct {
	// After is when calls go there; none: Usual. A fall-back of the user's for an occasion wins.
	After    []designation.Occasion `json:"after,omitempty"`
	Keep     time.Duration          `json:"keep,omitempty"`     // messages are deleted after that; 0: DefaultKeep
	Trusted  bool                   `json:"trusted,omitempty"`  // the user's own phones need no PIN
	Language string                 `json:"language,omitempty"` // of the words at the phone; "": of the switch
	Email    string                 `json:"email,omitempty"`    // where the switch sends each message; "": nowhere
	Webhook  string                 `json:"webhook,omitempty"`  // where it posts each message; "": nowhere
}

// DefaultKeep is how long a message is kept; MaxKeep is the longest that can be set.
const (
	DefaultKeep = 30 * 24 * time.Hour
	MaxKeep     = 366 * 24 * time.Hour
)

// Usual is when calls go to voicemail if the user did not say.
func Usual() []designation.Occasion {
	return []designation.Occasion{designation.NoAnswer, designation.Busy, designation.DoNotDisturb, designation.Unreachable}
}

// Takes says whether calls go to the mailbox on an occasion. A call that waited for a user who was busy is as one that found them busy.
func (s *Settings) Takes(on designation.Occasion) bool {
	if s == nil {
		return false
	}
	if on.Waited() {
		on = designation.Busy
	}
	after := s.After
	if len(after) == 0 {
		after = Usual()
	}
	return slices.Contains(after, on)
}

// Branch is what takes a message for a user.
func Branch(user, name, number string) designation.Branch {
	return designation.Branch{Kind: designation.Service, Service: designation.Voicemail, User: user, Name: name, Number: number}
}

// The codes by which phones reach their messages.
const (
	Own = "*97" // of the user who calls
	Any = "*98" // of whoever says which, or dials its number after the code, and knows the PIN
)

// ServiceOf is the branch of a code that a user dialled.
func ServiceOf(dialled, user, name string) (designation.Branch, bool) {
	b := designation.Branch{Kind: designation.Service, Service: designation.Mailbox, Number: dialled}
	if dialled == Own {
		b.User, b.Name = user, name
		return b, true
	}
	number, ok := strings.CutPrefix(dialled, Any)
	return b, ok && strings.Trim(number, "0123456789") == ""
}

// Limits of a PIN, in digits.
const (
	minPIN = 4
	MaxPIN = 12
)

// CheckPIN refuses a PIN that others guess first; numbers are the user's own.
func CheckPIN(pin string, numbers ...string) error {
	switch {
	case len(pin) < minPIN || len(pin) > MaxPIN || strings.Trim(pin, "0123456789") != "":
		return errs.New(errs.Invalid, "the PIN must be %d to %d digits", minPIN, MaxPIN)
	case strings.Count(pin, pin[:1]) == len(pin):
		return errs.New(errs.Invalid, "the PIN is one digit again and again, which everybody tries first: choose another")
	case runs(pin, 1), runs(pin, 9):
		return errs.New(errs.Invalid, "the PIN counts up or down, which everybody tries first: choose another")
	case len(pin)%2 == 0 && strings.Count(pin, pin[:2]) == len(pin)/2, slices.Contains([]string{"2580", "0852", "1379", "147258"}, pin):
		return errs.New(errs.Invalid, "the PIN is a pattern that everybody tries first: choose another")
	}
	for _, n := range numbers {
		if n != "" && (strings.HasSuffix(n, pin) || strings.HasSuffix(pin, n) || reversed(n) == pin) {
			return errs.New(errs.Invalid, "the PIN is part of the user's own number: choose another")
		}
	}
	return nil
}

// runs says whether each digit is the one before it and so much, modulo 10.
func runs(pin string, by byte) bool {
	for i := 1; i < len(pin); i++ {
		if (pin[i-1]-'0'+by)%10 != pin[i]-'0' {
			return false
		}
	}
	return true
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// iterations of a new hash; maxIterations bounds what one that is read may cost. OWASP's cheat sheet on password storage of 2023 says
// 600,000 for SHA-256.
const (
	iterations    = 600_000
	maxIterations = 10_000_000
	scheme        = "pbkdf2-sha256"
	saltSize      = 16
	keySize       = 32
)

// HashPIN is how a PIN is kept.
func HashPIN(pin string) (string, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key, err := pbkdf2.Key(sha256.New, pin, salt, iterations, keySize)
	if err != nil {
		return "", fmt.Errorf("hash a PIN: %w", err)
	}
	e := base64.RawURLEncoding
	return strings.Join([]string{scheme, strconv.Itoa(iterations), e.EncodeToString(salt), e.EncodeToString(key)}, "$"), nil
}

// CheckHash says what is wrong with a hash, nil if it is one of HashPIN's form.
func CheckHash(hash string) error {
	_, _, _, err := parse(hash)
	return err
}

func parse(hash string) (n int, salt, key []byte, err error) {
	f := strings.Split(hash, "$")
	bad := errs.New(errs.Invalid, "the stored PIN is not of the form %s$iterations$salt$key", scheme)
	if len(f) != 4 || f[0] != scheme {
		return 0, nil, nil, bad
	}
	if n, err = strconv.Atoi(f[1]); err != nil || n < 1 || n > maxIterations {
		return 0, nil, nil, bad
	}
	salt, errSalt := base64.RawURLEncoding.DecodeString(f[2])
	key, errKey := base64.RawURLEncoding.DecodeString(f[3])
	if errSalt != nil || errKey != nil || len(salt) != saltSize || len(key) != keySize {
		return 0, nil, nil, bad
	}
	return n, salt, key, nil
}

// Matches says whether a hash is that of a PIN. It takes as long for a hash that is none: who asks cannot tell which mailboxes there are.
func Matches(hash, pin string) bool {
	n, salt, key, err := parse(hash)
	if err != nil {
		n, salt, key = iterations, make([]byte, saltSize), make([]byte, keySize)
	}
	got, failed := pbkdf2.Key(sha256.New, pin, salt, n, keySize)
	return failed == nil && subtle.ConstantTimeCompare(got, key) == 1 && err == nil
}
