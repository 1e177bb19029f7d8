package e164

import (
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/nyaruka/phonenumbers"
)

// Zone is by which clocks an office goes: those of the time zone of a name (IANA), else of the country's only one, else UTC.
func Zone(name, country string) *time.Location {
	if name == "" {
		name = ZoneOf(country)
	}
	zone, err := time.LoadLocation(name)
	if err != nil { // of another release's list
		return time.UTC
	}
	return zone
}

// ZoneKnown says whether there is a time zone of a name. That of the machine is none.
func ZoneKnown(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}

// ZoneOf is the time zone of a country whose clocks all show the same, "" for others: those with several, and those that share a calling
// code with such.
func ZoneOf(country string) string {
	code := phonenumbers.GetCountryCodeForRegion(country)
	all, err := phonenumbers.GetTimezonesForPrefix(strconv.Itoa(code))
	if code == 0 || err != nil || !ZoneKnown(all[0]) {
		return ""
	}
	if slices.ContainsFunc(all, func(name string) bool { return !sameClocks(all[0], name) }) {
		return ""
	}
	if n := phonenumbers.GetExampleNumber(country); n != nil { // of several names that of a town in the country
		if near, err := phonenumbers.GetTimezonesForNumber(n); err == nil && slices.Contains(all, near[0]) {
			return near[0]
		}
	}
	return all[0]
}

// sameClocks says whether the clocks of two zones show the same, in winter and in summer.
func sameClocks(a, b string) bool {
	x, errX := time.LoadLocation(a)
	y, errY := time.LoadLocation(b)
	if errX != nil || errY != nil {
		return false
	}
	for _, month := range []time.Month{time.January, time.July} {
		at := time.Date(2026, month, 1, 12, 0, 0, 0, time.UTC)
		_, east := at.In(x).Zone()
		if _, other := at.In(y).Zone(); east != other {
			return false
		}
	}
	return true
}
