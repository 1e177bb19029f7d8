package schedule

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/errs"
)

func office() Schedule {
	return Schedule{
		Zone: "Europe/Berlin", Weekly: []Opening{{"mon-fri", "09:00-12:30"}, {"mon-thu", "13:30-18:00"}, {"sat", "22:00-04:00"}},
		Holidays: []Holiday{{Date: "12-25"}, {Date: "2026-12-24", Hours: "09:00-12:00"}},
	}
}

func clock(t *testing.T, s Schedule) *Clock {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpen(t *testing.T) {
	c := clock(t, office())
	for at, want := range map[string]bool{
		"2026-11-23T08:59:59+01:00": false, "2026-11-23T09:00:00+01:00": true, "2026-11-23T12:30:00+01:00": false,
		"2026-11-27T14:00:00+01:00": false, // a Friday
		"2026-11-28T23:00:00+01:00": true, "2026-11-29T03:59:00+01:00": true, "2026-11-29T04:00:00+01:00": false,
		"2026-12-24T10:00:00+01:00": true, "2026-12-24T14:00:00+01:00": false, "2026-12-25T10:00:00+01:00": false,
		"2027-12-24T10:00:00+01:00": true, "2028-12-25T10:00:00+01:00": false,
		// Clocks go from 2 to 3 on 29 March: it is 03:30 half an hour after 01:59. On 25 October it is 02:30 twice.
		"2026-03-29T00:59:59Z": true, "2026-03-29T01:30:00Z": true, "2026-03-29T02:00:00Z": false,
		"2026-10-25T00:30:00Z": true, "2026-10-25T01:30:00Z": true, "2026-10-25T02:59:00Z": true, "2026-10-25T03:00:00Z": false,
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Open(moment); got != want {
			t.Errorf("%s: open is %v", at, got)
		}
	}
	s := office()
	for override, want := range map[string]bool{Open: true, Closed: false} {
		s.Override = override
		if got := clock(t, s).Open(time.Unix(0, 0)); got != want {
			t.Errorf("overridden to be %s: open is %v", override, got)
		}
	}
}

func TestWords(t *testing.T) {
	c := clock(t, office())
	for at, want := range map[string]string{
		"2026-11-22T12:00:00+01:00": "until Monday 09:00", "2026-12-25T12:00:00+01:00": "until Saturday 22:00",
	} {
		moment, _ := time.Parse(time.RFC3339, at)
		if got := c.Words(moment); got != want {
			t.Errorf("%s: closed %q, want %q", at, got, want)
		}
	}
}

func TestWrongSchedules(t *testing.T) {
	for want, change := range map[string]func(*Schedule){
		"no zone":                         func(s *Schedule) { s.Zone = "Europe/Bonn" },
		"neither open":                    func(s *Schedule) { s.Override = "ajar" },
		"overlap on Thursday at 17:00":    func(s *Schedule) { s.Weekly = append(s.Weekly, Opening{"thu", "17:00-19:00"}) },
		"overlap on Monday at 00:00":      func(s *Schedule) { s.Weekly = []Opening{{"sun", "20:00-02:00"}, {"mon", ""}} },
		"nothing is open":                 func(s *Schedule) { s.Weekly = nil },
		"no hours":                        func(s *Schedule) { s.Weekly = []Opening{{"mon", "9-5"}} },
		"no days":                         func(s *Schedule) { s.Weekly = []Opening{{"Montag", "09:00-17:00"}} },
		"no date":                         func(s *Schedule) { s.Holidays = []Holiday{{Date: "25.12."}} },
		"twice":                           func(s *Schedule) { s.Holidays = []Holiday{{Date: "12-25"}, {Date: "12-25"}} },
		"holidays: 12-25: \"noon\" is no": func(s *Schedule) { s.Holidays = []Holiday{{Date: "12-25", Hours: "noon"}} },
	} {
		s := office()
		change(&s)
		if _, err := New(s); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// zones have changes of their clocks at midnight, by half an hour, and none.
func zones() []string {
	return []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kolkata", "UTC"}
}

// drawSchedule draws one hour of some days, which may go past midnight, and a holiday.
func drawSchedule(t *rapid.T) Schedule {
	day := rapid.SampledFrom([]string{"", "mon-fri", "sun", "sat,sun", "sun-wed"})
	text := func(name string) string {
		from := rapid.IntRange(0, 95).Draw(t, name) * 15
		until := (from + rapid.IntRange(1, 95).Draw(t, name+" lasts")*15) % minutesOfDay
		return time.Unix(int64(from)*60, 0).UTC().Format("15:04") + "-" + time.Unix(int64(until)*60, 0).UTC().Format("15:04")
	}
	return Schedule{
		Zone: rapid.SampledFrom(zones()).Draw(t, "zone"), Weekly: []Opening{{day.Draw(t, "days"), text("hours")}},
		Holidays: []Holiday{{Date: rapid.SampledFrom([]string{"2026-03-29", "10-25", "2026-11-01", "03-08"}).Draw(t, "holiday"), Hours: text("open")}},
	}
}

// Next is the first minute at which Open says another thing, around the days on which clocks change too.
func TestNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := New(drawSchedule(t))
		if errs.CodeOf(err) == errs.Invalid { // hours that meet themselves
			t.Skip(err)
		}
		days := []string{"2026-03-28", "2026-10-24", "2026-10-31", "2026-03-07", "2026-04-04", "2026-04-23", "2026-09-05", "2026-07-15"}
		begin, _ := time.Parse(time.DateOnly, rapid.SampledFrom(days).Draw(t, "day"))
		at := begin.Add(time.Duration(rapid.IntRange(-12*60, 36*60).Draw(t, "minute")) * time.Minute)
		want := at.Add(time.Minute)
		for c.Open(want) == c.Open(at) && want.Sub(at) < 9*24*time.Hour {
			want = want.Add(time.Minute)
		}
		next, ok := c.Next(at)
		if c.Open(want) == c.Open(at) {
			if ok && next.Before(want) {
				t.Fatalf("at %v it does not change until %v, Next says %v", at, want, next)
			}
			return
		}
		if !ok || !next.Equal(want) {
			t.Fatalf("at %v (open: %v) it changes at %v, Next says %v, %v", at, c.Open(at), want, next.UTC(), ok)
		}
	})
}

func FuzzNew(f *testing.F) {
	f.Add("mon-fri", "09:00-17:30", "2026-12-25", "", "Europe/Berlin")
	f.Add("sat,sun", "22:00-06:00", "12-25", "10:00-12:00", "UTC")
	f.Fuzz(func(t *testing.T, days, hours, date, open, zone string) {
		c, err := New(Schedule{Zone: zone, Weekly: []Opening{{days, hours}}, Holidays: []Holiday{{Date: date, Hours: open}}})
		if err != nil {
			return
		}
		now := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
		if next, ok := c.Next(now); ok && c.Open(next) == c.Open(now) {
			t.Errorf("it does not change at %v", next)
		}
	})
}
