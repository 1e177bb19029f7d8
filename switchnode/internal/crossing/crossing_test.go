package crossing

import (
	"testing"
	"testing/synctest"
	"time"

	"strowger/switchnode/internal/call"
)

// desk is the origin of a call of a desk phone.
var desk = Origin{}

// Whichever is planned first: the older call goes on, the younger one's caller answers it, and when that is over all is.
func TestTwoDeskPhonesOfOneSwitch(t *testing.T) {
	for name, c := range map[string]struct{ first, second time.Duration }{
		"the first rings": {0, time.Second}, "the second is planned first": {time.Second, 0}, "at once": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, "sw_x")
				a := n.place(ask{"ca_1", "ann", "bob", "sw_x", desk, c.first, ""})
				b := n.place(ask{"ca_2", "bob", "ann", "sw_x", desk, c.second, ""})
				pass(2 * time.Second)
				a.caller.was(t, "accept")
				b.caller.was(t, "accept")
				b.ended(t, "crossing")
				b.caller.hangsUp()
				n.empty(a, b)
				a.caller.was(t, "accept", "hang up")
				a.ended(t, "normal")
				if len(n.counts) != 1 {
					t.Errorf("counted %q", n.counts)
				}
			})
		})
	}
}

// The call of an app goes on whichever is older: it is at its anchor only.
func TestAppAndDeskPhone(t *testing.T) {
	for name, deskFirst := range map[string]bool{"the app calls first": false, "the desk phone does": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, "sw_x")
				eve, bob := ask{"ca_1", "eve", "bob", "sw_x", Origin{App: true}, 0, ""}, ask{"ca_2", "bob", "eve", "sw_z", desk, time.Second, ""}
				if deskFirst {
					eve.id, bob.id, eve.after, bob.after = "ca_2", "ca_1", time.Second, 0
				}
				a, b := n.place(eve), n.place(bob)
				pass(1500 * time.Millisecond)
				a.caller.was(t, "accept")
				b.caller.was(t, "accept")
				if deskFirst { // no phone of Bob's rings while he comes over
					a.callee.was(t)
					b.callee.was(t, "start", "cancel")
				} else {
					a.callee.was(t, "start", "cancel")
					b.callee.was(t)
				}
				a.caller.hangsUp()
				n.empty(a, b)
			})
		})
	}
}

// Each of two switches sees both calls of two desk phones: they agree, however the calls come to pass each other.
func TestTwoSwitches(t *testing.T) {
	for _, late := range []time.Duration{0, 10 * time.Millisecond, time.Second} {
		for _, older := range []string{"ca_1", "ca_3"} { // of Ann, who calls first; Bob's is ca_2
			synctest.Test(t, func(t *testing.T) {
				x, y := newNode(t, "sw_x"), newNode(t, "sw_y")
				ann := x.place(ask{older, "ann", "bob", "sw_y", desk, 0, ""})
				annAtY := y.place(ask{older, "ann", "bob", "sw_y", Origin{Node: "sw_x"}, 5 * time.Millisecond, ""})
				bob := y.place(ask{"ca_2", "bob", "ann", "sw_x", desk, late, ""})
				bobAtX := x.place(ask{"ca_2", "bob", "ann", "sw_x", Origin{Node: "sw_y"}, late + 5*time.Millisecond, ""})
				pass(late + 500*time.Millisecond)
				host, guest, placedThere, left := annAtY, bob, bobAtX, ann
				if older == "ca_3" {
					host, guest, placedThere, left = bobAtX, ann, annAtY, bob
				}
				host.caller.was(t, "accept")
				guest.caller.was(t, "accept")
				guest.ended(t, "crossing")
				placedThere.caller.cancels() // by the link
				left.callee.answers()
				host.caller.hangsUp()
				left.callee.hangsUp()
				x.empty(ann, bobAtX)
				y.empty(bob, annAtY)
			})
		}
	}
}

// What gives way rings nobody until the other is over, and is refused if that was answered.
func TestGivesWay(t *testing.T) {
	for _, answered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t, "sw_x")
			away := n.place(ask{"ca_1", "ann", "bob", "sw_y", desk, 0, ""})
			here := n.place(ask{"ca_2", "bob", "ann", "sw_x", Origin{Node: "sw_y"}, time.Second, ""})
			pass(10 * time.Second)
			here.callee.was(t)
			if answered {
				away.callee.answers()
				synctest.Wait()
				here.caller.was(t, "refuse crossing")
				away.caller.hangsUp()
			} else {
				away.caller.cancels()
				synctest.Wait()
				here.callee.was(t, "start")
				here.caller.cancels()
			}
			n.empty(away, here)
		})
	}
}

// What gives way, and whose caller has left when the other is over, is over for good.
func TestLeavesWhileItGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "sw_x")
		away := n.place(ask{"ca_1", "ann", "bob", "sw_y", desk, 0, ""})
		here := n.place(ask{"ca_2", "bob", "ann", "sw_x", Origin{Node: "sw_y"}, time.Second, ""})
		pass(2 * time.Second)
		here.caller.says(call.Cancelled{})
		synctest.Wait()
		away.caller.cancels()
		synctest.Wait()
		here.caller.says(call.Closed{Leg: call.Caller}) // its ACK took long
		n.empty(away, here)
	})
}

// Calls that do not cross, or whose anchors leave no way to make them one, ring as they are.
func TestOthersRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "sw_x")
		all := []*placed{
			n.place(ask{"ca_1", "ann", "bob", "sw_x", desk, 0, ""}),
			n.place(ask{"ca_2", "ann", "bob", "sw_x", desk, 0, ""}),
			n.place(ask{"ca_3", "ann", "ann", "sw_x", desk, 0, ""}),
			n.place(ask{"ca_4", "bob", "eve", "sw_x", desk, 0, ""}),
			n.place(ask{"ca_5", "eve", "joe", "sw_x", Origin{App: true}, 0, ""}),
			n.place(ask{"ca_6", "joe", "eve", "sw_x", Origin{App: true}, 0, ""}),
			n.place(ask{"ca_7", "may", "zoe", "sw_y", desk, 0, ""}),
			n.place(ask{"ca_8", "zoe", "may", "sw_z", desk, 0, ""}),
			n.place(ask{"ca_9", "", "bob", "sw_x", Origin{Node: "sw_y"}, 0, ""}),
		}
		synctest.Wait()
		for _, p := range all {
			p.callee.was(t, "start")
			p.caller.cancels()
		}
		n.empty(all...)
	})
}

// A call that the cloud hints at is awaited as long as its plan is here, and not for ever.
func TestHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "sw_x")
		n.expected = "ca_9"
		bob := n.place(ask{"ca_1", "bob", "eve", "sw_x", desk, 0, "ca_9"})
		pass(arrival / 2)
		bob.callee.was(t)
		eve := n.place(ask{"ca_9", "eve", "bob", "sw_x", Origin{App: true}, 0, ""})
		synctest.Wait()
		bob.callee.was(t)
		eve.caller.was(t, "accept")
		bob.caller.hangsUp()
		n.empty(eve, bob)

		never := n.place(ask{"ca_2", "bob", "eve", "sw_x", desk, 0, "ca_9"})
		unknown := n.place(ask{"ca_3", "bob", "joe", "sw_x", desk, 0, "ca_8"})
		synctest.Wait()
		unknown.callee.was(t, "start")
		never.callee.was(t)
		pass(arrival)
		never.callee.was(t, "start")
		never.caller.cancels()
		unknown.caller.cancels()
		n.empty(never, unknown)
	})
}

// A switch that stops ends what has become one.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, "sw_x")
		a := n.place(ask{"ca_1", "ann", "bob", "sw_x", desk, 0, ""})
		b := n.place(ask{"ca_2", "bob", "ann", "sw_x", desk, time.Second, ""})
		pass(2 * time.Hour) // longer than any leg may take to close
		b.stop()
		synctest.Wait()
		b.caller.was(t, "accept")
		a.stop()
		n.empty(a, b)
		b.caller.was(t, "accept", "hang up")
	})
}
