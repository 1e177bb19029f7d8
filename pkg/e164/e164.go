// Package e164 reads what people dial, and what phone companies send, as numbers of the public telephone network: "+" and at
// most 15 digits (ITU-T E.164, 6.1), the way that a number is kept, shown and compared everywhere.
//
// How a number is dialled depends on where: the rules of each country are those of libphonenumber.
package e164

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Class is how far a number is.
type Class uint8

// The classes.
const (
	National Class = iota
	International
	Emergency // police, fire brigade, ambulance
)

// Number is one of the public telephone network.
type Number struct {
	Text  string // "+4930123456"; an emergency number as it is dialled
	Class Class
}

// Plan is how numbers of the public telephone network are dialled in an office.
type Plan struct {
	Country string   // ISO 3166-1 alpha-2; "": nobody dials them
	Outside string   // what is dialled before them, "" for nothing
	Help    []string // emergency numbers besides those of the country
}

// Known says whether a country is one whose numbers can be read.
func Known(country string) bool { return phonenumbers.GetCountryCodeForRegion(country) != 0 }

// Emergency reads an emergency number of the office or its country, with or without what is dialled for a line, or the name of the
// service (RFC 5031, 4.2: "urn:service:sos" and what is below it).
func (p Plan) Emergency(dialled string) (Number, bool) {
	if name := strings.ToLower(dialled); name == SOS || strings.HasPrefix(name, SOS+".") {
		return p.first(slices.Concat(p.Help, wide))
	}
	plain := Plain(dialled)
	return p.first([]string{plain, strings.TrimPrefix(plain, p.Outside)})
}

// first is the first emergency number of some.
func (p Plan) first(of []string) (Number, bool) {
	for _, digits := range of {
		if slices.Contains(p.Help, digits) || p.Country != "" && phonenumbers.IsEmergencyNumber(digits, p.Country) {
			return Number{Text: digits, Class: Emergency}, true
		}
	}
	return Number{}, false
}

// SOS names whoever helps where the caller is.
const SOS = "urn:service:sos"

// wide is the numbers that serve a whole country for every kind of help; of those that a country has the one that fixed lines there
// reach for certain comes first.
var wide = []string{"000", "911", "112", "999", "111", "110", "119", "190", "100"}

// Read reads what was dialled, without visual separators, as a phone number. Where no prefix asks for a line, only what cannot be
// meant for an extension is one: a number that is in use as far as is known and that begins with 0, if those of the country do.
func (p Plan) Read(dialled string) (Number, bool) {
	digits, asked := strings.CutPrefix(dialled, p.Outside)
	asked = asked && p.Outside != ""
	switch {
	case p.Country == "":
		return Number{}, false
	case strings.HasPrefix(dialled, "+"):
		digits, asked = dialled, true
	case !asked && p.Outside != "":
		return Number{}, false
	case !asked && phonenumbers.GetNddPrefixForRegion(p.Country, true) == "0" && !strings.HasPrefix(digits, "0"):
		return Number{}, false
	}
	n, err := phonenumbers.Parse(digits, p.Country)
	if err != nil || !phonenumbers.IsValidNumber(n) && (!asked || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE) {
		return Number{}, false
	}
	number := Number{Text: phonenumbers.Format(n, phonenumbers.E164), Class: International}
	if p.within(reached(n)) {
		number.Class = National
	}
	return number, Written(number.Text)
}

// within says whether a number is one of the country, and not of another that shares its code, as those of North America and the
// Caribbean do. Of what is not in use as far as is known nobody knows.
func (p Plan) within(n *phonenumbers.PhoneNumber) bool {
	return int(n.GetCountryCode()) == phonenumbers.GetCountryCodeForRegion(p.Country) &&
		(phonenumbers.IsValidNumberForRegion(n, p.Country) || !phonenumbers.IsValidNumber(n))
}

// Plain takes out visual separators, which mean nothing (RFC 3966, 5.1.1).
func Plain(dialled string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-. ()", r) {
			return -1
		}
		return r
	}, dialled)
}

// Received returns the numbers that a phone company may mean by what it sends, the likeliest first: it may leave out the "+", or
// send the number as it is dialled in the country.
func Received(text, country string) []string {
	text, _, _ = strings.Cut(Plain(text), ";") // RFC 3966, 3: parameters
	var all []string
	if n, err := phonenumbers.Parse(text, country); err == nil && phonenumbers.IsPossibleNumber(n) {
		all = append(all, phonenumbers.Format(n, phonenumbers.E164))
	}
	if text != "" && strings.Trim(text, "0123456789") == "" {
		all = append(all, "+"+text)
	}
	return all
}

// Written says whether a text is a number as it is kept: "+" and up to 15 digits, of which the first is not 0.
func Written(text string) bool {
	digits, ok := strings.CutPrefix(text, "+")
	return ok && len(digits) > 1 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}
