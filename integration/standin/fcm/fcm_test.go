package fcm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server with a clock of its own, and a client.
type rig struct {
	*Server
	t      *testing.T
	client *http.Client
	mu     sync.Mutex
	at     time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, at: time.Now()}
	var err error
	if r.Server, err = New(Config{Project: "phone", Now: r.now}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	transport := &http.Transport{}
	r.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

// do sends a request and reads its answer as JSON.
func (r *rig) do(path, kind, authorization, body string) (status int, answer map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", authorization)
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// grant asks for an access token.
func (r *rig) grant(key *rsa.PrivateKey, change func(jwt.MapClaims)) (status int, access, problem string) {
	r.t.Helper()
	claims := jwt.MapClaims{
		"iss": r.email(), "aud": r.URL() + "/token", "iat": r.now().Unix(), "exp": r.now().Add(time.Hour).Unix(),
		"scope": "https://www.googleapis.com/auth/firebase.messaging",
	}
	if change != nil {
		change(claims)
	}
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		r.t.Fatal(err)
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	status, answer := r.do("/token", "application/x-www-form-urlencoded", "", form.Encode())
	access, _ = answer["access_token"].(string)
	problem, _ = answer["error"].(string)
	return status, access, problem
}

func TestGrantsAsGoogle(t *testing.T) {
	r := newRig(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if status, access, _ := r.grant(r.key, nil); status != 200 || access == "" {
		t.Errorf("a good assertion: %d", status)
	}
	if status, _, problem := r.grant(other, nil); status != 400 || problem != "invalid_grant" {
		t.Errorf("another key: %d %s", status, problem)
	}
	for name, tt := range map[string]struct {
		claim string
		value any
		want  string
	}{
		"another account": {"iss", "somebody@example.com", "invalid_grant"},
		"another server":  {"aud", "https://oauth2.example.com/token", "invalid_grant"},
		"expired":         {"exp", r.now().Add(-time.Minute).Unix(), "invalid_grant"},
		"too long":        {"exp", r.now().Add(2 * time.Hour).Unix(), "invalid_grant"},
		"from the future": {"iat", r.now().Add(10 * time.Minute).Unix(), "invalid_grant"},
		"another scope":   {"scope", "https://www.googleapis.com/auth/drive", "invalid_scope"},
	} {
		if status, access, problem := r.grant(r.key, func(c jwt.MapClaims) { c[tt.claim] = tt.value }); status != 400 || access != "" || problem != tt.want {
			t.Errorf("%s: %d %s, want %s", name, status, problem, tt.want)
		}
	}
	if status, answer := r.do("/token", "application/x-www-form-urlencoded", "", "grant_type=password"); status != 400 || answer["error"] != "unsupported_grant_type" {
		t.Errorf("another grant: %d %v", status, answer)
	}
}

func TestRefusesAsGoogle(t *testing.T) {
	r := newRig(t)
	_, access, _ := r.grant(r.key, nil)
	device, removed, other := r.Install(), r.Install(), r.InstallOther()
	r.Remove(removed)
	to := func(token, rest string) string { return `{"message":{"token":"` + token + `"` + rest + `}}` }
	for name, tt := range map[string]struct {
		path, body, access string
		status             int
		rpc, code          string
	}{
		"good":            {body: to(device, `,"data":{"strowger":"AA=="},"android":{"priority":"high","ttl":"60s","collapse_key":"ca_1"}`), status: 200},
		"fractional TTL":  {body: to(device, `,"android":{"ttl":"3.500000000s"}`), status: 200},
		"largest":         {body: to(device, `,"data":{"strowger":"`+strings.Repeat("A", 4096-8)+`"}`), status: 200},
		"too large":       {body: to(device, `,"data":{"strowger":"`+strings.Repeat("A", 4096-7)+`"}`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"unknown field":   {body: to(device, `,"urgent":true`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"no text":         {body: to(device, `,"data":{"strowger":1}`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"reserved key":    {body: to(device, `,"data":{"google.x":"1"}`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"priority":        {body: to(device, `,"android":{"priority":"10"}`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"TTL":             {body: to(device, `,"android":{"ttl":"1m0s"}`), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"no token":        {body: `{"message":{"data":{"a":"b"}}}`, status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"no such token":   {body: to("x", ""), status: 400, rpc: "INVALID_ARGUMENT", code: "INVALID_ARGUMENT"},
		"removed":         {body: to(removed, ""), status: 404, rpc: "NOT_FOUND", code: "UNREGISTERED"},
		"another's token": {body: to(other, ""), status: 403, rpc: "PERMISSION_DENIED", code: "SENDER_ID_MISMATCH"},
		"another project": {path: "/v1/projects/other/messages:send", body: to(device, ""), status: 403, rpc: "PERMISSION_DENIED", code: "SENDER_ID_MISMATCH"},
		"no such method":  {path: "/v1/projects/phone/messages:read", body: to(device, ""), status: 404, rpc: "NOT_FOUND"},
		"no access token": {body: to(device, ""), access: "ya29.x", status: 401, rpc: "UNAUTHENTICATED"},
	} {
		path, token := tt.path, tt.access
		if path == "" {
			path = "/v1/projects/phone/messages:send"
		}
		if token == "" {
			token = access
		}
		status, answer := r.do(path, "application/json", "Bearer "+token, tt.body)
		if rpc, code := wordsOf(answer); status != tt.status || rpc != tt.rpc || code != tt.code {
			t.Errorf("%s: %d %q %q, want %d %q %q", name, status, rpc, code, tt.status, tt.rpc, tt.code)
		}
	}
	if n := len(r.Shown()); n != 3 {
		t.Errorf("%d messages reached the device, want 3", n)
	}
	r.pass(time.Hour)
	if status, _ := r.do("/v1/projects/phone/messages:send", "application/json", "Bearer "+access, to(device, "")); status != 401 {
		t.Errorf("an access token past its hour: %d", status)
	}
}

// wordsOf are the status and the FCM error code of an answer.
func wordsOf(answer map[string]any) (rpc, code string) {
	problem, _ := answer["error"].(map[string]any)
	rpc, _ = problem["status"].(string)
	details, _ := problem["details"].([]any)
	for _, d := range details {
		code, _ = d.(map[string]any)["errorCode"].(string)
	}
	return rpc, code
}

// TestSleepingDevice: Google keeps four collapse keys for a device.
func TestSleepingDevice(t *testing.T) {
	r := newRig(t)
	_, access, _ := r.grant(r.key, nil)
	device := r.Install()
	r.Sleep(device)
	for _, key := range []string{"a", "b", "c", "d", "e", "b"} {
		body := `{"message":{"token":"` + device + `","data":{"strowger":"AA=="},"android":{"ttl":"60s","collapse_key":"` + key + `"}}}`
		if status, answer := r.do("/v1/projects/phone/messages:send", "application/json", "Bearer "+access, body); status != 200 {
			t.Fatal(status, answer)
		}
	}
	r.Wake(device)
	got := ""
	for _, m := range r.Shown() {
		got += m.Collapse
	}
	if got != "cdeb" {
		t.Errorf("a device that wakes shows %q, want cdeb", got)
	}
}
