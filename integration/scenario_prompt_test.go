package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rtp/g711"
)

// clip is a sound of the product's, as a phone hears it.
func clip(t *testing.T, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "switchnode", "internal", "prompt", "clips", name+".wav"))
	if err != nil {
		t.Fatal(err)
	}
	const head = 58 // of a WAV file of µ-law, as sox writes it
	return g711.Mu.Decode(nil, b[head:])
}

// TestQueueIsHeard has callers of both offices wait for somebody: they hear where they stand and music, then the ringing, and talk.
func TestQueueIsHeard(t *testing.T) {
	t.Parallel()
	w := together(t)
	for office, c := range []struct {
		name, language string
		place          []string
	}{
		{"through a link", "en", []string{"position", "1", "back"}},
		{"in the office", "zh", []string{"position", "1", "place", "back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bob, desk := w.person(t, 1, "Bob", says(2))
			eve, other := w.person(t, 1, "Eve", nil)
			w.policy(t, bob, map[string]any{"queue_length": 2, "queue_language": c.language})
			_, from := w.person(t, office, "Ann", says(1))
			own, talks := ring(t, desk, eve.number.Dial, other)
			talks.Answer()
			saw(t, own, phone.Answered)
			out := dial(t, from, bob.number.Dial)
			queued(t, out, "Queued, number 1")
			begun := out.Events()[0].At
			busy, back, music := clip(t, c.language+"/busy"), clip(t, c.language+"/back"), clip(t, "music")[:rate]
			said := len(busy)
			for _, word := range c.place {
				said += len(clip(t, c.language+"/"+word))
			}
			until(t, func() string {
				if n, want := len(out.Heard()), said+3*rate/2; n < want {
					return fmt.Sprintf("heard %d of %d samples", n, want)
				}
				return ""
			})
			heard := out.Heard()
			for what, sent := range map[string][]int16{"words": busy, "offer of a call back": back, "music": music} {
				if s := phone.Compare(sent, heard); s.Score < 0.95 && !late.busy(begun) {
					t.Errorf("of the %s the caller heard %+v", what, s)
				}
			}
			hangUp(t, own, talks)
			in := incoming(t, desk, out)
			hearsTone(t, 425, out.Heard)
			before := len(out.Heard())
			in.Answer()
			saw(t, out, phone.Answered)
			heardFrom(t, out, before, 2)
			hears(t, in, 1)
			hangUp(t, out, in)
		})
	}
}

// heardFrom waits until a caller has heard what the callee says, after what came before the answer.
func heardFrom(t *testing.T, c *phone.Call, before int, seed uint64) {
	t.Helper()
	heard(t, seed, func() []int16 {
		all := c.Heard()
		return all[min(before, len(all)):]
	}, c.Events()[0].At)
}
