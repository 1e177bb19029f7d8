package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/rtp/dtmf"
	"strowger/pkg/sdp"
)

// inBand makes a phone one that has keys as tones in its speech only, and presses some again and again.
func inBand(keys string) func(*phone.Config) {
	return func(c *phone.Config) {
		c.Codecs = slices.DeleteFunc(phone.DefaultCodecs(), func(c sdp.Codec) bool { return c.Name == sdp.TelephoneEvent || c.Name == "G722" })
		c.Say = make([]int16, rate) // until both hear
		for _, k := range []byte(keys) {
			c.Say = dtmf.Append(c.Say, k, 0, rate/5, rate/10)
		}
		c.Say = append(c.Say, make([]int16, 60*rate)...)
	}
}

// singing waits until a phone has heard keys as tones in the speech.
func singing(t *testing.T, c *phone.Call, want string) {
	t.Helper()
	until(t, func() string {
		d, got := dtmf.NewDetector(), ""
		for heard := c.Heard(); len(heard) >= 160; heard = heard[160:] {
			if k, ok := d.Feed(heard[:160]); ok {
				got += string(k)
			}
		}
		if got == want {
			return ""
		}
		return fmt.Sprintf("heard the tones %q, want %q", got, want)
	})
}

// TestKeysAsTones has a phone, and a phone company, that know keys as tones only talk to one that has telephone events: each gets those of the other
// in its own form.
func TestKeysAsTones(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) {
		inBand("470")(c)
		c.User, c.Server = "030999000", w.Offices[0].SIP.String()
	})
	line := rest.NewTrunk("Company")
	line.DTMF = "inband"
	w.trunk(t, 0, line, company)
	ann, near := w.person(t, 0, "Ann", says(1))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	_, plain := w.person(t, 0, "Bob", inBand("9*D"))
	w.settle(t)
	for _, c := range []struct {
		from   *phone.Phone
		number string
		to     *phone.Phone
		keys   string
	}{{plain, ann.number.Dial, near, "9*D"}, {near, "0030123456", company, "470"}} {
		out, in := ring(t, c.from, c.number, c.to)
		in.Answer()
		saw(t, out, phone.Answered)
		saw(t, in, phone.Answered)
		has, sings := out, in
		if c.from == plain {
			has, sings = in, out
		}
		presses(t, has, c.keys)
		for _, k := range "18#" {
			has.SendDTMF(byte(k))
		}
		singing(t, sings, "18#")
		if strings.Contains(fmt.Sprint(sings.Events()), "digit") {
			t.Errorf("events %v", sings.Events())
		}
		hangUp(t, out, in)
	}
}
