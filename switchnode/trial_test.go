package switchnode

import (
	"testing"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// TestTestable has tests call phone numbers, and nobody who comes when called.
func TestTestable(t *testing.T) {
	germany := e164.Plan{Country: "DE", Outside: "0", Help: []string{"777"}}
	for _, c := range []struct {
		plan          e164.Plan
		dialled, want string
		code          errs.Code
	}{
		{germany, "0030 123456", "+4930123456", ""},
		{germany, "+44 20 7946 0123", "+442079460123", ""},
		{e164.Plan{}, "+4930123456", "+4930123456", ""},
		{germany, "112", "", errs.Forbidden},
		{germany, "0110", "", errs.Forbidden},
		{germany, "+49110", "", errs.Forbidden},
		{germany, "777", "", errs.Forbidden},
		{e164.Plan{Country: "US"}, "+1911", "", errs.Forbidden},
		{germany, e164.SOS, "", errs.Forbidden},
		{e164.Plan{}, "911", "", errs.Invalid},
		{e164.Plan{}, "+112", "", errs.Invalid},
		{germany, "201001", "", errs.Invalid},
		{germany, "sip:x@y", "", errs.Invalid},
	} {
		got, err := testable(c.plan, c.dialled)
		if got != c.want || errs.CodeOf(err) != c.code {
			t.Errorf("%q in %q: %q, %v; want %q, %q", c.dialled, c.plan.Country, got, err, c.want, c.code)
		}
	}
}
