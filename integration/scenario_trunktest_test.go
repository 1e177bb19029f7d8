package integration

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"strowger/integration/command"
	"strowger/integration/phone"
	"strowger/pkg/config"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sip/digest"
)

// tested tests a trunk to the end.
func (w *world) tested(t *testing.T, trunk rest.Trunk, number string) (r rest.TrunkTest) {
	t.Helper()
	r, err := w.Client.TestTrunk(soon(t), trunk.ID, rest.TrunkTrial{Number: number})
	until(t, func() string {
		if err == nil && !r.Done {
			r, err = w.Client.TrunkTested(soon(t), trunk.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !r.Done {
			return "the test goes on"
		}
		return ""
	})
	return r
}

// TestTrunkTests tests lines to phone companies: each step says what came of it, and what to change where it failed.
func TestTrunkTests(t *testing.T) {
	t.Parallel()
	w := alone(t)
	a1 := md5.Sum([]byte("line1:company:secret"))
	asks := digest.New(digest.Config{Realm: "company", Algorithms: []string{"MD5"}, Now: time.Now, Lookup: func(user string) (digest.HA1, bool) {
		return digest.HA1{MD5: hex.EncodeToString(a1[:])}, user == "line1"
	}})
	answers := func(c *phone.Config) { c.Policy, c.Asks = phone.Answer, asks }
	line := func(name, password string, change func(*phone.Config)) rest.Trunk {
		v := rest.NewTrunk(name)
		v.Number, v.Username, v.Password = "+4930100", "line1", password
		return w.trunk(t, 0, v, carrier(t, change))
	}
	good, wrong := line("Good", "secret", answers), line("Wrong", "guess", answers)
	unknown := line("Unknown", "", func(c *phone.Config) { c.Policy = phone.Decline })
	mute := line("Mute", "", func(c *phone.Config) { c.Policy, c.Speech = phone.Answer, phone.Mute })
	nobody := rest.NewTrunk("Nobody")
	nobody.Servers = []string{"127.0.0.1:9"}
	nobody = w.trunk(t, 0, nobody)
	w.settle(t)

	for _, c := range []struct {
		trunk  rest.Trunk
		number string
		steps  []string // in their order; with ! failed
		advice string   // of the last that failed
	}{
		{good, "", []string{"is udp:127.0.0.1", "answers OPTIONS with 200"}, ""},
		{good, "030123456", []string{
			"INVITE sip:+4930123456@", "407 Proxy Authentication Required: it wants", "INVITE again, with the user name line1", "180 Ringing: it rings",
			"200 OK: answered", "audio is PCMU", "audio comes from 127.0.0.1:", "a tone was sent to 127.0.0.1:", "the switch hangs up: BYE", "answers the BYE: 200",
		}, ""},
		{wrong, "+4930123456", []string{"INVITE again", "!407 Proxy"}, "strowger trunk set Wrong --username NAME --password PASSWORD"},
		{unknown, "+4930123456", []string{"603 Decline"}, ""},
		{mute, "+4930123456", []string{"200 OK", "!no audio comes from the company", "a tone was sent"}, "--rtp"},
		{nobody, "+4930123456", []string{"127.0.0.1:9 is udp:127.0.0.1:9", "!udp:127.0.0.1:9: ", "!+4930123456 is not called"}, "--transport NAME"},
		{good, "009001234567", []string{"!the call ends"}, "guard"},
	} {
		r := w.tested(t, c.trunk, c.number)
		advice, rest := "", r.Steps
		for _, want := range c.steps {
			want, failed := strings.CutPrefix(want, "!")
			for len(rest) > 0 && (rest[0].Failed != failed || !strings.Contains(rest[0].Words, want)) {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				t.Errorf("trunk %s, %q: no step %q: %+v", c.trunk.Name, c.number, want, r.Steps)
				break
			}
			if failed && rest[0].Advice != "" {
				advice = rest[0].Advice
			}
		}
		if !strings.Contains(advice, c.advice) || r.Failed() != (c.advice != "") {
			t.Errorf("trunk %s, %q: advice %q, want %q: %+v", c.trunk.Name, c.number, advice, c.advice, r.Steps)
		}
		if c.number == "030123456" {
			w.recordedTest(t, r)
		}
	}
	var out bytes.Buffer
	if code := command.Main(soon(t), []string{
		"--cloud", w.Cloud.API, "--key", w.Client.Key, "--data", w.dir, "trunk", "test", "Nobody",
	}, &out, &out); code != config.Failed || !strings.Contains(out.String(), "! udp:127.0.0.1:9: ") || !strings.Contains(out.String(), "-> nobody listens there") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	for number, want := range map[string]errs.Code{"110": errs.Forbidden, "0112": errs.Forbidden, "+49112": errs.Forbidden, "200": errs.Invalid, "": ""} {
		if _, err := w.Client.TestTrunk(soon(t), nobody.ID, rest.TrunkTrial{Number: number}); errs.CodeOf(err) != want {
			t.Errorf("a test of %q: %v, want %q", number, err, want)
		}
	}
}

// recordedTest looks for the record of the call of a test.
func (w *world) recordedTest(t *testing.T, r rest.TrunkTest) {
	t.Helper()
	until(t, func() string {
		c, err := w.Client.Calls().Get(soon(t), r.Call)
		switch {
		case err != nil:
			return err.Error()
		case c.EndedAt == nil:
			return "not ended"
		case !strings.HasPrefix(c.From.Name, "Test by ") || c.To.Number != "+4930123456" || c.AnsweredAt == nil || c.Line == nil:
			t.Errorf("the record: %+v", c)
		}
		return ""
	})
}
