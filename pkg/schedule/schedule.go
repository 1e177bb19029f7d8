// Package schedule is when a number, a user or a queue is called: weekly hours, holidays, and an override, by the clocks of a zone.
// The registry keeps schedules, site copies carry them, and cloud and switch judge by the same Clock.
//
// What counts is what the clocks of the zone show: hours that clocks skip in spring are not there, those that they show twice in
// autumn count twice. Hours that end before they begin go past midnight, and belong to the day on which they began: a holiday
// closes what begins on its day, and no more.
//
// Fields are only ever added. Capability 1 (2026-11).
package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/tariff"
)

// What a schedule is overridden to be. "" goes by the clock.
const (
	Open   = "open"
	Closed = "closed"
)

// Limits of a schedule.
const (
	MaxWeekly   = 50
	MaxHolidays = 400
)

// Schedule is as it is written.
type Schedule struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Zone     string    `json:"zone"` // IANA
	Weekly   []Opening `json:"weekly,omitempty"`
	Holidays []Holiday `json:"holidays,omitempty"`
	Override string    `json:"override,omitempty"` // Open, Closed, or ""
	Users    []string  `json:"users,omitempty"`    // ids of those who may override it by phone
}

// Opening is some days of each week and the hours in which they are open.
type Opening struct {
	Days  string `json:"days,omitempty" maxLength:"40" doc:"mon-fri or sat,sun; empty: all days"`
	Hours string `json:"hours,omitempty" maxLength:"11" doc:"09:00-17:30; 22:00-06:00 goes past midnight; empty: the whole day"`
}

// Holiday is a day that is not as its weekday.
type Holiday struct {
	Date string `json:"date" maxLength:"10" doc:"2026-12-25, or 12-25 for that of every year"`
	// Hours are when it is open all the same; empty: never.
	Hours string `json:"hours,omitempty" maxLength:"11" doc:"When it is open all the same, 10:00-14:00; empty: never"`
	Name  string `json:"name,omitempty" maxLength:"60" doc:"For people"`
}

// Clock judges moments by a schedule.
type Clock struct {
	zone     *time.Location
	weekly   [7][]span         // by time.Weekday
	holidays map[string][]span // by date, with the year or without
	override string
}

// span is minutes of a day: from is in it, until is not; one that ends before it begins goes past midnight.
type span struct{ from, until int }

const minutesOfDay = 24 * 60

func (s span) past() bool { return s.until <= s.from }

// spanOf reads hours; none are the whole day.
func spanOf(text string) (span, error) {
	var h tariff.Hours
	if err := h.UnmarshalText([]byte(text)); err != nil {
		return span{}, err
	}
	if h == (tariff.Hours{}) {
		return span{0, minutesOfDay}, nil
	}
	return span{h.From, h.Until}, nil
}

// New reads a schedule; errs.Invalid says what is wrong with it.
func New(s Schedule) (*Clock, error) {
	c := &Clock{override: s.Override, holidays: make(map[string][]span)}
	switch {
	case s.Override != "" && s.Override != Open && s.Override != Closed:
		return nil, errs.New(errs.Invalid, "override: %q is neither open nor closed; empty goes by the clock", s.Override)
	case !e164.ZoneKnown(s.Zone):
		return nil, errs.New(errs.Invalid, "time_zone: there is no zone %q; want a name as Europe/Berlin", s.Zone)
	case len(s.Weekly) > MaxWeekly || len(s.Holidays) > MaxHolidays:
		return nil, errs.New(errs.Invalid, "weekly, holidays: %d and %d, at most %d and %d are allowed", len(s.Weekly), len(s.Holidays), MaxWeekly, MaxHolidays)
	}
	c.zone = e164.Zone(s.Zone, "")
	for _, o := range s.Weekly {
		if err := c.addWeekly(o); err != nil {
			return nil, err
		}
	}
	if err := c.apart(); err != nil {
		return nil, err
	}
	for _, h := range s.Holidays {
		if err := c.addHoliday(h); err != nil {
			return nil, err
		}
	}
	if len(s.Weekly) == 0 {
		return nil, errs.New(errs.Invalid, "weekly: nothing is open on any day; name some hours, and override closed where nobody is to be called")
	}
	return c, nil
}

func (c *Clock) addWeekly(o Opening) error {
	var days tariff.Days
	if err := days.UnmarshalText([]byte(o.Days)); err != nil {
		return errs.New(errs.Invalid, "weekly: %w", err)
	}
	s, err := spanOf(o.Hours)
	if err != nil {
		return errs.New(errs.Invalid, "weekly: %w", err)
	}
	for d := range c.weekly {
		if days == 0 || days&(1<<d) != 0 {
			c.weekly[d] = append(c.weekly[d], s)
		}
	}
	return nil
}

// apart refuses hours of a week that are there twice: one of the two is a slip.
func (c *Clock) apart() error {
	var taken [7 * minutesOfDay]bool
	for d, all := range c.weekly {
		for _, s := range all {
			end := s.until
			if s.past() {
				end += minutesOfDay
			}
			for m := s.from; m < end; m++ {
				at := (d*minutesOfDay + m) % len(taken)
				if taken[at] {
					day := time.Weekday(at / minutesOfDay)
					return errs.New(errs.Invalid, "weekly: two hours overlap on %v at %02d:%02d", day, at%minutesOfDay/60, at%60)
				}
				taken[at] = true
			}
		}
	}
	return nil
}

// ofEveryYear is the form of a holiday without its year.
const ofEveryYear = "01-02"

func (c *Clock) addHoliday(h Holiday) error {
	_, dated := time.Parse(time.DateOnly, h.Date)
	_, yearly := time.Parse(time.DateOnly, "2024-"+h.Date) // a leap year
	if dated != nil && yearly != nil {
		return errs.New(errs.Invalid, "holidays: %q is no date as 2026-12-25 is, nor one of every year as 12-25", h.Date)
	}
	if _, twice := c.holidays[h.Date]; twice {
		return errs.New(errs.Invalid, "holidays: %s is named twice", h.Date)
	}
	c.holidays[h.Date] = []span{}
	if h.Hours == "" {
		return nil
	}
	s, err := spanOf(h.Hours)
	if err != nil {
		return errs.New(errs.Invalid, "holidays: %s: %w", h.Date, err)
	}
	c.holidays[h.Date] = []span{s}
	return nil
}

// on is the hours that begin on a day, of which day is any moment.
func (c *Clock) on(day time.Time) []span {
	for _, form := range []string{time.DateOnly, ofEveryYear} {
		if all, ok := c.holidays[day.Format(form)]; ok {
			return all
		}
	}
	return c.weekly[day.Weekday()]
}

// Open says whether a moment is in the hours.
func (c *Clock) Open(at time.Time) bool {
	if c.override != "" {
		return c.override == Open
	}
	at = at.In(c.zone)
	minute := at.Hour()*60 + at.Minute()
	// At noon every day is there: days are counted from it.
	noon := time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, time.UTC)
	return slices.ContainsFunc(c.on(noon), func(s span) bool {
		return minute >= s.from && (s.past() || minute < s.until)
	}) || slices.ContainsFunc(c.on(noon.AddDate(0, 0, -1)), func(s span) bool {
		return s.past() && minute < s.until
	})
}

// ahead is how many days are looked at for a change.
const ahead = 400

// Next is when the hours change after a moment; false says that they do not, for more than a year.
func (c *Clock) Next(after time.Time) (time.Time, bool) {
	if c.override != "" {
		return time.Time{}, false
	}
	open, local := c.Open(after), after.In(c.zone)
	noon := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC)
	first := func(d int) (time.Time, bool) {
		for _, at := range c.edges(noon.AddDate(0, 0, d)) {
			if at.After(after) && c.Open(at) != open {
				return at, true
			}
		}
		return time.Time{}, false
	}
	for d := -1; d <= ahead; d++ {
		at, ok := first(d)
		if !ok {
			continue
		}
		for _, next := range []int{d + 1, d + 2} { // days overlap where clocks change, and those of UTC are others
			if other, ok := first(next); ok && other.Before(at) {
				at = other
			}
		}
		return at, true
	}
	return time.Time{}, false
}

// edges is when the hours may change on a day, in their order: where they begin and end, by each of the clocks of that day, and when
// the clocks themselves change.
func (c *Clock) edges(day time.Time) (all []time.Time) {
	begin := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	add := func(minute int) {
		wall := begin.Add(time.Duration(minute) * time.Minute)
		for _, about := range []time.Duration{-24 * time.Hour, 24 * time.Hour} { // clocks of before and of after a change
			_, east := wall.Add(about).In(c.zone).Zone()
			all = append(all, wall.Add(-time.Duration(east)*time.Second).In(c.zone))
		}
	}
	add(0)
	for _, d := range []time.Time{day, day.AddDate(0, 0, -1)} {
		for _, s := range c.on(d) {
			add(s.from)
			add(s.until)
		}
	}
	if _, end := begin.Add(-24 * time.Hour).In(c.zone).ZoneBounds(); !end.IsZero() && end.Before(begin.Add(48*time.Hour)) {
		all = append(all, end)
	}
	slices.SortFunc(all, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
	return all
}

// Words says how long it is closed, for callers: "until Monday 09:00"; "" while nobody knows.
func (c *Clock) Words(now time.Time) string {
	next, ok := c.Next(now)
	switch {
	case !ok:
		return ""
	case next.Sub(now) > 6*24*time.Hour:
		return "until " + next.Format("2 January")
	}
	return fmt.Sprintf("until %v %s", next.Weekday(), next.Format("15:04"))
}
