package prompt

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAgo(t *testing.T) {
	for _, c := range []struct {
		language string
		d        time.Duration
		want     string
	}{
		{"en", 0, "now"}, {"en", time.Minute, "1 minute-ago"}, {"en", 59 * time.Minute, "50 9 minutes-ago"},
		{"en", 90 * time.Minute, "1 hour-ago"}, {"en", 47 * time.Hour, "1 day-ago"}, {"en", 48 * time.Hour, "2 days-ago"},
		{"zh", time.Second, "now"}, {"zh", time.Hour, "1 hours-ago"}, {"zh", 2 * time.Minute, "liang minutes-ago"}, {"zh", 12 * time.Hour, "10 2 hours-ago"},
	} {
		if got := strings.Join(Ago(c.language, c.d), " "); got != c.want {
			t.Errorf("%v in %s is %q, want %q", c.d, c.language, got, c.want)
		}
	}
}

// TestSaid holds that there is a clip for all that is said of a number and of a time.
func TestSaid(t *testing.T) {
	l, err := Open("", "en")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		language := rapid.SampledFrom(Languages()).Draw(t, "language")
		number := rapid.StringMatching(`\+?[0-9*#]{1,38}`).Draw(t, "number")
		names := Spelled(number)
		if len(names) != len(number) {
			t.Errorf("%s is said as %v", number, names)
		}
		names = append(names, Ago(language, time.Duration(rapid.Int64Range(0, int64(20*365*24*time.Hour)).Draw(t, "ago")))...)
		if missing := slices.DeleteFunc(names, func(name string) bool { return l.clips[language+"/"+name] != nil }); len(missing) > 0 {
			t.Errorf("no clip says %v in %s", missing, language)
		}
	})
}
