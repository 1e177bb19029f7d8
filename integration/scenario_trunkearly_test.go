package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sdp"
)

// plays is a phone company whose callee's line plays a tone before anybody answers.
func plays(hertz float64, codecs ...sdp.Codec) func(*phone.Config) {
	return func(c *phone.Config) { c.Policy, c.Say, c.Codecs = phone.Quiet, phone.Sine(hertz, 60), codecs }
}

// TestTrunkIsHeard has people hear what phone companies play before the answer, through the switch of another office; of those
// that are tried one after the other, the one that has the call.
func TestTrunkIsHeard(t *testing.T) {
	t.Parallel()
	w := alone(t)
	first, second, third := carrier(t, plays(low)), carrier(t, plays(high)), carrier(t, plays(high, phone.DefaultCodecs()[1]))
	for i, company := range []*phone.Phone{first, second, third} {
		line := rest.NewTrunk([]string{"First", "Second", "Third"}[i])
		line.Order = i
		w.trunk(t, 1, line, company)
	}
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"country": "DE"})
	ann, from := w.person(t, 0, "Ann", says(1))
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	w.settle(t)

	out := dial(t, from, "030123456")
	in := comes(t, first)
	in.Preview()
	hearsTone(t, low, out.Heard)
	in.Decline(503, "Service Unavailable")
	in = comes(t, second)
	in.Preview()
	hearsTone(t, high, out.Heard)
	in.Answer()
	saw(t, out, phone.Answered)
	hears(t, in, 1)
	hearsTone(t, high, out.Heard)
	hangUp(t, out, in)

	second.Refuse(503)
	out = dial(t, from, "030123456")
	in = comes(t, first)
	in.Preview()
	hearsTone(t, low, out.Heard)
	in.Decline(503, "Service Unavailable")
	in = comes(t, third) // speaks another codec than what the caller's phone was told of
	in.Preview()
	in.Answer()
	saw(t, out, phone.Answered)
	hearsTone(t, high, out.Heard)
	hears(t, in, 1)
	if got := out.Codec(); got != "PCMA" {
		t.Errorf("the caller speaks %s", got)
	}
	hangUp(t, out, in)
}
