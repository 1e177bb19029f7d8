package e164

import "github.com/nyaruka/phonenumbers"

// Kind is what a number is for, as far as that decides what a call to it costs.
type Kind string

// The kinds. What is not known to be anything else is Ordinary.
const (
	Ordinary   Kind = "ordinary"
	Premium    Kind = "premium-rate"
	SharedCost Kind = "shared-cost"
	Personal   Kind = "personal"
	Pager      Kind = "pager"
	// Network is a country code of no country: satellite phones and networks of the sea, the air and machines (ITU-T E.164, A.6).
	Network Kind = "satellite or network"
)

// networks are the country codes of Network, which libphonenumber takes for ordinary numbers, or does not know.
var networks = map[int32]bool{870: true, 878: true, 881: true, 882: true, 883: true, 888: true, 979: true}

// Origin is the country of a number as it is kept, ISO 3166-1 alpha-2, "" for none, and what the number is for.
func Origin(number string) (country string, kind Kind) {
	n, err := phonenumbers.Parse(number, "")
	if err != nil {
		return "", Ordinary
	}
	if networks[n.GetCountryCode()] {
		return "", Network
	}
	n = reached(n)
	country = phonenumbers.GetRegionCodeForNumber(n)
	if country == "" { // not in use as far as is known: that of its code
		country = phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))
	}
	if country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY || country == phonenumbers.UNKNOWN_REGION {
		country = ""
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.PREMIUM_RATE:
		return country, Premium
	case phonenumbers.SHARED_COST:
		return country, SharedCost
	case phonenumbers.PERSONAL_NUMBER:
		return country, Personal
	case phonenumbers.PAGER:
		return country, Pager
	}
	return country, Ordinary
}

// reached is the number in use that a number leads to: exchanges do not listen to more digits than they need, so that one with some
// behind its end is the same number. One that leads nowhere, as far as is known, is itself.
func reached(n *phonenumbers.PhoneNumber) *phonenumbers.PhoneNumber {
	for text := phonenumbers.Format(n, phonenumbers.E164); len(text) > 2; text = text[:len(text)-1] {
		if shorter, err := phonenumbers.Parse(text, ""); err == nil && phonenumbers.IsValidNumber(shorter) {
			return shorter
		}
	}
	return n
}
