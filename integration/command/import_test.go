package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/config"
)

func TestImport(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("switch", "add", "berlin", "--site", "20")
	file := func(lines ...string) string {
		path := filepath.Join(t.TempDir(), "phones.csv")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\r\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("\ufeffName, number, username, password, switch", `"Lovelace, Ada",1001,ada,correct horse,berlin`, "Bob,1002,bob,,",
		"Eve,1001,eve,,", "Mallory,1003,mallory,,rome", "Trent,1004", "Carol,1005,carol,,")
	stdout, stderr, code := s.run("device", "import", good)
	for _, want := range []string{"line 4: number 1001 is taken", "line 5: there is no switch \"rome\"", "line 6: has 2 fields", "3 added, 3 refused", "3 of 6 lines"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the command did not say %q:\n%s", want, stderr)
		}
	}
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); code != config.Failed || len(lines) != 4 ||
		lines[1] != `2,"Lovelace, Ada",1001,ada,correct horse` || !strings.HasPrefix(lines[2], "3,Bob,1002,bob,") {
		t.Errorf("exit code %d, accounts\n%s", code, stdout)
	}
	if list := s.ok("device", "list"); !strings.Contains(list, "carol") || strings.Contains(list, "eve") {
		t.Errorf("devices\n%s", list)
	}
	for name, path := range map[string]string{
		"no column \"name\"": file("number", "1"), "column 2 is \"color\"": file("name,color", "a,b"), "no such file": "/nonexistent",
	} {
		if said := s.refused("device", "import", path); !strings.Contains(said, name) {
			t.Errorf("want %q: %s", name, said)
		}
	}
}
