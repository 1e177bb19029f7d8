package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// collections is every collection of the registry with what a test needs to make, change and list one object.
func collections(o office) []struct{ path, id, change, filter string } {
	return []struct{ path, id, change, filter string }{
		{"organizations", o.org.ID, `{"name":"renamed"}`, "name=acme"},
		{"sites", o.site.ID, `{"name":"renamed"}`, "code=20"},
		{"switches", o.sw.ID, `{"name":"renamed"}`, "site=" + o.site.ID},
		{"users", o.user.ID, `{"name":"renamed"}`, "enabled=true"},
		{"devices", o.device.ID, `{"name":"renamed"}`, "user=" + o.user.ID},
		{"numbers", o.number.ID, `{"digits":"1002"}`, "digits=1001"},
	}
}

func TestEveryCollection(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	for _, c := range collections(o) {
		t.Run(c.path, func(t *testing.T) {
			base, one := "/api/v1/"+c.path, "/api/v1/"+c.path+"/"+c.id

			read := s.send("GET", one, "")
			if read.status != http.StatusOK || read.header.Get("ETag") != `"1"` || read.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("read: %+v", read)
			}
			if strings.Contains(read.body, "password") || strings.Contains(read.body, "secret") {
				t.Errorf("read shows what is shown only once: %s", read.body)
			}
			for _, q := range []string{"", "?" + c.filter, "?limit=500"} {
				list := s.send("GET", base+q, "")
				if list.status != http.StatusOK || !strings.Contains(list.body, c.id) {
					t.Errorf("list%s: %+v", q, list)
				}
			}
			// What was read may be sent back as it is.
			if back := s.send("PATCH", one, read.body); back.status != http.StatusOK {
				t.Errorf("sent back: %+v", back)
			}
			changed := s.send("PATCH", one, c.change, "If-Match", `"2"`, "Content-Type", rest.MergePatchType)
			if changed.status != http.StatusOK || changed.header.Get("ETag") != `"3"` {
				t.Errorf("change: %+v", changed)
			}
			stale := s.send("PATCH", one, c.change, "If-Match", `"2"`)
			if p := stale.problem(t); stale.status != http.StatusPreconditionFailed || p.Code != errs.Conflict {
				t.Errorf("stale change: %+v", p)
			}
			if stale := s.send("DELETE", one, "", "If-Match", `"2"`); stale.status != http.StatusPreconditionFailed {
				t.Errorf("stale delete: %+v", stale)
			}
		})
	}
}

func TestEveryCollectionRefuses(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	for _, c := range collections(o) {
		base, one := "/api/v1/"+c.path, "/api/v1/"+c.path+"/"+c.id
		for _, tt := range []struct {
			name, method, path, body string
			status                   int
			code                     errs.Code
			words                    string
		}{
			{"unknown field", "POST", base, `{"nmae":"x"}`, 400, errs.Invalid, "is required"},
			{"unknown field of a change", "PATCH", one, `{"nmae":"x"}`, 400, errs.Invalid, "nmae: there is no such field"},
			{"field in another case", "PATCH", one, `{"ORGANIZATION":"x"}`, 400, errs.Invalid, "ORGANIZATION: there is no such field"},
			{"read-only", "PATCH", one, `{"id":"x"}`, 400, errs.Invalid, "id: is read-only"},
			{"read-only version", "PATCH", one, `{"version":77}`, 400, errs.Invalid, "version: is read-only"},
			{"not JSON", "POST", base, `{"name":`, 400, errs.Invalid, "not a JSON object"},
			{"an array", "POST", base, `[]`, 400, errs.Invalid, "not a JSON object"},
			{"null", "PATCH", one, `null`, 400, errs.Invalid, "want a JSON object"},
			{"two objects", "POST", base, `{}{}`, 400, errs.Invalid, "not a JSON object"},
			{"empty", "POST", base, ``, 400, errs.Invalid, "body is required"},
			{"wrong type", "PATCH", one, `{"name":7,"digits":7}`, 400, errs.Invalid, ""},
			{"too large", "POST", base, `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, errs.Invalid, "64 KiB"},
			{"unknown id", "GET", base + "/xx_nothing", ``, 404, errs.NotFound, "there is no"},
			{"unknown id to change", "PATCH", base + "/xx_nothing", `{}`, 404, errs.NotFound, "there is no"},
			{"unknown id to delete", "DELETE", base + "/xx_nothing", ``, 404, errs.NotFound, "there is no"},
			{"unknown filter", "GET", base + "?colour=red", ``, 400, errs.Invalid, "colour: there is no such parameter"},
			{"limit of 0", "GET", base + "?limit=0", ``, 400, errs.Invalid, "limit"},
			{"limit too high", "GET", base + "?limit=501", ``, 400, errs.Invalid, "limit"},
			{"limit of letters", "GET", base + "?limit=all", ``, 400, errs.Invalid, "limit"},
			{"cursor of nowhere", "GET", base + "?cursor=!", ``, 400, errs.Invalid, "cursor"},
			{"unknown organization", "GET", base + "?organization=org_nothing", ``, 404, errs.NotFound, "there is no organization"},
			{"method", "PUT", one, `{}`, 405, errs.Invalid, "takes only"},
			{"path", "GET", base + "/x/y/z", ``, 404, errs.NotFound, "openapi.json"},
		} {
			t.Run(c.path+"/"+tt.name, func(t *testing.T) {
				a := s.send(tt.method, tt.path, tt.body)
				p := a.problem(t)
				if a.status != tt.status || p.Code != tt.code || !strings.Contains(p.Detail, tt.words) {
					t.Errorf("got %d %s %q, want %d %s %q", a.status, p.Code, p.Detail, tt.status, tt.code, tt.words)
				}
			})
		}
	}
}

func TestPaging(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	for i := range 25 {
		must(s.client.Users().Create(t.Context(), rest.NewUser(fmt.Sprintf("user %02d", i))))(t)
	}
	seen, pages := map[string]bool{}, 0
	for cursor := ""; ; pages++ {
		p := must(s.client.Users().Page(t.Context(), nil, 10, cursor))(t)
		for _, u := range p.Items {
			if seen[u.ID] {
				t.Errorf("%s is on two pages", u.Name)
			}
			seen[u.ID] = true
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 26 || pages != 2 {
		t.Errorf("saw %d users on %d pages, want 26 on 3", len(seen), pages+1)
	}
	n := 0
	for _, err := range s.client.Users().All(t.Context(), rest.Filter{"name": "user 07"}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("%d users have the name, want 1", n)
	}
}

func TestEmptyListIsAList(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	if a := s.send("GET", "/api/v1/users?name=nobody", ""); a.body != `{"items":[]}`+"\n" {
		t.Errorf("got %q", a.body)
	}
}

func TestDefaultsAndFalse(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	for body, want := range map[string]rest.User{
		`{"name":"A"}`:                   {Name: "A", Enabled: true, Calling: "internal"},
		`{"name":"B","enabled":false}`:   {Name: "B", Enabled: false, Calling: "internal"},
		`{"name":"C","calling":"none"}`:  {Name: "C", Enabled: true, Calling: "none"},
		`{"name":"D","enabled":null}`:    {Name: "D", Enabled: true, Calling: "internal"},
		`{"name":"E","home_switch":""}`:  {Name: "E", Enabled: true, Calling: "internal"},
		`{"name":"F","calling":"loud"}`:  {},
		`{"name":"","calling":"none"}`:   {},
		`{"name":"G","enabled":"false"}`: {},
	} {
		a := s.send("POST", "/api/v1/users", body)
		if want.Name == "" {
			if p := a.problem(t); a.status != http.StatusBadRequest || len(p.Fields) != 1 {
				t.Errorf("%s: %d %+v", body, a.status, p)
			}
			continue
		}
		var got rest.User
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusCreated {
			t.Fatalf("%s: %+v", body, a)
		}
		if a.header.Get("Location") != "/api/v1/users/"+got.ID {
			t.Errorf("location %q", a.header.Get("Location"))
		}
		got.Meta, got.Organization = rest.Meta{}, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
}

func TestDeletionFollowsUse(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	c := collections(o)
	// In this order each is still used by a later one.
	for _, i := range []int{0, 1, 2, 3} {
		a := s.send("DELETE", "/api/v1/"+c[i].path+"/"+c[i].id, "")
		if p := a.problem(t); a.status != http.StatusConflict || !strings.Contains(p.Detail, "still used by") {
			t.Errorf("%s: %d %s", c[i].path, a.status, p.Detail)
		}
	}
	for i := len(c) - 1; i >= 0; i-- {
		if a := s.send("DELETE", "/api/v1/"+c[i].path+"/"+c[i].id, ""); a.status != http.StatusNoContent || a.body != "" {
			t.Errorf("%s: %+v", c[i].path, a)
		}
	}
}

func TestTakenAndMissing(t *testing.T) {
	s := newService(t)
	s.office("acme", "20")
	for body, want := range map[string]errs.Code{
		`{"name":"Other","code":"20"}`:   errs.Conflict,
		`{"name":"Other","code":"2x"}`:   errs.Invalid,
		`{"name":"Other"}`:               errs.Invalid,
		`{"name":"a\u0000b","code":"3"}`: errs.Invalid,
	} {
		if p := s.send("POST", "/api/v1/sites", body).problem(t); p.Code != want {
			t.Errorf("%s: %+v, want %s", body, p, want)
		}
	}
	if p := s.send("POST", "/api/v1/switches", `{"name":"x","site":"st_nowhere"}`).problem(t); p.Code != errs.Invalid || !strings.Contains(p.Detail, "site") {
		t.Errorf("switch of no site: %+v", p)
	}
}

// A fall-back is a number that somebody else has; one whose number went is no obstacle to other changes.
func TestFallbacks(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	other := must(s.client.Users().Create(t.Context(), rest.NewUser("Bert")))(t)
	number := must(s.client.Numbers().Create(t.Context(), rest.Number{Site: o.site.ID, Digits: "1002", User: other.ID}))(t)
	set := func(change map[string]any) error {
		_, err := s.client.Users().Update(t.Context(), o.user.ID, 0, change)
		return err
	}
	for field, to := range map[string]string{"fallback_busy": "4711", "fallback_dnd": o.number.Digits, "fallback_unreachable": o.number.Dial} {
		want := "nobody has the number 4711"
		if to != "4711" {
			want = "calls would come back"
		}
		if err := set(map[string]any{field: to}); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s to %s: %v", field, to, err)
		}
	}
	anew := rest.NewUser("Cora")
	anew.FallbackNoAnswer = "4711"
	if _, err := s.client.Users().Create(t.Context(), anew); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a new user whose fall-back nobody has: %v", err)
	}
	for field, to := range map[string]string{"fallback_busy": number.Digits, "fallback_dnd": number.Dial} {
		if err := set(map[string]any{field: to}); err != nil {
			t.Errorf("%s to %s: %v", field, to, err)
		}
	}
	if err := s.client.Numbers().Delete(t.Context(), number.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := set(map[string]any{"name": "Anna B"}); err != nil {
		t.Errorf("another change: %v", err)
	}
}

// A new organization is in none, whichever the request names.
func TestOrganizationBesideOne(t *testing.T) {
	s := newService(t)
	s.client.Organization = s.office("acme", "20").org.ID
	if o, err := s.client.Organizations().Create(t.Context(), rest.NewOrganization("bolt")); err != nil || o.ID == s.client.Organization {
		t.Errorf("made %+v: %v", o, err)
	}
}
