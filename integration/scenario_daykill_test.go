package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// recording has a caller of voicemail speak until so many seconds of it are on the switch's disk.
func recording(t *testing.T, out *phone.Call, seconds int) {
	t.Helper()
	saw(t, out, phone.Answered)
	listens(t, out, 0, rate/2)
	out.SendDTMF('#')
	listens(t, out, len(out.Heard()), (seconds+2)*rate)
}

// TestKillRecording kills a switch while a caller leaves a message: what was said until then is a message of its next run, which can be heard,
// and no file is left over.
func TestKillRecording(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	ann, from := d.person(t, 1, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, desk := d.person(t, 0, "Bob", nil)
	d.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{"trusted": true}})
	out := dial(t, from, bob.number.Dial)
	recording(t, out, 4)
	d.switches[0].kill(t)
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	m := d.inbox(t, bob.user, 1, 0)
	if v := m.Items[0]; !v.Cut || v.Seconds < 3 || v.Seconds > 30 {
		t.Errorf("the message: %+v", v)
	}
	own := dial(t, desk, "*97")
	saw(t, own, phone.Answered)
	hearsTone(t, low, own.Heard)
	own.SendDTMF('7')
	hearsClip(t, own, "en/vm-deleted")
	own.HangUp()
	over(t, own)
	d.inbox(t, bob.user, 0, 0)
	until(t, func() string { // the key of a message, its recording: nothing of it is there
		var left []string
		err := filepath.WalkDir(d.folder(0), func(path string, f os.DirEntry, err error) error {
			if err == nil && strings.Contains(path, m.Items[0].ID) {
				left = append(left, path)
			}
			return err
		})
		if err != nil || len(left) > 0 {
			return strings.Join(left, ", ")
		}
		return ""
	})
	out.HangUp()
	over(t, out)
	d.recorded(t, ann.user, "the call that was cut off", func(c rest.Call) bool {
		return c.AnsweredAt != nil && c.EndedAt != nil
	})
	d.checkLedger(t)
}

// TestParkedAtRestart stops a switch with a parked call, as a service manager does, and kills it with another: neither is parked in the next
// run, which has the space for others; who was parked is told when it is stopped, and the records say that the switch stopped.
func TestParkedAtRestart(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite, embedded)
	ann, anns := d.person(t, 1, "Ann", nil)
	bell, bells := d.person(t, 0, "Bell", nil)
	_, bobs := d.person(t, 0, "Bob", says(2))
	for ends, end := range map[string]func(*testing.T){"stopped": d.switches[0].stop, "killed": d.switches[0].kill} {
		out, in := connect(t, anns, bell.number.Dial, bells)
		in.Transfer("*8501")
		told(t, in, 200)
		over(t, in)
		end(t)
		if e := over(t, out); ends == "stopped" && !strings.Contains(e.Words, "shutting down") && !strings.Contains(e.Words, "stopped") {
			t.Errorf("%s: who was parked sees %s", ends, e)
		}
		d.switches[0].launch(t, d.dir, d.log)
		d.switchStarted(t, 0)
		refusedWith(t, bobs, "*8601", 480, "no call is parked at 01")
		d.recorded(t, ann.user, "the parked call that was "+ends, func(c rest.Call) bool {
			full, err := d.Client.Calls().Get(soon(t), c.ID)
			return err == nil && full.EndedAt != nil && len(full.Diversions) > 0 && strings.HasPrefix(full.Diversions[0].To.Number, "*86")
		})
		out, in = connect(t, anns, bell.number.Dial, bells)
		in.Transfer("*8501") // the space is free
		told(t, in, 200)
		over(t, in)
		got := dial(t, bobs, "*8601")
		saw(t, got, phone.Answered)
		hears(t, out, 2)
		hangUp(t, got, out)
	}
	d.checkLedger(t)
}
