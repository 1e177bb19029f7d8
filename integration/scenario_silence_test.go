package integration

import (
	"fmt"
	"slices"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// TestOneWayAudio has phones and a phone company answer and send no audio, or send it from elsewhere than they said: the record says
// which, in the call.
func TestOneWayAudio(t *testing.T) {
	t.Parallel()
	w := alone(t)
	silent := func(c *phone.Config) { c.Speech = phone.Mute }
	w.trunk(t, 1, rest.NewTrunk("Company"), carrier(t, func(c *phone.Config) { c.Speech, c.Policy = phone.Mute, phone.Answer }))
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"country": "DE"})
	ann, from := w.person(t, 0, "Ann", nil)
	bob, mute := w.person(t, 1, "Bob", silent)
	eve, astray := w.person(t, 0, "Eve", func(c *phone.Config) { c.Speech = phone.Astray })
	dan, fine := w.person(t, 1, "Dan", nil)
	cid, calls := w.person(t, 1, "Cid", silent)
	gus, gives := w.person(t, 0, "Gus", silent)
	hal, takes := w.person(t, 0, "Hal", nil)
	fay, out := w.person(t, 0, "Fay", nil)
	change(t, w.Client.Users(), fay.user.ID, map[string]any{"calling": "national"})
	w.settle(t)

	for what, c := range map[string]struct {
		from    *phone.Phone
		dialled string
		to      *phone.Phone // nil: it answers by itself
		of      subscriber
		stuck   string // whom the caller transfers them to, in vain
		leg     string // of the device that is silent
		words   string
	}{
		"callee":        {from, bob.number.Dial, mute, ann, "", bob.device.ID, "no audio from Bob's phone"},
		"astray":        {fine, eve.number.Dial, astray, eve, "", eve.device.ID, "audio from elsewhere than Eve's phone said, and so not taken"},
		"caller":        {calls, dan.number.Dial, fine, cid, "", cid.device.ID, "no audio from Cid's phone"},
		"transferor":    {gives, hal.number.Dial, takes, gus, "1999", gus.device.ID, "no audio from Gus's phone"},
		"phone company": {out, "030123456", nil, fay, "", "", "no audio from the phone company"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			out := dial(t, c.from, c.dialled)
			if c.to != nil {
				comes(t, c.to).Answer()
			}
			saw(t, out, phone.Answered)
			if c.stuck != "" {
				out.Transfer(c.stuck)
			}
			until(t, func() string {
				page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": c.of.user.ID}, 1, "")
				if err != nil || len(page.Items) == 0 {
					return fmt.Sprint("no record: ", err)
				}
				r, err := w.Client.Calls().Get(soon(t), page.Items[0].ID)
				if err != nil {
					t.Fatal(err)
				}
				var words []string
				for _, l := range r.Legs {
					if l.Silent != "" {
						words = append(words, l.Device+" "+l.Silent)
					}
				}
				if !slices.Equal(words, []string{c.leg + " " + c.words}) {
					return fmt.Sprintf("the record says %q", words)
				}
				return ""
			})
			out.HangUp()
			over(t, out)
		})
	}
}
