package api

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
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

// The cloud is killed at different moments of a POST: what it asks for is there once, whatever the client repeats.
func TestRepeatedAfterACrash(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	const body = `{"name":"Bert"}`
	post := func() answer { return s.send("POST", "/api/v1/users", body, "Idempotency-Key", "k1") }
	berts := func() (n int) {
		return strings.Count(s.send("GET", "/api/v1/users", "").body, `"Bert"`)
	}
	before := berts()
	first := post()
	s.restart(t)
	if again := post(); again.status != http.StatusCreated || again.body != first.body || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("after the reply: %+v, want %+v", again, first)
	}
	admin, _, _ := strings.Cut(strings.TrimPrefix(s.client.Key, "sk_"), " ") // of the fake: the id of the key
	once := store.Once{Key: sha256.Sum256([]byte(admin + "\n/api/v1/users\nk1")), Request: sha256.Sum256([]byte(body))}
	_, wrapped, ok, err := s.store.Reply(t.Context(), once.Key, time.Time{})
	if err != nil || !ok || strings.Contains(string(wrapped), "Bert") {
		t.Errorf("kept is %q, %t, %v", wrapped, ok, err)
	}
	if err := s.store.PutReply(t.Context(), &once, nil); err != nil { // as if killed between commit and reply
		t.Fatal(err)
	}
	s.restart(t)
	if p := post().problem(t); p.Code != errs.Conflict || !strings.Contains(p.Detail, "look at what it made") {
		t.Errorf("between commit and reply: %+v", p)
	}
	if n := berts() - before; n != 1 {
		t.Errorf("there are %d of what was asked for once", n)
	}
	if err := s.store.ForgetReplies(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if a := post(); a.status != http.StatusCreated || a.body == first.body {
		t.Errorf("the key is not free after its time: %+v", a)
	}
}
