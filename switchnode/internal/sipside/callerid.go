package sipside

import (
	"cmp"

	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
)

// callerID says who calls in the form that the phone company of a trunk wants: in From, or, where From names the trunk, in
// P-Asserted-Identity (RFC 3325, 9.1).
//
// Of who is withheld the company alone is to know (RFC 3325, 9.1 and 9.3): what From would say others see.
func (p *Phones) callerID(t sitecopy.Trunk, caller sip.Party, withheld bool) (from sip.Party, headers []sip.Header) {
	if !t.PAI && !withheld {
		return caller, nil
	}
	u := sip.URI{Scheme: "sip", User: caller.User, Host: caller.Host}
	if headers = append(headers, sip.NewHeader("P-Asserted-Identity", "<"+u.String()+">")); withheld {
		headers = append(headers, sip.NewHeader("Privacy", "id"))
	}
	if t.PAI {
		return sip.Party{User: t.Number, Host: caller.Host}, headers
	}
	return sip.Anonymous(), headers
}

// shown is the number that a call shows: where the caller is called back, if there is such a number. One that is forwarded shows that of
// who pays: phone companies carry the numbers that they gave.
func (p *Phones) shown(b designation.Branch, t sitecopy.Trunk, from designation.Party) string {
	back := ""
	if b.Payer != nil {
		from = *b.Payer
	}
	if b.Help != nil {
		back = b.Help.Back
	}
	return cmp.Or(b.Shown, t.Number, back, from.Number)
}

// credentials is what answers a challenge of the phone company, nil for nothing.
func (p *Phones) credentials(t sitecopy.Trunk) *sip.Credentials {
	if t.User == "" {
		return nil
	}
	return &sip.Credentials{User: t.User, Password: p.cfg.Password(t.ID)}
}

// anonymous is the number of a caller who does not want to be known (RFC 3323, 4.1.1.3).
const anonymous = "anonymous"

// callerOf is who calls, as a phone company says: it is trusted to assert that (RFC 3325, 9.2). What it asserts of who wants no one to
// know is for itself (RFC 3325, 7).
func callerOf(d *sip.Dialog) (number, name string) {
	if sip.Withheld(d.Request()) {
		return anonymous, ""
	}
	for h := range sip.Named(d.Request(), "P-Asserted-Identity") {
		for _, one := range sip.SplitAddresses(h.Value()) {
			if name, u, _, err := sip.ParseAddress(one); err == nil && subscriber(u) != "" {
				return subscriber(u), name
			}
		}
	}
	return subscriber(d.Request().From().Address), d.Remote().Name
}

// subscriber is the number, or the name, that a URI has: one of the scheme tel is nothing but a number (RFC 3966, 3).
func subscriber(u sip.URI) string {
	if u.Scheme == "tel" {
		return u.Raw()
	}
	return u.User
}
