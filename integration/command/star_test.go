package command

import (
	"os"
	"strings"
	"testing"

	"strowger/pkg/starcode"
)

// TestStarCodes lists the codes as the cloud has them.
func TestStarCodes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok(words("org add Acme")...)
	s.golden("stars", s.transcript("star list", "star show"))
}

// TestStarCodesAreInTheGuide holds that the operator guide has the table as it is.
func TestStarCodesAreInTheGuide(t *testing.T) {
	b, err := os.ReadFile("../../docs/operator.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| code | then | what it does | example |\n|---|---|---|---|\n")
	for _, c := range starcode.Table() {
		table.WriteString("| `" + c.Digits + "` | " + string(c.Argument) + " | " + c.Does + " | `" + c.Example + "` |\n")
	}
	if !strings.Contains(string(b), table.String()) {
		t.Errorf("docs/operator.md has another table of star codes than this:\n%s", table.String())
	}
}
