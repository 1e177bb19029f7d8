package tariff

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Window is when something holds. The zero value is always.
type Window struct {
	From  string `json:"from,omitempty"`  // first day, "2026-11-01"
	Until string `json:"until,omitempty"` // last day
	Days  Days   `json:"days,omitzero"`
	Hours Hours  `json:"hours,omitzero"`
}

// Days is days of the week, a bit for each, Sunday the lowest. 0 is all.
type Days uint8

// Hours is a part of each day, in minutes after midnight: From is in it, Until is not. One that ends before it begins goes past
// midnight, and belongs to the day on which it began. The zero value is the whole day.
type Hours struct{ From, Until int }

const (
	minutesOfDay = 24 * 60
	everyDay     = 1<<7 - 1
)

// Holds says whether a moment, as the clocks of its zone show it, is in the window.
func (w Window) Holds(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	switch h := w.Hours; {
	case h == Hours{}:
	case h.From < h.Until:
		if minute < h.From || minute >= h.Until {
			return false
		}
	case minute < h.Until:
		at = at.AddDate(0, 0, -1)
	case minute < h.From:
		return false
	}
	day := at.Format(time.DateOnly)
	return day >= w.From && (w.Until == "" || day <= w.Until) && (w.Days == 0 || w.Days&(1<<at.Weekday()) != 0)
}

// Compare says which of two windows of one thing counts while both hold: above 0 is w. It is the one that began last, then the one that
// holds for the shorter part of a week, then the one that ends first. It is 0 for equal ones only.
func (w Window) Compare(other Window) int {
	return cmp.Or(
		cmp.Compare(w.From, other.From), cmp.Compare(other.week(), w.week()),
		cmp.Compare(cmp.Or(other.Until, "~"), cmp.Or(w.Until, "~")), // "~" is after any date
		cmp.Compare(w.Days, other.Days), cmp.Compare(w.Hours.From, other.Hours.From),
	)
}

// week is the minutes of a week that are in the window.
func (w Window) week() (minutes int) {
	for d := range 7 {
		if w.Days == 0 || w.Days&(1<<d) != 0 {
			minutes++
		}
	}
	if w.Hours == (Hours{}) {
		return minutes * minutesOfDay
	}
	return minutes * ((w.Hours.Until-w.Hours.From+minutesOfDay-1)%minutesOfDay + 1)
}

func (w Window) String() string {
	var parts []string
	for _, p := range []struct{ word, text string }{{"from ", w.From}, {"until ", w.Until}, {"", w.Days.String()}, {"", w.Hours.String()}} {
		if p.text != "" {
			parts = append(parts, p.word+p.text)
		}
	}
	return strings.Join(parts, " ")
}

// ParseWindow reads the parts of a window, "" for what it does not say.
func ParseWindow(from, until, days, hours string) (w Window, err error) {
	for _, day := range []string{from, until} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return w, fmt.Errorf("%q is no date as 2026-11-30 is", day)
		}
	}
	if until != "" && until < from {
		return w, fmt.Errorf("%q is before the first day, %s", until, from)
	}
	w = Window{From: from, Until: until}
	if err := w.Days.UnmarshalText([]byte(days)); err != nil {
		return w, err
	}
	return w, w.Hours.UnmarshalText([]byte(hours))
}

// dayNames is by time.Weekday.
func dayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// String writes days as "mon-fri" and "sat,sun", from Monday on.
func (d Days) String() string {
	var parts []string
	for i := 1; i <= 7 && d != 0; i++ { // Sunday is the last
		if !d.has(i) {
			continue
		}
		first := i
		for i < 7 && d.has(i+1) {
			i++
		}
		text := dayNames()[first%7]
		switch i - first {
		case 0:
		case 1:
			text += "," + dayNames()[i%7]
		default:
			text += "-" + dayNames()[i%7]
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

func (d Days) has(i int) bool { return d&(1<<(i%7)) != 0 }

// MarshalText is String.
func (d Days) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes, spans past Sunday too.
func (d *Days) UnmarshalText(text []byte) error {
	*d = 0
	if len(text) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(strings.ToLower(string(text)), ",") {
		first, last, span := strings.Cut(strings.TrimSpace(part), "-")
		if !span {
			last = first
		}
		from, ok := weekday(first)
		until, ok2 := weekday(last)
		if !ok || !ok2 {
			return fmt.Errorf("%q is no days as mon-fri or sat,sun are", text)
		}
		for i := from; ; i = (i + 1) % 7 {
			*d |= 1 << i
			if i == until {
				break
			}
		}
	}
	if *d == everyDay {
		*d = 0
	}
	return nil
}

func weekday(name string) (int, bool) {
	for i, n := range dayNames() {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// String writes hours as "08:00-18:00", "" for the whole day.
func (h Hours) String() string {
	if h == (Hours{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.Until/60, h.Until%60)
}

// MarshalText is String.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String writes.
func (h *Hours) UnmarshalText(text []byte) error {
	*h = Hours{}
	if len(text) == 0 {
		return nil
	}
	first, last, ok := strings.Cut(string(text), "-")
	from, ok2 := clock(first)
	until, ok3 := clock(last)
	if !ok || !ok2 || !ok3 || from == until || from == minutesOfDay {
		return fmt.Errorf("%q is no hours as 08:00-18:00 are", text)
	}
	if from != 0 || until != minutesOfDay {
		*h = Hours{from, until}
	}
	return nil
}

// clock reads "08:00" to "24:00" as minutes after midnight.
func clock(text string) (int, bool) {
	if text == "24:00" {
		return minutesOfDay, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil && len(text) == len("15:04")
}
