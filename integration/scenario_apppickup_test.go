package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
)

// TestPickUpByAnApp has an app take a call that rings at a colleague's phone, of the same office and of another one, for which a desk phone calls
// and for which an app does, and one that is parked.
func TestPickUpByAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, office := range map[string]int{"of the office": 0, "of another office": 1} {
		for _, any := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, whoever's %v", name, any), func(t *testing.T) {
				t.Parallel()
				_, anns := w.person(t, 0, "Ann", says(1))
				bell, bells := w.person(t, office, "Bell", nil)
				bob, _ := w.person(t, 0, "Bob", nil)
				group := rest.Group{Name: "Sales of " + bob.number.Digits, Kind: rest.PickUpGroup, Members: []string{bell.user.ID, bob.user.ID}}
				if _, err := w.Client.Groups().Create(soon(t), group); err != nil {
					t.Fatal(err)
				}
				w.settle(t)
				app := w.app(t, bob.user, "apns")
				code := "*8"
				if !any {
					code = "**" + bell.number.Dial
				}
				begun, v := time.Now(), phone.NewVoice(speech(2))
				out, in := ring(t, anns, bell.number.Dial, bells)
				picked := app.calls(t, code, v)
				app.sees(t, sdk.Connected)
				saw(t, out, phone.Answered)
				over(t, in)
				hears(t, out, 2)
				heard(t, 1, v.Heard, begun)
				picked.Hangup()
				app.sees(t, sdk.Ended)
				over(t, out)
			})
		}
	}
	t.Run("parked", func(t *testing.T) {
		t.Parallel()
		_, anns := w.person(t, 1, "Ann", nil)
		bell, bells := w.person(t, 0, "Bell", nil)
		bob, _ := w.person(t, 0, "Bob", nil)
		app := w.app(t, bob.user, "apns")
		out, in := connect(t, anns, bell.number.Dial, bells)
		in.Transfer("*85")
		told(t, in, 200)
		over(t, in)
		var place string
		for _, e := range in.Events() {
			if e.Kind == phone.Told && e.Code == 200 {
				place = e.Words[strings.LastIndex(e.Words, " ")+1:] // "Parked at 07"
			}
		}
		begun, v := time.Now(), phone.NewVoice(speech(2))
		got := app.calls(t, "*86"+place, v)
		app.sees(t, sdk.Connected)
		out.Say(speech(1)) // who parked may have taken long
		hears(t, out, 2)
		heard(t, 1, v.Heard, begun)
		got.Hangup()
		app.sees(t, sdk.Ended)
		over(t, out)
	})
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		bell, bells := w.person(t, 0, "Bell", nil)
		bob, _ := w.person(t, 1, "Bob", nil)
		code := bell.number.Digits
		group := rest.Group{Name: "All of " + code, Kind: rest.PagingGroup, Code: code, Members: []string{bell.user.ID, bob.user.ID}}
		if _, err := w.Client.Groups().Create(soon(t), group); err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		app := w.app(t, bob.user, "apns")
		paging := app.calls(t, "*81"+code, phone.NewVoice(speech(2)))
		in := comes(t, bells)
		if !unasked(in) {
			t.Error("a phone is not asked to answer by itself")
		}
		in.Answer()
		app.sees(t, sdk.Connected)
		hears(t, in, 2)
		paging.Hangup()
		app.sees(t, sdk.Ended)
		over(t, in)
	})
	t.Run("nothing rings", func(t *testing.T) {
		t.Parallel()
		bell, _ := w.person(t, 0, "Bell", nil)
		bob, _ := w.person(t, 0, "Bob", nil)
		app := w.app(t, bob.user, "apns")
		app.calls(t, "**"+bell.number.Dial, phone.NewVoice(nil))
		if e := app.sees(t, sdk.Ended); !strings.Contains(e.Words, "nothing rings") {
			t.Errorf("the app is told %+v", e)
		}
	})
}
