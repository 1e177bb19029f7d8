//go:build peers

package peers

import (
	"fmt"
	"net/netip"
	"testing"
)

const directMediaNetwork = 19

// TestDirectMedia has two phones of an office whose policy it is exchange their audio directly. It comes from the switch while one is on hold and in a
// call of three, and directly again after that; a phone of the other office is reached through the switch throughout.
func TestDirectMedia(t *testing.T) {
	t.Parallel()
	d := deploy(t, directMediaNetwork, longRing)
	if _, err := d.api.Sites().Update(t.Context(), d.x.site.ID, 0, map[string]any{"direct_media": true}); err != nil {
		t.Fatal(err)
	}
	d.settle(t, d.x, "1901")
	a := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low, calls: 3})
	b := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: high})
	c := d.y.phone(t, d.y.account(t), handset{codec: pcmu, tone: other})
	toA, toB, toC := listen(t, a.host), listen(t, b.host), listen(t, c.host)
	directly := func() {
		t.Helper()
		toA.comes(t, b.host.addr)
		toB.comes(t, a.host.addr)
		toA.expectTone(t, b.tone)
		toB.expectTone(t, a.tone)
	}
	call(t, a, b, b.dial)
	directly()

	a.do(t, "hold", "")
	toB.comes(t, d.x.machine.addr)
	toB.expectMusic(t, a.tone)
	toA.expectSilence(t)
	a.do(t, "resume", "")
	directly()

	a.do(t, "hold", "")
	call(t, a, c, c.dial)
	a.do(t, "hold", "")
	a.do(t, "dial", "*3")
	a.await(t, "CALL_ESTABLISHED")
	for w, others := range map[*tap][]*phone{toA: {a, b, c}, toB: {b, a, c}, toC: {c, a, b}} {
		w.expectOthers(t, others[0], others[1:]...)
	}
	toB.comes(t, d.x.machine.addr)
	a.do(t, "hangup", "")
	b.await(t, "CALL_CLOSED")
	c.await(t, "CALL_CLOSED")

	call(t, b, c, c.dial)
	talk(t, b, c)
	toB.comes(t, d.x.machine.addr)
	toC.comes(t, d.y.machine.addr)
	hangUp(t, b, c)
}

// comes waits until the audio comes from a machine.
func (w *tap) comes(t *testing.T, from netip.Addr) {
	t.Helper()
	eventually(t, fmt.Sprintf("audio from %v", from), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.from != from {
			return fmt.Errorf("it comes from %v", w.from)
		}
		return nil
	})
}
