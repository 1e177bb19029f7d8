// Package fcm stands in for Firebase Cloud Messaging: the OAuth token endpoint of service accounts, HTTP v1 with its schema,
// and Google's errors with their details.
package fcm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"strowger/integration/standin"
)

// maxCollapse is how many collapse keys Google keeps for a device that is away.
const maxCollapse = 4

// Config configures a server.
type Config struct {
	Project string                // Firebase project
	Deliver func(standin.Message) // what devices get: the payload is the data as JSON; may be nil
	Now     func() time.Time
}

// Server is the service.
type Server struct {
	*standin.Server
	cfg Config
	key *rsa.PrivateKey

	mu     sync.Mutex
	access map[string]time.Time // access tokens and their end
	others map[string]bool      // registration tokens of another project
}

// New binds a port.
func New(cfg Config) (*Server, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, key: key, access: map[string]time.Time{}, others: map[string]bool{}}
	devices := standin.NewDevices(cfg.Deliver, cfg.Now)
	devices.MaxCollapse = maxCollapse
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /v1/projects/{project}/{messages}", s.send)
	s.Server, err = standin.NewServer(standin.Loopback, false, devices, mux)
	return s, err
}

// Endpoint is what a bridge is told by --fcm-server.
func (s *Server) Endpoint() string { return s.URL() + "/v1" }

func (s *Server) email() string { return "bridge@" + s.cfg.Project + ".iam.gserviceaccount.com" }

// File writes the service account that a bridge is told by --fcm into a folder.
func (s *Server) File(dir string) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": s.cfg.Project, "private_key_id": "1", "client_email": s.email(), "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": s.URL() + "/token",
	}, "", "\t")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, s.cfg.Project+".json")
	return file, os.WriteFile(file, text, 0o600)
}

// Install puts an app on a new device, and returns its registration token.
func (s *Server) Install() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	token := hex.EncodeToString(b[:8]) + ":APA91b" + hex.EncodeToString(b)
	s.Add(token)
	return token
}

// InstallOther is Install of an app of another project.
func (s *Server) InstallOther() string {
	token := s.Install()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others[token] = true
	return token
}

// Refuse has the next request answered by an error; retryAfter is in seconds, "" says nothing.
func (s *Server) Refuse(status int, code, retryAfter string) {
	s.Next(func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		refusal{status, code, "refused as it was told"}.write(w)
	})
}

// refusal is an error of FCM.
type refusal struct {
	status int
	code   string // of FcmError; empty: an error of Google's API
	words  string
}

// rpcStatus is google.rpc.Code by HTTP status ("ErrorCode" of the FCM reference).
var rpcStatus = map[int]string{
	http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED",
	http.StatusNotFound: "NOT_FOUND", http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable: "UNAVAILABLE",
}

func (r refusal) write(w http.ResponseWriter) {
	body := map[string]any{"code": r.status, "message": r.words, "status": rpcStatus[r.status]}
	if r.code != "" {
		body["details"] = []map[string]string{{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": r.code}}
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": body}) // the client may have gone
}

func invalid(words string) *refusal {
	return &refusal{http.StatusBadRequest, "INVALID_ARGUMENT", words}
}

// send takes a message.
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	name, no := s.take(r)
	if no != nil {
		no.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]string{"name": name}) // the client may have gone
}

func (s *Server) take(r *http.Request) (name string, no *refusal) {
	if r.PathValue("messages") != "messages:send" {
		return "", &refusal{status: http.StatusNotFound, words: "no such method"}
	}
	if no := s.authorized(r); no != nil {
		return "", no
	}
	if r.PathValue("project") != s.cfg.Project {
		return "", &refusal{http.StatusForbidden, "SENDER_ID_MISMATCH", "the account is not that of the project"}
	}
	m, no := s.message(r)
	if no != nil {
		return "", no
	}
	removed, known := s.Find(m.Token)
	s.mu.Lock()
	other := s.others[m.Token]
	s.mu.Unlock()
	switch {
	case !known:
		return "", invalid("The registration token is not a valid FCM registration token")
	case other:
		return "", &refusal{http.StatusForbidden, "SENDER_ID_MISMATCH", "SenderId mismatch"}
	case !removed.IsZero():
		return "", &refusal{http.StatusNotFound, "UNREGISTERED", "Requested entity was not found."}
	}
	s.Put(m)
	return "projects/" + s.cfg.Project + "/messages/" + strings.ReplaceAll(s.cfg.Now().Format("20060102.150405.000000"), ".", ""), nil
}
