package api

import (
	"fmt"
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// TestRates replaces, shows and takes away what calls by a trunk cost.
func TestRates(t *testing.T) {
	s := newService(t)
	o := s.office("Acme", "20")
	c := s.client
	c.Organization = o.org.ID
	must(c.Sites().Update(t.Context(), o.site.ID, 0, map[string]any{"country": "DE"}))(t)
	trunk := rest.NewTrunk("Company")
	trunk.Switch, trunk.Servers = o.sw.ID, []string{"192.0.2.1"}
	trunk = must(c.Trunks().Create(t.Context(), trunk))(t)
	if _, err := c.Rates(t.Context(), trunk.ID); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("rates of a trunk that has none: %v", err)
	}

	const text = "prefix,per_minute,currency,first,step\n+49,0.009,EUR,60,60\n+4930,0.006,EUR,1,1\n"
	if v := must(c.SetRates(t.Context(), trunk.ID, []byte(text)))(t); v.Rates != 2 || v.Condensed || v.Trunk != trunk.ID {
		t.Errorf("stored: %+v", v)
	}
	for number, want := range map[string]string{"030123456": "+4930 6000 60000", "+4940123456": "+49 9000 90000", "+442079460123": "none"} {
		v := must(c.RateOf(t.Context(), trunk.ID, number))(t)
		got := "none"
		if v.Rate != nil {
			got = fmt.Sprint(v.Rate.Prefix, " ", v.Minute, " ", v.TenMinutes)
		}
		if got != want {
			t.Errorf("%s costs %s, want %s", number, got, want)
		}
	}
	file := must(c.Rates(t.Context(), trunk.ID))(t)
	all, err := tariff.Read(strings.NewReader(string(file)))
	if err != nil || len(all) != 2 || all[1].Prefix != "+4930" {
		t.Errorf("the file that comes back: %v\n%s", err, file)
	}

	_, err = c.SetRates(t.Context(), trunk.ID, []byte("prefix,per_minute,currency\n+49,free,EUR\n"))
	if errs.CodeOf(err) != errs.Invalid || !strings.HasPrefix(err.Error(), `line 2, column 5: per_minute: "free"`) {
		t.Errorf("a bad file: %v", err)
	}
	if again := must(c.Rates(t.Context(), trunk.ID))(t); string(again) != string(file) {
		t.Error("a bad file changed the rates")
	}
	for what, err := range map[string]error{
		"no such trunk": c.RemoveRates(t.Context(), "tk_none"),
		"no number":     second(c.RateOf(t.Context(), trunk.ID, "x")),
	} {
		if code := errs.CodeOf(err); code != errs.NotFound && code != errs.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.RemoveRates(t.Context(), trunk.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.Rates(t.Context(), trunk.ID); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("rates that were taken away: %v", err)
	}
}

// TestLargeRates stores as many as a real carrier has.
func TestLargeRates(t *testing.T) {
	s := newService(t)
	o := s.office("Acme", "20")
	c := s.client
	c.Organization = o.org.ID
	trunk := rest.NewTrunk("Company")
	trunk.Switch, trunk.Servers = o.sw.ID, []string{"192.0.2.1"}
	trunk = must(c.Trunks().Create(t.Context(), trunk))(t)
	var b strings.Builder
	b.WriteString("prefix,per_minute,currency\n")
	for i := range 50_000 {
		fmt.Fprintf(&b, "%d,0.%04d,EUR\n", 100_000+i, i%500)
	}
	if v := must(c.SetRates(t.Context(), trunk.ID, []byte(b.String())))(t); v.Rates != 50_000 || !v.Condensed {
		t.Errorf("stored: %+v", v)
	}
	if v := must(c.RateOf(t.Context(), trunk.ID, "+149999123"))(t); v.Rate == nil || v.Rate.Prefix != "+149999" {
		t.Errorf("the last: %+v", v)
	}
}

func second[T any](_ T, err error) error { return err }
