package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestIdempotencyKey(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	post := func(key, body string, headers ...string) answer {
		return s.send("POST", "/api/v1/users", body, append(headers, "Idempotency-Key", key)...)
	}
	first := post("k1", `{"name":"Bert"}`)
	if first.status != http.StatusCreated {
		t.Fatalf("first: %+v", first)
	}
	again := post("k1", `{"name":"Bert"}`)
	if again.status != first.status || again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("repeated: %+v, want %+v", again, first)
	}
	if p := post("k1", `{"name":"Carl"}`).problem(t); p.Code != errs.Conflict || !strings.Contains(p.Detail, "Idempotency-Key") {
		t.Errorf("another body: %+v", p)
	}
	if a := post("k2", `{"name":"Bert"}`); a.status != http.StatusCreated || a.body == first.body {
		t.Errorf("another key: %+v", a)
	}
	other := s.as(rest.APIKey{Name: "other", Role: "admin"})
	if a := post("k1", `{"name":"Bert"}`, "Authorization", "Bearer "+other.Key); a.status != http.StatusCreated || a.body == first.body {
		t.Errorf("another caller got the reply: %+v", a)
	}
	if p := post("k1", `{"name":"Bert"}`, "Authorization", "Bearer sk_wrong").problem(t); p.Code != errs.Unauthenticated {
		t.Errorf("a stranger got the reply: %+v", p)
	}
	if p := post("k3", `{"name":""}`).problem(t); p.Code != errs.Invalid {
		t.Errorf("refused: %+v", p)
	}
	if a := post("k3", `{"name":"Dora"}`); a.status != http.StatusCreated {
		t.Errorf("after a refusal the key is free: %+v", a)
	}
	if p := post(strings.Repeat("k", 256), `{"name":"Emil"}`).problem(t); p.Code != errs.Invalid {
		t.Errorf("a long key: %+v", p)
	}
}

func TestRepliesAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	rs := newReplies(func() time.Time { return now })
	key := func(i int) [32]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	put := func(i int) {
		if _, err := rs.begin(key(i), key(0)); err != nil {
			t.Fatal(err)
		}
		rec := &recorder{ResponseWriter: httptest.NewRecorder()}
		rec.WriteHeader(http.StatusCreated)
		rs.end(key(i), rec)
	}
	for i := range 2 * maxReplies {
		put(i)
	}
	if len(rs.byKey) != maxReplies || rs.oldest.Len() != maxReplies {
		t.Errorf("%d replies are kept, want %d", len(rs.byKey), maxReplies)
	}
	if kept, _ := rs.begin(key(2*maxReplies-1), key(0)); kept == nil || kept.status != http.StatusCreated {
		t.Error("the newest is gone")
	}
	now = now.Add(replyLifetime)
	if kept, err := rs.begin(key(2*maxReplies-1), key(0)); kept != nil || err != nil {
		t.Errorf("a reply outlived its time: %+v %v", kept, err)
	}
	if _, err := rs.begin(key(2*maxReplies-1), key(0)); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("a second request while the first is under way: %v", err)
	}
}
