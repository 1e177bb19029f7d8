package integration

import (
	"fmt"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// listens waits until a call has heard so much more than before.
func listens(t *testing.T, c *phone.Call, before, samples int) {
	t.Helper()
	until(t, func() string {
		if n := len(c.Heard()) - before; n < samples {
			return fmt.Sprintf("heard %d of %d samples", n, samples)
		}
		return ""
	})
}

// leaves has a caller whose call voicemail takes leave a message of some seconds, and accept it.
func leaves(t *testing.T, out *phone.Call, seconds int) {
	t.Helper()
	saw(t, out, phone.Answered)
	listens(t, out, 0, rate/2)
	out.SendDTMF('#') // who knows the greeting need not hear it
	listens(t, out, len(out.Heard()), (seconds+1)*rate)
	out.SendDTMF('#')
	out.SendDTMF('1')
	over(t, out)
}

// inbox waits until a user has so many new and old messages.
func (w *world) inbox(t *testing.T, u rest.User, fresh, old int) rest.Mailbox {
	t.Helper()
	var m rest.Mailbox
	until(t, func() string {
		var err error
		if m, err = w.Client.Mailbox(soon(t), u.ID, ""); err != nil {
			return err.Error()
		}
		if m.New != fresh || m.Old != old {
			return fmt.Sprintf("%d new and %d old messages, want %d and %d", m.New, m.Old, fresh, old)
		}
		return ""
	})
	return m
}

// says waits until a call hears a clip of the product's.
func hearsClip(t *testing.T, c *phone.Call, names ...string) {
	t.Helper()
	for _, name := range names {
		sent := clip(t, name)
		until(t, func() string {
			heard := c.Heard()
			if len(heard) < len(sent) {
				return fmt.Sprintf("%d of %d samples of %s were heard", len(heard), len(sent), name)
			}
			if s := phone.Compare(sent, heard); s.Score < 0.9 && !late.busy(c.Events()[0].At) { // it is said once
				return fmt.Sprintf("of %s was heard %+v", name, s)
			}
			return ""
		})
	}
}

// TestVoicemail has somebody at another office leave a message for who is busy, who then hears it.
func TestVoicemail(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, desk := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"voicemail": map[string]any{"trusted": true}})

	mail, err := desk.Watch(soon(t), "message-summary", bob.number.Digits, 600)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	mailed := func(words string) {
		t.Helper()
		_, n, err := mail.Wait(soon(t), told, func(n phone.Notice) bool { return strings.Contains(n.Body, words) })
		if err != nil {
			t.Fatalf("the lamp is not told %q: %v", words, err)
		}
		told = n
	}
	mailed("Messages-Waiting: no")
	out, in := ring(t, from, bob.number.Dial, desk)
	in.Decline(486, "Busy Here")
	leaves(t, out, 4)
	mailed("Voice-Message: 1/0")
	m := w.inbox(t, bob.user, 1, 0)
	if v := m.Items[0]; v.Seconds < 2 || v.Seconds > 30 || v.From != nil || v.Heard || v.Cut {
		t.Errorf("an administrator is told %+v", v)
	}
	if r := w.record(t, ann.user, 2); r.AnsweredAt == nil || diverted(r) != bob.number.Dial+" busy "+bob.number.Dial {
		t.Errorf("the record: answered %v, diverted %q", r.AnsweredAt, diverted(r))
	}

	own := dial(t, desk, "*97")
	saw(t, own, phone.Answered)
	hearsClip(t, own, "en/vm-have", "en/vm-message")
	hearsTone(t, low, own.Heard)
	own.SendDTMF('7')
	hearsClip(t, own, "en/vm-deleted")
	own.SendDTMF('*')
	over(t, own)
	mailed("Voice-Message: 0/0")
	w.inbox(t, bob.user, 0, 0)
}

// TestVoicemailLampUnasked has a phone that never subscribes be told what waits: of each change once, and of nothing that it was told before.
func TestVoicemailLampUnasked(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, desk := w.person(t, 1, "Bob", nil)
	lamp := desk.Unasked()
	w.policy(t, bob, map[string]any{"voicemail": map[string]any{"trusted": true}})
	out, in := ring(t, from, bob.number.Dial, desk)
	in.Decline(486, "Busy Here")
	leaves(t, out, 2)
	told := func(before int, words string) int {
		t.Helper()
		n, seen, err := lamp.Wait(soon(t), before, func(n phone.Notice) bool { return strings.Contains(n.Body, words) })
		if err != nil {
			t.Fatalf("the phone is not told %q: %v", words, err)
		}
		if n.Event != "message-summary" || n.State != "terminated" || n.Type != "application/simple-message-summary" {
			t.Errorf("the phone is told %+v", n)
		}
		return seen
	}
	seen := told(0, "Messages-Waiting: yes")
	own := dial(t, desk, "*97")
	saw(t, own, phone.Answered)
	hearsTone(t, low, own.Heard)
	own.SendDTMF('7')
	hearsClip(t, own, "en/vm-deleted")
	own.SendDTMF('*')
	over(t, own)
	told(seen, "Voice-Message: 0/0")
	bodies := map[string]int{}
	for _, n := range lamp.Notices() {
		bodies[n.Body]++
	}
	for body, n := range bodies {
		if n > 1 && strings.Contains(body, "yes") {
			t.Errorf("told %d times: %s", n, body)
		}
	}
}

// TestVoicemailIsForItsUser: an administrator sees that there is a message; who called and what they say is for who has the PIN, by the API as
// by any phone.
func TestVoicemailIsForItsUser(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 1, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, _ := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{}})
	weak, pin := bob.number.Digits, "48151"
	err := w.Client.SetMailboxSecrets(soon(t), bob.user.ID, rest.MailboxSecrets{PIN: &weak})
	if errs.CodeOf(err) != errs.Invalid {
		t.Errorf("the PIN that is the extension: %v", err)
	}
	if err := w.Client.SetMailboxSecrets(soon(t), bob.user.ID, rest.MailboxSecrets{PIN: &pin}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	leaves(t, dial(t, from, bob.number.Dial), 2)
	m := w.inbox(t, bob.user, 1, 0)
	id := m.Items[0].ID
	if _, err := w.Client.MessageAudio(soon(t), bob.user.ID, id, ""); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("an administrator hears a message: %v", err)
	}
	if _, err := w.Client.Mailbox(soon(t), bob.user.ID, "48152"); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a wrong PIN: %v", err)
	}
	if m, err = w.Client.Mailbox(soon(t), bob.user.ID, pin); err != nil || m.Items[0].From == nil || m.Items[0].From.Name != "Ann" {
		t.Errorf("with the PIN: %+v, %v", m, err)
	}
	wav, err := w.Client.MessageAudio(soon(t), bob.user.ID, id, pin)
	if err != nil {
		t.Fatal(err)
	}
	var samples []int16
	for b := wav[44:]; len(b) > 1; b = b[2:] {
		samples = append(samples, int16(b[0])|int16(b[1])<<8)
	}
	tone := fmt.Sprintf("%d samples", len(samples))
	for at := 4000; at+4000 <= len(samples) && tone != ""; at += 1000 { // a quarter of a second that nothing is missing in
		if hz, purity := phone.Tone(samples[at:at+4000], 16000); hz > low-10 && hz < low+10 && purity >= 0.9 {
			tone = ""
		} else {
			tone = fmt.Sprintf("%.0f Hz with a purity of %.2f", hz, purity)
		}
	}
	if tone != "" {
		t.Errorf("the message has %s", tone)
	}
	w.inbox(t, bob.user, 0, 1)

	// Any phone, by the number that is dialled with the code.
	enter := func(pin string) *phone.Call {
		c := dial(t, from, "*98"+bob.number.Digits)
		saw(t, c, phone.Answered)
		listens(t, c, 0, rate/2)
		for _, key := range pin + "#" {
			c.SendDTMF(byte(key))
		}
		return c
	}
	if m, err := w.Client.LockMailbox(soon(t), bob.user.ID, true); err != nil || m.LockedUntil == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	locked := enter(pin)
	hearsClip(t, locked, "en/vm-wrong")
	locked.HangUp()
	over(t, locked)
	if m, err := w.Client.LockMailbox(soon(t), bob.user.ID, false); err != nil || m.LockedUntil != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	open := enter(pin)
	hearsTone(t, low, open.Heard)
	open.HangUp()
	over(t, open)
	if err := w.Client.DeleteMessage(soon(t), bob.user.ID, id); err != nil {
		t.Error(err)
	}
	w.inbox(t, bob.user, 0, 0)
}
