package integration

import (
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestCodesOfAnApp has an app dial star codes as a desk phone does: the user's home switch does what they say, and says it aloud.
func TestCodesOfAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, _ := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	app := w.app(t, ann.user, "apns")
	number := bob.number.Dial
	for _, c := range []struct {
		code   string
		says   string // at first
		wished func(rest.User) bool
	}{
		{"*72" + number, "forward-always", func(u rest.User) bool { return u.ForwardAlways == number }},
		{"*73", "forward-always-off", func(u rest.User) bool { return u.ForwardAlways == "" }},
		{"*78", "disturb-not", func(u rest.User) bool { return u.DND }},
		{"*79", "disturb", func(u rest.User) bool { return !u.DND }},
		{"*7405" + number, "speed", func(u rest.User) bool { return u.SpeedDial["05"] == number }},
		{"*74x", "code-wrong", func(u rest.User) bool { return len(u.SpeedDial) == 1 }},
	} {
		v := phone.NewVoice(nil)
		app.calls(t, c.code, v)
		app.sees(t, sdk.Connected)
		app.sees(t, sdk.Ended)
		if s := phone.Compare(clip(t, "en/"+c.says), v.Heard()); s.Score < 0.9 {
			t.Errorf("after %s the app heard %+v", c.code, s)
		}
		if u := w.wishes(t, ann); !c.wished(u) {
			t.Errorf("after %s the user wishes %+v, do not disturb %v", c.code, u.Wishes, u.DND)
		}
	}

	call := app.calls(t, "*005", phone.NewVoice(nil)) // what *74 keeps there
	in := comes(t, desk)
	app.sees(t, sdk.Ringing)
	in.Answer()
	app.sees(t, sdk.Connected)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, in)

	begun, v := time.Now(), phone.NewVoice(speech(1))
	call = app.calls(t, "*43", v)
	app.sees(t, sdk.Connected)
	heard(t, 1, v.Heard, begun)
	call.Hangup()
	app.sees(t, sdk.Ended)

	for code, words := range map[string]string{
		"*006": "no number is kept at place 06", "*66": "is for desk phones", "*9999": "there is no star code *9999",
	} {
		if err := app.refusedDial(t, code); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v (%s), want %q", code, err, errs.CodeOf(err), words)
		}
	}
	far, _ := w.roamer(t, "Far")
	w.settle(t)
	if err := w.app(t, far, "apns").refusedDial(t, "*78"); errs.CodeOf(err) != errs.Unreachable {
		t.Errorf("without a home switch: %v", err)
	}
}
