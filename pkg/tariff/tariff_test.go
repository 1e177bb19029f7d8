package tariff

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCost(t *testing.T) {
	minute := Rate{PerMinute: 60_000, First: 60, Step: 60}
	steps := Rate{Connect: 10_000, PerMinute: 12_500, First: 30, Step: 6}
	second := Rate{PerMinute: 1, First: 1, Step: 1}
	for _, c := range []struct {
		rate   Rate
		length time.Duration
		billed int64
		cost   int64
	}{
		{minute, 0, 60, 60_000},
		{minute, time.Minute, 60, 60_000},
		{minute, time.Minute + time.Millisecond, 120, 120_000},
		{steps, time.Second, 30, 16_250},
		{steps, 30*time.Second + 1, 36, 17_500},
		{steps, 36 * time.Second, 36, 17_500},
		{second, time.Second, 1, 1}, // a part of a millionth is one
		{second, 120 * time.Second, 120, 2},
		{second, -time.Hour, 1, 1},
		{Rate{}, 90 * time.Second, 90, 0},
		{Rate{PerMinute: maxAmount, First: maxSpan, Step: maxSpan}, 1 << 62, 100_000_800, 16_666_800_000_000_000},
	} {
		if b, cost := c.rate.Billed(c.length), c.rate.Cost(c.length); b != c.billed || cost != c.cost {
			t.Errorf("%v of %+v: %d s, %d, want %d s, %d", c.length, c.rate, b, cost, c.billed, c.cost)
		}
	}
}

// TestCostProperties holds for any rate: who talks longer never pays less, and no less than for the seconds themselves.
func TestCostProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount, span := rapid.Int64Range(0, maxAmount), rapid.IntRange(1, maxSpan)
		r := Rate{Connect: amount.Draw(t, "connect"), PerMinute: amount.Draw(t, "per minute"), First: span.Draw(t, "first"), Step: span.Draw(t, "step")}
		seconds := rapid.Int64Range(0, maxSeconds)
		a, b := seconds.Draw(t, "a"), seconds.Draw(t, "b")
		short, long := time.Duration(min(a, b))*time.Second, time.Duration(max(a, b))*time.Second
		if r.Cost(short) > r.Cost(long) {
			t.Errorf("%v costs %d, %v costs %d", short, r.Cost(short), long, r.Cost(long))
		}
		if got, least := r.Billed(long), max(int64(r.First), max(a, b)); got < least || got >= least+int64(r.Step) || (got-int64(r.First))%int64(r.Step) != 0 {
			t.Errorf("%v is billed as %d s in %+v", long, got, r)
		}
	})
}

func TestFind(t *testing.T) {
	monday := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day, _ := ParseWindow("", "", "mon-fri", "08:00-18:00")
	old, _ := ParseWindow("2026-01-01", "2026-10-31", "", "")
	later, _ := ParseWindow("2026-11-01", "", "", "")
	all := []Rate{
		{Prefix: "+", Connect: 1}, {Prefix: "+49", Connect: 2}, {Prefix: "+4930", Connect: 3, When: day}, {Prefix: "+4930", Connect: 4},
		{Prefix: "+44", Connect: 5, When: old}, {Prefix: "+44", Connect: 6, When: later}, {Prefix: "+44", Connect: 7},
		{Prefix: "+336", Connect: 8, When: old},
	}
	for _, c := range []struct {
		number string
		at     time.Time
		want   int64
	}{
		{"+4940123", monday, 2},
		{"+4930123", monday, 3},
		{"+4930123", monday.Add(6 * time.Hour), 4},
		{"+442079460123", monday, 6},
		{"+442079460123", monday.AddDate(0, -1, 0), 5},
		{"+442079460123", monday.AddDate(-1, 0, 0), 7},
		{"+33612345678", monday, 1}, // its rate is over
		{"+1", monday, 1},
	} {
		for _, rates := range [][]Rate{all, reversed(all)} { // their order decides nothing
			if r, ok := Find(rates, c.number, c.at); !ok || r.Connect != c.want {
				t.Errorf("%s at %v: rate %d, %v, want %d", c.number, c.at, r.Connect, ok, c.want)
			}
			if r, ok := NewTable(rates).Find(c.number, c.at); !ok || r.Connect != c.want {
				t.Errorf("%s at %v: rate %d of the table, %v, want %d", c.number, c.at, r.Connect, ok, c.want)
			}
		}
	}
	if r, ok := Find(all[1:], "+1212", monday); ok {
		t.Errorf("a number without a rate has %+v", r)
	}
}

func reversed(all []Rate) (back []Rate) {
	for _, r := range all {
		back = append([]Rate{r}, back...)
	}
	return back
}

func TestWindow(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		from, until, days, hours string
		at                       string
		want                     bool
	}{
		{"", "", "", "", "2026-11-22 00:00", true},
		{"2026-11-22", "2026-11-22", "", "", "2026-11-22 23:59", true},
		{"2026-11-22", "", "", "", "2026-11-21 23:59", false},
		{"", "2026-11-21", "", "", "2026-11-22 00:00", false},
		{"", "", "mon-fri", "", "2026-11-22 12:00", false}, // a Sunday
		{"", "", "sat-mon", "", "2026-11-22 12:00", true},
		{"", "", "SUN", "", "2026-11-22 12:00", true},
		{"", "", "", "08:00-18:00", "2026-11-22 08:00", true},
		{"", "", "", "08:00-18:00", "2026-11-22 18:00", false},
		{"", "", "", "18:00-24:00", "2026-11-22 23:59", true},
		{"", "", "", "22:00-06:00", "2026-11-22 12:00", false},
		{"", "", "fri", "22:00-06:00", "2026-11-21 05:59", true}, // the night that began on Friday
		{"", "", "fri", "22:00-06:00", "2026-11-20 05:59", false},
		{"", "", "fri", "22:00-06:00", "2026-11-20 22:00", true},
		{"2026-11-21", "", "", "22:00-06:00", "2026-11-21 05:59", false},
	} {
		w, err := ParseWindow(c.from, c.until, c.days, c.hours)
		if err != nil || w.Holds(at(c.at)) != c.want {
			t.Errorf("%v at %s: %v, %v", w, c.at, !c.want, err)
		}
		text, err := json.Marshal(w)
		var again Window
		if err := json.Unmarshal(text, &again); err != nil || again != w {
			t.Errorf("%s is read as %v: %v", text, again, err)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range [][4]string{
		{"2026-13-01"}, {"", "yesterday"}, {"2026-11-02", "2026-11-01"}, {"", "", "weekend"}, {"", "", "mon-"}, {"", "", ","},
		{"", "", "", "8-18"}, {"", "", "", "08:00"}, {"", "", "", "08:00-08:00"}, {"", "", "", "24:00-06:00"}, {"", "", "", "08:00-25:00"},
	} {
		if w, err := ParseWindow(c[0], c[1], c[2], c[3]); err == nil {
			t.Errorf("%q is the window %v", c, w)
		}
	}
	for text, want := range map[string]string{"sun,sat": "sat,sun", "mon,tue,wed,fri": "mon-wed,fri", "fri-mon": "mon,fri-sun", "mon-sun": ""} {
		var d Days
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s is %q: %v", text, d, err)
		}
	}
	w, _ := ParseWindow("2026-11-01", "2026-11-30", "mon-fri", "22:00-06:00")
	if got := w.String(); got != "from 2026-11-01 until 2026-11-30 mon-fri 22:00-06:00" || w.week() != 5*8*60 {
		t.Errorf("%q, %d minutes", got, w.week())
	}
}

func TestAmount(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "0.0125": 12_500, "12": 12_000_000, "0.000001": 1, "10000": maxAmount, "0.50": 500_000} {
		if v, err := ParseAmount(text); err != nil || v != want {
			t.Errorf("%s: %d, %v", text, v, err)
		}
	}
	for _, text := range []string{"", ".5", "5.", "-1", "0,0125", "1e3", "0.0000001", "10000.1", "1_0", " 1", "0.-5", "99999999999"} {
		if v, err := ParseAmount(text); err == nil {
			t.Errorf("%q is %d", text, v)
		}
	}
	for v, want := range map[int64]string{0: "0.00", 12_500: "0.0125", 12_500_000: "12.50", -1: "-0.000001", -3_000_000: "-3.00", 100_000: "0.10"} {
		if got := Amount(v); got != want {
			t.Errorf("%d is %s, want %s", v, got, want)
		}
	}
}
