package integration

import (
	"strings"
	"testing"

	"strowger/integration/phone"
)

// TestLampsOfCodes has phones watch a space for parked calls, and whether they take calls themselves.
func TestLampsOfCodes(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", nil)
	bell, bells := w.person(t, 0, "Bell", nil)
	bob, bobs := w.person(t, 1, "Bob", nil)
	retrieve, park := watch(t, bells, "*8619"), watch(t, bells, "*8519")
	quiet, forward := watch(t, anns, "*78"), watch(t, anns, "*72")
	for _, l := range []*lit{retrieve, park, quiet, forward} {
		l.shows(t, "terminated")
	}
	out, in := connect(t, bobs, bell.number.Dial, bells)
	in.Transfer("*8519")
	told(t, in, 200)
	over(t, in)
	for _, l := range []*lit{retrieve, park} {
		if g := l.shows(t, "confirmed").Dialogs[0]; !strings.Contains(g.Remote, bob.number.Dial) {
			t.Errorf("who is parked: %+v", g)
		}
	}
	got := dial(t, anns, "*8619")
	saw(t, got, phone.Answered)
	retrieve.shows(t, "terminated")
	park.shows(t, "terminated")
	hangUp(t, got, out)

	coded(t, anns, "*78", "disturb-not")
	quiet.shows(t, "confirmed")
	coded(t, anns, "*79", "disturb")
	quiet.shows(t, "terminated")
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"forward_always": bob.number.Dial})
	forward.shows(t, "confirmed")
	if _, err := anns.Watch(soon(t), "dialog", "*65", 600); err == nil || !strings.Contains(err.Error(), "*65") {
		t.Errorf("a code that turns nothing on: %v", err)
	}
}

// TestLampsFollowCalls has two offices watch everybody while a call is sent on to another office, and while one is picked up: every lamp
// shows who talks then.
func TestLampsFollowCalls(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, anns := w.person(t, 0, "Ann", nil)
	bell, bells := w.person(t, 0, "Bell", nil)
	carl, carls := w.person(t, 1, "Carl", nil)
	dan, dans := w.person(t, 1, "Dan", nil)
	_, hers := w.person(t, 0, "Watcher", nil)
	_, his := w.person(t, 1, "Watcher", nil)
	lamps := map[string][]*lit{}
	for _, s := range []subscriber{ann, bell, carl, dan} {
		lamps[s.user.Name] = []*lit{watch(t, hers, s.number.Dial), watch(t, his, s.number.Dial)}
	}
	show := func(states map[string]string) {
		t.Helper()
		for name, state := range states {
			for _, l := range lamps[name] {
				l.shows(t, state)
			}
		}
	}
	show(map[string]string{"Ann": "terminated", "Bell": "terminated", "Carl": "terminated", "Dan": "terminated"})
	out, in := connect(t, anns, bell.number.Dial, bells)
	show(map[string]string{"Ann": "confirmed", "Bell": "confirmed"})
	in.Transfer(carl.number.Dial)
	accepted(t, in, 202)
	last := rings(t, carls)
	show(map[string]string{"Carl": "early"})
	last.Answer()
	saw(t, last, phone.Answered)
	told(t, in, 200)
	over(t, in)
	show(map[string]string{"Bell": "terminated", "Carl": "confirmed"})
	hangUp(t, last, out)
	show(map[string]string{"Ann": "terminated", "Carl": "terminated"})

	out, rung := ring(t, bells, carl.number.Dial, carls)
	show(map[string]string{"Carl": "early", "Bell": "early"})
	picked := dial(t, dans, "**"+carl.number.Digits)
	saw(t, picked, phone.Answered)
	saw(t, out, phone.Answered)
	over(t, rung)
	show(map[string]string{"Carl": "terminated", "Dan": "confirmed", "Bell": "confirmed"})
	hangUp(t, picked, out)
	show(map[string]string{"Dan": "terminated", "Bell": "terminated"})
}

// TestLampSurvives loses NOTIFYs, and stops the switch of who is watched and that of who watches: lamps that were lit go out, and show
// what is so when all is back.
func TestLampSurvives(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, anns := w.person(t, 0, "Ann", nil)
	cleo, cleos := w.person(t, 1, "Cleo", nil)
	_, doras := w.person(t, 1, "Dora", nil)
	lamp := watch(t, anns, cleo.number.Dial)
	lamp.shows(t, "terminated")
	lamp.Answer(0) // the NOTIFY of the ring is lost, and so is that of the answer
	out, in := connect(t, doras, cleo.number.Digits, cleos)
	lamp.Answer(200)
	lamp.shows(t, "confirmed")

	w.StopSwitch(1)
	over(t, out)
	over(t, in)
	lamp.shows(t, "terminated")
	if err := w.StartSwitch(1); err != nil {
		t.Fatal(err)
	}
	register(t, cleos)
	register(t, doras)
	out, in = ring(t, doras, cleo.number.Digits, cleos)
	lamp.shows(t, "early")

	w.StopSwitch(0)
	if _, n, err := lamp.Wait(soon(t), lamp.seen, func(n phone.Notice) bool { return strings.HasPrefix(n.State, "terminated;reason=probation") }); err != nil {
		t.Error(err)
	} else {
		lamp.seen = n
	}
	if err := w.StartSwitch(0); err != nil {
		t.Fatal(err)
	}
	register(t, anns)
	again := watch(t, anns, cleo.number.Dial)
	again.shows(t, "early")
	in.Answer()
	saw(t, out, phone.Answered)
	again.shows(t, "confirmed")
	hangUp(t, out, in)
	again.shows(t, "terminated")
}

// TestLampOfMember has a phone of another office watch a member of a queue that is called, and one who is called and does not answer.
func TestLampOfMember(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, anns := w.person(t, 0, "Ann", nil)
	ben, bens := w.person(t, 1, "Ben", nil)
	cid, cids := w.person(t, 1, "Cid", nil)
	_, number := w.service(t, 1, "690019", nil, ben, cid)
	answers, loses := watch(t, anns, ben.number.Dial), watch(t, anns, cid.number.Dial)
	answers.shows(t, "terminated")
	loses.shows(t, "terminated")
	out := dial(t, anns, number.Dial)
	in := comes(t, bens)
	comes(t, cids)
	answers.shows(t, "early")
	loses.shows(t, "early")
	in.Answer()
	saw(t, out, phone.Answered)
	answers.shows(t, "confirmed")
	loses.shows(t, "terminated")
	hangUp(t, out, in)
	answers.shows(t, "terminated")
	if _, err := anns.Watch(soon(t), "dialog", number.Dial, 600); err == nil || !strings.Contains(err.Error(), "not a person") {
		t.Errorf("a lamp of a queue: %v", err)
	}
}
