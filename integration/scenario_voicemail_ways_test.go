package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// TestVoicemailWithoutTheCloud has a message taken and heard while the cloud is gone, with which lamp, recording and words go on; the cloud finds it
// when it is back.
func TestVoicemailWithoutTheCloud(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, from := w.person(t, 0, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, desk := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{"trusted": true}})
	w.peerDocuments(t)
	w.StopCloud()

	leaves(t, dial(t, from, bob.number.Dial), 2)
	own := dial(t, desk, "*97")
	saw(t, own, phone.Answered)
	hearsClip(t, own, "en/vm-have")
	hearsTone(t, low, own.Heard)
	own.HangUp()
	over(t, own)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	w.inbox(t, bob.user, 0, 1)
}

// TestVoicemailFromAnApp has a user hear a message by their app, which dials *97 as a desk phone does and is led to their home switch.
func TestVoicemailFromAnApp(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, _ := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{"trusted": true}})
	leaves(t, dial(t, from, bob.number.Dial), 3)
	w.inbox(t, bob.user, 1, 0)

	app := w.app(t, bob.user, "apns")
	v := phone.NewVoice(nil)
	c := app.calls(t, "*97", v)
	app.sees(t, sdk.Connected)
	hearsTone(t, low, v.Heard)
	w.inbox(t, bob.user, 0, 1)
	c.Hangup()
	app.sees(t, sdk.Ended)
}
