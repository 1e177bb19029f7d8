package sip

import (
	"crypto/md5" // RFC 8760 keeps MD5 for phones that know nothing else
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// Credentials answer digest challenges (RFC 7616 as RFC 8760 profiles it for SIP).
type Credentials struct {
	User     string
	Password string
}

// challenge is one WWW-Authenticate or Proxy-Authenticate header.
type challenge struct {
	realm, nonce, opaque string
	algorithm            string // as the server wrote it
	hash                 func() hash.Hash
	session              bool // the -sess variant
	qop                  bool // qop=auth is offered; without it RFC 2069's form is used
	stale                bool // what answered the last one was right, but its nonce is too old
}

// challenges is how many challenges of one request are answered.
const challenges = 2

// answer returns the Authorization header for the first challenge of a 401 or 407 that we can answer (RFC 8760, 2.4: the
// server puts the one it prefers first), nil if there is none. One that comes again asks for another password, unless it is stale
// (RFC 7616, 3.3).
func (c *Credentials) answer(req *Request, res *Response, again bool) Header {
	ask, reply := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case 401:
	case 407:
		ask, reply = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return nil
	}
	for h := range Named(res, ask) {
		if ch, ok := parseChallenge(h.Value()); ok && (ch.stale || !again) {
			return NewHeader(reply, c.respond(ch, string(req.Method), req.Recipient.String(), newUUID()))
		}
	}
	return nil
}

// parseChallenge reads a Digest challenge and says whether it can be answered.
func parseChallenge(v string) (challenge, bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return challenge{}, false
	}
	ch, offered := challenge{hash: md5.New}, true
	for _, p := range split(rest, ',') {
		name, v, _ := strings.Cut(p, "=")
		v = unquote(strings.TrimSpace(v))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "realm":
			ch.realm = v
		case "nonce":
			ch.nonce = v
		case "opaque":
			ch.opaque = v
		case "stale":
			ch.stale = strings.EqualFold(v, "true")
		case "algorithm":
			offered = ch.choose(v)
		case "qop":
			ch.qop = slices.ContainsFunc(split(v, ','), func(q string) bool { return strings.EqualFold(q, "auth") })
			if !ch.qop {
				return challenge{}, false // auth-int only
			}
		}
	}
	return ch, offered && ch.nonce != ""
}

func (ch *challenge) choose(algorithm string) bool {
	ch.algorithm = algorithm
	base, session := strings.CutSuffix(strings.ToUpper(algorithm), "-SESS")
	ch.session = session
	switch base {
	case "MD5":
		ch.hash = md5.New
	case "SHA-256":
		ch.hash = sha256.New
	default:
		return false
	}
	return true
}

// respond computes the value of an Authorization header (RFC 7616, 3.4). Each nonce is used once, so nc is always 1.
func (c *Credentials) respond(ch challenge, method, uri, cnonce string) string {
	sum := func(parts ...string) string {
		h := ch.hash()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	a1 := sum(c.User, ch.realm, c.Password)
	if ch.session {
		a1 = sum(a1, ch.nonce, cnonce)
	}
	a2 := sum(method, uri)
	response := sum(a1, ch.nonce, a2)
	if ch.qop {
		response = sum(a1, ch.nonce, "00000001", cnonce, "auth", a2)
	}
	v := "Digest username=" + quote(c.User) + ", realm=" + quote(ch.realm) + ", nonce=" + quote(ch.nonce) +
		", uri=" + quote(uri) + ", response=" + quote(response)
	if ch.algorithm != "" {
		v += ", algorithm=" + ch.algorithm
	}
	if ch.opaque != "" {
		v += ", opaque=" + quote(ch.opaque)
	}
	if ch.qop || ch.session {
		v += ", cnonce=" + quote(cnonce)
	}
	if ch.qop {
		v += ", qop=auth, nc=00000001"
	}
	return v
}
