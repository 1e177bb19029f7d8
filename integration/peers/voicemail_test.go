//go:build peers

package peers

import (
	"fmt"
	"testing"
	"time"

	"strowger/pkg/rest"
)

// pause is what who says a wrong PIN waits for the next one to be judged.
const pause = time.Second

// voicemail has a phone leave a tone for who is not to be disturbed, whose phone is told of it, plays it with the PIN, and says a wrong PIN first.
func (d *desk) voicemail(t *testing.T) func(*testing.T) {
	a, b := d.person(t, d.x), d.person(t, d.y)
	d.wishes(t, b, map[string]any{"dnd": true, "voicemail": map[string]any{}})
	pin := "48151"
	if err := d.api.SetMailboxSecrets(t.Context(), b.user.ID, rest.MailboxSecrets{PIN: &pin}); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) {
		from := d.x.phone(t, a, handset{codec: pcmu, tone: low})
		to := d.y.phone(t, b, handset{codec: pcmu, tone: high, mailbox: true})
		toFrom, toTo := listen(t, from.host), listen(t, to.host)
		from.do(t, "dial", b.dial)
		from.await(t, "CALL_ESTABLISHED")
		toFrom.expectSpeech(t)
		from.keys(t, "#") // who knows the greeting need not hear it
		toFrom.more(t, 3*pcmu.rate)
		from.keys(t, "#1")
		from.await(t, "CALL_CLOSED")
		to.says(t, "Voice-Message: 1/0")

		to.do(t, "dial", "*97")
		to.await(t, "CALL_ESTABLISHED")
		toTo.expectSpeech(t)
		to.keys(t, "11111#")
		toTo.expectSpeech(t)
		said := time.Now()
		to.keys(t, pin+"#")
		toTo.expectTone(t, from.tone)
		if took := time.Since(said); took < pause {
			t.Errorf("the PIN after a wrong one was judged after %v, want a pause of %v", took, pause)
		}
		to.do(t, "hangup", "")
		to.says(t, "Voice-Message: 0/1")
	}
}

// keys presses keys, one after another.
func (p *phone) keys(t *testing.T, keys string) {
	t.Helper()
	for _, k := range keys {
		p.do(t, "sndcode", string(k))
	}
}

// more waits until so many samples more have come, of whatever.
func (w *tap) more(t *testing.T, samples int) {
	t.Helper()
	w.forget()
	eventually(t, fmt.Sprintf("%d samples", samples), func() error {
		if n := len(w.heard()); n < samples {
			return fmt.Errorf("%d so far", n)
		}
		return nil
	})
}

// expectSpeech waits until half a second has come that is neither silence nor a tone.
func (w *tap) expectSpeech(t *testing.T) {
	t.Helper()
	w.forget()
	eventually(t, "speech", func() error {
		heard, window := w.heard(), pcmu.rate/2
		for rest := heard; len(rest) >= window; rest = rest[window:] {
			if got, purity := strongest(rest[:window], pcmu.rate); got != 0 && purity < 0.9 {
				return nil
			}
		}
		return fmt.Errorf("none in %d samples", len(heard))
	})
}
