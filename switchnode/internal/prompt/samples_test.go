package prompt

import (
	"slices"
	"strings"
	"testing"
)

func TestSamples(t *testing.T) {
	l, err := Open("", "en")
	if err != nil {
		t.Fatal(err)
	}
	clips := l.Samples("zh", "busy", "nothing of the kind", "music")
	if len(clips) != 2 || len(clips[0]) != 2*len(l.clips["zh/busy"].samples) || len(clips[1]) != 2*len(l.clips["music"].samples) {
		t.Fatalf("got %d clips", len(clips))
	}
	if again := l.Samples("zh", "busy"); &again[0][0] != &clips[0][0] {
		t.Error("they are made again each time")
	}
	if other := l.Samples("", "busy"); len(other) != 1 || len(other[0]) != 2*len(l.clips["en/busy"].samples) {
		t.Error("no language is not that of the library")
	}
}

// Every number has its clips.
func TestNumber(t *testing.T) {
	l, err := Open("", "en")
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range Languages() {
		for n := 1; n <= 999; n++ {
			names := Number(language, n)
			if got := l.Samples(language, names...); len(got) != len(names) || len(got) == 0 {
				t.Fatalf("%s: %d is said as %v, of which there are %d clips", language, n, names, len(got))
			}
		}
	}
	for n, want := range map[int]string{42: "40 2", 117: "1 100 17", 1066: "1 0 6 6", 0: "0"} {
		if got := strings.Join(Number("en", n), " "); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got := Digits("+49 30-12"); !slices.Equal(got, []string{"4", "9", "3", "0", "1", "2"}) {
		t.Errorf("digits %v", got)
	}
}
