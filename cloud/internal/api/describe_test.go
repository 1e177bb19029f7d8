package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/pkg/rest"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

func TestOpenAPIIsCheckedIn(t *testing.T) {
	s := newService(t)
	a, err := New(Config{Store: s.store, Keys: s.fake, Nodes: s.fake, Passwords: s.fake, Calls: records{s.store},
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
			case "enabled", "pool":
				value = "true"
			case "limit":
				value = "7"
			case "since", "until":
				value = "2026-11-22T08:00:00Z"
			case "state":
				value = "ended"
			}
			if a := s.send("GET", path+"?"+p.Name+"="+value, ""); a.status != http.StatusOK {
				t.Errorf("%s by %s: %+v", path, p.Name, a)
			}
		}
	}
}

func FuzzCreate(f *testing.F) {
	for _, seed := range []string{
		`{"name":"Anna"}`, `{"name":"Anna","enabled":false,"calling":"none","home_switch":"sw_x"}`, `{"name":null}`, `[]`, `{`,
		`{"name":"a","id":"x"}`, `{"NAME":"a"}`, `{"name":{"a":[1,2]}}`, `{"name":"\ud800"}`, `{"name":1e999}`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	db := openStore(f)
	fk := &fake{store: db}
	a, err := New(Config{Store: db, Keys: fk, Nodes: fk, Passwords: fk, Calls: records{db}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	edit, err := newEditor(a.huma.OpenAPI().Components.Schemas, "User", rest.NewUser(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := edit.create(body)
		if err != nil {
			if p := a.problemOf(t.Context(), err); p.Status != http.StatusBadRequest || p.Detail == "" {
				t.Errorf("%q: %+v", body, p)
			}
			return
		}
		if v.Name == "" || v.ID != "" || v.Version != 0 || v.Calling != "internal" && v.Calling != "none" {
			t.Errorf("%q made %+v", body, v)
		}
		same, err := edit.update(v, []byte(`{}`))
		if err != nil || same != v {
			t.Errorf("an empty change made %+v of %+v: %v", same, v, err)
		}
		if _, err := edit.update(v, body); err != nil {
			t.Errorf("%q creates but does not change: %v", body, err)
		}
	})
}
