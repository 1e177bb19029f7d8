package prompt

import (
	"strconv"
	"time"

	"strowger/switchnode/internal/call"
)

// maxNumber is the largest that is said.
const maxNumber = 999

// The languages, and what each says: the names of clips in their order. place is 1 to maxNumber, minutes as well.
var languages = []struct {
	tag     string
	place   func(place int) []string
	minutes func(minutes int) []string
}{
	{"en", englishPlace, englishMinutes},
	{"zh", chinesePlace, chineseMinutes},
}

// announcement is what a caller who waits is told.
func announcement(language string, at call.Standing) []string {
	for _, l := range languages {
		if l.tag != language {
			continue
		}
		names := []string{"many"}
		if at.Position <= maxNumber {
			names = l.place(at.Position)
		}
		minutes := int(at.Wait.Round(time.Minute) / time.Minute)
		switch {
		case !at.Known || minutes > maxNumber:
			return names
		case at.Wait < time.Minute:
			return append(names, "soon")
		}
		return append(names, l.minutes(max(minutes, 1))...)
	}
	return nil
}

func englishPlace(n int) []string { return append([]string{"position"}, english(n)...) }

func englishMinutes(n int) []string {
	if n == 1 {
		return []string{"wait", "1", "minute"}
	}
	return append(append([]string{"wait"}, english(n)...), "minutes")
}

// english: twenty, one and twenty of their own, then tens and ones.
func english(n int) (names []string) {
	if n >= 100 {
		names = []string{strconv.Itoa(n / 100), "100"}
	}
	switch n %= 100; {
	case n == 0:
	case n <= 20:
		names = append(names, strconv.Itoa(n))
	default:
		names = append(names, strconv.Itoa(n/10*10))
		if n%10 != 0 {
			names = append(names, strconv.Itoa(n%10))
		}
	}
	return names
}

func chinesePlace(n int) []string {
	return append(append([]string{"position"}, chinese(n)...), "place")
}

// chineseMinutes: two of something is liang.
func chineseMinutes(n int) []string {
	if n == 2 {
		return []string{"wait", "liang", "minutes"}
	}
	return append(append([]string{"wait"}, chinese(n)...), "minutes")
}

// chinese: hundreds, tens and ones; a ten that is missing between them is a zero, and ten at the beginning has no one before it.
func chinese(n int) (names []string) {
	hundreds, tens, ones := n/100, n/10%10, n%10
	if hundreds > 0 {
		names = []string{strconv.Itoa(hundreds), "100"}
	}
	switch {
	case tens == 0 && hundreds > 0 && ones > 0:
		names = append(names, "0")
	case tens == 1 && hundreds == 0:
		names = append(names, "10")
	case tens > 0:
		names = append(names, strconv.Itoa(tens), "10")
	}
	if ones > 0 {
		names = append(names, strconv.Itoa(ones))
	}
	return names
}
