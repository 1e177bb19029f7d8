package directory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

func TestEmergencyApps(t *testing.T) {
	g := twoOffices()
	for _, name := range []string{"alice", "bob", "bob", "dora", "ivan"} {
		d := rest.Device{Meta: rest.Meta{ID: fmt.Sprint("dv_", len(g.Devices))}, User: "us_" + name, Kind: designation.Mobile, Enabled: name != "ivan"}
		d.Thumbprint, d.SealKey, d.EnrolledAt = "print of "+name, "key of "+name, new(time.Time)
		g.Devices = append(g.Devices, d)
	}
	for contacts, want := range map[string]string{
		"alice":                         "alice",
		"us_bob":                        "bob bob",
		"301001, reception@example.com": "bob bob",
		" alice ,bob,777":               "alice bob bob",
		"erik":                          "", // has not enrolled
		"dora":                          "", // switched off
		"ivan":                          "", // and so is his app
		"Alice":                         "",
		"":                              "",
	} {
		g.Sites[0].EmergencyContacts = []string{contacts}
		var got []string
		for _, a := range NewSnapshot(g).EmergencyApps("st_20") {
			got = append(got, strings.TrimPrefix(a.Thumbprint, "print of "))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", contacts, s, want)
		}
	}
	s := NewSnapshot(g)
	if all := s.EmergencyApps("st_none"); len(all) != 0 {
		t.Errorf("of no site: %v", all)
	}
	if p := s.PartyOf("us_alice", "st_20"); p.Number != "201001" || p.Name != "alice" || s.PartyOf("us_none", "st_20") != (designation.Party{}) {
		t.Errorf("%+v", p)
	}
}
