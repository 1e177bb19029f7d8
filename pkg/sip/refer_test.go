package sip

import (
	"errors"
	"testing"
)

func TestParseReferTo(t *testing.T) {
	for value, want := range map[string]ReferTo{
		"<sip:20@office.example>":                          {Number: "20", Host: "office.example"},
		`"Bell, A." <sips:30%2320@[2001:db8::1]:5061>;x=y`: {Number: "30#20", Host: "[2001:db8::1]"},
		"sip:*66@office":                                   {Number: "*66", Host: "office"},
		"<tel:+49-(30)-123.45;phone-context=x>":            {Number: "+493012345"},
		"<sip:20@office?Subject=x&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only>": {
			Number: "20", Host: "office", Replaces: &Replaces{CallID: "a@b", ToTag: "1", FromTag: "2", EarlyOnly: true},
		},
	} {
		got, err := ParseReferTo(value)
		if err != nil || got.Number != want.Number || got.Host != want.Host || (got.Replaces == nil) != (want.Replaces == nil) ||
			got.Replaces != nil && *got.Replaces != *want.Replaces {
			t.Errorf("%s is %+v, %v, want %+v", value, got, err, want)
		}
	}
	for value, scheme := range map[string]bool{
		"": false, "<>": false, "<sip:office>": false, "<sip:20@office>, <sip:21@office>": false, "<tel:-->": false, "<sip:%zz@office>": false,
		"<mailto:a@b>": true, "<http://b/>": true, "<sip:20@office?Replaces=a>": false, "<sip:20@office?Replaces=a%3Bto-tag%3D1>": false,
		"<sip:20@o?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>": false,
	} {
		if got, err := ParseReferTo(value); err == nil || errors.Is(err, ErrScheme) != scheme {
			t.Errorf("%s is %+v, %v", value, got, err)
		}
	}
}

func FuzzReferTo(f *testing.F) {
	for _, seed := range []string{
		"<sip:20@office.example;user=phone>", "<tel:+4930123;phone-context=x>",
		"<sip:20@10.0.0.1:5060?Replaces=7d5a%40x%3Bto-tag%3Dabc%3Bfrom-tag%3D1f2%3Bearly-only&Require=replaces>;method=INVITE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, err := ParseReferTo(s)
		if err != nil {
			return
		}
		if to.Number == "" && to.Replaces == nil {
			t.Errorf("%q calls nobody", s)
		}
		if r := to.Replaces; r != nil {
			if again, err := ParseReplaces(r.String()); err != nil || again != *r {
				t.Errorf("%q has %+v, written and read %+v, %v", s, *r, again, err)
			}
		}
	})
}

func FuzzReplaces(f *testing.F) {
	for _, seed := range []string{"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", "a;to-tag=1;from-tag=2;early-only", "a ; to-tag = 1 ;from-tag=2;x=y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReplaces(s)
		if err != nil {
			return
		}
		if again, err := ParseReplaces(r.String()); err != nil || again != r {
			t.Errorf("%q is %+v, written and read %+v, %v", s, r, again, err)
		}
	})
}
