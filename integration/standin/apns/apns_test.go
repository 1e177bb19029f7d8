package apns

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"strowger/integration/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app = "com.example.phone"

// rig is a server with a clock of its own, and a client.
type rig struct {
	*Server
	t      *testing.T
	client *http.Client
	mu     sync.Mutex
	at     time.Time
	got    chan standin.Message
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, at: time.Now(), got: make(chan standin.Message, 8)}
	var err error
	r.Server, err = New(Config{Apps: []string{app}, Deliver: func(m standin.Message) { r.got <- m }, Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
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

// provider is a provider token.
func (r *rig) provider(key *ecdsa.PrivateKey, kid, team string, issued time.Time) string {
	r.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": team, "iat": issued.Unix()})
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

// post sends a push with headers; an empty one is left out.
func (r *rig) post(path string, headers map[string]string, payload []byte) (status int, reason string, timestamp int64) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.URL()+path, bytes.NewReader(payload))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range headers {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.ProtoMajor != 2 || resp.Header.Get("apns-id") == "" {
		r.t.Errorf("answered by %s, apns-id %q", resp.Proto, resp.Header.Get("apns-id"))
	}
	var body struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp"`
	}
	if resp.StatusCode != http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			r.t.Error(err)
		}
	}
	return resp.StatusCode, body.Reason, body.Timestamp
}

func TestRefusesAsApple(t *testing.T) {
	r := newRig(t)
	device, removed, plain := r.Install(app), r.Install(app), r.Install("com.example.other")
	r.Remove(removed)
	other, err := ecdsa.GenerateKey(r.key.Curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"authorization": "bearer " + r.provider(r.key, KeyID, Team, r.now()), "apns-topic": app + ".voip", "apns-push-type": "voip",
		"apns-priority": "10", "apns-expiration": "1800000000", "apns-collapse-id": "ca_1",
	}
	for name, tt := range map[string]struct {
		path    string
		headers map[string]string // in place of the good ones
		payload []byte
		status  int
		reason  string
	}{
		"good":                   {status: 200},
		"least":                  {headers: map[string]string{"apns-priority": "", "apns-expiration": "", "apns-collapse-id": ""}, status: 200},
		"largest":                {payload: make([]byte, 5120), status: 200},
		"path":                   {path: "/2/device/" + device, status: 404, reason: "BadPath"},
		"no token":               {path: "/3/device/", status: 400, reason: "MissingDeviceToken"},
		"unknown token":          {path: "/3/device/00", status: 400, reason: "BadDeviceToken"},
		"token of another app":   {path: "/3/device/" + plain, status: 400, reason: "DeviceTokenNotForTopic"},
		"removed":                {path: "/3/device/" + removed, status: 410, reason: "Unregistered"},
		"no provider token":      {headers: map[string]string{"authorization": ""}, status: 403, reason: "MissingProviderToken"},
		"another key":            {headers: map[string]string{"authorization": "bearer " + r.provider(other, KeyID, Team, r.now())}, status: 403, reason: "InvalidProviderToken"},
		"another key id":         {headers: map[string]string{"authorization": "bearer " + r.provider(r.key, "XYZ", Team, r.now())}, status: 403, reason: "InvalidProviderToken"},
		"another team":           {headers: map[string]string{"authorization": "bearer " + r.provider(r.key, KeyID, "XYZ", r.now())}, status: 403, reason: "InvalidProviderToken"},
		"old provider token":     {headers: map[string]string{"authorization": "bearer " + r.provider(r.key, KeyID, Team, r.now().Add(-61*time.Minute))}, status: 403, reason: "ExpiredProviderToken"},
		"provider token to come": {headers: map[string]string{"authorization": "bearer " + r.provider(r.key, KeyID, Team, r.now().Add(time.Hour))}, status: 403, reason: "InvalidProviderToken"},
		"no topic":               {headers: map[string]string{"apns-topic": ""}, status: 400, reason: "MissingTopic"},
		"topic without suffix":   {headers: map[string]string{"apns-topic": app}, status: 400, reason: "TopicDisallowed"},
		"another app's topic":    {headers: map[string]string{"apns-topic": "com.example.other.voip"}, status: 400, reason: "TopicDisallowed"},
		"no such push type":      {headers: map[string]string{"apns-push-type": "call"}, status: 400, reason: "InvalidPushType"},
		"alert on a VoIP topic":  {headers: map[string]string{"apns-push-type": "alert"}, status: 400, reason: "TopicDisallowed"},
		"priority":               {headers: map[string]string{"apns-priority": "11"}, status: 400, reason: "BadPriority"},
		"expiration":             {headers: map[string]string{"apns-expiration": "soon"}, status: 400, reason: "BadExpirationDate"},
		"collapse id":            {headers: map[string]string{"apns-collapse-id": strings.Repeat("c", 65)}, status: 400, reason: "BadCollapseId"},
		"message id":             {headers: map[string]string{"apns-id": "1"}, status: 400, reason: "BadMessageId"},
		"no payload":             {payload: []byte{}, status: 400, reason: "PayloadEmpty"},
		"large payload":          {payload: make([]byte, 5121), status: 413, reason: "PayloadTooLarge"},
	} {
		headers := maps.Clone(good)
		maps.Copy(headers, tt.headers)
		path, payload := tt.path, tt.payload
		if path == "" {
			path = "/3/device/" + device
		}
		if payload == nil {
			payload = []byte(`{"strowger":"AA=="}`)
		}
		status, reason, timestamp := r.post(path, headers, payload)
		if status != tt.status || reason != tt.reason || (timestamp != 0) != (status == http.StatusGone) {
			t.Errorf("%s: %d %s %d, want %d %s", name, status, reason, timestamp, tt.status, tt.reason)
		}
	}
	if n := len(r.Shown()); n != 3 {
		t.Errorf("%d messages reached the device, want 3", n)
	}
}

// TestProviderTokenUpdates: a second token within 20 minutes is refused, the first stays good for its hour.
func TestProviderTokenUpdates(t *testing.T) {
	r := newRig(t)
	path := "/3/device/" + r.Install(app)
	push := func(token string) (int, string) {
		status, reason, _ := r.post(path, map[string]string{"authorization": "bearer " + token, "apns-topic": app + ".voip", "apns-push-type": "voip"}, []byte("{}"))
		return status, reason
	}
	first := r.provider(r.key, KeyID, Team, r.now())
	second := r.provider(r.key, KeyID, Team, r.now().Add(time.Second))
	for _, step := range []struct {
		after  time.Duration
		token  string
		status int
		reason string
	}{
		{0, first, 200, ""},
		{19 * time.Minute, second, 429, "TooManyProviderTokenUpdates"},
		{0, first, 200, ""},
		{time.Minute, second, 200, ""},
		{40 * time.Minute, second, 200, ""},
		{time.Minute, second, 403, "ExpiredProviderToken"},
	} {
		r.pass(step.after)
		if status, reason := push(step.token); status != step.status || reason != step.reason {
			t.Errorf("%d %s, want %d %s", status, reason, step.status, step.reason)
		}
	}
}

// TestSleepingDevice gets the last message of each call when it wakes, if that has not expired.
func TestSleepingDevice(t *testing.T) {
	r := newRig(t)
	device := r.Install(app)
	r.Sleep(device)
	token := r.provider(r.key, KeyID, Team, r.now())
	send := func(call, payload string, life time.Duration) {
		t.Helper()
		status, reason, _ := r.post("/3/device/"+device, map[string]string{
			"authorization": "bearer " + token, "apns-topic": app + ".voip", "apns-push-type": "voip",
			"apns-collapse-id": call, "apns-expiration": strconv.FormatInt(r.now().Add(life).Unix(), 10),
		}, []byte(payload))
		if status != 200 {
			t.Fatal(status, reason)
		}
	}
	send("ca_1", `{"strowger":"b25l"}`, time.Minute)
	send("ca_1", `{"strowger":"dHdv"}`, time.Minute)
	send("ca_2", `{"strowger":"dGhyZWU="}`, time.Second)
	r.pass(2 * time.Second)
	if n := len(r.Shown()); n != 0 {
		t.Errorf("a device that sleeps shows %d messages", n)
	}
	r.Wake(device)
	if m := <-r.got; string(m.Sealed()) != "two" || m.Token != device {
		t.Errorf("woken by %q for %s, want the second message", m.Sealed(), m.Token)
	}
	if n := len(r.Shown()); n != 1 {
		t.Errorf("%d messages shown, want 1: one was replaced, one expired", n)
	}
}
