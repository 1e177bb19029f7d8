package fabric

import (
	"slices"
	"testing"
)

func TestSubjects(t *testing.T) {
	for want, got := range map[string]string{
		"o.org_a.sw.sw_1.admit":       SubjectAdmit("org_a", "sw_1"),
		"o.org_a.sw.sw_1.plan":        SubjectPlan("org_a", "sw_1"),
		"o.org_a.sw.sw_1.renew":       SubjectRenew("org_a", "sw_1"),
		"o.org_a.sw.sw_1.revocations": SubjectRevocations("org_a", "sw_1"),
		"o.org_a.lease.sw_1":          SubjectLease("org_a", "sw_1"),
		"o.org_a.ledger.sw_1":         SubjectLedger("org_a", "sw_1"),
		"o.org_a.copy.st_1":           SubjectCopy("org_a", "st_1"),
		"o.org_a.peer.st_1":           SubjectPeer("org_a", "st_1"),
		"o.org_a.node.sw_1.offer":     SubjectOffer("org_a", "sw_1"),
		"o.org_a.node.sw_1.control":   SubjectControl("org_a", "sw_1"),
		"o.org_a.node.sw_1.changed":   SubjectChanged("org_a", "sw_1"),
		"o.org_a.revoke":              SubjectRevoke("org_a"),
		"o.org_a.br.br_1.renew":       SubjectBridgeRenew("org_a", "br_1"),
		"o.org_a.br.br_1.keys":        SubjectKeys("org_a", "br_1"),
		"o.org_a.node.br_1.bye":       SubjectBye("org_a", "br_1"),
	} {
		if got != want {
			t.Errorf("subject %q, want %q", got, want)
		}
		s, err := ParseSubject(got)
		if err != nil || s.String() != got || s.Org != "org_a" {
			t.Errorf("%q was read as %+v (%v)", got, s, err)
		}
	}
	if got := SubjectAdmit(Any, Any); got != "o.*.sw.*.admit" {
		t.Errorf("pattern %q", got)
	}
}

func TestParseSubjectRefuses(t *testing.T) {
	for _, s := range []string{"", "o", "o.org_a", "x.org_a.revoke", "o.org_a.sw.sw_1.admit.more", "o..revoke", "o.*.revoke",
		"o.org_a.>", "o.org_a.sw.sw 1.admit", "$SYS.REQ.USER.AUTH"} {
		if got, err := ParseSubject(s); err == nil {
			t.Errorf("%q was read as %+v", s, got)
		}
	}
}

func TestMayAnswerTo(t *testing.T) {
	mayAsk := func(s Subject, node string) bool { return s.Org == "org_a" && node == "sw_1" }
	for _, c := range []struct {
		subject, inbox string
		want           bool
	}{
		{SubjectAdmit("org_a", "sw_1"), "_INBOX_sw_1.x.y", true},
		{SubjectAdmit("org_a", "sw_1"), "_INBOX_sw_2.x.y", false},
		{SubjectAdmit("org_a", "sw_1"), "_INBOX_sw_1", false},
		{SubjectAdmit("org_a", "sw_1"), "_INBOX_sw_11.x", false},
		{SubjectLease("org_a", "sw_1"), SubjectControl("org_a", "sw_2"), false},
		{SubjectLedger("org_a", "sw_1"), "_INBOX_sw_1.x.y", true},
		{SubjectWake("org_a", "sw_1"), "_INBOX_sw_1.x.y", true},
		{SubjectWake("org_a", "sw_1"), "_INBOX_sw_2.x.y", false},
		{SubjectTargets("org_a", "br_1"), "_INBOX_br_2.x.y", false},
		{SubjectCopy("org_a", "st_1"), "_INBOX_sw_1.x.y", true}, // the subject does not name its sender
		{SubjectCopy("org_a", "st_1"), SubjectControl("org_a", "sw_2"), false},
		{SubjectCopy("org_a", "st_1"), "_INBOX_sw_2.x.y", false},
		{SubjectPeer("org_a", "st_1"), "_INBOX_sw_1.x", true},
		{SubjectPeer("org_b", "st_1"), "_INBOX_sw_1.x", false},
		{SubjectPeer("org_a", "st_1"), "_INBOX_.x", false},
	} {
		s, err := ParseSubject(c.subject)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.mayAnswerTo(c.inbox, mayAsk); got != c.want {
			t.Errorf("the answer on %s may go to %s: %v, want %v", c.subject, c.inbox, got, c.want)
		}
	}
	if s := (Subject{Org: "org_a", Family: familyNode, ID: "sw_1"}); !s.mayAnswerTo("_INBOX_cl_1.x", nil) {
		t.Error("a node does not answer the cloud")
	}
}

func TestSwitchPermissions(t *testing.T) {
	p := SwitchPermissions("org_a", "sw_1", "st_1")
	publish := []string{"o.org_a.sw.sw_1.>", "o.org_a.lease.sw_1", "o.org_a.ledger.sw_1", "o.org_a.copy.st_1", "o.org_a.peer.*", "o.org_a.push.sw_1.>"}
	if !slices.Equal(p.Publish, publish) {
		t.Errorf("publish %q, want %q", p.Publish, publish)
	}
	subscribe := []string{"o.org_a.node.sw_1.>", "o.org_a.revoke", "_INBOX_sw_1.>"}
	if !slices.Equal(p.Subscribe, subscribe) {
		t.Errorf("subscribe %q, want %q", p.Subscribe, subscribe)
	}
}

func TestBridgePermissions(t *testing.T) {
	p := BridgePermissions("org_a", "br_1")
	publish := []string{"o.org_a.br.br_1.>", "o.org_a.br.*.down", "o.org_a.node.*.dev", "o.org_a.lease.br_1"}
	if !slices.Equal(p.Publish, publish) {
		t.Errorf("publish %q, want %q", p.Publish, publish)
	}
	subscribe := []string{"o.org_a.push.*.>", "o.org_a.node.br_1.>", "o.org_a.br.br_1.down", "o.org_a.revoke", "_INBOX_br_1.>"}
	if !slices.Equal(p.Subscribe, subscribe) {
		t.Errorf("subscribe %q, want %q", p.Subscribe, subscribe)
	}
}
