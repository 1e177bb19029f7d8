package integration

import (
	"fmt"
	"slices"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// TestTrunkCosts has calls go by the trunk that costs least, and what they cost on record for good: not what the table says later.
func TestTrunkCosts(t *testing.T) {
	t.Parallel()
	w := alone(t)
	change(t, w.Client.Organizations(), w.Client.Organization, map[string]any{"guard": map[string]any{"night": ""}}) // this is tested at night as well
	near, far := carrier(t, nil), carrier(t, nil)
	dear, cheap := w.trunk(t, 0, rest.NewTrunk("Dear"), near), w.trunk(t, 1, rest.NewTrunk("Cheap"), far)
	price := func(line rest.Trunk, file string) {
		t.Helper()
		if _, err := w.Client.SetRates(soon(t), line.ID, []byte("prefix,per_minute,currency,first,step\n"+file)); err != nil {
			t.Fatal(err)
		}
	}
	price(dear, "+49,0.01,EUR,60,60\n+44,0.09,EUR,60,60\n")
	price(cheap, "+49,0.01,EUR,60,60\n+44,0.02,EUR,60,60\n")
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "international"})
	w.settle(t)

	calls := 0 // on record
	record := func(nodes int) rest.Call {
		t.Helper()
		calls++
		until(t, func() string {
			page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": ann.user.ID}, calls, "")
			if err != nil || len(page.Items) < calls {
				return fmt.Sprintf("%d of %d calls are on record: %v", len(page.Items), calls, err)
			}
			return ""
		})
		return w.record(t, ann.user, nodes)
	}
	call := func(number string, company *phone.Phone, nodes int) rest.Call {
		t.Helper()
		out, in := ring(t, from, number, company)
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
		return record(nodes)
	}
	r := call("0030123456", near, 1)
	if l := r.Line; l == nil || l.Trunk != dear.ID || l.Name != "Dear" || l.Number != "+4930123456" || l.SIP != 200 || l.Seconds != 60 || l.Cost != 10_000 || l.Rate.Prefix != "+49" {
		t.Errorf("at one price the near one takes the call: %+v", l)
	}
	r = call("000442079460123", far, 2)
	if l := r.Line; l == nil || l.Trunk != cheap.ID || l.Cost != 20_000 {
		t.Errorf("the cheap one takes the call: %+v", l)
	}
	price(cheap, "+44,5,EUR,60,60\n")
	w.settle(t)
	if again, err := w.Client.Calls().Get(soon(t), r.ID); err != nil || again.Line.Cost != 20_000 {
		t.Errorf("a new table changed what a call cost: %+v, %v", again.Line, err)
	}
	near.Refuse(503)
	if r = call("000442079460123", far, 2); r.Line == nil || r.Line.Trunk != cheap.ID || r.Line.Cost != 5_000_000 {
		t.Errorf("without the cheap one: %+v", r.Line)
	}
	near.Refuse(404)
	if e := over(t, dial(t, from, "0030123456")); e.Code != 404 {
		t.Errorf("a wrong number: %d %q", e.Code, e.Words)
	}
	if l := record(1).Line; l == nil || l.Trunk != dear.ID || l.SIP != 404 || l.Rate != nil || l.Cost != 0 {
		t.Errorf("a call that the company refused: %+v", l)
	}

	for by, want := range map[string][]rest.ReportRow{
		"trunk": {
			{Key: dear.ID, Name: "Dear", Calls: 1},
			{Key: cheap.ID, Name: "Cheap", Currency: "EUR", Calls: 2, Answered: 2, Seconds: 120, Cost: 5_020_000},
			{Key: dear.ID, Name: "Dear", Currency: "EUR", Calls: 1, Answered: 1, Seconds: 60, Cost: 10_000},
		},
		"user": {{Key: ann.user.ID, Name: ann.user.Name, Calls: 1}, {Key: ann.user.ID, Name: ann.user.Name, Currency: "EUR", Calls: 3, Answered: 3, Seconds: 180, Cost: 5_030_000}},
	} {
		got, err := w.Client.CallReport(soon(t), by, "", "", "")
		byKey := func(a, b rest.ReportRow) int {
			return slices.Compare([]string{a.Currency, a.Name}, []string{b.Currency, b.Name})
		}
		slices.SortFunc(got.Rows, byKey)
		if err != nil || !slices.Equal(got.Rows, want) {
			t.Errorf("by %s: %v\n%+v, want\n%+v", by, err, got.Rows, want)
		}
	}
}
