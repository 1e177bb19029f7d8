package e164

import (
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	berlin, prefixed, york, nowhere := Plan{Country: "DE"}, Plan{Country: "DE", Outside: "0"}, Plan{Country: "US", Outside: "9"}, Plan{}
	for _, c := range []struct {
		plan  Plan
		dial  string
		want  string // "": no phone number
		class Class
	}{
		{berlin, "030123456", "+4930123456", National},
		{berlin, "+4930123456", "+4930123456", National},
		{berlin, "00442079460123", "+442079460123", International},
		{berlin, "+442079460123", "+442079460123", International},
		{berlin, "301001", "", 0}, // an extension of site 30 that nobody has
		{berlin, "0", "", 0},
		{prefixed, "0030123456", "+4930123456", National},
		{prefixed, "000442079460123", "+442079460123", International},
		{prefixed, "+442079460123", "+442079460123", International},
		{prefixed, "1001", "", 0},
		{york, "92125550123", "+12125550123", National},
		{york, "912125550123", "+12125550123", National},
		{york, "9011493012345678", "+493012345678", International},
		{york, "2125550123", "", 0},
		{york, "918005550123", "+18005550123", National}, // free in all countries of +1
		{Plan{Country: "CA"}, "+18005550123", "+18005550123", National},
		{york, "918765551234", "+18765551234", International},                              // Jamaica shares +1
		{Plan{Country: "GB"}, "07781123456", "+447781123456", International},               // Guernsey
		{Plan{Country: "RU", Outside: "9"}, "+77172123456", "+77172123456", International}, // Kazakhstan
		{nowhere, "+4930123456", "", 0},
		{berlin, "*21#", "", 0},
		{berlin, "+1", "", 0},
		{berlin, "+999999999999999999999", "", 0},
		{berlin, "++", "", 0},
	} {
		n, ok := c.plan.Read(c.dial)
		if ok != (c.want != "") || n.Text != c.want || ok && n.Class != c.class {
			t.Errorf("%q in %+v: %+v, %v, want %q of class %d", c.dial, c.plan, n, ok, c.want, c.class)
		}
	}
}

func TestEmergency(t *testing.T) {
	for _, c := range []struct {
		plan Plan
		dial string
		want string
	}{
		{Plan{Country: "DE"}, "112", "112"},
		{Plan{Country: "DE"}, "110", "110"},
		{Plan{Country: "DE", Outside: "0"}, "0112", "112"},
		{Plan{Country: "US", Outside: "9"}, "911", "911"}, // the prefix begins it
		{Plan{Country: "US", Outside: "9"}, "9911", "911"},
		{Plan{Country: "CN"}, "120", "120"},
		{Plan{Country: "DE"}, "1120", ""},
		{Plan{Country: "DE"}, "1001", ""},
		{Plan{}, "112", ""},
		{Plan{}, SOS, ""},
		{Plan{Help: []string{"7"}}, "7", "7"},
		{Plan{Country: "DE", Outside: "0", Help: []string{"19222"}}, "019222", "19222"},
		{Plan{Country: "DE", Help: []string{"19222"}}, "110", "110"},
		{Plan{Country: "DE"}, SOS, "112"},
		{Plan{Country: "US"}, "URN:service:sos.police", "911"},
		{Plan{Country: "CN"}, SOS, "110"},
		{Plan{Country: "GB", Help: []string{"999"}}, SOS, "999"},
		{Plan{Country: "DE"}, "urn:service:sosimple", ""},
	} {
		if n, ok := c.plan.Emergency(c.dial); n.Text != c.want || ok != (c.want != "") || ok && n.Class != Emergency {
			t.Errorf("%q in %+v: %+v, %v", c.dial, c.plan, n, ok)
		}
	}
}

func TestReceived(t *testing.T) {
	for text, want := range map[string]string{
		"+4930123456": "+4930123456", "4930123456": "+4930123456", "030123456": "+4930123456", "004930123456": "+4930123456", "+49 (30) 123-456": "+4930123456",
		"+4930123456;verstat=TN-Validation-Passed": "+4930123456", "030123456;npdi;rn=+4930": "+4930123456",
	} {
		if got := Received(text, "DE"); !slices.Contains(got, want) {
			t.Errorf("%q is %q, want %s among them", text, got, want)
		}
	}
	for _, text := range []string{"", "anonymous", "+", "*", "tel:"} {
		if got := Received(text, "DE"); len(got) > 0 {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestWritten(t *testing.T) {
	for text, want := range map[string]bool{"+4930123456": true, "+1": false, "4930": false, "+0": false, "+49 30": false, "+1234567890123456": false, "": false} {
		if Written(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"030123456", "+4930123456", "00442079460123", "112", "*21#", "+", "0049(30)1-2.3", "9011"} {
		f.Add(s, "DE", "0")
		f.Add(s, "US", "")
	}
	f.Fuzz(func(t *testing.T, dialled, country, outside string) {
		p := Plan{Country: country, Outside: outside}
		if n, ok := p.Read(dialled); ok && !Written(n.Text) {
			t.Errorf("%q in %+v is %q", dialled, p, n.Text)
		}
		p.Emergency(dialled)
		Received(dialled, country)
	})
}
