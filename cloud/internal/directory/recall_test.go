package directory

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// TestRecall finds the way back to who waits: the phone or app that they called from, or their number by the trunk that they came by.
func TestRecall(t *testing.T) {
	s := NewSnapshot(lines())
	alice := designation.Party{User: "us_alice", Number: "+33145000000", Name: "Call back: Alice"} // may call in her country
	bob := designation.Party{User: "us_bob", Number: "+4930200", Name: "Call back: Bob"}           // may call anywhere
	outside := func(number, trunk string) designation.Party { return designation.Party{Number: number, Trunk: trunk} }
	for name, c := range map[string]struct {
		caller, callee designation.Party
		home           string
		want           errs.Code
	}{
		"a phone":          {designation.Party{User: "us_bob", Device: "dv_bob1"}, alice, "sw_30", ""},
		"no phone":         {designation.Party{User: "us_bob", Device: "dv_none"}, alice, "", errs.Gone},
		"own country":      {outside("+33145123456", "tk_1"), alice, "sw_20", ""},
		"abroad":           {outside("+442079460123", "tk_1"), alice, "", errs.Forbidden},
		"abroad, may":      {outside("+442079460123", "tk_2"), bob, "sw_30", ""},
		"no number":        {outside("anonymous", "tk_1"), alice, "", errs.Forbidden},
		"a disabled trunk": {outside("+4930123456", "tk_4"), bob, "", errs.NoLine},
	} {
		r, err := s.Recall(Route{From: c.caller, To: c.callee})
		if errs.CodeOf(err) != c.want || err == nil && r.Home != c.home {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if err != nil {
			continue
		}
		if r.From != c.callee || r.To != c.caller || len(r.Phones)+len(r.Apps) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
		if b := r.Phones[0]; b.Kind == designation.Trunk && (b.Number != c.caller.Number || b.Shown != c.callee.Number || len(b.Trunks) != 1 || b.Trunks[0] != c.caller.Trunk) {
			t.Errorf("%s: leaves by %+v", name, b)
		}
	}
}
