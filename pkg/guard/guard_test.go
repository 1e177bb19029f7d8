package guard

import (
	"testing"

	"strowger/pkg/errs"
)

func limit(n int64) *int64 { return &n }

// What a user's policy does not say the organization's does, and then the defaults.
func TestOver(t *testing.T) {
	night := ""
	org := &Policy{Allow: []string{"+49180"}, CallsHour: limit(5), Together: limit(0)}
	r := (&Policy{Allow: []string{}, CallsDay: limit(7), Night: &night}).Over(org.Over(Users()))
	if len(r.Allow) != 0 || r.CallsHour != 5 || r.CallsDay != 7 || r.Together != NoLimit || r.Night != (Span{}) || r.CostDay != Users().CostDay {
		t.Errorf("%+v", r)
	}
	if r := (&Policy{Longest: limit(0)}).Over(Users()); r.Longest != NoLimit || Users().Share(1, 3).Longest != 12*60*60 {
		t.Errorf("the longest call: %d", r.Longest)
	}
	if r := (*Policy)(nil).Over(Trunks()); r.CallsHour != Trunks().CallsHour {
		t.Errorf("without a policy: %+v", r)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		name, number string
		policy       Policy
		want         errs.Code
	}{
		{"the own country", "+4930123456", Policy{Countries: []string{}}, ""},
		{"a usual country", "+442079460123", Policy{}, ""},
		{"no country but the own", "+442079460123", Policy{Countries: []string{}}, errs.GuardCountry},
		{"a country that is named", "+442079460123", Policy{Countries: []string{"GB"}}, ""},
		{"a country that fraud is known for", "+5378381234", Policy{}, errs.GuardCountry},
		{"the same, named", "+5378381234", Policy{Countries: []string{Usual, "CU"}}, ""},
		{"free everywhere", "+80012345678", Policy{Countries: []string{}}, ""},
		{"a dear number", "+499001234567", Policy{}, errs.GuardNumber},
		{"allowed", "+499001234567", Policy{Allow: []string{"+49900"}}, ""},
		{"denied again", "+499001234567", Policy{Allow: []string{"+49900"}, Deny: []string{"+499001"}}, errs.GuardNumber},
		{"denied, but this one", "+442079460123", Policy{Allow: []string{"+442079"}, Deny: []string{"+44"}}, ""},
		{"all are allowed", "+881612345678", Policy{Allow: []string{"+"}}, ""},
	} {
		if err := c.policy.Check(false); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := c.policy.Over(Users()).Number("DE", c.number); errs.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// All shares together are the limit, and no limit stays none.
func TestShares(t *testing.T) {
	for n := 1; n < 9; n++ {
		var all int64
		for i := range n {
			r := Rules{Together: 5, CallsHour: NoLimit}.Share(i, n)
			all += r.Together
			if r.CallsHour != NoLimit {
				t.Errorf("a share of no limit is %d", r.CallsHour)
			}
		}
		if all != 5 {
			t.Errorf("the shares of %d switches are %d", n, all)
		}
	}
}

func TestRoom(t *testing.T) {
	r := Rules{Together: 2, CallsHour: 3, CallsDay: 4, CostHour: 50, CostDay: 90}
	one := Usage{Together: 1, CallsHour: 1, CallsDay: 1, CostHour: 10, CostDay: 10}
	for _, c := range []struct {
		had  Usage
		want errs.Code
	}{
		{Usage{}, ""}, {Usage{Together: 2}, errs.GuardTogether}, {Usage{CallsHour: 3, CallsDay: 3}, errs.GuardCalls},
		{Usage{CallsDay: 4}, errs.GuardCalls}, {Usage{CostHour: 40, CostDay: 80}, ""}, {Usage{CostHour: 41}, errs.GuardCost}, {Usage{CostDay: 81}, errs.GuardCost},
	} {
		if err := r.Room("Ann", c.had, one); errs.CodeOf(err) != c.want {
			t.Errorf("%+v: %v, want %q", c.had, err, c.want)
		}
	}
	if err := r.Room("Ann", Usage{CallsHour: 9}, Usage{CostHour: 1}); err != nil {
		t.Errorf("a call that goes on: %v", err)
	}
}

func TestNight(t *testing.T) {
	r := Users()
	for minute, want := range map[int]errs.Code{0: errs.GuardNight, 359: errs.GuardNight, 360: "", 1319: "", 1320: errs.GuardNight} {
		if err := r.Abroad("Ann", Usage{AbroadHour: 3}, minute); errs.CodeOf(err) != want {
			t.Errorf("at minute %d: %v, want %q", minute, err, want)
		}
	}
	if err := r.Abroad("Ann", Usage{AbroadHour: 2}, 0); err != nil {
		t.Error(err)
	}
}

func TestUnusual(t *testing.T) {
	for _, c := range []struct {
		today int64
		usual float64
		floor int64
		want  bool
	}{{20, 0, 20, false}, {21, 0, 20, true}, {21, 9, 20, true}, {28, 16, 20, false}, {29, 16, 20, true}, {1000, 0, NoLimit, false}} {
		if got := Unusual(c.today, c.usual, c.floor); got != c.want {
			t.Errorf("%d after %v a day, from %d: %t", c.today, c.usual, c.floor, got)
		}
	}
}

func TestCheck(t *testing.T) {
	bad := "22-6"
	for _, p := range []*Policy{
		{Countries: []string{"XX"}}, {Allow: []string{"0180"}}, {Deny: []string{"+49x"}}, {CallsHour: limit(-1)}, {Longest: limit(-1)}, {Night: &bad}, {Allow: make([]string, 301)},
	} {
		if p.Check(false) == nil {
			t.Errorf("%+v passes", p)
		}
	}
	if (&Policy{Together: limit(1)}).Check(true) == nil || (&Policy{CostDay: limit(1)}).Check(true) != nil || (*Policy)(nil).Check(true) != nil {
		t.Error("of a trunk")
	}
}
