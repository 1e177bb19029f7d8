package api

import (
	"slices"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// TestTrunkTests begins a test at the switch of a trunk, and asks how it gets on: who may only read may ask.
func TestTrunkTests(t *testing.T) {
	s := newService(t)
	o := s.office("Acme", "20")
	c := s.client
	c.Organization = o.org.ID
	line := rest.NewTrunk("Company")
	line.Switch, line.Servers = o.sw.ID, []string{"192.0.2.1"}
	line = must(c.Trunks().Create(t.Context(), line))(t)
	if r := must(c.TestTrunk(t.Context(), line.ID, rest.TrunkTrial{Number: "030123456"}))(t); r.Number != "030123456" || r.Done {
		t.Errorf("begun: %+v", r)
	}
	reader := s.as(rest.APIKey{Name: "wallboard", Role: "reader"})
	reader.Organization = o.org.ID
	if r := must(reader.TrunkTested(t.Context(), line.ID))(t); !r.Done {
		t.Errorf("read: %+v", r)
	}
	if want := []fabric.TrunkTest{{Trunk: line.ID, Begin: true, Number: "030123456", By: "root"}, {Trunk: line.ID}}; !slices.Equal(s.tested, want) {
		t.Errorf("the switch was asked for %+v, want %+v", s.tested, want)
	}
	if _, err := reader.TestTrunk(t.Context(), line.ID, rest.TrunkTrial{}); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a key that may only read begins a test: %v", err)
	}
	if _, err := c.TestTrunk(t.Context(), "tk_none", rest.TrunkTrial{}); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("a test of no trunk: %v", err)
	}
}
