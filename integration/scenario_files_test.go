package integration

import (
	"fmt"
	"strings"
	"testing"

	"strowger/integration/phone"
)

// TestFewOpenFiles runs a switch that may have few files open: it says so at its start, calls for which no socket is left are
// refused with words and counted, those that are up go on, and where one ends another is possible. The cloud says so as well.
func TestFewOpenFiles(t *testing.T) {
	t.Parallel()
	const files, legs = 64, 16 // half of the files are for audio, two for each leg; one leg is kept for emergency calls
	d := deploy(t, sqlite, embedded)
	_, from := d.person(t, 0, "Ann", nil)
	bob, to := d.person(t, 0, "Bob", nil)
	cid, far := d.person(t, 1, "Cid", nil)
	d.switches[0].kill(t)
	d.switches[0].files = files
	d.switches[0].launch(t, d.dir, d.log)
	d.switchStarted(t, 0)
	register(t, from)
	register(t, to)
	d.settle(t) // it has found the cloud again
	d.logged(t, fmt.Sprintf("limit=%d needed=10256 calls_inside=%d calls_between_offices=%d", files, legs/2, legs))

	out, in := connect(t, from, cid.number.Dial, far) // one leg at this switch
	var inside [][2]*phone.Call
	for range (legs - 1) / 2 {
		a, b := connect(t, from, bob.number.Digits, to)
		inside = append(inside, [2]*phone.Call{a, b})
	}
	refused := func() {
		t.Helper()
		if e := over(t, dial(t, from, bob.number.Digits)); e.Code != 503 || !strings.Contains(e.Words, "no socket is left") {
			t.Errorf("the call ended with %s, want 503 and why", e)
		}
	}
	refused() // the caller's leg gets none
	hangUp(t, out, in)
	d.idle(t, len(inside))
	refused() // nor does the callee's
	if n := d.figure(t, 0, `media_refused_total{reason="files"}`); n != 2 {
		t.Errorf("%v legs are counted as refused, want 2", n)
	}
	for i, c := range inside {
		key := fmt.Sprint(i)
		press(t, c[0], c[1], key)
		press(t, c[1], c[0], key)
		hangUp(t, c[0], c[1])
	}
	d.idle(t, 0)
	out, in = connect(t, from, cid.number.Dial, far)
	hangUp(t, out, in)

	d.cloud.kill(t)
	d.cloud.files = 4 * files
	d.cloud.launch(t, d.dir, d.log)
	d.cloud.started(t, &struct{}{})
	d.logged(t, fmt.Sprintf("limit=%d recommended=1024", d.cloud.files))
}

// idle waits until the switch of the first office has no more calls than n.
func (d *deployment) idle(t *testing.T, n int) {
	t.Helper()
	until(t, func() string {
		if have := d.figure(t, 0, "calls"); int(have) > n {
			return fmt.Sprintf("%v calls are up, want %d", have, n)
		}
		return ""
	})
}
