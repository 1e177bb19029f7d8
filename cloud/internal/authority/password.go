package authority

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
)

// Limits of a password, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

// credential is the digests of a phone's password. They hold for one user name only.
type credential struct {
	Username string `json:"username"`
	sitecopy.Credential
}

func credentialName(org, device string) string { return "credential/" + org + "/" + device }

// SetPassword stores the digests of a desk phone's password. A phone whose user name changes needs its password set again.
func (a *Authority) SetPassword(ctx context.Context, org string, d rest.Device, password string) error {
	wrapped, err := a.Credential(org, d, password)
	if err != nil {
		return err
	}
	return a.cfg.Store.SetCredential(ctx, org, d.ID, wrapped)
}

// Credential returns the digests of a desk phone's password as they are stored, for MD5 and SHA-256 (RFC 7616, 3.4.2, A1
// without the session variant); the realm is the organization.
func (a *Authority) Credential(org string, d rest.Device, password string) ([]byte, error) {
	if d.Username == "" {
		return nil, errs.New(errs.Invalid, "device %s has no user name: only desk phones have passwords", d.Name)
	}
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	a1 := []byte(d.Username + ":" + org + ":" + password)
	md, sha := md5.Sum(a1), sha256.Sum256(a1)
	b, err := json.Marshal(credential{Username: d.Username, Credential: sitecopy.Credential{
		Device: d.ID, MD5: hex.EncodeToString(md[:]), SHA256: hex.EncodeToString(sha[:]),
	}})
	if err != nil {
		return nil, err
	}
	return a.custody.wrap(credentialName(org, d.ID), b), nil
}

func checkPassword(p string) error {
	switch n := utf8.RuneCountInString(p); {
	case n < minPassword || n > maxPassword:
		return errs.New(errs.Invalid, "password: %d characters, want %d to %d", n, minPassword, maxPassword)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return errs.New(errs.Invalid, "password: control characters and invalid UTF-8 cannot be typed on a phone")
	}
	return nil
}

// GeneratePassword makes a password of 100 random bits that is easy to read out: four groups of five.
func (a *Authority) GeneratePassword() string {
	const letters = "0123456789abcdefghjkmnpqrstvwxyz" // 32, without those that look like another
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	var out strings.Builder
	for i, c := range b {
		if i > 0 && i%5 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(letters[int(c)%len(letters)])
	}
	return out.String()
}

// credentials returns the digests of a site's phones, by device id, with the user name that they are for.
func (a *Authority) credentials(ctx context.Context, org, site string) (map[string]credential, error) {
	stored, err := a.cfg.Store.Credentials(ctx, org, site)
	if err != nil {
		return nil, err
	}
	all := make(map[string]credential, len(stored))
	for device, wrapped := range stored {
		b, err := a.custody.unwrap(credentialName(org, device), wrapped)
		if err != nil {
			return nil, err
		}
		var c credential
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, fmt.Errorf("credential of device %s: %w", device, err)
		}
		all[device] = c
	}
	return all, nil
}
