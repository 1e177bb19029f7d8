package store

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

const (
	maxEmergency = 10  // numbers
	maxLocation  = 300 // bytes
	maxContacts  = 10
	maxContact   = 100 // bytes
	maxAlertURL  = 500 // bytes
)

var emergencyForm = regexp.MustCompile(`^[0-9]{2,8}$`)

// checkEmergency looks at what a site has for emergency calls.
func checkEmergency(v *rest.Site) error {
	if len(v.Emergency) > maxEmergency {
		return errs.New(errs.Invalid, "emergency: %d numbers, at most %d are allowed", len(v.Emergency), maxEmergency)
	}
	for _, number := range v.Emergency {
		if !emergencyForm.MatchString(number) {
			return errs.New(errs.Invalid, "emergency: %q is not 2 to 8 digits", number)
		}
	}
	if len(v.Location) > maxLocation || strings.ContainsFunc(v.Location, unicode.IsControl) {
		return errs.New(errs.Invalid, "location: has %d bytes or a control character, at most %d are allowed", len(v.Location), maxLocation)
	}
	if len(v.EmergencyContacts) > maxContacts {
		return errs.New(errs.Invalid, "emergency_contacts: %d, at most %d are allowed", len(v.EmergencyContacts), maxContacts)
	}
	for _, who := range v.EmergencyContacts {
		if who == "" || len(who) > maxContact || strings.ContainsFunc(who, unicode.IsControl) {
			return errs.New(errs.Invalid, "emergency_contacts: %q is empty, has a control character, or more than %d bytes", who, maxContact)
		}
	}
	return checkAlertURL(v.AlertURL)
}

// checkAlertURL looks at where alerts are posted.
func checkAlertURL(to string) error {
	if to == "" {
		return nil
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(to) > maxAlertURL {
		return errs.New(errs.Invalid, "alert_url: %q is not an http or https URL of at most %d bytes", to, maxAlertURL)
	}
	return nil
}
