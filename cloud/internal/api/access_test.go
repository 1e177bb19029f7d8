package api

import (
	"net/http"
	"strings"
	"testing"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestEveryRouteNeedsAKey(t *testing.T) {
	s := newService(t)
	for path, item := range s.api.huma.OpenAPI().Paths {
		if path == "/api/v1/enrolments" || strings.HasPrefix(path, enrol.DevicePath) {
			continue // codes and proofs are their keys
		}
		path = strings.ReplaceAll(path, "{id}", "xx_y")
		for method, has := range map[string]bool{"GET": item.Get != nil, "POST": item.Post != nil, "PATCH": item.Patch != nil, "DELETE": item.Delete != nil} {
			if !has {
				continue
			}
			for _, header := range []string{"", "Bearer", "Bearer sk_wrong", "Basic " + s.client.Key} {
				a := s.send(method, path, `{}`, "Authorization", header)
				if p := a.problem(t); a.status != http.StatusUnauthorized || p.Code != errs.Unauthenticated || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s with %q: %d %+v", method, path, header, a.status, p)
				}
			}
		}
	}
}

func TestReaderOnlyReads(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	reader := s.as(rest.APIKey{Name: "wallboard", Role: "reader"})
	for _, c := range collections(o) {
		one := "/api/v1/" + c.path + "/" + c.id
		for _, r := range []struct{ method, path string }{{"POST", "/api/v1/" + c.path}, {"PATCH", one}, {"DELETE", one}} {
			a := s.send(r.method, r.path, `{}`, "Authorization", "Bearer "+reader.Key)
			if p := a.problem(t); a.status != http.StatusForbidden || !strings.Contains(p.Detail, "wallboard") {
				t.Errorf("%s %s: %d %+v", r.method, r.path, a.status, p)
			}
		}
		if a := s.send("GET", one, "", "Authorization", "bearer "+reader.Key); a.status != http.StatusOK {
			t.Errorf("GET %s: %+v", one, a)
		}
	}
	if _, err := reader.EnrolmentCode(t.Context(), o.sw.ID); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("enrolment code: %v", err)
	}
	if _, err := reader.RenewSwitch(t.Context(), o.sw.ID); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("renewal: %v", err)
	}
}

func TestOrganizationsAreApart(t *testing.T) {
	s := newService(t)
	mine, theirs := s.office("acme", "20"), s.office("bolt", "20")
	own := s.as(rest.APIKey{Name: "acme admin", Role: "admin", Organization: mine.org.ID})
	send := func(method, path, body string) answer {
		return s.send(method, path, body, "Authorization", "Bearer "+own.Key)
	}
	for i, c := range collections(theirs) {
		one := "/api/v1/" + c.path + "/" + c.id
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			if p := send(method, one, `{}`).problem(t); p.Code != errs.NotFound && p.Code != errs.Forbidden {
				t.Errorf("%s %s: %+v", method, one, p)
			}
			if p := send(method, one+"?organization="+theirs.org.ID, `{}`).problem(t); p.Code != errs.Forbidden {
				t.Errorf("%s %s of another organization: %+v", method, one, p)
			}
		}
		list := send("GET", "/api/v1/"+c.path, "")
		if strings.Contains(list.body, c.id) || !strings.Contains(list.body, collections(mine)[i].id) {
			t.Errorf("list of %s: %s", c.path, list.body)
		}
	}
	for _, tt := range []struct {
		method, path, body string
		want               errs.Code
	}{
		{"POST", "/api/v1/organizations", `{"name":"new"}`, errs.Forbidden},
		{"DELETE", "/api/v1/organizations/" + mine.org.ID, ``, errs.Forbidden},
		{"POST", "/api/v1/api-keys", `{"name":"x","organization":"` + theirs.org.ID + `"}`, errs.Forbidden},
		{"POST", "/api/v1/switches/" + theirs.sw.ID + "/revoke", ``, errs.NotFound},
		{"POST", "/api/v1/switches/" + theirs.sw.ID + "/enrolment-code", ``, errs.NotFound},
		{"POST", "/api/v1/switches/" + theirs.sw.ID + "/renew", ``, errs.NotFound},
		{"POST", "/api/v1/devices/" + theirs.device.ID + "/password", ``, errs.NotFound},
		{"POST", "/api/v1/devices", `{"name":"x","user":"` + theirs.user.ID + `","switch":"` + mine.sw.ID + `"}`, errs.Invalid},
		{"PATCH", "/api/v1/numbers/" + mine.number.ID, `{"user":"` + theirs.user.ID + `"}`, errs.Invalid},
	} {
		if p := send(tt.method, tt.path, tt.body).problem(t); p.Code != tt.want {
			t.Errorf("%s %s: %+v, want %s", tt.method, tt.path, p, tt.want)
		}
	}
	k := must(own.APIKeys().Create(t.Context(), rest.NewAPIKey("second")))(t)
	if k.Organization != mine.org.ID {
		t.Errorf("a key made by an organization's key is of %q", k.Organization)
	}
}

func TestWhichOrganization(t *testing.T) {
	s := newService(t)
	if p := s.send("GET", "/api/v1/sites", "").problem(t); p.Code != errs.NotFound || !strings.Contains(p.Detail, "create one first") {
		t.Errorf("none: %+v", p)
	}
	a := s.office("acme", "20")
	if got := s.send("GET", "/api/v1/sites", ""); !strings.Contains(got.body, a.site.ID) {
		t.Errorf("the only one: %+v", got)
	}
	s.office("bolt", "20")
	if p := s.send("GET", "/api/v1/sites", "").problem(t); p.Code != errs.Invalid || !strings.Contains(p.Detail, "?organization=") {
		t.Errorf("two: %+v", p)
	}
	if got := s.send("GET", "/api/v1/sites?organization="+a.org.ID, ""); !strings.Contains(got.body, a.site.ID) {
		t.Errorf("named: %+v", got)
	}
}

func TestAPIKeys(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	k := must(s.client.APIKeys().Create(t.Context(), rest.APIKey{Name: "ci", Role: "admin", Organization: o.org.ID}))(t)
	if k.Secret == "" || k.Organization != o.org.ID {
		t.Fatalf("made %+v", k)
	}
	if got := must(s.client.APIKeys().Get(t.Context(), k.ID))(t); got.Secret != "" {
		t.Error("the secret is shown twice")
	}
	c := s.client
	c.Key = k.Secret
	if err := c.APIKeys().Delete(t.Context(), k.ID, 0); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("deleted the key in use: %v", err)
	}
	if _, err := c.APIKeys().Update(t.Context(), k.ID, 0, map[string]any{"organization": nil}); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("the key left its organization: %v", err)
	}
	if err := s.client.APIKeys().Delete(t.Context(), k.ID, k.Version); err != nil {
		t.Error(err)
	}
	if _, err := c.Sites().Page(t.Context(), nil, 0, ""); err == nil {
		t.Error("a deleted key works")
	}
}

func TestAppsNeedAProof(t *testing.T) {
	s := newService(t)
	for _, r := range []struct{ method, path string }{{"POST", enrol.DevicePath}, {"PUT", enrol.PushPath("dv_x")}} {
		a := s.send(r.method, r.path, `{}`)
		if p := a.problem(t); a.status != http.StatusUnauthorized || p.Code != errs.Unauthenticated {
			t.Errorf("%s %s with the API key of an admin: %d %+v", r.method, r.path, a.status, p)
		}
	}
}

// TestAppsOfAnOfficeStart has many apps behind one address say where their pushes go: they are not taken for a flood of
// enrolments, which are few.
func TestAppsOfAnOfficeStart(t *testing.T) {
	s := newService(t)
	for n := range 10 * enrolBurst {
		if a := s.send("PUT", enrol.PushPath("dv_x"), `{}`); a.status != http.StatusUnauthorized {
			t.Fatalf("app %d is answered %d", n, a.status)
		}
	}
	for range 2 * enrolBurst {
		s.send("POST", enrol.DevicePath, `{}`)
	}
	if a := s.send("POST", enrol.DevicePath, `{}`); a.status != http.StatusTooManyRequests {
		t.Errorf("an enrolment after many is answered %d", a.status)
	}
}
