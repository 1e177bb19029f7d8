package integration

import (
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/sip"
)

// unasked says whether a call asks a phone to answer by itself.
func unasked(c *phone.Call) bool {
	return slices.ContainsFunc([]string{"Answer-Mode", "Priv-Answer-Mode", "Call-Info", "Alert-Info"}, func(name string) bool {
		return len(c.Headers(name)) > 0
	})
}

// TestIntercom has a phone answer by itself that a colleague speaks to.
func TestIntercom(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, office := range map[string]int{"one switch": 0, "two switches": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.speaksTo(t, office)
		})
	}
}

// speaksTo has somebody speak to a phone of office 0.
func (w *world) speaksTo(t *testing.T, from int) {
	t.Helper()
	_, annsPhone := w.person(t, from, "Ann", says(1))
	bell, bellsPhone := w.person(t, 0, "Bell", says(2))
	out, in := ring(t, annsPhone, "*80"+bell.number.Dial, bellsPhone)
	if !slices.Equal(in.Headers("Answer-Mode"), []string{"Auto"}) || !strings.HasSuffix(strings.Join(in.Headers("Call-Info"), ""), ";answer-after=0") || len(in.Headers("Alert-Info")) != 1 {
		t.Errorf("the phone is asked with Answer-Mode %q, Call-Info %q, Alert-Info %q", in.Headers("Answer-Mode"), in.Headers("Call-Info"), in.Headers("Alert-Info"))
	}
	in.Answer() // as a phone does that knows these
	saw(t, out, phone.Answered)
	hears(t, out, 2)
	hears(t, in, 1)
	hangUp(t, out, in)
}

// TestNoMicrophoneOpens has a phone ask that its callee answer by itself, without the code: nothing of that reaches the callee, in its
// office or in another, and none of an ordinary call.
func TestNoMicrophoneOpens(t *testing.T) {
	t.Parallel()
	w := together(t)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	for name, office := range map[string]int{"one switch": 0, "two switches": 1} {
		t.Run(name, func(t *testing.T) {
			_, eavesdropper := w.person(t, office, "Eve", func(c *phone.Config) {
				c.Headers = []sip.Header{
					sip.NewHeader("Answer-Mode", "Auto"), sip.NewHeader("Priv-Answer-Mode", "Auto"),
					sip.NewHeader("Call-Info", "<sip:x>;answer-after=0"), sip.NewHeader("Alert-Info", "<sip:x>;info=alert-autoanswer"),
				}
			})
			out, in := ring(t, eavesdropper, bell.number.Dial, bellsPhone)
			if unasked(in) {
				t.Error("the phone is told to answer by itself")
			}
			out.HangUp()
			over(t, in)
		})
	}
}

// TestIntercomIsRefused says why in words: the callee wants none, or not to be disturbed, whichever office speaks.
func TestIntercomIsRefused(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, annsPhone := w.person(t, 0, "Ann", nil)
	bell, _ := w.person(t, 0, "Bell", nil)
	_, catsPhone := w.person(t, 1, "Cat", nil)
	dan, _ := w.person(t, 0, "Dan", nil)
	change(t, w.Client.Users(), bell.user.ID, map[string]any{"no_intercom": true})
	change(t, w.Client.Users(), dan.user.ID, map[string]any{"dnd": true})
	w.settle(t)
	refusedWith(t, annsPhone, "*80"+bell.number.Dial, 480, "Bell wants no calls that are answered by themselves")
	refusedWith(t, catsPhone, "*80"+bell.number.Dial, 480, "Bell wants no calls that are answered by themselves")
	refusedWith(t, catsPhone, "*80"+dan.number.Dial, 480, "Dan")
	refusedWith(t, annsPhone, "*80"+dan.number.Dial, 480, "Dan")
}
