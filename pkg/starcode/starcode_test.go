package starcode

import (
	"strings"
	"testing"

	"strowger/pkg/errs"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		dialled string
		want    Name
		number  string
		place   string
		missing bool
		code    errs.Code
	}{
		{"*72301002", ForwardAlways, "301002", "", false, ""},
		{"*72 30-1002#", ForwardAlways, "301002", "", false, ""},
		{"*72+4930123456", ForwardAlways, "+4930123456", "", false, ""},
		{"*72*97", ForwardAlways, "*97", "", false, ""},
		{"*72", ForwardAlways, "", "", true, ""},
		{"*72#", ForwardAlways, "", "", true, ""},
		{"*72abc", ForwardAlways, "", "", false, errs.Invalid},
		{"*7212+3", ForwardAlways, "", "", false, errs.Invalid},
		{"*72" + strings.Repeat("1", 39), ForwardAlways, "", "", false, errs.Invalid},
		{"*73", ForwardAlwaysOff, "", "", false, ""},
		{"*731", "", "", "", false, errs.Unknown},
		{"*8", PickUpGroup, "", "", false, ""},
		{"*85", Park, "", "", false, ""},
		{"*8601", Retrieve, "01", "", false, ""},
		{"*87", "", "", "", false, errs.Unknown},
		{"**1001", PickUp, "1001", "", false, ""},
		{"**", PickUp, "", "", true, ""},
		{"*61", Unblock, "", "", false, ""},
		{"*611001", Unblock, "1001", "", false, ""},
		{"*7405301002", SpeedDialSet, "301002", "05", false, ""},
		{"*7405", SpeedDialSet, "", "05", true, ""},
		{"*740", SpeedDialSet, "", "", false, errs.Invalid},
		{"*7505", SpeedDialClear, "", "05", false, ""},
		{"*750512", SpeedDialClear, "", "", false, errs.Invalid},
		{"*005", SpeedDial, "", "05", false, ""},
		{"*05", SpeedDial, "", "", false, errs.Invalid},
		{"*0x5", SpeedDial, "", "", false, errs.Invalid},
		{"*28", Office, "", "", false, ""},
		{"*28x", Office, "", "", false, errs.Invalid},
		{"*", "", "", "", false, errs.Unknown},
		{"*#", "", "", "", false, errs.Unknown},
		{"*99", "", "", "", false, errs.Unknown},
		{"", "", "", "", false, errs.Unknown},
		{"301002", "", "", "", false, errs.Unknown},
	} {
		d, err := Parse(c.dialled)
		if d.Name != c.want || d.Number != c.number && c.code == "" || d.Place != c.place && c.code == "" || errs.CodeOf(err) != c.code || err == nil && d.Missing() != c.missing {
			t.Errorf("%q is %+v, missing %v, %v", c.dialled, d, d.Missing(), err)
		}
	}
	if d, err := Parse("*281"); err != nil || d.Digit != '1' {
		t.Errorf("*281 is %+v, %v", d, err)
	}
}

// TestTable holds that every example is the code that it is of, and that no code hides another.
func TestTable(t *testing.T) {
	names := map[Name]bool{}
	for _, c := range Table() {
		if d, err := Parse(c.Example); err != nil || d.Code != c || d.Missing() {
			t.Errorf("%s is %+v, %v", c.Example, d, err)
		}
		if names[c.Name] {
			t.Errorf("two codes are %s", c.Name)
		}
		names[c.Name] = true
		for _, o := range Table() {
			if o != c && strings.HasPrefix(o.Digits, c.Digits) && c.Argument != None {
				t.Errorf("after %s nobody could dial %s", c.Digits, o.Digits[len(c.Digits):])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range Table() {
		f.Add(c.Example)
	}
	f.Add("*72")
	f.Add("*72 (030) 12-34#")
	f.Add("*\x00")
	f.Add("*7405+49")
	f.Fuzz(func(t *testing.T, dialled string) {
		d, err := Parse(dialled)
		if err != nil {
			if code := errs.CodeOf(err); code != errs.Unknown && code != errs.Invalid || (code == errs.Unknown) != (d.Name == "") {
				t.Errorf("%q: %+v, %v", dialled, d, err)
			}
			return
		}
		again := d.Digits + d.Place + d.Number
		if d.Digit != 0 {
			again += string(d.Digit)
		}
		if d.Number != "" && strings.HasSuffix(d.Number, "#") {
			again += "#"
		}
		if e, err := Parse(again); err != nil || e != d {
			t.Errorf("%q is %+v, and %q %+v, %v", dialled, d, again, e, err)
		}
	})
}
