package directory

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestCopyHasWhatTheSiteNeedsAndNoMore(t *testing.T) {
	g := twoOffices()
	g.Switches[2].State = "revoked"
	face := []string{"192.0.2.7:443"}
	g.Bridges = []rest.Bridge{
		{Meta: rest.Meta{ID: "br_1"}, Name: "push", State: "enrolled", KeyHash: "key", Addresses: face, URL: "https://b.example"},
		{Meta: rest.Meta{ID: "br_2"}, State: "enrolled"}, {Meta: rest.Meta{ID: "br_3"}, State: "revoked", Addresses: face},
	}
	s := newOffice(g)
	c, err := s.copy("st_20")
	if err != nil {
		t.Fatal(err)
	}
	if c.OrgName != "Acme" || c.SiteName != "Paris" || c.SiteCode != "20" || c.Ring != 45*time.Second || len(c.Sites) != 2 {
		t.Errorf("copy %+v", c)
	}
	var devices, users, numbers []string
	for _, d := range c.Devices {
		devices = append(devices, d.ID)
	}
	for _, u := range c.Users {
		users = append(users, u.ID+" "+u.HomeSwitch)
	}
	for _, n := range c.Numbers {
		numbers = append(numbers, n.Site+" "+n.Digits)
	}
	if want := []string{"dv_alice", "dv_bob3", "dv_dora", "dv_fred", "dv_hugo"}; !slices.Equal(devices, want) {
		t.Errorf("devices %v", devices)
	}
	if want := []string{"us_alice sw_20", "us_bob sw_30", "us_dora sw_20", "us_fred sw_20", "us_hugo sw_30"}; !slices.Equal(users, want) {
		t.Errorf("users %v", users)
	}
	if want := []string{"st_20 1001", "st_20 1004", "st_20 1006", "st_20 777"}; !slices.Equal(numbers, want) {
		t.Errorf("numbers %v", numbers)
	}
	if len(c.Switches) != 1 || c.Switches[0].KeyHash != "key sw_20" || c.Switches[0].SigningKey != "signing20" || c.Switches[0].Addresses[0] != "sw_20.example:7443" {
		t.Errorf("switches %+v", c.Switches)
	}
	berlin, err := s.copy("st_30")
	if err != nil {
		t.Fatal(err)
	}
	if b := c.Bridges; len(b) != 1 || b[0].ID != "br_1" || b[0].KeyHash != "key" || b[0].URL != "https://b.example" || b[0].Addresses[0] != face[0] {
		t.Errorf("bridges %+v, want the one that was not revoked and said where it is", b)
	}
	if len(berlin.Switches) != 1 {
		t.Errorf("a revoked switch is in the copy: %+v", berlin.Switches)
	}
	system := 0
	for _, n := range berlin.Numbers {
		if n.Site == "" {
			system++ // of bob and hugo, who live here
		}
	}
	if system != 2 {
		t.Errorf("numbers %+v", berlin.Numbers)
	}
	if _, err := s.copy("st_x"); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("copy of an unknown site: %v", err)
	}
}

func TestPeerNamesHomesOnlyWhereTheyMatter(t *testing.T) {
	s := newOffice(twoOffices())
	paris, err := s.peer("st_20")
	if err != nil || paris.SiteCode != "20" || len(paris.Switches) != 1 || paris.Homes != nil {
		t.Errorf("peer %+v, %v", paris, err)
	}
	berlin, err := s.peer("st_30")
	if err != nil || len(berlin.Switches) != 2 || !maps.Equal(berlin.Homes, map[string]string{"1002": "sw_31"}) {
		t.Errorf("peer %+v, %v", berlin, err)
	}
	if _, err := s.peer("st_x"); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("peer of an unknown site: %v", err)
	}
}

// The authority gives a document a new version when its content changed: the same registry must make the same bytes.
func TestCopiesAreDeterministic(t *testing.T) {
	document := func() string {
		s := newOffice(twoOffices())
		c, err := s.copy("st_30")
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.peer("st_30")
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal([]any{c, p})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if first, second := document(), document(); first != second {
		t.Errorf("%s\nis not\n%s", first, second)
	}
}

func TestSwitchesOfASnapshot(t *testing.T) {
	s := newOffice(twoOffices())
	got, ok := s.Switch("sw_30")
	if want := (Switch{ID: "sw_30", Name: "edge sw_30", KeyHash: "key sw_30", Site: "st_30", SiteName: "Berlin", Enrolled: true}); !ok || got != want {
		t.Errorf("switch %+v", got)
	}
	if _, ok := s.Switch("sw_x"); ok {
		t.Error("found a switch that is not there")
	}
	if h := s.HomeOf("dv_carol"); h != "sw_31" {
		t.Errorf("home of a phone: %q", h)
	}
	if h := s.HomeOf("dv_x"); h != "" {
		t.Errorf("home of an unknown phone: %q", h)
	}
}
