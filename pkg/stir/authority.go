package stir

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Extensions of a certificate: TNAuthList (RFC 8226, 9), and the constraints on claims (RFC 8226, 8; RFC 9118).
var (
	oidNumbers     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}
	oidConstraints = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 27}
	oidEnhanced    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 33}
)

// Authority is a TNAuthList: for which numbers a certificate may speak.
type Authority struct {
	Providers []string // codes of service providers, which may speak for any number
	Ranges    []Range
	Numbers   []string
}

// Range is Count numbers from Start on, which has all digits of the first.
type Range struct {
	Start string
	Count int
}

// The entries of a TNAuthList are chosen by explicit tags.
const (
	tagProvider = iota
	tagRange
	tagNumber
)

// ParseAuthority reads a TNAuthList in DER.
func ParseAuthority(der []byte) (a Authority, err error) {
	var entries []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &entries); err != nil || len(rest) > 0 || len(entries) == 0 {
		return a, errors.New("list of numbers: want a sequence of entries")
	}
	for _, e := range entries {
		if e.Class != asn1.ClassContextSpecific || !e.IsCompound {
			return a, errors.New("list of numbers: want entries with explicit tags")
		}
		if err := a.add(e); err != nil {
			return a, fmt.Errorf("list of numbers: %w", err)
		}
	}
	return a, nil
}

func (a *Authority) add(e asn1.RawValue) error {
	var text string
	switch e.Tag {
	case tagProvider:
		if err := exactly(e.Bytes, &text, "ia5"); err != nil || text == "" {
			return errors.New("want a service provider's code")
		}
		a.Providers = append(a.Providers, text)
	case tagNumber:
		if err := exactly(e.Bytes, &text, "ia5"); err != nil || !isEntry(text) {
			return fmt.Errorf("%.20q is no number", text)
		}
		a.Numbers = append(a.Numbers, text)
	case tagRange:
		var r struct {
			Start string `asn1:"ia5"`
			Count int
		}
		if err := exactly(e.Bytes, &r, ""); err != nil || !isEntry(r.Start) || r.Count < 2 {
			return fmt.Errorf("%d numbers from %.20q on are no range", r.Count, r.Start)
		}
		a.Ranges = append(a.Ranges, Range(r))
	default:
		return fmt.Errorf("entry of unknown kind %d", e.Tag)
	}
	return nil
}

func exactly(der []byte, v any, params string) error {
	rest, err := asn1.UnmarshalWithParams(der, v, params)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes behind the value")
	}
	return err
}

// isEntry says whether s is a TelephoneNumber of RFC 8226, 9.
func isEntry(s string) bool { return s != "" && len(s) <= 15 && canonical(s) == s }

// Covers says whether the list gives authority for a canonical number. A provider's code stands for all numbers of the provider:
// which these are no list says, its CA answers for them. Who calls by a URI has no number, and is covered by none.
func (a Authority) Covers(number string) bool {
	return number != "" && (len(a.Providers) > 0 || slices.Contains(a.Numbers, number) ||
		slices.ContainsFunc(a.Ranges, func(r Range) bool { return r.covers(number) }))
}

func (r Range) covers(number string) bool {
	if len(number) != len(r.Start) {
		return false
	}
	first, err := strconv.ParseUint(r.Start, 10, 64)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(number, 10, 64)
	return err == nil && n >= first && n-first < uint64(r.Count)
}

// authorityOf returns the list of a certificate, and whether it has one.
func authorityOf(c *x509.Certificate) (Authority, bool, error) {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNumbers) {
			a, err := ParseAuthority(e.Value)
			return a, true, err
		}
	}
	return Authority{}, false, nil
}
