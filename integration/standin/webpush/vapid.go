package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxVAPID is how far ahead a token may end (RFC 8292, 2).
const maxVAPID = 24 * time.Hour

// authorized checks who sends (RFC 8292, 3). The status says how it is refused: 401 if he did not say, 403 if it is not so.
func (s *Server) authorized(r *http.Request, only string) (int, error) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "vapid") {
		return http.StatusUnauthorized, errors.New("no VAPID authorization")
	}
	var text, k string
	for param := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		switch name {
		case "t":
			text = value
		case "k":
			k = value
		}
	}
	point, err := base64.RawURLEncoding.DecodeString(k)
	if err != nil {
		return http.StatusUnauthorized, errors.New("k is not base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return http.StatusUnauthorized, errors.New("k is no P-256 key")
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation()).ParseWithClaims(text, &claims,
		func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return http.StatusForbidden, errors.New("t is not signed by k")
	}
	now := s.cfg.Now()
	switch {
	case !slices.Contains(claims.Audience, s.URL()):
		return http.StatusForbidden, errors.New("aud is not this push service")
	case claims.ExpiresAt == nil || now.After(claims.ExpiresAt.Time) || claims.ExpiresAt.After(now.Add(maxVAPID)):
		return http.StatusForbidden, errors.New("exp has passed, or is more than a day ahead")
	case !strings.HasPrefix(claims.Subject, "mailto:") && !strings.HasPrefix(claims.Subject, "https:"):
		return http.StatusForbidden, errors.New("sub is no way to reach anybody") // RFC 8292, 2.1
	case only != "" && only != k:
		return http.StatusForbidden, errors.New("the subscription is for another key") // RFC 8292, 4.2
	}
	return 0, nil
}
