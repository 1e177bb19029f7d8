// Package webpush stands in for a push service of a browser (RFC 8030) and for the browser behind it: VAPID is checked
// (RFC 8292), and what comes is decrypted by the keys of its subscription (RFC 8291).
package webpush

import (
	"cmp"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"strowger/integration/standin"
)

// Limits.
const (
	maxBody  = 4096 // bytes of a message: RFC 8030, 7.2: a push service takes at least these
	maxTopic = 32   // RFC 8030, 5.4
)

// Config configures a server.
type Config struct {
	Listen  string                // default standin.Loopback
	Deliver func(standin.Message) // what browsers get, decrypted; may be nil
	Now     func() time.Time
}

// Server is the service.
type Server struct {
	*standin.Server
	cfg Config

	mu   sync.Mutex
	subs map[string]subscription // by the last part of their URL
}

// subscription is what a browser keeps.
type subscription struct {
	key   *ecdh.PrivateKey
	auth  []byte
	vapid string // the only key that may send to it; empty: any
}

// New binds a port.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, subs: map[string]subscription{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push/{id}", s.push)
	var err error
	s.Server, err = standin.NewServer(cmp.Or(cfg.Listen, standin.Loopback), false, standin.NewDevices(cfg.Deliver, cfg.Now), mux)
	return s, err
}

// Subscribe makes a browser's subscription, for whom it names by their VAPID key if it does (RFC 8292, 4), and returns its id
// and the JSON that the browser gives to the application.
func (s *Server) Subscribe(vapid string) (id, subscriptionJSON string, err error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	id = hex.EncodeToString(random[:16])
	s.mu.Lock()
	s.subs[id] = subscription{key: key, auth: random[16:], vapid: vapid}
	s.mu.Unlock()
	s.Add(id)
	b, err := json.Marshal(map[string]any{
		"endpoint": s.URL() + "/push/" + id, "expirationTime": nil,
		"keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), "auth": base64.RawURLEncoding.EncodeToString(random[16:]),
		},
	})
	return id, string(b), err
}

// Refuse has the next request answered by a status; retryAfter is in seconds, "" says nothing.
func (s *Server) Refuse(status int, retryAfter string) {
	s.Next(func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	})
}

// push takes a message.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	sub := s.subs[id]
	s.mu.Unlock()
	removed, known := s.Find(id)
	switch {
	case !known:
		http.Error(w, "no such subscription", http.StatusNotFound)
		return
	case !removed.IsZero():
		http.Error(w, "the user has ended the subscription", http.StatusGone)
		return
	}
	if status, err := s.authorized(r, sub.vapid); err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	m, status, err := s.message(r, sub)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	m.Token = id
	w.Header().Set("TTL", r.Header.Get("TTL"))
	w.Header().Set("Location", s.URL()+"/message/"+id)
	w.WriteHeader(http.StatusCreated)
	s.Put(m)
}

// message reads a request. Its status says why there is none.
func (s *Server) message(r *http.Request, sub subscription) (standin.Message, int, error) {
	// RFC 8030, 5.2: a message without TTL is refused.
	ttl, err := strconv.ParseUint(r.Header.Get("TTL"), 10, 31)
	if err != nil {
		return standin.Message{}, http.StatusBadRequest, errors.New("TTL is missing, or not a number of seconds")
	}
	m := standin.Message{Collapse: r.Header.Get("Topic"), Expires: s.cfg.Now().Add(time.Duration(ttl) * time.Second)}
	if !isTopic(m.Collapse) {
		return m, http.StatusBadRequest, errors.New("the Topic is longer than 32 characters, or not of the base64url alphabet")
	}
	switch r.Header.Get("Urgency") { // RFC 8030, 5.3
	case "", "very-low", "low", "normal":
	case "high":
		m.Urgent = true
	default:
		return m, http.StatusBadRequest, errors.New("the Urgency is none")
	}
	if r.Header.Get("Content-Encoding") != "aes128gcm" {
		return m, http.StatusUnsupportedMediaType, errors.New("the Content-Encoding is not aes128gcm")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return m, http.StatusBadRequest, err
	case len(body) > maxBody:
		return m, http.StatusRequestEntityTooLarge, errors.New("more than 4096 bytes")
	}
	if m.Payload, err = sub.open(body); err != nil {
		return m, http.StatusBadRequest, err // a real one would learn of it from its browser, and say nothing
	}
	return m, 0, nil
}

// isTopic says whether a topic is one (RFC 8030, 5.4), or none.
func isTopic(s string) bool {
	return len(s) <= maxTopic && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}
