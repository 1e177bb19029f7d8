package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

func TestOpenAPIIsCheckedIn(t *testing.T) {
	s := newService(t)
	a, err := New(Config{Store: s.store, Keys: s.fake, Nodes: s.fake, Renew: s.fake.Renew, Passwords: s.fake, Calls: records{s.store}, Queues: &s.waiting, Follow: follow,
		Version: "1", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "..", "docs", "openapi.json")
	want := append(a.OpenAPI(), '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("docs/openapi.json is not what the API serves (%v): run go test ./cloud/internal/api -update", err)
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	s := newService(t)
	a := s.send("GET", "/openapi.json", "", "Authorization", "")
	if a.status != http.StatusOK || a.body != string(s.api.OpenAPI()) {
		t.Errorf("JSON: %d, %d bytes", a.status, len(a.body))
	}
	if a := s.send("GET", "/openapi.yaml", "", "Authorization", ""); a.status != http.StatusOK || !strings.Contains(a.body, "openapi: 3.1.0") {
		t.Errorf("YAML: %d %.80s", a.status, a.body)
	}
}

// TestReferencesResolve walks the description: each $ref must name a schema that is there.
func TestReferencesResolve(t *testing.T) {
	s := newService(t)
	var doc map[string]any
	if err := json.Unmarshal(s.api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	refs := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs++
				if _, ok := schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; !ok {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	if refs == 0 {
		t.Error("no references at all")
	}
}

// TestFiltersAreTheStores asks the store for every filter that the description promises.
func TestFiltersAreTheStores(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	for path, item := range s.api.huma.OpenAPI().Paths {
		if item.Get == nil || strings.Contains(path, "{") {
			continue
		}
		for _, p := range item.Get.Parameters {
			if p.In != "query" || p.Name == "organization" || p.Name == "cursor" {
				continue
			}
			value := "x"
			switch p.Name {
			case "enabled", "pool", "dismissed":
				value = "true"
			case "limit":
				value = "7"
			case "since", "until":
				value = "2026-11-22T08:00:00Z"
			case "state":
				value = "ended"
			case "by":
				value = "trunk"
			case "from", "to":
				value = "2026-11-01"
			case "zone":
				value = "Europe/Berlin"
			}
			if a := s.send("GET", path+"?"+p.Name+"="+value, ""); a.status != http.StatusOK {
				t.Errorf("%s by %s: %+v", path, p.Name, a)
			}
		}
	}
}

// FuzzBodies gives the editor of every kind of object bodies that clients may send: what it makes of one is as the schema
// says, nothing read-only is set, an empty change changes nothing, and a refusal is a 400 with words.
func FuzzBodies(f *testing.F) {
	kinds := []func(testing.TB, *API) func(*testing.T, []byte){
		bodies("Organization", rest.NewOrganization("")), bodies("Site", rest.Site{}), bodies("Switch", rest.Switch{}),
		bodies("User", rest.NewUser("")), bodies("Number", rest.Number{}), bodies("Device", rest.NewDevice("", "")),
		bodies("APIKey", rest.APIKey{}), bodies("Revoke", rest.Revoke{}), bodies("Password", rest.Password{}),
		bodies("EnrolmentRequest", enrol.Request{}), bodies("Import", rest.Import{}),
	}
	for kind := range kinds {
		for _, seed := range []string{
			`{"name":"Anna"}`, `{"name":null}`, `[]`, `{`, `{"name":"a","id":"x"}`, `{"NAME":"a"}`, `{"name":{"a":[1,2]}}`, `{"name":"\ud800"}`,
			`{"name":1e999}`, `{"a":1,"a":2}`,
		} {
			f.Add(uint8(kind), []byte(seed))
		}
	}
	for kind, seed := range []string{
		`{"name":"Acme","ring_seconds":30}`, `{"name":"Berlin","code":"20"}`, `{"name":"berlin","site":"st_x","pool":true}`,
		`{"name":"Anna","enabled":false,"calling":"none","home_switch":"sw_x"}`, `{"digits":"1001","site":"st_x","user":"us_x"}`,
		`{"user":"us_x","name":"hall","kind":"deskphone","switch":"sw_x","username":"201001","delay":5}`, `{"name":"wallboard","role":"reader"}`,
		`{"reason":"stolen"}`, `{"password":"x"}`, `{"code":"x","csr":"AAAA"}`, `{"switch":"sw_x","phones":[{"name":"Anna","number":"1001"},{}]}`,
	} {
		f.Add(uint8(kind), []byte(seed))
	}
	fk := &fake{} // no database, which would take each worker longer to open than it has
	a, err := New(Config{Store: &store.Store{}, Keys: fk, Nodes: fk, Passwords: fk, Calls: records{}, Queues: &line{}, Follow: follow, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	var try []func(*testing.T, []byte)
	for _, kind := range kinds {
		try = append(try, kind(f, a))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) { try[int(kind)%len(try)](t, body) })
}

// bodies tries the bodies of one kind of object.
func bodies[T any](name string, defaults T) func(testing.TB, *API) func(*testing.T, []byte) {
	return func(tb testing.TB, a *API) func(*testing.T, []byte) {
		edit, err := newEditor(a.huma.OpenAPI().Components.Schemas, name, defaults)
		if err != nil {
			tb.Fatal(err)
		}
		return func(t *testing.T, body []byte) {
			v, err := edit.create(body)
			if err != nil {
				if p := a.problemOf(t.Context(), err); p.Status != http.StatusBadRequest || p.Detail == "" {
					t.Errorf("%s %q: %+v", name, body, p)
				}
				return
			}
			set, err := members(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range edit.readOnly {
				if !reflect.DeepEqual(set[field], edit.defaults[field]) {
					t.Errorf("%s %q set %s to %v", name, body, field, set[field])
				}
			}
			for _, field := range edit.required {
				if have := set[field]; have == nil || have == "" {
					t.Errorf("%s %q made one without %s", name, body, field)
				}
			}
			if same, err := edit.update(v, []byte(`{}`)); err != nil || !reflect.DeepEqual(same, v) {
				t.Errorf("%s: an empty change made %+v of %+v: %v", name, same, v, err)
			}
			if _, err := edit.update(v, body); err != nil {
				t.Errorf("%s: %q creates but does not change: %v", name, body, err)
			}
		}
	}
}
