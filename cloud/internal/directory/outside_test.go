package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/route"
	"strowger/pkg/tariff"
)

// lines is two offices with lines: Paris (FR, behind a 0) has one, each of Berlin's (DE) switches some.
func lines() store.Registry {
	g := twoOffices()
	g.Sites[0].Country, g.Sites[0].Outside = "FR", "0"
	g.Sites[1].Country = "DE"
	for i, t := range []rest.Trunk{
		{Switch: "sw_31", Order: 0, Enabled: true}, {Switch: "sw_20", Order: 2, Enabled: true},
		{Switch: "sw_30", Order: 2, Enabled: true}, {Switch: "sw_30", Order: 1, Enabled: true}, {Switch: "sw_30", Order: 0},
	} {
		t.ID = fmt.Sprint("tk_", i)
		g.Trunks = append(g.Trunks, t)
	}
	g.Users[0].Calling, g.Users[1].Calling = "national", "international"
	g.Numbers = append(g.Numbers,
		rest.Number{Meta: rest.Meta{ID: "nu_z"}, Digits: "+4930200", Dial: "+4930200", User: "us_bob"},
		rest.Number{Meta: rest.Meta{ID: "nu_y"}, Digits: "+33145000000", Dial: "+33145000000", User: "us_alice"})
	return g
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func shownLines(all []route.Line) string {
	var lines []string
	for _, l := range all {
		text := l.Switch + ":"
		for _, c := range l.Trunks {
			text += " " + c.Trunk
		}
		lines = append(lines, text)
	}
	return "[" + strings.Join(lines, ", ") + "]"
}

func TestResolveOutside(t *testing.T) {
	s := NewSnapshot(lines())
	for _, c := range []struct {
		sw, device, dialled string
		want                string // number, the first lines and those after them, number shown; or code
	}{
		{"sw_20", "dv_alice", "00145123456", "+33145123456 sw_31 [tk_0] then [sw_30: tk_3 tk_2, sw_20: tk_1] as +33145000000"},
		{"sw_30", "dv_bob1", "030123456", "+4930123456 sw_31 [tk_0] then [sw_30: tk_3 tk_2, sw_20: tk_1] as +4930200"},
		{"sw_31", "dv_carol", "030123456", "forbidden"},
		{"sw_20", "dv_alice", "000442079460123", "forbidden"},
		{"sw_30", "dv_bob1", "0033145123456", "+33145123456 sw_31 [tk_0] then [sw_30: tk_3 tk_2, sw_20: tk_1] as +4930200"},
		{"sw_30", "dv_bob1", "+33145000000", "201001"}, // one of our own
		{"sw_30", "dv_bob1", "30999", "unknown-number"},
		{"sw_20", "dv_fred", "00145123456", "forbidden"}, // may only receive
		{"sw_20", "dv_fred", "112", "112 sw_20 [tk_1] then [sw_31: tk_0, sw_30: tk_3 tk_2] as "},
		{"sw_30", "dv_alice", "112", "forbidden"}, // a phone of another switch
		{"sw_31", "dv_carol", "112", "112 sw_31 [tk_0] then [sw_30: tk_3 tk_2, sw_20: tk_1] as "},
	} {
		r, err := s.Resolve(c.sw, c.device, c.dialled, nil)
		if err == nil {
			err = s.Choose(&r, noon(), nil)
		}
		got := string(errs.CodeOf(err))
		switch {
		case err != nil:
		case !r.Outside:
			got = r.To.User[3:]
			if r.To.User == "us_alice" {
				got = "201001"
			}
		default:
			all := r.Lines
			if !r.At(all[0].Switch) {
				t.Fatal("the first switch has no line")
			}
			b := r.Phones[0]
			got = fmt.Sprint(r.To.Number, " ", r.Home, " ", b.Trunks, " then ", shownLines(r.Lines), " as ", b.Shown)
			if b.Kind != designation.Trunk || b.Number != r.To.Number {
				t.Errorf("%s: branch %+v", c.dialled, b)
			}
		}
		if got != c.want {
			t.Errorf("%s of %s: %s, want %s (%v)", c.dialled, c.device, got, c.want, err)
		}
	}
}

// TestConfirmOutside has the switch with the line ask whether the call may be made.
func TestConfirmOutside(t *testing.T) {
	s := NewSnapshot(lines())
	to := designation.Party{Number: "+4930123456"}
	if r, err := s.Confirm("sw_30", designation.Party{Device: "dv_bob1"}, to); err != nil || s.Choose(&r, noon(), nil) != nil || !r.At("sw_20") || r.Phones[0].Trunks[0] != "tk_1" || r.At("sw_20") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := s.Confirm("sw_31", designation.Party{Device: "dv_carol"}, to); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("who may not call it: %v", err)
	}
	if _, err := s.Confirm("sw_30", designation.Party{Device: "dv_bob1"}, designation.Party{Number: "nonsense"}); errs.CodeOf(err) != errs.Unknown {
		t.Errorf("what is no number: %v", err)
	}
	g := lines()
	g.Trunks = nil
	if _, err := NewSnapshot(g).Resolve("sw_30", "dv_bob1", "030123456", nil); errs.CodeOf(err) != errs.NoLine {
		t.Errorf("without lines: %v", err)
	}
}

// TestResolveTrunk has phone companies bring calls.
func TestResolveTrunk(t *testing.T) {
	s := NewSnapshot(lines())
	from := designation.Party{Number: "+4930999", Name: "Outside", User: "us_alice", Device: "dv_alice", Site: "st_x", Trunk: "tk_x"}
	for _, c := range []struct{ sw, trunk, dialled, want string }{
		{"sw_30", "tk_2", "+4930200", "us_bob"},
		{"sw_30", "tk_2", "030200", "us_bob"},
		{"sw_30", "tk_2", "4930200", "us_bob"},
		{"sw_20", "tk_1", "0145000000", "us_alice"},
		{"sw_30", "tk_2", "301001", "unknown-number"},
		{"sw_30", "tk_2", "1001", "unknown-number"},
		{"sw_30", "tk_2", "777", "unknown-number"},
		{"sw_30", "tk_2", "+442079460123", "unknown-number"},
		{"sw_30", "tk_2", "112", "unknown-number"},
		{"sw_30", "tk_2", "", "unknown-number"},
		{"sw_20", "tk_2", "+4930200", "forbidden"}, // another switch's
		{"sw_30", "tk_4", "+4930200", "forbidden"}, // disabled
		{"sw_30", "tk_9", "+4930200", "forbidden"},
	} {
		r, err := s.ResolveTrunk(c.sw, c.trunk, from, c.dialled)
		got := string(errs.CodeOf(err))
		if err == nil {
			got = r.To.User
			if want := (designation.Party{Number: "+4930999", Name: "Outside", Site: s.siteOf(c.sw), Trunk: c.trunk}); r.From != want {
				t.Errorf("from %+v", r.From)
			}
			again, err := s.Confirm(c.sw, r.From, r.To)
			if err != nil || again.To != r.To || again.Home != r.Home {
				t.Errorf("confirmed as %+v, %v", again, err)
			}
			if _, err := s.Confirm("sw_31", r.From, r.To); errs.CodeOf(err) != errs.Forbidden {
				t.Errorf("another switch brings it: %v", err)
			}
		}
		if got != c.want {
			t.Errorf("%s by %s of %s: %s, want %s (%v)", c.dialled, c.trunk, c.sw, got, c.want, err)
		}
	}
}

// TestLinesByCost has what calls cost decide, where the order leaves it open.
func TestLinesByCost(t *testing.T) {
	g := lines()
	for i := range g.Trunks {
		g.Trunks[i].Order = 0
	}
	rates := func(uk int64) *tariff.Table {
		return tariff.NewTable([]tariff.Rate{
			{Prefix: "+49", PerMinute: 10_000, First: 60, Step: 60, Currency: "EUR"}, {Prefix: "+44", PerMinute: uk, First: 60, Step: 60, Currency: "EUR"},
		})
	}
	g.Rates = map[string]*tariff.Table{"tk_0": rates(30_000), "tk_1": rates(20_000), "tk_2": rates(50_000), "tk_3": rates(40_000), "tk_gone": rates(1)}
	s := NewSnapshot(g)
	choose := func(s *Snapshot, dialled string) Route {
		r, err := s.Resolve("sw_30", "dv_bob1", dialled, nil)
		if err == nil {
			err = s.Choose(&r, noon(), func(sw string) int { return len(sw) })
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if got := shownLines(choose(s, "00442079460123").Lines); got != "[sw_20: tk_1, sw_31: tk_0, sw_30: tk_3 tk_2]" {
		t.Errorf("abroad: %s", got)
	}
	r := choose(s, "030123456")
	if got := shownLines(r.Lines); got != "[sw_30: tk_2 tk_3, sw_31: tk_0, sw_20: tk_1]" {
		t.Errorf("at one price: %s", got)
	}
	r.At("sw_30")
	if b := r.Phones[0]; !slices.Equal(b.Ranks, []int{0, 0}) || b.Rates["tk_3"].PerMinute != 10_000 || len(b.Rates) != 2 {
		t.Errorf("the branch: %+v", b)
	}
	// Only the table that was replaced is read again, and that of a trunk that went is forgotten.
	g.Trunks, g.Users, g.Devices, g.Numbers = g.Trunks[1:], nil, nil, nil
	g.Rates = map[string]*tariff.Table{"tk_1": rates(60_000)}
	s = s.edit(g, store.Change{Base: true, Rates: []string{"tk_1"}}).snapshot(2)
	if got := shownLines(choose(s, "00442079460123").Lines); got != "[sw_30: tk_3 tk_2, sw_20: tk_1]" || len(s.rates) != 3 {
		t.Errorf("after a change: %s, %d tables", got, len(s.rates))
	}
}

// TestRoutes has an admin say which trunks take which calls, and a person ask what becomes of theirs.
func TestRoutes(t *testing.T) {
	g := lines()
	g.Routes = []rest.Route{
		{Meta: rest.Meta{ID: "rt_1"}, Prefix: "+44", Trunks: []string{"tk_1", "tk_gone", "tk_3"}},
		{Meta: rest.Meta{ID: "rt_2"}, Prefix: "+44", Trunks: []string{"tk_2"}, Days: "sat,sun"},
		{Meta: rest.Meta{ID: "rt_3"}, Prefix: "+33", Trunks: []string{"tk_4"}}, // disabled
	}
	s := NewSnapshot(g)
	for _, c := range []struct {
		dialled string
		at      time.Time
		want    string // number, lines, and the last words
	}{
		{"00442079460123", noon(), "+442079460123 [tk_1 tk_3] The route of +44 (at all times) counts: its trunks only, in its order."},
		{"00442079460123", noon().AddDate(0, 0, 5), "+442079460123 [tk_2] The route of +44 (sat,sun) counts: its trunks only, in its order."},
		{"030123456", noon(), "+4930123456 [tk_0 tk_3 tk_2 tk_1] No route is for it now: every trunk may take it, by order, then cost, then nearness, then load."},
		{"0033145123456", noon(), "+33145123456 [] The call is refused: there is no line to +33145123456 now: strowger trunk list."},
		{"112", noon(), "112 [tk_3 tk_2 tk_0 tk_1] 112 is an emergency number: the nearest line takes it, whatever routes, costs and limits there are."},
		{"1001", noon(), "301001 [] 1001 is the number 301001 of bob: the call stays inside."},
		{"x", noon(), ` [] The call is refused: nobody has the number "x".`},
	} {
		v, err := s.Explain("us_bob", c.dialled, c.at, nil)
		if err != nil {
			t.Fatal(err)
		}
		var trunks []string
		for _, l := range v.Lines {
			trunks = append(trunks, l.Trunk)
		}
		if got := fmt.Sprint(v.Number, " ", trunks, " ", v.Words[len(v.Words)-1]); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.dialled, got, c.want)
		}
	}
	if _, err := s.Explain("us_nobody", "1001", noon(), nil); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("a user who is not there: %v", err)
	}
}

// Routes go by the clocks of the caller's office, on the days when they are changed too, and rates by those of the trunk's.
func TestClocks(t *testing.T) {
	g := lines()
	g.Routes = []rest.Route{{Meta: rest.Meta{ID: "rt_1"}, Prefix: "+41", Trunks: []string{"tk_1"}, Hours: "08:00-18:00"}}
	day := tariff.Window{Hours: tariff.Hours{From: 8 * 60, Until: 18 * 60}}
	g.Rates = map[string]*tariff.Table{"tk_1": tariff.NewTable([]tariff.Rate{
		{Prefix: "+41", PerMinute: 10_000, First: 60, Step: 60, Currency: "EUR"}, {Prefix: "+41", PerMinute: 90_000, First: 60, Step: 60, Currency: "EUR", When: day},
	})}
	for _, c := range []struct {
		callers, trunks string // time zones of their offices
		at              string
		byRoute, dear   bool
	}{
		{"", "", "2026-03-28T06:59:00Z", false, false}, {"", "", "2026-03-28T07:00:00Z", true, true}, {"", "", "2026-03-28T16:59:00Z", true, true},
		{"", "", "2026-03-29T06:00:00Z", true, true}, {"", "", "2026-03-29T16:00:00Z", false, false}, // summer time
		{"", "", "2026-10-24T06:00:00Z", true, true}, {"", "", "2026-10-25T06:59:00Z", false, false}, // winter time
		{"America/New_York", "", "2026-03-28T07:00:00Z", false, true}, {"", "America/New_York", "2026-03-28T07:00:00Z", true, false},
		{"America/New_York", "Asia/Tokyo", "2026-03-28T13:00:00Z", true, false},
	} {
		for i := range g.Sites {
			if g.Sites[i].TimeZone = c.trunks; g.Sites[i].ID == "st_30" {
				g.Sites[i].TimeZone = c.callers
			}
			g.Sites[i].Country = "DE"
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewSnapshot(g).Explain("us_bob", "0041441234567", at, nil)
		if err != nil {
			t.Fatal(err)
		}
		dear := slices.ContainsFunc(v.Lines, func(l rest.RouteLine) bool { return l.Trunk == "tk_1" && l.Cost == 270_000 })
		if byRoute := len(v.Lines) == 1; byRoute != c.byRoute || dear != c.dear {
			t.Errorf("%+v: by the route %t, dear %t\n%+v", c, byRoute, dear, v)
		}
	}
}
