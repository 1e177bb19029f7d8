package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// example is the message of RFC 8291, 5.
const example = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"

func exampleKeys(t *testing.T) subscription {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(decode(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	return subscription{key: key, auth: decode(t, "BTBZMqHH6r4Tts7J_aSIgg")}
}

func TestOpensTheExample(t *testing.T) {
	plain, err := exampleKeys(t).open(decode(t, example))
	if err != nil || string(plain) != "When I grow up, I want to be a watermelon" {
		t.Errorf("%q, %v", plain, err)
	}
}

// recordSize is where a message says how large its records are, after the salt (RFC 8188, 2.1).
const recordSize = 16

func FuzzOpen(f *testing.F) {
	message, err := base64.RawURLEncoding.DecodeString(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add(message[:21])
	f.Add([]byte{})
	larger := bytes.Clone(message)
	larger[recordSize] = 0xff
	f.Add(larger)
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := exampleKeys(t).open(b)
		if err != nil {
			return
		}
		// RFC 8188, 2.1: the size of records stands in the open, and a message of one record opens by any that it fits in.
		sealed := bytes.Clone(b)
		copy(sealed[recordSize:recordSize+4], message[recordSize:])
		if !bytes.Equal(sealed, message) {
			t.Errorf("opened what nobody sealed: %q", plain)
		}
	})
}

// rig is a server and a client.
type rig struct {
	*Server
	t      *testing.T
	client *http.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := New(Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &rig{s, t, &http.Client{Transport: transport}}
}

// vapid is the authorization of an application server.
func (r *rig) vapid(key *ecdsa.PrivateKey, k string, change func(jwt.MapClaims)) string {
	r.t.Helper()
	claims := jwt.MapClaims{"aud": r.URL(), "exp": time.Now().Add(time.Hour).Unix(), "sub": "mailto:admin@example.com"}
	if change != nil {
		change(claims)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
	if err != nil {
		r.t.Fatal(err)
	}
	return "vapid t=" + text + ", k=" + k
}

func newKey(t *testing.T) (key *ecdsa.PrivateKey, k string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return key, base64.RawURLEncoding.EncodeToString(point)
}

// TestRefuses what push services refuse. The message is not for the subscription, so that only the last check fails for one
// that is else good; what a bridge sends is decrypted in the tests of the bridge.
func TestRefuses(t *testing.T) {
	r := newRig(t)
	key, k := newKey(t)
	other, otherK := newKey(t)
	id, text, err := r.Subscribe(k)
	if err != nil {
		t.Fatal(err)
	}
	removed, _, err := r.Subscribe("")
	if err != nil {
		t.Fatal(err)
	}
	r.Remove(removed)
	var sub struct {
		Endpoint string `json:"endpoint"`
	}
	if err := json.Unmarshal([]byte(text), &sub); err != nil || sub.Endpoint != r.URL()+"/push/"+id {
		t.Fatalf("subscription %s, %v", text, err)
	}
	with := func(name string, value any) string {
		return r.vapid(key, k, func(c jwt.MapClaims) { c[name] = value })
	}
	for name, tt := range map[string]struct {
		id      string
		headers map[string]string
		body    []byte
		status  int
		words   string
	}{
		"no such subscription": {id: "x", status: 404, words: "no such subscription"},
		"removed":              {id: removed, status: 410, words: "ended"},
		"no authorization":     {headers: map[string]string{"Authorization": ""}, status: 401, words: "VAPID"},
		"no key":               {headers: map[string]string{"Authorization": r.vapid(key, "x", nil)}, status: 401, words: "k is"},
		"forged":               {headers: map[string]string{"Authorization": r.vapid(other, k, nil)}, status: 403, words: "signed"},
		"another's key":        {headers: map[string]string{"Authorization": r.vapid(other, otherK, nil)}, status: 403, words: "another key"},
		"another service":      {headers: map[string]string{"Authorization": with("aud", "https://push.example.com")}, status: 403, words: "aud"},
		"expired":              {headers: map[string]string{"Authorization": with("exp", time.Now().Add(-time.Minute).Unix())}, status: 403, words: "exp"},
		"more than a day":      {headers: map[string]string{"Authorization": with("exp", time.Now().Add(25*time.Hour).Unix())}, status: 403, words: "exp"},
		"nobody":               {headers: map[string]string{"Authorization": with("sub", "admin")}, status: 403, words: "sub"},
		"no TTL":               {headers: map[string]string{"TTL": ""}, status: 400, words: "TTL"},
		"urgency":              {headers: map[string]string{"Urgency": "now"}, status: 400, words: "Urgency"},
		"long topic":           {headers: map[string]string{"Topic": strings.Repeat("t", 33)}, status: 400, words: "Topic"},
		"topic":                {headers: map[string]string{"Topic": "a.b"}, status: 400, words: "Topic"},
		"another encoding":     {headers: map[string]string{"Content-Encoding": "aesgcm"}, status: 415, words: "aes128gcm"},
		"too large":            {body: make([]byte, 4097), status: 413, words: "4096"},
		"not for it":           {status: 400, words: "not encrypted"},
	} {
		target, body := tt.id, tt.body
		if target == "" {
			target = id
		}
		if body == nil {
			body = decode(t, example)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+"/push/"+target, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		headers := map[string]string{"Authorization": r.vapid(key, k, nil), "TTL": "60", "Content-Encoding": "aes128gcm", "Urgency": "high", "Topic": "ca_1"}
		for name, value := range tt.headers {
			headers[name] = value
		}
		for name, value := range headers {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var words bytes.Buffer
		_, _ = words.ReadFrom(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status || !strings.Contains(words.String(), tt.words) {
			t.Errorf("%s: %d %s, want %d %s", name, resp.StatusCode, words.String(), tt.status, tt.words)
		}
	}
}
