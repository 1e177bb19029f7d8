package prompt

import "time"

// Spelled is the names of the clips that say a number sign by sign, as it is dialled.
func Spelled(number string) (names []string) {
	for _, d := range number {
		switch {
		case d >= '0' && d <= '9':
			names = append(names, string(d))
		case d == '*':
			names = append(names, "star")
		case d == '#':
			names = append(names, "pound")
		case d == '+':
			names = append(names, "plus")
		}
	}
	return names
}

// Ago is the names of the clips that say how long something has been over.
func Ago(language string, d time.Duration) []string {
	const day = 24 * time.Hour
	n, unit := int(d/day), "day"
	switch {
	case d < time.Minute:
		return []string{"now"}
	case d < time.Hour:
		n, unit = int(d/time.Minute), "minute"
	case d < day:
		n, unit = int(d/time.Hour), "hour"
	}
	n = min(n, maxNumber)
	switch {
	case language == "zh" && n == 2: // two of something is liang
		return []string{"liang", unit + "s-ago"}
	case language == "zh":
		return append(chinese(n), unit+"s-ago")
	case n == 1:
		return []string{"1", unit + "-ago"}
	}
	return append(english(n), unit+"s-ago")
}
