package api

import (
	"net/netip"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestShutSources lists who is shut out, and lets them in again.
func TestShutSources(t *testing.T) {
	s := newService(t)
	o := s.office("Acme", "20")
	s.shut.source = "203.0.113.9"
	c := s.client
	c.Organization = o.org.ID
	if all := must(c.ShutSources(t.Context()))(t); len(all.Items) != 1 || all.Items[0].Source != "203.0.113.9/32" {
		t.Errorf("listed: %+v", all)
	}
	reader := s.as(rest.APIKey{Name: "wallboard", Role: "reader"})
	reader.Organization = o.org.ID
	if err := reader.Unblock(t.Context(), netip.MustParseAddr("203.0.113.9")); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a key that may only read lets in: %v", err)
	}
	if err := c.Unblock(t.Context(), netip.MustParseAddr("203.0.113.9")); err != nil || s.shut.source != "" {
		t.Errorf("let in: %v", err)
	}
	if err := c.Unblock(t.Context(), netip.MustParseAddr("203.0.113.9")); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("let in again: %v", err)
	}
	if err := c.Unblock(t.Context(), netip.Addr{}); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("no address: %v", err)
	}
}
