// Package apns stands in for the Apple Push Notification service: HTTP/2 over TLS, provider tokens, and Apple's status and
// reason codes ("Sending notification requests to APNs", "Handling notification responses from APNs").
package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"strowger/integration/standin"
)

// The account that the server knows.
const (
	KeyID = "ABC123DEFG"
	Team  = "DEF123GHIJ"
)

// Limits of Apple's.
const (
	maxVoIP     = 5120 // bytes of a payload
	maxPayload  = 4096
	maxCollapse = 64 // bytes of a collapse id
)

// Config configures a server.
type Config struct {
	Apps    []string              // bundle ids that the account may push to
	Deliver func(standin.Message) // what devices get; may be nil
	Now     func() time.Time
}

// Server is the service.
type Server struct {
	*standin.Server
	cfg Config
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	topics map[string]string     // of a device's token
	tokens map[string]shownToken // by the client's address
}

// New binds a port.
func New(cfg Config) (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, key: key, topics: map[string]string{}, tokens: map[string]shownToken{}}
	s.Server, err = standin.NewServer(standin.Loopback, true, standin.NewDevices(cfg.Deliver, cfg.Now), http.HandlerFunc(s.push))
	return s, err
}

// Files writes what a bridge is configured by, --apns-key and --apns-ca, into a folder.
func (s *Server) Files(dir string) (key, ca string, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return "", "", err
	}
	key, ca = filepath.Join(dir, "AuthKey_"+KeyID+".p8"), filepath.Join(dir, "apns-ca.pem")
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return "", "", err
	}
	return key, ca, os.WriteFile(ca, s.Certificate(), 0o644)
}

// Install puts an app on a new device, and returns the token of its calls.
func (s *Server) Install(app string) string { return s.install(app + ".voip") }

// InstallAlert returns the token of an app's notifications, which has nothing to do with that of its calls.
func (s *Server) InstallAlert(app string) string { return s.install(app) }

func (s *Server) install(topic string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	token := hex.EncodeToString(b)
	s.mu.Lock()
	s.topics[token] = topic
	s.mu.Unlock()
	s.Add(token)
	return token
}

// Refuse has the next request answered by a status and a reason.
func (s *Server) Refuse(status int, reason string) {
	s.Next(func(w http.ResponseWriter, _ *http.Request) { refusal{status: status, reason: reason}.write(w) })
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	reason string
	since  time.Time // 410: when the token ended
}

func (r refusal) write(w http.ResponseWriter) {
	body := map[string]any{"reason": r.reason}
	if !r.since.IsZero() {
		body["timestamp"] = r.since.UnixMilli()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

func bad(reason string) *refusal { return &refusal{status: http.StatusBadRequest, reason: reason} }

// push takes a request.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get("Apns-Id"); id != "" {
		w.Header().Set("Apns-Id", id)
	} else {
		w.Header().Set("Apns-Id", newID())
	}
	m, no := s.read(r)
	if no != nil {
		no.write(w)
		return
	}
	s.Put(m)
}

// read checks a request.
func (s *Server) read(r *http.Request) (standin.Message, *refusal) {
	token, no := target(r)
	if no == nil {
		no = s.authenticate(r)
	}
	if no != nil {
		return standin.Message{}, no
	}
	m, no := s.message(r)
	if no != nil {
		return m, no
	}
	m.Token = token
	removed, known := s.Find(token)
	switch {
	case !known:
		return m, bad("BadDeviceToken")
	case !removed.IsZero():
		return m, &refusal{status: http.StatusGone, reason: "Unregistered", since: removed}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[token] != r.Header.Get("Apns-Topic") {
		return m, bad("DeviceTokenNotForTopic")
	}
	return m, nil
}

// target is the device's token in the path.
func target(r *http.Request) (string, *refusal) {
	token, ok := strings.CutPrefix(r.URL.Path, "/3/device/")
	switch {
	case !ok:
		return "", &refusal{status: http.StatusNotFound, reason: "BadPath"}
	case r.Method != http.MethodPost:
		return "", &refusal{status: http.StatusMethodNotAllowed, reason: "MethodNotAllowed"}
	case token == "":
		return "", bad("MissingDeviceToken")
	}
	return token, nil
}

// message reads the headers and the payload.
func (s *Server) message(r *http.Request) (standin.Message, *refusal) {
	h := r.Header
	for name, values := range h {
		if strings.HasPrefix(name, "Apns-") && len(values) > 1 {
			return standin.Message{}, bad("DuplicateHeaders")
		}
	}
	kind := h.Get("Apns-Push-Type")
	if no := s.topic(h.Get("Apns-Topic"), kind); no != nil {
		return standin.Message{}, no
	}
	m := standin.Message{Collapse: h.Get("Apns-Collapse-Id"), Urgent: h.Get("Apns-Priority") != "5" && h.Get("Apns-Priority") != "1"}
	if id := h.Get("Apns-Id"); id != "" && !uuidForm.MatchString(id) {
		return m, bad("BadMessageId")
	}
	switch h.Get("Apns-Priority") {
	case "", "10", "5", "1":
	default:
		return m, bad("BadPriority")
	}
	if at := h.Get("Apns-Expiration"); at != "" {
		seconds, err := strconv.ParseInt(at, 10, 64)
		if err != nil || seconds < 0 {
			return m, bad("BadExpirationDate")
		}
		m.Expires = time.Unix(seconds, 0)
	}
	if len(m.Collapse) > maxCollapse {
		return m, bad("BadCollapseId")
	}
	var no *refusal
	m.Payload, no = payload(r, kind)
	return m, no
}

// topic checks the app and the kind of a push.
func (s *Server) topic(topic, kind string) *refusal {
	switch kind {
	case "alert", "background", "voip", "complication", "fileprovider", "mdm", "location", "liveactivity", "pushtotalk", "":
	default:
		return bad("InvalidPushType")
	}
	if topic == "" {
		return bad("MissingTopic")
	}
	app, voip := strings.CutSuffix(topic, ".voip")
	if voip != (kind == "voip") { // Apple: the topic of VoIP pushes has this suffix, that of others has none
		return bad("TopicDisallowed")
	}
	for _, a := range s.cfg.Apps {
		if a == app {
			return nil
		}
	}
	return bad("TopicDisallowed")
}

func payload(r *http.Request, kind string) ([]byte, *refusal) {
	most := maxPayload
	if kind == "voip" {
		most = maxVoIP
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	switch {
	case err != nil || len(b) == 0:
		return nil, bad("PayloadEmpty")
	case len(b) > most:
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, reason: "PayloadTooLarge"}
	}
	return b, nil
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// newID is a random UUID.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
