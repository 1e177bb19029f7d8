package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestImportSaysWhatIsWrongWithEachLine(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	other := s.office("other", "20")
	c := s.client
	c.Organization = o.org.ID
	line := func(change func(*rest.ImportLine)) rest.ImportLine {
		l := rest.ImportLine{Name: "Bob", Switch: o.sw.ID, Password: "correct horse"}
		change(&l)
		return l
	}
	lines := []rest.ImportLine{
		line(func(l *rest.ImportLine) { l.Number, l.Username, l.Device = "2001", "bob", "Bob's desk" }),
		line(func(l *rest.ImportLine) { l.Username = "" }), // has no number, and a user name of the cloud's
		line(func(l *rest.ImportLine) { l.Name = "" }),
		line(func(l *rest.ImportLine) { l.Name = "a\x00b" }),
		line(func(l *rest.ImportLine) { l.Switch = other.sw.ID }),
		line(func(l *rest.ImportLine) { l.Username = "with space" }),
		line(func(l *rest.ImportLine) { l.Username = "anna" }), // of the office
		line(func(l *rest.ImportLine) { l.Username = "bob" }),  // of the first line
		line(func(l *rest.ImportLine) { l.Number = "1001" }),   // of the office
		line(func(l *rest.ImportLine) { l.Number = "2001" }),   // of the first line
		line(func(l *rest.ImportLine) { l.Number = "bob" }),
		line(func(l *rest.ImportLine) { l.Password = "short" }),
	}
	want := []string{"", "", "name: has 0", "NUL", "switch: there is no", "username: \"with space\"", "username anna is taken",
		"username bob is taken", "number 1001 is taken", "number 2001 is taken", "digits: \"bob\"", "password: 5 characters"}
	done, err := c.Import(t.Context(), lines)
	if err != nil || done.Added != 2 || len(done.Lines) != len(lines) {
		t.Fatalf("import: %+v, %v", done, err)
	}
	for i, got := range done.Lines {
		switch {
		case want[i] == "" && (got.Error != nil || got.Password != "correct horse" || got.Username == ""):
			t.Errorf("line %d: %+v", i, got)
		case want[i] != "" && (got.Error == nil || !strings.Contains(got.Error.Words, want[i]) || got.Device != "" || got.Password != ""):
			t.Errorf("line %d: %+v %v, want %q", i, got, got.Error, want[i])
		}
	}
	d := must(c.Devices().Get(t.Context(), done.Lines[0].Device))(t)
	if d.Name != "Bob's desk" || d.Username != "bob" || d.Switch != o.sw.ID || d.User != done.Lines[0].User || !d.Enabled || d.Version != 1 {
		t.Errorf("device %+v", d)
	}
	p := must(c.Numbers().Page(t.Context(), rest.Filter{"user": d.User}, 0, ""))(t)
	if len(p.Items) != 1 || p.Items[0].Dial != "202001" || p.Items[0].Site != o.site.ID {
		t.Errorf("numbers %+v", p.Items)
	}
	creds, err := s.store.Credentials(t.Context(), o.org.ID, o.site.ID)
	if err != nil || string(creds[d.ID]) != "correct horse" {
		t.Errorf("credentials %q, %v", creds, err)
	}
}

func TestImportLimits(t *testing.T) {
	s := newService(t)
	o := s.office("acme", "20")
	long := rest.ImportLine{Name: strings.Repeat("n", 100), Switch: o.sw.ID, Username: strings.Repeat("u", 60), Device: strings.Repeat("d", 100), Password: strings.Repeat("p", 128)}
	lines := make([]rest.ImportLine, rest.MaxImport)
	for i := range lines {
		lines[i] = long
		lines[i].Username, lines[i].Number = fmt.Sprint(long.Username, i), fmt.Sprint(5000+i)
	}
	done, err := s.client.Import(t.Context(), lines)
	if err != nil || done.Added != rest.MaxImport {
		t.Errorf("%d of %d long lines were added: %v", done.Added, len(lines), err)
	}
	if _, err := s.client.Import(t.Context(), append(lines, long)); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a line too many: %v", err)
	}
	if _, err := s.client.Import(t.Context(), nil); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("no line: %v", err)
	}
	if a := s.send("POST", importPath, `{"lines":[{"name":"`+strings.Repeat("x", maxImportBody)+`"}]}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %+v", a)
	}
	if _, err := s.as(rest.APIKey{Name: "r", Role: "reader"}).Import(t.Context(), lines); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a reader: %v", err)
	}
}
