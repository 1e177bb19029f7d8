package switchnode

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/guard"
)

// A call of somebody outside leaves by no line, whoever sends it there and however cheap it is.
func TestJudge(t *testing.T) {
	own, guest := designation.Party{User: "us_1"}, designation.Party{Trunk: "tk_1", Number: "+4930999"}
	for _, c := range []struct {
		from   designation.Party
		number string
		want   errs.Code
	}{
		{own, "+4930123456", ""}, {guest, "+4930123456", errs.GuardOutside}, {guest, "+498001234567", errs.GuardOutside},
		{own, "+499001234567", errs.GuardNumber}, {own, "+5378381234", errs.GuardCountry},
	} {
		if err := judge(c.from, guard.Users(), "DE", c.number); errs.CodeOf(err) != c.want {
			t.Errorf("%+v to %s: %v, want %q", c.from, c.number, err, c.want)
		}
	}
}

// The longest number that a site may have for help is not judged; a phone number is, whatever is said of it.
func TestNumbersForHelp(t *testing.T) {
	for _, c := range []struct {
		number    string
		emergency bool
		want      bool
	}{
		{"112", false, true}, {"19222", true, true}, {"01922233", true, true}, {"01922233", false, false},
		{"019001234", true, false}, {"+4911833", true, false},
	} {
		if forHelp(c.number, c.emergency) != c.want {
			t.Errorf("%s, emergency %v: %v", c.number, c.emergency, !c.want)
		}
	}
}
