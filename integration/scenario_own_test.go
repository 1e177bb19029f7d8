package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
	"strowger/pkg/wish"
)

// TestWishesOfAnApp has an app change what its user wishes, as an administrator would: calls go by it, and what an administrator may not set
// the app may not either.
func TestWishesOfAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, _ := w.person(t, 0, "Ann", nil)
	bob, bobs := w.person(t, 1, "Bob", nil)
	_, from := w.person(t, 0, "Carol", nil)
	app := w.app(t, ann.user, "apns")
	wishes := func(change string) (s wish.State) {
		t.Helper()
		said, err := app.Wishes(change)
		if err == nil {
			err = json.Unmarshal([]byte(said), &s)
		}
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		return s
	}
	if s := wishes(""); s.DND || s.ForwardAlways != "" {
		t.Errorf("at first the app sees %+v", s)
	}
	v, err := w.Client.Schedules().Create(soon(t), rest.Schedule{Name: t.Name(), TimeZone: "Europe/Berlin", Weekly: []schedule.Opening{{}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := wishes(`{"blocked_words": "no, thank you", "hours": {"schedule": "` + v.ID + `", "closed_words": "tomorrow"}, "lamp": "private", "intercom": false}`); s.BlockedWords == "" ||
		s.Schedule != v.ID || s.ClosedWords != "tomorrow" || s.Lamp != "private" || !s.NoIntercom {
		t.Errorf("then the app sees %+v", s)
	}
	if s := wishes(`{"hours": {}, "intercom": true}`); s.Hours != (wish.Hours{}) || s.NoIntercom || s.BlockedWords == "" {
		t.Errorf("with no hours the app sees %+v", s)
	}
	s := wishes(`{"forward_always": "` + bob.number.Dial + `", "speed_dial": {"05": "` + bob.number.Dial + `"}, "block": ["4711"]}`)
	if u := w.wishes(t, ann); s.ForwardAlways != bob.number.Dial || u.ForwardAlways != bob.number.Dial || u.SpeedDial["05"] != bob.number.Dial || !slices.Contains(u.Blocked, "4711") {
		t.Errorf("the app sees %+v, an administrator %+v", s, u.Wishes)
	}
	w.settle(t)
	out, in := ring(t, from, ann.number.Dial, bobs)
	in.Answer()
	hangUp(t, out, in)
	for change, want := range map[string]struct {
		code  errs.Code
		words string
	}{
		`{"forward_always": "209999"}`:                            {errs.Unknown, "209999"},
		`{"forward_always": "` + ann.number.Dial + `"}`:           {errs.Invalid, ann.number.Dial},
		`{"hours": {"schedule": "sc_nobodys"}}`:                   {errs.Invalid, "sc_nobodys"},
		`{"forward_seconds": 4}`:                                  {errs.Invalid, "forward_seconds"},
		`{"override": {"schedule": "nobody's", "state": "open"}}`: {errs.Forbidden, "nobody's"},
		`{"speed_dial": {"x": "` + bob.number.Dial + `"}}`:        {errs.Invalid, "speed_dial"},
	} {
		if _, err := app.Wishes(change); errs.CodeOf(err) != want.code || !strings.Contains(err.Error(), want.words) {
			t.Errorf("%s: %v, want %s with %q", change, err, want.code, want.words)
		}
	}
	if s := wishes(`{"forward_always": "", "dnd": true}`); s.ForwardAlways != "" || !s.DND || s.SpeedDial["05"] == "" {
		t.Errorf("then the app sees %+v", s)
	}
}

// TestMessagesOfAnApp has an app show and play the messages of its user, delete one, choose the PIN and change it; without the PIN it only counts.
func TestMessagesOfAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 1, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 30) })
	bob, _ := w.person(t, 0, "Bob", nil)
	w.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{}})
	w.settle(t)
	app := w.app(t, bob.user, "apns")
	leaves(t, dial(t, from, bob.number.Dial), 2)
	w.inbox(t, bob.user, 1, 0)
	messages := func(said string, err error) (m rest.Mailbox) {
		t.Helper()
		if err == nil {
			err = json.Unmarshal([]byte(said), &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := messages(app.Messages("")); !m.NoPIN {
		t.Errorf("before there is a PIN the app sees %+v", m)
	}
	if err := app.ChangePIN("", bob.number.Digits); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("the extension for a PIN: %v", err)
	}
	if err := app.ChangePIN("", "48151"); err != nil {
		t.Fatal(err)
	}
	if err := app.ChangePIN("", "90210"); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("who has the phone in hand changes the PIN without showing it: %v", err)
	}
	w.settle(t)
	if m := messages(app.Messages("")); m.NoPIN || m.New != 1 || len(m.Items) > 0 && m.Items[0].From != nil {
		t.Errorf("without the PIN the app sees %+v", m)
	}
	if _, err := app.Messages("1111"); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a wrong PIN: %v", err)
	}
	m := messages(app.Messages("48151"))
	if len(m.Items) != 1 || m.Items[0].From == nil || m.Items[0].From.Number != ann.number.Dial {
		t.Fatalf("the app sees %+v", m)
	}
	id := m.Items[0].ID
	wav, err := app.Hear("48151", id)
	if err != nil {
		t.Fatal(err)
	}
	if s := len(wav) / (2 * 16000); s < 1 || s > 5 {
		t.Errorf("%d bytes are heard", len(wav))
	}
	if m := messages(app.Messages("48151")); m.New != 0 || m.Old != 1 {
		t.Errorf("what was heard is %+v", m)
	}
	if _, err := app.Hear("", id); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("without the PIN: %v", err)
	}
	if err := app.ChangePIN("48151", "12"); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a short PIN: %v", err)
	}
	if err := app.ChangePIN("48151", "90210"); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		said, err := app.DeleteMessage("90210", id)
		if err != nil { // on its way to the switch
			return err.Error()
		}
		if m := messages(said, nil); m.New+m.Old != 0 {
			t.Errorf("what is left is %+v", m)
		}
		return ""
	})
}
