package sipside

import (
	"testing"
	"testing/synctest"
	"time"

	"strowger/switchnode/internal/registrar"
)

// TestMailUnasked has contacts come and go, take what they are told or refuse it, and subscribe.
func TestMailUnasked(t *testing.T) {
	m := newMail()
	m.of = func(string) (int, int, bool) { return 0, 0, true }
	at := func(uri string) (b registrar.Binding) {
		b.URI = uri
		return b
	}
	here, there := at("sip:a@192.0.2.1"), at("sip:a@192.0.2.2")
	due := func(text string, on bool, want int, at ...registrar.Binding) {
		t.Helper()
		if got := m.contacts("dv", text, on, at); len(got) != want {
			t.Fatalf("%q: %d contacts are to be told, want %d: %v", text, len(got), want, got)
		}
	}
	due("0/0", false, 0, here) // nothing to end
	due("0/0", true, 1, here)
	due("0/0", true, 1, here) // which did not answer
	m.took("dv", here.URI, "0/0")
	due("0/0", true, 0, here)
	due("1/0", true, 2, here, there)
	m.took("dv", here.URI, "1/0")
	m.took("dv", there.URI, takesNothing)
	due("2/0", true, 1, here, there)
	due("0/0", false, 1, here, there) // the mailbox is no more
	m.took("dv", here.URI, "0/0")
	due("3/0", true, 0, there)
	due("3/0", true, 1, here, there) // which was away: it may be another phone
	m.subscribed("dv", time.Hour)
	due("4/0", true, 0, here, there)
	m.at("dv", time.Now())
	if all, _ := m.ripe(time.Now()); len(all) != 0 || len(m.told) != 0 {
		t.Errorf("a device that has subscribed is to be told: %v, %v", all, m.told)
	}
	m.subscribed("dv", 0) // as a phone does that polls, or whose user has switched the lamp off
	due("4/0", true, 2, here, there)
	synctest.Test(t, func(*testing.T) {
		m.subscribed("dv", time.Hour) // and it starts anew without
		time.Sleep(time.Hour + 2*askTime)
		due("5/0", true, 2, here, there)
	})
}

// TestMailIsDue tells each device once, at the earliest of the times that it was to be told.
func TestMailIsDue(t *testing.T) {
	m := newMail()
	m.of = func(string) (int, int, bool) { return 0, 0, true }
	now := time.Now()
	m.at("slow", now.Add(time.Minute))
	m.at("late", now.Add(2*time.Minute))
	m.at("late", now.Add(time.Second))
	m.at("late", now.Add(time.Hour))
	if all, next := m.ripe(now); len(all) != 0 || next != time.Second {
		t.Fatalf("%v, the next in %v", all, next)
	}
	if all, next := m.ripe(now.Add(time.Second)); len(all) != 1 || all[0] != "late" || next != time.Minute-time.Second {
		t.Fatalf("%v, the next in %v", all, next)
	}
	if all, next := m.ripe(now.Add(time.Hour)); len(all) != 1 || next != time.Hour {
		t.Fatalf("%v, the next in %v", all, next)
	}
}
