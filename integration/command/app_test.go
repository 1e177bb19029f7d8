package command

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"

	"strowger/pkg/rest"
)

// TestDrawing reads a drawing back, module by module.
func TestDrawing(t *testing.T) {
	c, err := qr.Encode("strowger://enrol?code=abc&cloud=https%3A%2F%2Fcloud.example.net", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(drawing(c.Size, c.Black), "\n"), "\n")
	side := c.Size + 2*quiet
	if len(lines) != (side+1)/2 {
		t.Fatalf("%d lines for %d modules", len(lines), side)
	}
	for y := range side {
		line := []rune(lines[y/2])
		if len(line) != side {
			t.Fatalf("line %d has %d characters, want %d", y/2, len(line), side)
		}
		for x := range side {
			want := map[bool]string{true: "█▀", false: "█▄"}[y%2 == 0]
			if light := strings.ContainsRune(want, line[x]); light == c.Black(x-quiet, y-quiet) {
				t.Fatalf("module %d, %d of %q is light: %t", x, y, line[x], light)
			}
		}
	}
}

// TestQRCode shows it where it is wanted only: the output of tests is no terminal.
func TestQRCode(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("user", "add", "Anna")
	drawn := func(out string) bool { return strings.ContainsRune(out, '█') }
	if out := s.ok("device", "add", "--user", "Anna", "--kind", "mobile", "--qr"); !drawn(out) || !utf8.ValidString(out) {
		t.Errorf("device add --qr printed %s", out)
	}
	if out := s.ok("device", "code", "mobile", "--qr"); !drawn(out) {
		t.Errorf("device code --qr printed %s", out)
	}
	if out := s.ok("device", "code", "mobile"); drawn(out) {
		t.Errorf("device code printed %s", out)
	}
}

// TestNotes: whoever gives out the link of a softphone hears where it does not open.
func TestNotes(t *testing.T) {
	for b, want := range map[*rest.Bridge]string{
		{URL: "https://phone.example.com"}:                     "",
		{URL: "https://192.0.2.1:8443"}:                        "",
		{URL: "https://127.0.0.1:8443", WebKeyHash: "sha-256"}: "no certificate that browsers trust",
		{URL: "http://127.0.0.1:9443"}:                         "only browsers on the machine of bridge",
		{URL: "http://localhost:9443"}:                         "only browsers on the machine of bridge",
	} {
		if got := noteOf(*b); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", b.URL, got, want)
		}
	}
}

// TestNumberWithTheCode: an extension that was given with the code of its site is pointed out.
func TestNumberWithTheCode(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Rome", "--code", "10")
	if said := s.ok("user", "add", "Dora", "--number", "101004", "--site", "10"); !strings.Contains(said, "dialled 10101004") || !strings.Contains(said, "number set 10101004 --digits 1004") {
		t.Errorf("a number with the code: %s", said)
	}
	s.ok("number", "set", "10101004", "--digits", "1004")
	for _, digits := range []string{"1001", "2002"} {
		if said := s.ok("number", "add", digits, "--user", "Dora", "--site", "10"); strings.Contains(said, "note:") {
			t.Errorf("%s: %s", digits, said)
		}
	}
}
