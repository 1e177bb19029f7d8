package mailbox

import (
	"crypto/rand"
	"encoding/base64"
	"net/mail"
	"net/url"
	"strings"

	"strowger/pkg/errs"
)

// Ways by which a message is taken to its user, out of the switch.
const (
	ByEmail   = "email"
	ByWebhook = "webhook"
)

// Ways are those that the user of a mailbox has set.
func (s *Settings) Ways() (all []string) {
	if s == nil {
		return nil
	}
	if s.Email != "" {
		all = append(all, ByEmail)
	}
	if s.Webhook != "" {
		all = append(all, ByWebhook)
	}
	return all
}

// maxEmail is how long an address is at most.
const maxEmail = 254 // RFC 5321, 4.5.3.1.3: a path has 256 octets, with its brackets

// CheckEmail says what is wrong with an address that messages are sent to.
func CheckEmail(address string) error {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || len(address) > maxEmail || strings.ContainsAny(address, "\r\n") {
		return errs.New(errs.Invalid, "%q is not an e-mail address alone, such as anna@example.com", address)
	}
	return nil
}

// CheckWebhook says what is wrong with an address that messages are posted to.
func CheckWebhook(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(address) > 1024 {
		return errs.New(errs.Invalid, "%q is not the address of a webhook: want https://HOST/PATH, without a user", address)
	}
	return nil
}

const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes
	maxSecret    = 64
)

// NewWebhookSecret is one that nobody has.
func NewWebhookSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// WebhookKey is the key of a secret, which signs what is posted.
func WebhookKey(secret string) ([]byte, error) {
	s, ok := strings.CutPrefix(secret, secretPrefix)
	b, err := base64.StdEncoding.DecodeString(s)
	if !ok || err != nil || len(b) < minSecret || len(b) > maxSecret {
		return nil, errs.New(errs.Invalid, "the secret of a webhook is %s and %d to %d bytes in base64", secretPrefix, minSecret, maxSecret)
	}
	return b, nil
}
