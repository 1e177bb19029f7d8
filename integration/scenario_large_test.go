package integration

import (
	"fmt"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestTenThousandPhonesOnOneSwitch adds them, which makes a site copy of many pieces, and has the first and the last talk.
// Then one is renamed: the switch hears of it too.
func TestTenThousandPhonesOnOneSwitch(t *testing.T) {
	w := alone(t)
	o := w.Offices[0]
	const phones = 10_000
	begin := time.Now()
	var first, last rest.ImportedLine
	for n := 0; n < phones; n += rest.MaxImport {
		lines := make([]rest.ImportLine, rest.MaxImport)
		for i := range lines {
			lines[i] = rest.ImportLine{Name: fmt.Sprint("Person ", n+i), Switch: o.Switch.ID, Number: fmt.Sprint(50_000 + n + i), Username: fmt.Sprint("p", n+i)}
		}
		var done rest.Imported
		until(t, func() string { // a busy machine is told to try again later
			var err error
			if done, err = w.Client.Import(soon(t), lines); errs.CodeOf(err) == errs.Congested {
				return err.Error()
			} else if err != nil || done.Added != len(lines) {
				t.Fatalf("%d of %d lines from %d were added: %v", done.Added, len(lines), n, err)
			}
			return ""
		})
		if n == 0 {
			first = done.Lines[0]
		}
		last = done.Lines[len(lines)-1]
	}
	t.Logf("%d phones were added in %v", phones, time.Since(begin).Round(time.Millisecond))
	account := func(l rest.ImportedLine) *phone.Phone {
		p := run(t, phone.Config{Server: o.SIP.String(), User: l.Username, Password: l.Password})
		register(t, p)
		return p
	}
	begin = time.Now()
	to := account(last)
	t.Logf("the last one registered after %v", time.Since(begin).Round(time.Millisecond))
	out, in := connect(t, account(first), fmt.Sprint(50_000+phones-1), to)
	hangUp(t, out, in)

	sw, err := w.Client.Switches().Get(soon(t), o.Switch.ID)
	if err != nil || sw.CopyError != "" {
		t.Fatalf("the switch holds copy %d and says %q: %v", sw.Copy, sw.CopyError, err)
	}
	begin = time.Now()
	change(t, w.Client.Devices(), last.Device, map[string]any{"username": "renamed", "password": "correct horse"})
	account(rest.ImportedLine{Username: "renamed", Password: "correct horse"})
	t.Logf("a new user name was in force after %v", time.Since(begin).Round(time.Millisecond))
}
