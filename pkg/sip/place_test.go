package sip

import (
	"testing"
	"time"
)

func TestPlace(t *testing.T) {
	for value, want := range map[string]Place{
		"1":                {Position: 1},
		"2;wait=75":        {2, 75 * time.Second, true},
		"3;wait=0":         {Position: 3, Known: true},
		" 4 ; x=y;wait=1 ": {4, time.Second, true},
	} {
		got, ok := ParsePlace(value)
		if !ok || got != want {
			t.Errorf("%q: %+v, %t; want %+v", value, got, ok, want)
		}
		if again, ok := ParsePlace(got.Header().Value()); !ok || again != got {
			t.Errorf("%+v is written %q", got, got.Header().Value())
		}
	}
	for _, bad := range []string{"", "0", "-1", "x", "1;wait=", "1;wait=-1", "1;wait=x", "100001", "1;wait=86401", ";wait=1"} {
		if p, ok := ParsePlace(bad); ok {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
	for words, p := range map[string]Place{
		"Queued, number 2":                     {Position: 2},
		"Queued, number 1, less than a minute": {1, 59 * time.Second, true},
		"Queued, number 3, about 3 min":        {3, 170 * time.Second, true},
	} {
		if p.Words() != words {
			t.Errorf("%+v: %q", p, p.Words())
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	f.Add("2;wait=75")
	f.Add("1;;wait=;=")
	f.Fuzz(func(t *testing.T, value string) {
		p, ok := ParsePlace(value)
		if !ok {
			return
		}
		if again, ok := ParsePlace(p.Header().Value()); !ok || again != p {
			t.Errorf("%q: %+v becomes %+v", value, p, again)
		}
	})
}
