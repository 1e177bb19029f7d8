package designation

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/errs"
)

// Relay is a relay of media (TURN, RFC 8656), for when there is no direct way, with what lets one leg of a call use it; or, without
// that, only where an app learns its address outside (STUN, RFC 8489), which a relay tells too.
//
// The username is "expiry:leg", expiry in Unix seconds; the credential is the base64 HMAC-SHA1 of it by a secret that the bridge
// makes at each start and tells the cloud (draft-uberti-behave-turn-rest-00, 2.2, which relays and clients of all makes know).
type Relay struct {
	URLs       []string `json:"urls"`               // RFC 7065: "turn:198.51.100.7:3478?transport=udp"; RFC 7064: "stun:198.51.100.7:3478"
	Username   string   `json:"username,omitempty"` // empty: STUN only
	Credential string   `json:"credential,omitempty"`
}

// Relays says whether there is a relay at all.
func (r *Relay) Relays() bool { return r != nil && r.Username != "" }

// RelayLifetime is how long after the end of the ring a relay may be taken into use. One that is in use goes on.
const RelayLifetime = time.Hour

// maxUsername is the longest that is looked at, in bytes.
const maxUsername = 128

// NewRelay lets a leg use a relay.
func NewRelay(urls []string, secret []byte, leg string, expires time.Time) *Relay {
	r := &Relay{URLs: urls, Username: strconv.FormatInt(expires.Unix(), 10) + ":" + leg}
	r.Credential = relayCredential(secret, r.Username)
	return r
}

// LogValue keeps the credential out of logs.
func (r Relay) LogValue() slog.Value { return slog.StringValue(r.Username) }

func relayCredential(secret []byte, username string) string {
	m := hmac.New(sha1.New, secret)
	m.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// OpenRelay returns what the user of a relay must know, and for which leg and until when; the relay judges both.
func OpenRelay(secret []byte, username string) (credential, leg string, expires time.Time, err error) {
	number, leg, ok := strings.Cut(username, ":")
	seconds, parsed := strconv.ParseInt(number, 10, 64)
	if !ok || parsed != nil || leg == "" || len(username) > maxUsername {
		return "", "", time.Time{}, errs.New(errs.Invalid, "user %.40q of the relay is not of the form expiry:leg", username)
	}
	return relayCredential(secret, username), leg, time.Unix(seconds, 0), nil
}
