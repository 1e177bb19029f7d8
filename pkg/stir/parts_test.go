package stir

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	for user, want := range map[string]Name{
		"+49 30": {URI: "sip:+49 30@Host.example"}, "+4930123": {Number: "4930123"}, "+1-215-(555).1212": {Number: "12155551212"},
		"+12155551212;npdi=yes": {Number: "12155551212"}, "*21#": {Number: "*21#"}, "alice": {URI: "sip:alice@Host.example"},
		"#": {URI: "sip:#@Host.example"}, "": {URI: "sip:@Host.example"}, "++1": {URI: "sip:++1@Host.example"},
	} {
		want.URI = strings.ReplaceAll(want.URI, "Host", "host")
		if got := NameOf(user, "Host.example"); got != want {
			t.Errorf("%q is %+v, want %+v", user, got, want)
		}
	}
}

// TestCanonicalNumbers: the canonical form is its own, whatever separators stood there.
func TestCanonicalNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{1,15}`).Draw(t, "digits")
		var written strings.Builder
		for _, d := range digits {
			written.WriteString(rapid.SampledFrom([]string{"", "-", ".", "(", ")"}).Draw(t, "separator"))
			written.WriteRune(d)
		}
		n := NameOf(rapid.SampledFrom([]string{"", "+"}).Draw(t, "plus")+written.String(), "example.com")
		if n.Number != digits || NameOf(n.Number, "") != n || !n.valid() {
			t.Errorf("%s is %+v", written.String(), n)
		}
	})
}

// TestPASSporTs: what is written is read as it was.
func TestPASSporTs(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) Name {
		if rapid.Bool().Draw(t, "number") {
			return Name{Number: rapid.StringMatching(`[0-9*#]{0,14}[0-9]`).Draw(t, "tn")}
		}
		return Name{URI: "sip:" + rapid.String().Draw(t, "uri")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := PASSporT{
			Type: rapid.SampledFrom([]string{"", Shaken}).Draw(t, "ppt"), URL: "https://x.example/a?b=1&c=<" + rapid.String().Draw(t, "url"),
			Orig: name.Draw(t, "orig"), Dest: []Name{{Number: "1"}, name.Draw(t, "dest")}, IssuedAt: rapid.Int64Min(1).Draw(t, "iat"),
		}
		if p.Type == Shaken {
			p.Attest = rapid.SampledFrom([]Attest{Full, Partial, Gateway}).Draw(t, "attest")
			p.OrigID = rapid.StringN(1, 40, -1).Draw(t, "origid")
		}
		unsigned, err := p.unsigned()
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := parse(unsigned + ".AA"); err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
			t.Errorf("%+v was read as %+v (%v)", p, got, err)
		}
	})
}

func TestHeaders(t *testing.T) {
	const token = "a.b.c"
	info := Header{Token: token, Info: "https://x/y;z=1"}
	shaken := Header{Token: token, Info: "https://x/y;z=1", Algorithm: "ES256", Type: "shaken"}
	for value, want := range map[string]Header{
		"a.b.c;info=<https://x/y;z=1>":                                       info,
		" a.b.c ; INFO = <https://x/y;z=1> ;":                                info,
		"a.b.c;new;other=\"a;b\";info=<https://x/y;z=1>;v=[::1]":             info,
		"a.b.c;ppt=\"shaken\";info=<https://x/y;z=1>;alg=ES256":              shaken,
		"a.b.c;info=<https://x/y;z=1>;alg=ES256;ppt=shaken":                  shaken,
		"a.b;info=<https://x>":                                               {},
		"a.b.c.d;info=<https://x>":                                           {},
		"a.b.c":                                                              {},
		"a.b.c;alg=ES256":                                                    {},
		"a.b.c;info=https://x":                                               {},
		"a.b.c;info=<>":                                                      {},
		"a.b.c;info=<https://x>;info=<https://y>":                            {},
		"a.b.c;info=<https://x":                                              {},
		"a.b.c;info=<https://x>y":                                            {},
		"a.b.c;info=<https://x>;ppt=\"a":                                     {},
		"a.b.c;info=<https://x>;;ppt=a":                                      {},
		"a.b+c.d;info=<https://x>":                                           {},
		"a.b.c;info=<https://x>, d.e.f;info=<https://y>":                     {},
		"a.b.c;info=<https://x>;x=" + strings.Repeat("x", MaxHeader-len("")): {},
	} {
		got, err := ParseHeader(value)
		if got != want || (err == nil) != (want != Header{}) {
			t.Errorf("%.80q: %+v, %v", value, got, err)
		}
	}
}

// TestAuthorities is of lists as CAs write them.
func TestAuthorities(t *testing.T) {
	for name, c := range map[string]struct {
		der             string
		covers, refuses string
	}{
		"a provider": {"3008a00616043730394a", "12155550121", ""},
		"a number":   {hex.EncodeToString(numbers(t, "12155550121")), "12155550121", "12155550122"},
		"ten":        {hex.EncodeToString(numberRange(t, "12155550195", 10)), "12155550204", "12155550205"},
		"at the end": {hex.EncodeToString(numberRange(t, "999", 10)), "999", "1000"},
		"with zeros": {hex.EncodeToString(numberRange(t, "0099", 2)), "0100", "100"},
	} {
		der, err := hex.DecodeString(c.der)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ParseAuthority(der)
		if err != nil || !a.Covers(c.covers) || a.Covers(c.refuses) || a.Covers("") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	for name, der := range map[string][]byte{
		"nothing": nil, "empty": {0x30, 0}, "behind": append(numbers(t, "1"), 0), "long": numbers(t, "1234567890123456"),
		"letters": numbers(t, "1a"), "one of a range": numberRange(t, "1", 1), "less than none": numberRange(t, "1", -5), "implicit": {0x30, 3, 0x82, 1, '1'},
		"another kind": listOf(t, entry(t, 7, "1", "ia5")), "no code": listOf(t, entry(t, tagProvider, "", "ia5")),
	} {
		if a, err := ParseAuthority(der); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestRanges: a range covers what counting from its start reaches.
func TestRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start, count := rapid.IntRange(0, 1100).Draw(t, "start"), rapid.IntRange(2, 300).Draw(t, "count")
		number := rapid.IntRange(0, 1500).Draw(t, "number")
		r := Range{Start: fmt.Sprintf("%04d", start), Count: count}
		if got, want := r.covers(fmt.Sprintf("%04d", number)), number >= start && number < start+count; got != want {
			t.Errorf("%d in %+v: %v", number, r, got)
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		fullHeader, compactHeader, appendixUnsigned + "." + appendixSignature + ";info=<" + at + ">;alg=ES256;ppt=shaken",
		"a.b.c;ppt=\"shaken\";info=<https://x/y;z=1>;new;other=\"a;b\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHeader(s)
		if err != nil {
			return
		}
		if h.Info == "" || strings.ContainsAny(h.Info, "<> \t") || strings.Count(h.Token, ".") != 2 {
			t.Errorf("%q was read as %+v", s, h)
		}
	})
}

func FuzzPASSporT(f *testing.F) {
	f.Add(appendixUnsigned + "." + appendixSignature)
	f.Add(strings.Split(fullHeader, ";")[0])
	shaken, err := PASSporT{Type: Shaken, URL: at, Orig: alice, Dest: []Name{bob, {URI: "sip:a@b"}}, IssuedAt: 1, Attest: Full, OrigID: origID}.unsigned()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shaken + ".AA")
	f.Fuzz(func(t *testing.T, s string) {
		p, _, err := parse(s)
		if err != nil {
			return
		}
		unsigned, err := p.unsigned()
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := parse(unsigned + ".")
		if err != nil || fmt.Sprint(again) != fmt.Sprint(p) {
			t.Errorf("%+v was read again as %+v (%v)", p, again, err)
		}
	})
}

func FuzzAuthority(f *testing.F) {
	f.Add([]byte("\x30\x08\xa0\x06\x16\x04709J"))
	f.Add([]byte("\x30\x0f\xa2\x0d\x16\x0b12155550121"))
	f.Add([]byte("\x30\x14\xa1\x12\x30\x10\x16\x0b12155550100\x02\x01\x64"))
	f.Fuzz(func(t *testing.T, der []byte) {
		a, err := ParseAuthority(der)
		if err == nil && len(a.Providers)+len(a.Numbers)+len(a.Ranges) == 0 {
			t.Error("read a list of nothing")
		}
		for _, n := range a.Numbers {
			if err == nil && !a.Covers(n) {
				t.Errorf("%+v does not cover %s", a, n)
			}
		}
	})
}
