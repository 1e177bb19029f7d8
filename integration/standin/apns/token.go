package apns

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Apple's rules for provider tokens: an hour at most, and no new one more often than every 20 minutes.
const (
	tokenAge    = time.Hour
	tokenUpdate = 20 * time.Minute
)

// shownToken is the token that was shown on a connection, and since when. Providers with several servers have several tokens.
type shownToken struct {
	text  string
	since time.Time
}

// authenticate checks the provider token ("Establishing a token-based connection to APNs").
func (s *Server) authenticate(r *http.Request) *refusal {
	forbidden := func(reason string) *refusal { return &refusal{status: http.StatusForbidden, reason: reason} }
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return forbidden("MissingProviderToken")
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation()).ParseWithClaims(text, &claims, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != KeyID {
			return nil, errors.New("unknown key id")
		}
		return s.key.Public(), nil
	})
	if err != nil || claims.Issuer != Team || claims.IssuedAt == nil {
		return forbidden("InvalidProviderToken")
	}
	now := s.cfg.Now()
	switch age := now.Sub(claims.IssuedAt.Time); {
	case age > tokenAge:
		return forbidden("ExpiredProviderToken")
	case age < -time.Minute:
		return forbidden("InvalidProviderToken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.tokens[r.RemoteAddr]
	if text == last.text {
		return nil
	}
	if known && now.Sub(last.since) < tokenUpdate {
		return &refusal{status: http.StatusTooManyRequests, reason: "TooManyProviderTokenUpdates"}
	}
	s.tokens[r.RemoteAddr] = shownToken{text, now}
	return nil
}
