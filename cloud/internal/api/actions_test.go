package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestPasswords(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	if o.device.Password != "made-up" || s.fake.password(o.device.ID) != "made-up" {
		t.Fatalf("created %+v", o.device)
	}
	devices, id := s.client.Devices(), o.device.ID
	if d := must(devices.Update(t.Context(), id, 0, map[string]any{"name": "hall"}))(t); d.Password != "" {
		t.Error("a change of name shows a password")
	}
	if d := must(devices.Update(t.Context(), id, 0, map[string]any{"password": "given-by-me"}))(t); d.Password != "given-by-me" || s.fake.password(id) != "given-by-me" {
		t.Errorf("given: %+v", d)
	}
	// The digests cover the username: a new one comes with a new password.
	if d := must(devices.Update(t.Context(), id, 0, map[string]any{"username": "anna2"}))(t); d.Password != "made-up" {
		t.Errorf("renamed: %+v", d)
	}
	if d := must(s.client.SetPassword(t.Context(), id, "another"))(t); d.Password != "another" || s.fake.password(id) != "another" {
		t.Errorf("set: %+v", d)
	}
	if d := must(s.client.SetPassword(t.Context(), id, ""))(t); d.Password != "made-up" {
		t.Errorf("made: %+v", d)
	}
	if got := s.send("GET", "/api/v1/devices/"+id, ""); strings.Contains(got.body, "password") {
		t.Errorf("shown again: %s", got.body)
	}
	if strings.Contains(s.log.String(), "given-by-me") {
		t.Error("the password is in the log")
	}
}

func TestDeviceIsNotHalfMade(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	s.fake.failing = true
	d := rest.NewDevice(o.user.ID, "second")
	d.Switch, d.Username = o.sw.ID, "second"
	if _, err := s.client.Devices().Create(t.Context(), d); errs.CodeOf(err) != errs.Congested {
		t.Errorf("got %v", err)
	}
	if p := must(s.client.Devices().Page(t.Context(), rest.Filter{"username": "second"}, 0, ""))(t); len(p.Items) != 0 {
		t.Errorf("a device without a password stays: %+v", p.Items)
	}
}

func TestKindsOfDevices(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	d := rest.NewDevice(o.user.ID, "hall")
	if _, err := s.client.Devices().Create(t.Context(), d); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), "switch") {
		t.Errorf("a desk phone without a switch: %v", err)
	}
	d.Switch = o.sw.ID
	if got := must(s.client.Devices().Create(t.Context(), d))(t); got.Username == "" || got.Password == "" {
		t.Errorf("a desk phone without a username: %+v", got)
	}
	for field, d := range map[string]rest.Device{
		"username": {User: o.user.ID, Name: "app", Kind: designation.Mobile, Username: "x"},
		"password": {User: o.user.ID, Name: "app", Kind: designation.Mobile, Password: "x"},
		"switch":   {User: o.user.ID, Name: "app", Kind: designation.Web, Switch: o.sw.ID},
	} {
		if _, err := s.client.Devices().Create(t.Context(), d); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("an app with a %s: %v", field, err)
		}
	}
	app := must(s.client.Devices().Create(t.Context(), rest.Device{User: o.user.ID, Name: "app", Kind: designation.Mobile}))(t)
	if app.Password != "" {
		t.Errorf("an app has a password")
	}
	if _, err := s.client.SetPassword(t.Context(), app.ID, ""); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("an app took a password: %v", err)
	}
}

func TestEnrolmentCodeAndRevocation(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	if c := must(s.client.EnrolmentCode(t.Context(), o.sw.ID))(t); c.Switch != o.sw.ID || c.Code == "" {
		t.Errorf("code %+v", c)
	}
	for range 2 { // a second time changes nothing
		if sw := must(s.client.RevokeSwitch(t.Context(), o.sw.ID, "stolen"))(t); sw.State != "revoked" {
			t.Errorf("revoked: %+v", sw)
		}
	}
	if _, err := s.client.EnrolmentCode(t.Context(), o.sw.ID); errs.CodeOf(err) != errs.Revoked {
		t.Errorf("a code for a revoked switch: %v", err)
	}
	if p := s.send("POST", "/api/v1/switches/"+o.sw.ID+"/revoke", `{"why":"x"}`).problem(t); !strings.Contains(p.Detail, "why") {
		t.Errorf("unknown field: %+v", p)
	}
}

// TestRenewal has a switch renew its certificate, and says why where none can.
func TestRenewal(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	refused := func(want errs.Code, words string) {
		t.Helper()
		if _, err := s.client.RenewSwitch(t.Context(), o.sw.ID); errs.CodeOf(err) != want || !strings.Contains(err.Error(), words) {
			t.Errorf("got %s %v, want %s ... %s", errs.CodeOf(err), err, want, words)
		}
	}
	refused(errs.Conflict, "switch edge is new, not enrolled")
	if err := s.store.SetEnrolled(t.Context(), o.org.ID, o.sw.ID, "hash", "key", time.Now()); err != nil {
		t.Fatal(err)
	}
	if sw := must(s.client.RenewSwitch(t.Context(), o.sw.ID))(t); sw.NotAfter == nil || !sw.NotAfter.Equal(renewedUntil) {
		t.Errorf("renewed: %+v", sw)
	}
	for answer, want := range map[errs.Code]struct {
		code  errs.Code
		words string
	}{
		errs.CloudAway: {errs.Unreachable, "switch edge did not renew its certificate; it was never heard of. Start it"},
		errs.Upgrade:   {errs.Conflict, "upgrade it first"},
		errs.Congested: {errs.Congested, "the switch says congested"},
	} {
		s.fake.renewal = answer
		refused(want.code, want.words)
	}
	must(s.client.RevokeSwitch(t.Context(), o.sw.ID, "stolen"))(t)
	refused(errs.Conflict, "switch edge is revoked")
}

func TestDeletingAnEnrolledSwitchRevokesIt(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	sw := must(s.client.Switches().Create(t.Context(), rest.Switch{Name: "second", Site: o.site.ID}))(t)
	if err := s.store.SetEnrolled(t.Context(), o.org.ID, sw.ID, "hash", "key", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Switches().Delete(t.Context(), sw.ID, 0); err != nil {
		t.Fatal(err)
	}
	// One that cannot be deleted stays as it is.
	if err := s.store.SetEnrolled(t.Context(), o.org.ID, o.sw.ID, "hash2", "key", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Switches().Delete(t.Context(), o.sw.ID, 0); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("deleted while used: %v", err)
	}
	if left := must(s.client.Switches().Get(t.Context(), o.sw.ID))(t); left.State != "enrolled" {
		t.Errorf("a switch that was not deleted is %s", left.State)
	}
}

func TestEnrolment(t *testing.T) {
	s := newService(t)
	good := `{"secret":"Z29vZA==","csr":"AA==","signing_key":"AA"}`
	if a := s.send("POST", "/api/v1/enrolments", good, "Authorization", ""); a.status != http.StatusOK || !strings.Contains(a.body, `"chain":"chain"`) {
		t.Errorf("good: %+v", a)
	}
	for body, want := range map[string]errs.Code{
		`{"secret":"YmFk","csr":"AA==","signing_key":"AA"}`:               errs.Used,
		`{"csr":"AA==","signing_key":"AA"}`:                               errs.Invalid,
		`{"secret":"%%","csr":"AA==","signing_key":"AA"}`:                 errs.Invalid,
		`{"secret":"Z29vZA==","csr":"AA==","signing_key":"AA","extra":1}`: errs.Invalid,
	} {
		if p := s.send("POST", "/api/v1/enrolments", body).problem(t); p.Code != want {
			t.Errorf("%s: %+v, want %s", body, p, want)
		}
	}
	var last answer
	for range 2 * enrolBurst {
		last = s.send("POST", "/api/v1/enrolments", good)
	}
	if p := last.problem(t); last.status != http.StatusTooManyRequests || p.Code != errs.Congested {
		t.Errorf("after many: %d %+v", last.status, p)
	}
}

func TestCalls(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	start := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i, id := range []string{"ca_1", "ca_2"} {
		call := rest.Call{ID: id, Organization: o.org.ID, State: "ended", Dialled: "1001", StartedAt: start.Add(time.Duration(i) * time.Hour)}
		call.From.Number = "20100" + id[3:]
		if err := s.store.WriteLedger(t.Context(), []string{o.org.ID}, func(l store.LedgerTx) error {
			return l.PutCalls(t.Context(), []store.CallRecord{{Call: call, Events: 1}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":                                   "ca_2 ca_1",
		"?number=201001":                     "ca_1",
		"?state=ringing":                     "",
		"?since=2026-11-22T08:30:00Z":        "ca_2",
		"?until=2026-11-22T09:30:00%2B01:00": "ca_1",
		"?limit=1":                           "ca_2",
	} {
		var ids []string
		filter := rest.Filter{}
		if k, v, ok := strings.Cut(strings.TrimPrefix(query, "?"), "="); ok {
			filter[k] = strings.ReplaceAll(v, "%2B", "+")
		}
		for _, c := range must(s.client.Calls().Page(t.Context(), filter, 0, ""))(t).Items {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"state=dead", "since=yesterday", "limit=-1", "colour=red"} {
		if p := s.send("GET", "/api/v1/calls?"+query, "").problem(t); p.Code != errs.Invalid || len(p.Fields) != 1 {
			t.Errorf("%s: %+v", query, p)
		}
	}
	if p := s.send("GET", "/api/v1/calls/ca_3", "").problem(t); p.Code != errs.NotFound {
		t.Errorf("unknown call: %+v", p)
	}
}

// timed is a connection that notes the deadline for what the client sends.
type timed struct {
	*httptest.ResponseRecorder
	until time.Time
	set   int
}

func (w *timed) SetReadDeadline(until time.Time) error {
	w.until = until
	w.set++
	return nil
}

// TestOnlyBodiesHaveADeadline sends requests whose work may take longer than their bodies: no deadline is left for it.
func TestOnlyBodiesHaveADeadline(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		method, key string
		body        io.Reader
	}{
		{"GET", "", http.NoBody},
		{"POST", "", strings.NewReader(`{"name":"Acme"}`)},
		{"POST", "once", strings.NewReader(`{"name":"Umbrella"}`)},
	} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/api/v1/organizations", c.body)
		r.Header.Set("Authorization", "Bearer "+s.client.Key)
		if c.key != "" {
			r.Header.Set("Idempotency-Key", c.key)
		}
		s.api.Handler().ServeHTTP(w, r)
		if w.Code/100 != 2 || !w.until.IsZero() || c.method == "POST" && w.set < 2 {
			t.Errorf("%s %s: %d %s; the deadline was set %d times, to %v in the end", c.method, c.key, w.Code, w.Body, w.set, w.until)
		}
	}
}
