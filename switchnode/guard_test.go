package switchnode

import (
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/guard"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
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
		if err := judge(c.from, nil, guard.Users(), "DE", c.number); errs.CodeOf(err) != c.want {
			t.Errorf("%+v to %s: %v, want %q", c.from, c.number, err, c.want)
		}
	}
}

// Who is forwarded is judged as who forwards them, and by whether those forward anybody.
func TestJudgeForwards(t *testing.T) {
	own, guest, by := designation.Party{User: "us_1"}, designation.Party{Trunk: "tk_1", Number: "+4930999"}, &designation.Party{User: "us_2", Name: "Bob"}
	for _, c := range []struct {
		forwards, number string
		own, guest       errs.Code
	}{
		{guard.Everyone, "+4930123456", "", ""}, {guard.Inside, "+4930123456", "", errs.GuardOutside}, {guard.Nobody, "+4930123456", errs.GuardForward, errs.GuardForward},
		{guard.Everyone, "+499001234567", errs.GuardNumber, errs.GuardNumber}, {guard.Everyone, "+5378381234", errs.GuardCountry, errs.GuardCountry},
	} {
		r := (&guard.Policy{Forwards: &c.forwards}).Over(guard.Users())
		if err := judge(own, by, r, "DE", c.number); errs.CodeOf(err) != c.own {
			t.Errorf("forwards of %s to %s, a colleague: %v, want %q", c.forwards, c.number, err, c.own)
		}
		if err := judge(guest, by, r, "DE", c.number); errs.CodeOf(err) != c.guest {
			t.Errorf("forwards of %s to %s, somebody outside: %v, want %q", c.forwards, c.number, err, c.guest)
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

// A number that the table of a trunk leaves out costs the guards what the dearest one does, and nothing where there is no table.
func TestCosts(t *testing.T) {
	line := sitecopy.Trunk{ID: "tk_1", Rates: []tariff.Rate{{Prefix: "+49", PerMinute: 10}, {Prefix: "+53", PerMinute: 900}, {Prefix: "+44", PerMinute: 20}}}
	if got := costs(line, map[string]tariff.Rate{"tk_1": {PerMinute: 10}})(time.Minute); got != 10 {
		t.Errorf("a rate of 10 costs %d", got)
	}
	if got := costs(line, map[string]tariff.Rate{"tk_2": {PerMinute: 10}})(time.Minute); got != 900 {
		t.Errorf("without a rate a minute costs %d, want the dearest", got)
	}
	if costs(sitecopy.Trunk{ID: "tk_1"}, nil) != nil {
		t.Error("a trunk without rates has some")
	}
}
