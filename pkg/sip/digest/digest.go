// Package digest is the server side of SIP digest authentication: RFC 3261, 22, with the algorithms and the order of
// challenges of RFC 8760 and the rules of RFC 7616.
//
// Challenges offer SHA-256 first, then MD5, with qop=auth, unless told otherwise. Nonces need no memory until they are used with the right
// password: they carry their time and a MAC. From then on the counts seen with a nonce are kept while it lives, so that
// a request that is sent again is refused. The password itself is never needed, only its HA1.
package digest

import (
	"crypto/hmac"
	"crypto/md5" // RFC 8760, 2.1: kept for phones that know nothing better
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Reasons of refusal. A request without credentials, with an old nonce or with a used count is challenged (again); the
// others are refused for good.
var (
	ErrMissing       = errors.New("no digest credentials for this realm")
	ErrMalformed     = errors.New("malformed digest credentials")
	ErrUnknownUser   = errors.New("unknown digest user")
	ErrWrongPassword = errors.New("wrong password")
	ErrStale         = errors.New("the nonce is too old")
	ErrReplayed      = errors.New("the nonce count was used before")
)

// HA1 is H(username:realm:password) in lower-case hex for each algorithm; an empty one is not known.
type HA1 struct{ MD5, SHA256 string }

// Defaults of Config.
const (
	DefaultLifetime = 5 * time.Minute
	DefaultNonces   = 1 << 16
)

// Config describes one realm.
type Config struct {
	Realm string
	// Lookup returns a user's HA1, or false if there is no such user.
	Lookup func(user string) (HA1, bool)
	Now    func() time.Time
	// Algorithms are offered in this order, and no others are accepted; nil is SHA256 and MD5. Some phones do not ignore a
	// challenge that they cannot answer, as RFC 8760, 2.4 asks, but give up.
	Algorithms []string
	// Lifetime of a nonce, and how many used ones to keep; 0 is the default. When more are used, old ones become stale
	// early.
	Lifetime time.Duration
	Nonces   int
}

// Server challenges and verifies for one realm. It is safe for concurrent use.
type Server struct {
	cfg    Config
	secret [32]byte

	mu      sync.Mutex
	since   time.Time // when used began
	used    map[nonceID]counts
	earlier map[nonceID]counts // what used was before since
	floor   time.Time          // nonces up to then are stale: their counts are forgotten
}

// New returns a Server whose nonces are valid at this Server only.
func New(cfg Config) *Server {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{SHA256, MD5} // RFC 8760, 2.3: most preferred first
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Nonces == 0 {
		cfg.Nonces = DefaultNonces
	}
	s := &Server{cfg: cfg, since: cfg.Now(), used: map[nonceID]counts{}}
	_, _ = rand.Read(s.secret[:]) // never fails (crypto/rand)
	return s
}

// Challenges returns the values of the WWW-Authenticate headers of a 401, in order. Stale tells the phone that its
// password was right and only its nonce was not, so that it does not ask its user. The nonce is good for who asked, at its address, only: else who
// knows a password could write another's address on a request.
func (s *Server) Challenges(stale bool, from netip.Addr) []string {
	nonce := s.nonce(from)
	var flag string
	if stale {
		flag = ", stale=true"
	}
	var all []string
	for _, a := range s.cfg.Algorithms {
		all = append(all, fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"%s`, s.cfg.Realm, nonce, a, flag))
	}
	return all
}

// Verify checks the Authorization headers of a request against its method and Request-URI and returns the user who
// signed it, at an address. The error is one of this package's, wrapped with what was wrong; the user is returned with it once known.
func (s *Server) Verify(method, requestURI string, authorization []string, from netip.Addr) (user string, err error) {
	c, err := s.pick(authorization)
	if err != nil {
		return "", err
	}
	// RFC 7616, 3.4.6: the signed URI must name the same target.
	if !sameTarget(c.uri, requestURI) {
		return c.user, fmt.Errorf("%w: they are for %q, the request is for %q", ErrMalformed, c.uri, requestURI)
	}
	known, ok := s.cfg.Lookup(c.user)
	ha1 := known.MD5
	if c.algorithm == SHA256 {
		ha1 = known.SHA256
	}
	// The same work for unknown users, so that the time of an answer does not tell who exists.
	right := hmac.Equal([]byte(c.expected(ha1, method)), []byte(strings.ToLower(c.response)))
	switch {
	case !ok:
		return c.user, fmt.Errorf("%w %q", ErrUnknownUser, c.user)
	case ha1 == "" || !right:
		return c.user, fmt.Errorf("%w for user %q", ErrWrongPassword, c.user)
	}
	return c.user, s.use(c.nonce, c.count, from)
}

// pick parses the first credentials that answer a challenge of ours.
func (s *Server) pick(authorization []string) (credentials, error) {
	for _, h := range authorization {
		p, err := parse(h)
		if errors.Is(err, errOtherScheme) {
			continue
		}
		if err != nil {
			return credentials{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if p["realm"] != s.cfg.Realm {
			continue
		}
		c, err := read(p)
		if err != nil {
			return credentials{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if !slices.Contains(s.cfg.Algorithms, c.algorithm) {
			return credentials{}, fmt.Errorf("%w: algorithm %s was not offered", ErrMalformed, c.algorithm)
		}
		return c, nil
	}
	return credentials{}, ErrMissing
}

// expected is the response of who knows the password (RFC 7616, 3.4.1: qop=auth).
func (c credentials) expected(ha1, method string) string {
	ha2 := sum(c.algorithm, method+":"+c.uri)
	return sum(c.algorithm, strings.Join([]string{ha1, c.nonce, c.nc, c.cnonce, "auth", ha2}, ":"))
}

func sum(algorithm, text string) string {
	if algorithm == SHA256 {
		d := sha256.Sum256([]byte(text))
		return hex.EncodeToString(d[:])
	}
	d := md5.Sum([]byte(text))
	return hex.EncodeToString(d[:])
}

// sameTarget compares SIP URIs without their parameters: phones differ in which they sign.
func sameTarget(a, b string) bool {
	trim := func(s string) string {
		if i := strings.IndexAny(s, ";?>"); i >= 0 {
			s = s[:i]
		}
		return s
	}
	return strings.EqualFold(trim(a), trim(b))
}

// nonceID is the time and the random part of a nonce.
type nonceID [16]byte

// counts is which nonce counts were used: the highest, and a bit for each of the 64 up to it, so that requests that
// overtake each other both count.
type counts struct {
	highest uint32
	window  uint64
}

func (s *Server) nonce(from netip.Addr) string {
	var id nonceID
	binary.BigEndian.PutUint64(id[:8], uint64(s.cfg.Now().UnixMicro()))
	_, _ = rand.Read(id[8:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(append(id[:], s.mac(id, from)...))
}

func (s *Server) mac(id nonceID, from netip.Addr) []byte {
	m := hmac.New(sha256.New, s.secret[:])
	m.Write(id[:])
	m.Write(from.Unmap().AsSlice())
	return m.Sum(nil)[:16]
}

// use notes a count of a nonce, after the password was found right (RFC 7616, 3.3: only then may stale be told).
func (s *Server) use(nonce string, count uint32, from netip.Addr) error {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 32 {
		return fmt.Errorf("%w: it is not one of ours", ErrStale)
	}
	id := nonceID(b[:16])
	if !hmac.Equal(b[16:], s.mac(id, from)) {
		return fmt.Errorf("%w: it is from before the last start, or was given to another address", ErrStale)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if now.Sub(s.since) > s.cfg.Lifetime || len(s.used) >= s.cfg.Nonces {
		s.floor, s.since = s.since, now // what earlier knew was issued before used began
		s.used, s.earlier = map[nonceID]counts{}, s.used
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(id[:8])))
	if now.Sub(at) > s.cfg.Lifetime || !at.After(s.floor) {
		return fmt.Errorf("%w: it is %v old", ErrStale, now.Sub(at).Round(time.Second))
	}
	c, ok := s.used[id]
	if !ok {
		c = s.earlier[id]
	}
	if !c.take(count) {
		return fmt.Errorf("%w: %d", ErrReplayed, count)
	}
	s.used[id] = c
	return nil
}

// take marks a count as used, or returns false if it was, or is too low to tell.
func (c *counts) take(n uint32) bool {
	switch {
	case n > c.highest:
		if d := n - c.highest; d < 64 {
			c.window <<= d
		} else {
			c.window = 0
		}
		c.highest = n
		c.window |= 1
		return true
	case c.highest-n >= 64, c.window>>(c.highest-n)&1 == 1:
		return false
	}
	c.window |= 1 << (c.highest - n)
	return true
}
