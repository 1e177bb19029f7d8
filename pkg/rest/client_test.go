package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

// answering is a client of a server that answers with f and keeps the requests.
func answering(t *testing.T, f http.HandlerFunc) Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return Client{BaseURL: s.URL + "/", Key: "sk_x", Organization: "org_1", HTTP: s.Client()}
}

func TestRequests(t *testing.T) {
	type seen struct{ method, path, query, auth, match, idempotency, content, body string }
	var got seen
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body := map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&body) // a GET has none
		b, _ := json.Marshal(body)
		got = seen{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("If-Match"),
			r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type"), string(b)}
		_, _ = w.Write([]byte(`{"id":"st_1","name":"Berlin"}`))
	})
	for _, tt := range []struct {
		name string
		call func(ctx context.Context) error
		want seen
	}{
		{"get", func(ctx context.Context) error { _, err := c.Sites().Get(ctx, "a/b"); return err },
			seen{method: "GET", path: "/api/v1/sites/a/b", query: "organization=org_1", body: "{}"}},
		{"page", func(ctx context.Context) error {
			_, err := c.Devices().Page(ctx, Filter{"user": "us_1"}, 7, "next")
			return err
		}, seen{method: "GET", path: "/api/v1/devices", query: "cursor=next&limit=7&organization=org_1&user=us_1", body: "{}"}},
		{"update", func(ctx context.Context) error {
			_, err := c.Sites().Update(ctx, "st_1", 3, map[string]any{"name": nil})
			return err
		}, seen{method: "PATCH", path: "/api/v1/sites/st_1", query: "organization=org_1", match: `"3"`, content: MergePatchType, body: `{"name":null}`}},
		{"delete", func(ctx context.Context) error { return c.Sites().Delete(ctx, "st_1", 0) },
			seen{method: "DELETE", path: "/api/v1/sites/st_1", query: "organization=org_1", body: "{}"}},
		{"revoke", func(ctx context.Context) error { _, err := c.RevokeSwitch(ctx, "sw_1", "stolen"); return err },
			seen{method: "POST", path: "/api/v1/switches/sw_1/revoke", query: "organization=org_1", content: "application/json", body: `{"reason":"stolen"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call(t.Context()); err != nil {
				t.Fatal(err)
			}
			if (got.idempotency != "") != (tt.want.method == "POST") {
				t.Errorf("Idempotency-Key %q", got.idempotency)
			}
			got.idempotency, tt.want.auth = "", "Bearer sk_x"
			if got != tt.want {
				t.Errorf("sent %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestLostReply cuts the connection before the reply: a POST is repeated once with its key, a change is not.
func TestLostReply(t *testing.T) {
	keys := make(chan string, 3)
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key")
		if len(keys) == 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"id":"st_1"}`))
	})
	if v, err := c.Sites().Create(t.Context(), Site{Name: "Berlin"}); err != nil || v.ID != "st_1" {
		t.Fatalf("%+v %v", v, err)
	}
	if first, again := <-keys, <-keys; first == "" || first != again {
		t.Errorf("keys %q, %q", first, again)
	}
	if err := c.Sites().Delete(t.Context(), "st_1", 0); errs.CodeOf(err) != errs.CloudAway || len(keys) != 1 {
		t.Errorf("a delete was tried %d times: %v", len(keys), err)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		code   errs.Code
		words  string
	}{
		{409, `{"code":"conflict","detail":"site code 20 is taken"}`, errs.Conflict, "site code 20 is taken"},
		{404, "404 page not found\n", errs.NotFound, "is this the address of a cloud?"},
		{502, "<html>bad gateway</html>", errs.CloudAway, "502 Bad Gateway"},
		{429, "", errs.Congested, "429"},
		{401, "", errs.Unauthenticated, "401"},
		{403, "", errs.Forbidden, "403"},
		{418, "", errs.Invalid, "418"},
		{500, strings.Repeat("x", 1000), errs.Internal, "xxx..."},
		{200, "<html>hello</html>", errs.CloudAway, "not what was expected"},
	} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		})
		_, err := c.Sites().Get(t.Context(), "st_1")
		if errs.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%d %q: %s %v, want %s %q", tt.status, tt.body, errs.CodeOf(err), err, tt.code, tt.words)
		}
	}
	if _, err := (Client{BaseURL: "http://127.0.0.1:1"}).Sites().Get(t.Context(), "st_1"); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAllFollowsTheCursor(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		page := map[string]string{
			"":  `{"items":[{"id":"a"},{"id":"b"}],"next":"2"}`,
			"2": `{"items":[],"next":"3"}`,
			"3": `{"items":[{"id":"c"}],"next":"4"}`,
			"4": `not JSON`,
		}[r.URL.Query().Get("cursor")]
		_, _ = w.Write([]byte(page))
	})
	var ids []string
	var last error
	for v, err := range c.Users().All(t.Context(), nil) {
		if err != nil {
			last = err
			continue
		}
		ids = append(ids, v.ID)
	}
	if strings.Join(ids, "") != "abc" || errs.CodeOf(last) != errs.CloudAway {
		t.Errorf("got %q, then %v", ids, last)
	}
	for range c.Users().All(t.Context(), nil) {
		break // a reader that has enough ends it
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(404, []byte(`{"title":"Not Found","status":404,"code":"not-found","detail":"there is no site \"x\""}`))
	f.Add(502, []byte("<html>bad gateway</html>"))
	f.Add(500, []byte(`{"code":7}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if err := problemOf(status, body); errs.CodeOf(err) == "" {
			t.Errorf("%d %q: no code", status, body)
		}
	})
}
