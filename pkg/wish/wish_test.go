package wish

import (
	"strings"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

func TestCallers(t *testing.T) {
	inside, outside := Caller{Number: "201001"}, Caller{Number: "+4930123456", Outside: true}
	extension := func(number string) string { return strings.TrimPrefix(number, "30") }
	nobody := CallerOf(designation.Party{Number: "anonymous", Trunk: "tk_1"}, extension)
	near := CallerOf(designation.Party{Number: "301004"}, extension)
	for _, c := range []struct {
		text string
		want [4]bool
	}{
		{"", [4]bool{true, true, true, true}}, {Inside, [4]bool{true, false, false, true}}, {Outside, [4]bool{false, true, true, false}}, {Withheld, [4]bool{false, false, true, false}},
		{"201001", [4]bool{true, false, false, false}}, {"20100", [4]bool{}}, {"2010*", [4]bool{true, false, false, false}}, {"+4930*", [4]bool{false, true, false, false}},
		{"1004", [4]bool{false, false, false, true}}, {"100*", [4]bool{false, false, false, true}}, {"301004", [4]bool{false, false, false, true}}, {"004", [4]bool{}},
		{"*", [4]bool{}}, {"anonymous", [4]bool{}},
	} {
		for i, caller := range []Caller{inside, outside, nobody, near} {
			if got := caller.Is(c.text); got != c.want[i] {
				t.Errorf("%+v is %q: %v", caller, c.text, got)
			}
		}
	}
}

// What comes first decides: the block list, rules, the number's hours, the forward of all calls, do not disturb, the user's hours.
func TestJudge(t *testing.T) {
	clocks := func(id string) (bool, string) { return id == "sc_open", "until Monday 09:00" }
	w := &Wishes{
		Blocked: []string{"+1900*"}, ForwardAlways: "1003", Hours: Hours{Schedule: "sc_shut", ClosedTo: "1005"},
		Rules: []Rule{
			{Caller: "+4930123456", Schedule: "sc_shut", Do: Refuse}, {Caller: "+4930123456", Schedule: "sc_shut", Closed: true, Do: Ring},
			{Caller: "+4930*", Do: Refuse, Words: "not from Berlin"}, {Caller: "+44*", Do: Forward, To: "1004"},
		},
	}
	c := Callee{Name: "Ada", Wishes: w, Number: &Hours{Schedule: "sc_open"}, Disturb: errs.New(errs.DoNotDisturb, "in a meeting")}
	judged := func(number, to string, code errs.Code, words string) {
		t.Helper()
		got, err := c.Judge(Caller{Number: number, Outside: true}, clocks)
		if got != to || errs.CodeOf(err) != code || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%s: to %q, %v (%s)", number, got, err, errs.CodeOf(err))
		}
	}
	judged("+19005550100", "", errs.Blocked, "Ada takes no calls")
	judged("+4930123456", "", "", "")
	judged("+4930123457", "", errs.Blocked, "not from Berlin")
	judged("+44207", "1004", errs.Forwarded, "")
	judged("+33", "1003", errs.Forwarded, "all calls")
	c.Number.Schedule = "sc_shut"
	judged("+33", "", errs.Closed, "Ada is closed until Monday 09:00")
	c.Number = nil
	w.ForwardAlways = ""
	judged("+33", "", errs.DoNotDisturb, "in a meeting")
	c.Disturb = nil
	judged("+33", "1005", errs.Closed, "")
	w.Schedule = "sc_open"
	judged("+33", "", "", "")
	c.Wishes = nil
	judged("+33", "", "", "")
}

func TestCheck(t *testing.T) {
	for want, w := range map[string]Wishes{
		"forward_always: \"Ada\"":   {ForwardAlways: "Ada"},
		"forward_seconds: 4":        {ForwardSeconds: 4},
		"lamp: \"dim\"":             {Lamp: "dim"},
		"blocked: \"outside\"":      {Blocked: []string{Outside}},
		"blocked: \"*\"":            {Blocked: []string{"*"}},
		"none of ring":              {Rules: []Rule{{Do: "sing"}}},
		"names the number":          {Rules: []Rule{{Do: Forward}}},
		"names no number (1002)":    {Rules: []Rule{{Do: Ring, To: "1002"}}},
		"only who is refused":       {Rules: []Rule{{Do: Ring, Words: "hello"}}},
		"name the schedule too":     {Rules: []Rule{{Do: Ring, Closed: true}}},
		"set dnd":                   {Rules: []Rule{{Do: Refuse}}},
		"two digits":                {SpeedDial: map[string]string{"7": "1002"}},
		"07 has no number":          {SpeedDial: map[string]string{"07": ""}},
		"closed_to, closed_words: ": {Hours: Hours{ClosedTo: "1002"}},
		"blocked_words: ":           {BlockedWords: "no\n"},
	} {
		if err := w.Check(); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	full := Wishes{
		ForwardAlways: "+4930123", ForwardSeconds: 20, Blocked: []string{"+49 (30) 1*", Withheld, Withheld}, SpeedDial: map[string]string{"00": "1002"},
		Rules: []Rule{{Caller: "+44 20*", Do: Ring}, {Schedule: "sc_1", Closed: true, Do: Forward, To: "1002"}}, Lamp: "private", Hours: Hours{Schedule: "sc_1"},
	}
	full.Tidy()
	if err := full.Check(); err != nil || strings.Join(full.Blocked, " ") != "+49301* withheld" || full.Rules[0].Caller != "+4420*" {
		t.Errorf("%+v: %v", full, err)
	}
}
