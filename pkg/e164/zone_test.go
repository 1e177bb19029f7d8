package e164

import (
	"testing"
	"time"
)

// Countries with one time zone have it, however many names it has there; others have none.
func TestZoneOf(t *testing.T) {
	for country, want := range map[string]string{
		"DE": "Europe/Berlin", "GB": "Europe/London", "IT": "Europe/Rome", "CN": "Asia/Shanghai", "FR": "Europe/Paris",
		"US": "", "RU": "", "ES": "", "": "", "XX": "",
	} {
		if got := ZoneOf(country); got != want {
			t.Errorf("%s: %q, want %q", country, got, want)
		}
	}
}

func TestZone(t *testing.T) {
	for _, c := range []struct{ name, country, want string }{
		{"America/New_York", "DE", "America/New_York"}, {"", "DE", "Europe/Berlin"}, {"", "US", "UTC"}, {"", "", "UTC"}, {"Narnia/Cair", "DE", "UTC"},
	} {
		if got := Zone(c.name, c.country).String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for name, want := range map[string]bool{"Europe/Berlin": true, "UTC": true, "Local": false, "": false, "../etc/passwd": false, "Berlin": false} {
		if ZoneKnown(name) != want {
			t.Errorf("%q is known: %t", name, !want)
		}
	}
}

// The night ends when clocks show it, also on the days when they are changed.
func TestClocksAreChanged(t *testing.T) {
	for at, want := range map[string]string{
		"2026-03-29T00:59:00Z": "01:59", "2026-03-29T01:00:00Z": "03:00", "2026-10-25T00:59:00Z": "02:59", "2026-10-25T01:00:00Z": "02:00",
	} {
		v, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.In(Zone("", "DE")).Format("15:04"); got != want {
			t.Errorf("%s: clocks show %s, want %s", at, got, want)
		}
	}
}
