package sip

import (
	"slices"
	"strings"
)

// Withheld says whether who sends a request does not want to be known to whom it is for (RFC 3323, 4.2; RFC 3325, 9.3): by Privacy, or
// by a From that names nobody (RFC 3323, 4.1.1.3).
func Withheld(req *Request) bool {
	for h := range Named(req, "Privacy") {
		if slices.ContainsFunc(split(h.Value(), ';'), func(want string) bool {
			want = strings.ToLower(want)
			return want == "id" || want == "user" || want == "header"
		}) {
			return true
		}
	}
	return strings.EqualFold(req.From().Address.Host, anonymousHost)
}

// anonymousHost is the domain of who is not to be known (RFC 3323, 4.1.1.3).
const anonymousHost = "anonymous.invalid"

// Anonymous is who calls, for those who are not to know (RFC 3323, 4.1.1.3).
func Anonymous() Party { return Party{Name: "Anonymous", User: "anonymous", Host: anonymousHost} }
