package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/e164"
	"strowger/pkg/rest"
)

// TestEmergency has people call for help whom every rule forbids to call: the lines of their own office are tried before that of
// another one, whatever a phone company says, with the cloud and without it.
func TestEmergency(t *testing.T) {
	t.Parallel()
	w := alone(t)
	near, spare, far := carrier(t, nil), carrier(t, nil), carrier(t, nil)
	w.trunk(t, 0, rest.Trunk{Name: "Near", Enabled: true, Weight: 1, Number: "+4930100"}, near)
	w.trunk(t, 0, rest.Trunk{Name: "Spare", Enabled: true, Weight: 1, Order: 1}, spare)
	w.trunk(t, 1, rest.NewTrunk("Far"), far)
	posts := make(chan rest.Alert, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var a rest.Alert
		if json.NewDecoder(r.Body).Decode(&a) == nil {
			posts <- a
		}
	}))
	t.Cleanup(hook.Close)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{
		"emergency": []string{"777"}, "location": "Hauptstrasse 1", "emergency_contacts": []string{"Eve"}, "alert_url": hook.URL,
	})
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "none", "enabled": false})
	w.settle(t)

	help := func(dialled, number string, by *phone.Phone) {
		t.Helper()
		out, in := ring(t, from, dialled, by)
		if in.Dialled != number || in.From != "+4930100" {
			t.Errorf("%s calls %s, and %s can be called back", dialled, in.Dialled, in.From)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
	}
	for i, without := range []func(){func() {}, w.StopCloud} {
		without()
		near.Refuse(0)
		spare.Refuse(0)
		help("0112", "112", near)
		help(e164.SOS+".fire", "777", near) // the office's own number comes first
		near.Refuse(404)                    // whatever that means
		help("777", "777", spare)
		spare.Refuse(603)
		help("110", "110", far)
		if e := over(t, dial(t, from, "0030123456")); i == 0 && e.Code != 403 {
			t.Errorf("who is switched off calls a phone number: %d %q", e.Code, e.Words)
		}
	}
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // and those without the cloud, later
		select {
		case a := <-posts:
			if a.Kind != "emergency" || a.Subject != ann.user.ID || a.Contacts[0] != "Eve" || !strings.Contains(a.Words, "Ann (") || !strings.Contains(a.Words, "from Hauptstrasse 1") {
				t.Errorf("posted: %+v", a)
			}
			change(t, w.Client.Alerts(), a.ID, map[string]any{"dismissed": true})
		case <-soon(t).Done():
			t.Fatal("an emergency call was not told of")
		}
	}
	far.Refuse(503)
	if e := over(t, dial(t, from, "112")); e.Code != 503 {
		t.Errorf("without any line: %d %q", e.Code, e.Words)
	}
}
