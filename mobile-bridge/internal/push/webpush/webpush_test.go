package webpush

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/fabric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKeyIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vapid.key")
	first, err := OpenKey(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the key's file: %v, %v: want it private", info.Mode(), err)
	}
	second, err := OpenKey(file)
	if err != nil || second.Public() != first.Public() || second.private() != first.private() || len(first.Public()) != 87 {
		t.Errorf("%q, then %q, %v: want one public key of 65 bytes", first.Public(), second.Public(), err)
	}
	if _, err := OpenKey(t.TempDir()); err == nil {
		t.Error("a folder was taken for a key")
	}
}

func TestLane(t *testing.T) {
	for token, want := range map[string]string{
		`{"endpoint":"https://push.example.com/a"}`:      "push.example.com",
		`{"endpoint":"https://push.example.com:8443/a"}`: "push.example.com:8443",
		`{"endpoint":"http://push.example.com/a"}`:       "malformed",
		`{"endpoint":"https://u:p@push.example.com/a"}`:  "malformed",
		`{"endpoint":"/a"}`:                              "malformed",
		`{}`:                                             "malformed",
		``:                                               "malformed",
	} {
		if got, ok := New(Config{}).Lane(fabric.Target{Token: token}); got != want || !ok {
			t.Errorf("%s: lane %q, want %q", token, got, want)
		}
	}
}

// TestPrivateServices are not sent to unless that is asked for.
func TestPrivateServices(t *testing.T) {
	key, err := OpenKey(filepath.Join(t.TempDir(), "vapid.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Key: key, Contact: "mailto:admin@example.com"})
	defer s.Close()
	// The keys of RFC 8291, 5.
	token := `{"endpoint":"https://127.0.0.1:9/a","keys":{"auth":"BTBZMqHH6r4Tts7J_aSIgg",
		"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}}`
	o := s.Send(t.Context(), push.Push{Target: fabric.Target{Provider: fabric.WebPush, Token: token}, Payload: "AAAA", Left: time.Minute})
	if o.Accepted || o.Again || o.Reason != notPublic {
		t.Errorf("%+v, want %q and not again", o, notPublic)
	}
}

// TestReason says nothing that a push service can make up without end.
func TestReason(t *testing.T) {
	for status, want := range map[string]string{"410 Gone": "Gone", "410 It left": "Gone", "599 Again, number 4711": "status 599"} {
		code, err := strconv.Atoi(status[:3])
		if err != nil {
			t.Fatal(err)
		}
		if o := outcome(&http.Response{Status: status, StatusCode: code}); o.Reason != want {
			t.Errorf("%s: reason %q, want %q", status, o.Reason, want)
		}
	}
}

func FuzzSubscription(f *testing.F) {
	f.Add(`{"endpoint":"https://fcm.googleapis.com/fcm/send/cY2uT4oVJ9w:APA91bH","expirationTime":null,"keys":{"p256dh":"BNcRd","auth":"tBHI"}}`)
	f.Add(`{"endpoint":"https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB","keys":{"auth":"tBHI","p256dh":"BNcRd"}}`)
	f.Add(`{"endpoint":"http://127.0.0.1:80"}`)
	f.Fuzz(func(t *testing.T, token string) {
		sub, ok := New(Config{}).subscription(token)
		if !ok {
			return
		}
		if u, err := url.Parse(sub.Endpoint); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("a push would go to %q", sub.Endpoint)
		}
	})
}
