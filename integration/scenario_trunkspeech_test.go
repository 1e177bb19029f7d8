package integration

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// TestTrunkSpeech has people call by a trunk that may use some codecs only, and sends keys by INFO: their phones have telephone events
// all the same, both ways.
func TestTrunkSpeech(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	line := rest.NewTrunk("Company")
	line.Codecs, line.DTMF = []string{"g722", "pcma"}, "info"
	line = w.trunk(t, 0, line, company)
	if fmt.Sprint(line.Codecs) != "[G722 PCMA]" {
		t.Errorf("the trunk has %v", line.Codecs)
	}
	ann, near := w.person(t, 0, "Ann", says(1))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	talk := func(out, in *phone.Call, codec string, infos map[string]int) {
		t.Helper()
		in.Answer()
		saw(t, out, phone.Answered)
		saw(t, in, phone.Answered)
		if out.Codec() != codec || in.Codec() != codec {
			t.Errorf("they speak %s and %s, want %s", out.Codec(), in.Codec(), codec)
		}
		for i, from := range []*phone.Call{out, in} {
			to := []*phone.Call{in, out}[i]
			from.SendDTMF('5')
			from.SendDTMF('#')
			presses(t, to, "5#")
		}
		hangUp(t, out, in)
		w.recorded(t, ann.user, fmt.Sprintf("keys by INFO %v", infos), func(c rest.Call) bool {
			c, err := w.Client.Calls().Get(soon(t), c.ID)
			return err == nil && c.Codec == codec+"/8000" && maps.Equal(infosOf(c), infos)
		})
	}
	out, in := ring(t, near, "0030123456", company)
	talk(out, in, "PCMA", map[string]int{"to trunk": 2, "of trunk": 2})
	change(t, w.Client.Trunks(), line.ID, map[string]any{"codecs": []string{"PCMU"}})
	w.settle(t)
	out, in = ring(t, company, "+4930200", near)
	talk(out, in, "PCMU", map[string]int{"to trunk": 2, "of trunk": 2})

	change(t, w.Client.Trunks(), line.ID, map[string]any{"codecs": []string{"G722"}})
	w.settle(t)
	if e := over(t, dial(t, near, "0030123456")); e.Code != 503 || e.Words != "trunk Company: the call has none of its codecs: PCMU/8000 PCMA/8000 telephone-event/8000, may be used are G722" {
		t.Errorf("without a codec: %d %q", e.Code, e.Words)
	}
	if e := over(t, dial(t, company, "+4930200")); e.Code != 488 {
		t.Errorf("called without a codec: %d %q", e.Code, e.Words)
	}
	out, in = ring(t, near, "112", company) // whatever it speaks
	in.Answer()
	saw(t, out, phone.Answered)
	in.Change(phone.DefaultCodecs()[1:]) // in mid-call: both follow
	until(t, func() string {
		if out.Codec() == "PCMA" && in.Codec() == "PCMA" {
			return ""
		}
		return "they speak " + out.Codec() + " and " + in.Codec()
	})
	hears(t, out, 2)
	hears(t, in, 1)
	hangUp(t, out, in)

	change(t, w.Client.Trunks(), line.ID, map[string]any{"codecs": []string{}, "dtmf": "rfc4733"})
	old := w.phone(t, ann, func(c *phone.Config) { c.InfoDTMF = true }) // knows INFO only
	w.settle(t)
	out, in = ring(t, old, "0030123456", company)
	talk(out, in, "PCMU", map[string]int{"of phone": 2})

	out, in = ring(t, near, "0030123456", company)
	in.Answer()
	saw(t, out, phone.Answered)
	in.Forget()
	out.Hold() // the company has no such call: 481
	over(t, out)
	w.recorded(t, ann.user, "a call that the company forgot", func(c rest.Call) bool {
		return c.Cause != nil && c.Cause.Code == string(errs.LegLost) && c.Cause.Words == "the peer no longer knows the dialog"
	})
}

// presses waits until a phone has heard some keys, and no more.
func presses(t *testing.T, c *phone.Call, want string) {
	t.Helper()
	until(t, func() string {
		got := ""
		for _, e := range c.Events() {
			if e.Kind == phone.Digit {
				got += e.Words
			}
		}
		if got == want {
			return ""
		}
		return fmt.Sprintf("heard the keys %q, want %q", got, want)
	})
}

// infosOf counts the INFOs of a call by who sent or got them at its switch.
func infosOf(c rest.Call) map[string]int {
	all := map[string]int{}
	for _, e := range c.Ladder {
		if e.Kind != ledger.Message || !strings.HasPrefix(e.Text, "INFO") {
			continue
		}
		if kind, _, _ := strings.Cut(e.Sender, " "); kind == "phone" || kind == "trunk" {
			all["of "+kind]++
		} else {
			kind, _, _ = strings.Cut(e.Receiver, " ")
			all["to "+kind]++
		}
	}
	return all
}
