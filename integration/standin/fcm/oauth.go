package fcm

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessLife is how long an access token is valid.
const accessLife = 3599 * time.Second

// grant is what a service account claims for an access token ("Using OAuth 2.0 for server to server applications").
type grant struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

// token answers the JWT bearer grant (RFC 7523, 4).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	fail := func(code, words string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": words}) // the client may have gone
	}
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		fail("unsupported_grant_type", "want the JWT bearer grant")
		return
	}
	var g grant
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation()).ParseWithClaims(r.PostFormValue("assertion"), &g,
		func(*jwt.Token) (any, error) { return s.key.Public(), nil })
	now := s.cfg.Now()
	switch {
	case err != nil:
		fail("invalid_grant", "Invalid JWT Signature.")
		return
	case g.Issuer != s.email() || !slices.Contains(g.Audience, s.URL()+"/token"):
		fail("invalid_grant", "the assertion is of another account, or for another server")
		return
	case g.IssuedAt == nil || g.ExpiresAt == nil || now.After(g.ExpiresAt.Time) || g.ExpiresAt.Sub(g.IssuedAt.Time) > time.Hour || g.IssuedAt.After(now.Add(time.Minute)):
		fail("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
		return
	case !slices.Contains(strings.Fields(g.Scope), "https://www.googleapis.com/auth/firebase.messaging"):
		fail("invalid_scope", "the scope of Firebase messaging is missing")
		return
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	access := "ya29." + base64.RawURLEncoding.EncodeToString(b)
	s.mu.Lock()
	s.access[access] = now.Add(accessLife)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "expires_in": int(accessLife / time.Second), "token_type": "Bearer"})
}

// authorized checks the access token of a request.
func (s *Server) authorized(r *http.Request) *refusal {
	access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, ok := s.access[access]; !ok || s.cfg.Now().After(end) {
		return &refusal{status: http.StatusUnauthorized, words: "Request had invalid authentication credentials."}
	}
	return nil
}
