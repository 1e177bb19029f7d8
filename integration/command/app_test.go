package command

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"
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
