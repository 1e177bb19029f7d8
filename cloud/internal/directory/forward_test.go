package directory

import (
	"fmt"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestDivertOutside sends calls to Bob of Berlin, who may call anybody, and to others, on to phone numbers: whoever forwards pays, shows their
// number, and goes by the lines that are nearest to them.
func TestDivertOutside(t *testing.T) {
	g := lines()
	g.Trunks[1].Number = "+33199"
	s := NewSnapshot(g)
	alice := designation.Party{User: "us_alice", Device: "dv_alice", Number: "201001", Site: "st_20"}
	caller := func(number string) designation.Party {
		return designation.Party{Number: number, Site: "st_20", Trunk: "tk_1"}
	}
	for _, c := range []struct {
		from       designation.Party
		by, number string // whose call it was
		to         string
		been       []string
		want       string
	}{
		{alice, "us_bob", "301001", "+4930123456", nil, "+4930123456 as +4930200, us_bob pays, by sw_31 0"},
		{alice, "us_bob", "301001", "030123456", nil, "+4930123456 as +4930200, us_bob pays, by sw_31 0"},
		{caller("+4940111"), "us_bob", "301001", "+442079460123", nil, "+442079460123 as +4930200, us_bob pays, by sw_31 0"},
		{caller("+4940111"), "us_bob", "301001", "0033145000000", nil, "+33145000000 of us_alice"}, // a number of ours
		{alice, "us_carol", "301002", "+4930123456", nil, "forbidden"},
		{alice, "us_alice", "201001", "000442079460123", nil, "forbidden"}, // of her own country only
		{alice, "us_bob", "301001", "112", nil, "forbidden"},
		{alice, "us_bob", "301001", "30999", nil, "unknown-number"},
		{alice, "us_bob", "301001", "+4930123456", []string{"301001", "+4930123456"}, "loop"},
		{caller("+4930123456"), "us_bob", "301001", "+4930123456", nil, "loop"},
		{caller("0130123456"), "us_bob", "301001", "+33130123456", nil, "loop"}, // as Paris has it
		{caller("+4930200"), "us_bob", "301001", "+4930123456", nil, "loop"},
		{caller("33199"), "us_bob", "301001", "+4930123456", nil, "loop"},
		{caller("anonymous"), "us_bob", "301001", "+4930123456", nil, "+4930123456 as +4930200, us_bob pays, by sw_31 0"},
	} {
		r := Route{From: c.from, To: designation.Party{User: c.by, Number: c.number}, Home: s.HomeOfUser(c.by)}
		next, err := s.Divert(r, c.to, c.been)
		if err == nil && next.Outside {
			err = s.Choose(&next, noon(), nil)
		}
		got := next.To.Number
		switch {
		case err != nil:
			got = string(errs.CodeOf(err))
		case !next.Outside:
			got += " of " + next.To.User
		default:
			got = fmt.Sprintf("%s as %s, %s pays, by %s %d", got, next.Shown, next.Payer.User, next.Lines[0].Switch, s.away(next.Lines[0].Switch, next.via, next.site())-1)
			if !next.At("sw_31") || next.Phones[0].Payer != next.Payer || next.From != c.from {
				t.Errorf("%s: the branch %+v", c.to, next.Phones)
			}
		}
		if got != c.want {
			t.Errorf("a call of %s to %s goes to %s: %s, want %s (%v)", c.from.Number, c.number, c.to, got, c.want, err)
		}
	}
}

// TestForwardedAgain makes the route of a forwarded call again, unless who forwards may not any more.
func TestForwardedAgain(t *testing.T) {
	g := lines()
	by := designation.Party{User: "us_bob", Number: "301001", Site: "st_30"}
	from, to := designation.Party{Number: "+4940111", Trunk: "tk_1", Site: "st_20"}, designation.Party{Number: "+4930123456"}
	for _, c := range []struct {
		change func(*rest.User)
		want   errs.Code
	}{
		{func(*rest.User) {}, ""}, {func(u *rest.User) { u.Calling = "internal" }, errs.Forbidden}, {func(u *rest.User) { u.Enabled = false }, errs.Disabled},
	} {
		c.change(&g.Users[1])
		r, err := NewSnapshot(g).Forwarded(by, from, to)
		if errs.CodeOf(err) != c.want || err == nil && (r.From != from || r.Payer.User != "us_bob" || r.Payer.Site != "st_30" || !r.Outside) {
			t.Errorf("%+v, %v, want %q", r, err, c.want)
		}
	}
}
