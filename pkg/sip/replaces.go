package sip

import (
	"fmt"
	"net/url"
	"strings"
)

// Replaces names the dialog that a new one takes the place of (RFC 3891, 6.1), by the tags as whoever gets the INVITE has them.
type Replaces struct {
	CallID    string
	ToTag     string // the receiver's own
	FromTag   string // its peer's
	EarlyOnly bool   // not if it is answered
}

// ParseReplaces reads the value of a Replaces header.
func ParseReplaces(s string) (Replaces, error) {
	id, rest, _ := strings.Cut(s, ";")
	r := Replaces{CallID: strings.TrimSpace(id)}
	if r.CallID == "" || strings.ContainsAny(r.CallID, " \t,<>\"") {
		return Replaces{}, fmt.Errorf("replaces %q: no Call-ID", s)
	}
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, ";")
		name, v, _ := strings.Cut(one, "=")
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag":
			if r.ToTag != "" || !token(v) {
				return Replaces{}, fmt.Errorf("replaces %q: not one to-tag", s)
			}
			r.ToTag = v
		case "from-tag":
			if r.FromTag != "" || !token(v) {
				return Replaces{}, fmt.Errorf("replaces %q: not one from-tag", s)
			}
			r.FromTag = v
		case "early-only":
			r.EarlyOnly = true
		}
	}
	if r.ToTag == "" || r.FromTag == "" { // RFC 3891, 6.1: exactly one of each
		return Replaces{}, fmt.Errorf("replaces %q: it takes a to-tag and a from-tag", s)
	}
	return r, nil
}

// String is the value of the header.
func (r Replaces) String() string {
	s := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// Replaces is what an INVITE is to take the place of, nil if nothing. More than one is none (RFC 3891, 3).
func (d *Dialog) Replaces() (*Replaces, error) {
	var all []string
	for h := range Named(d.request, "Replaces") {
		all = append(all, h.Value())
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		r, err := ParseReplaces(all[0])
		return &r, err
	}
	return nil, fmt.Errorf("%d Replaces, an INVITE takes one", len(all))
}

// Seek tells the owner of the dialog that a Replaces names, by a Sought, who looks for it; false: there is none, or its owner takes no more.
func (e *Endpoint) Seek(r Replaces, by any) bool {
	d := e.find(r.CallID, r.ToTag)
	return d != nil && e.offer(d, seeking{r.FromTag, by})
}

// Names is what the peer finds the dialog by in a Replaces of ours.
func (d *Dialog) Names() Replaces {
	theirs := d.remote.tag
	if theirs == "" && d.out != nil && len(d.out.early) > 0 {
		theirs = d.out.early[0].tag
	}
	return Replaces{CallID: d.callID, ToTag: theirs, FromTag: d.local.tag}
}

// knows says whether a tag is that of the peer, or, before its final answer, of one of the peers that the INVITE has come to.
func (d *Dialog) knows(theirs string) bool {
	if d.remote.tag != "" {
		return d.remote.tag == theirs
	}
	return d.out != nil && d.out.earlyOf(theirs) != nil
}

// ReferTo is what a REFER asks for (RFC 3515, 2.1).
type ReferTo struct {
	Number   string    // the user part, or that of a tel URI without its visual separators
	Host     string    // "" of a tel URI
	Replaces *Replaces // in the URI, as RFC 3891, 3, has it
}

// ParseReferTo reads the value of a Refer-To header. Whoever dials for the peer dials by sip, sips or tel; other schemes are
// [ErrScheme].
func ParseReferTo(s string) (ReferTo, error) {
	if all := SplitAddresses(s); len(all) != 1 { // RFC 3515, 2.4.1: exactly one
		return ReferTo{}, fmt.Errorf("refer-to %q: %d addresses, it takes one", s, len(all))
	}
	_, u, _, err := ParseAddress(s)
	if err != nil {
		return ReferTo{}, err
	}
	switch u.Scheme {
	case "sip", "sips":
	case "tel":
		number, _, _ := strings.Cut(strings.TrimPrefix(u.String(), "tel:"), ";")
		number = strings.NewReplacer("-", "", ".", "", "(", "", ")", "").Replace(number) // RFC 3966, 3
		if number == "" {
			return ReferTo{}, fmt.Errorf("refer-to %q: no number", s)
		}
		return ReferTo{Number: number}, nil
	default:
		return ReferTo{}, fmt.Errorf("%w: refer-to %q", ErrScheme, s)
	}
	number, err := url.PathUnescape(u.User)
	if err != nil {
		return ReferTo{}, fmt.Errorf("refer-to %q: %w", s, err)
	}
	to := ReferTo{Number: number, Host: u.Host}
	for _, h := range u.Headers {
		if !strings.EqualFold(h.K, "Replaces") {
			continue // RFC 3261, 19.1.5: what is not known to be harmless is not honoured
		}
		v, err := url.PathUnescape(h.V)
		if err != nil || to.Replaces != nil {
			return ReferTo{}, fmt.Errorf("refer-to %q: not one Replaces", s)
		}
		r, err := ParseReplaces(v)
		if err != nil {
			return ReferTo{}, fmt.Errorf("refer-to %q: %w", s, err)
		}
		to.Replaces = &r
	}
	if to.Number == "" && to.Replaces == nil {
		return ReferTo{}, fmt.Errorf("refer-to %q: nobody to call", s)
	}
	return to, nil
}
