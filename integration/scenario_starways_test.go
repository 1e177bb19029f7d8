package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
	"strowger/pkg/sip"
	"strowger/pkg/wish"
	"strowger/switchnode"
)

// TestCodesInChinese has a switch that speaks Chinese say what codes did, and the menu of voicemail.
func TestCodesInChinese(t *testing.T) {
	t.Parallel()
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", Waiting: switchnode.Waiting{Language: "zh"}})
	ann, from := w.person(t, 2, "Ann", nil)
	bob, _ := w.person(t, 0, "Bob", nil)
	w.policy(t, ann, map[string]any{"voicemail": map[string]any{"trusted": true}})
	for _, c := range []struct {
		code string
		says []string
	}{
		{"*72" + bob.number.Dial, append([]string{"forward-always"}, spelled(bob.number.Dial)...)},
		{"*73", []string{"forward-always-off"}}, {"*78", []string{"disturb-not"}}, {"*65", append([]string{"this-is"}, spelled(ann.number.Dial)...)},
		{"*72999999", []string{"no-such-number"}}, {"*69", []string{"called-none"}},
	} {
		out := dial(t, from, c.code)
		spokenIn(t, "zh", out, 0, c.says...)
		over(t, out)
	}
	own := dial(t, from, "*97")
	saw(t, own, phone.Answered)
	hearsClip(t, own, "zh/vm-none")
	own.HangUp()
	over(t, own)
}

// TestOfficeHours has a phone open and close its office, and leave it to the clock again: calls do as it says.
func TestOfficeHours(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	v, err := w.Client.Schedules().Create(soon(t), rest.Schedule{ // open day and night
		Name: t.Name(), TimeZone: "Europe/Berlin", Weekly: []schedule.Opening{{}}, Users: []string{bob.user.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.policy(t, bob, map[string]any{"schedule": v.ID, "closed_words": "back on Monday"})
	overridden := func(want string) {
		t.Helper()
		got, err := w.Client.Schedules().Get(soon(t), v.ID)
		if err != nil || got.Override != want || got.Open != (want != schedule.Closed) {
			t.Errorf("the schedule: override %q, open %t, %v; want %q", got.Override, got.Open, err, want)
		}
		w.settle(t)
	}
	coded(t, desk, "*28", "office-open", "office-clock")
	coded(t, desk, "*282", "office-closed")
	overridden(schedule.Closed)
	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 480 || e.Words != "back on Monday" {
		t.Errorf("while it is closed: %d %q", e.Code, e.Words)
	}
	coded(t, desk, "*281", "office-open")
	overridden(schedule.Open)
	talk0(t, from, bob.number.Dial, desk)
	coded(t, desk, "*282", "office-closed")
	coded(t, desk, "*280", "office-open", "office-clock")
	overridden("")
	talk0(t, from, bob.number.Dial, desk)
	coded(t, desk, "*283", "code-wrong")
	coded(t, from, "*282", "not-allowed") // whose it is not
	overridden("")
}

// TestHolidayByTheZoneOfTheSite has an office be closed on a holiday of its own zone, where it is a day of work at the other end of the world, and back.
func TestHolidayByTheZoneOfTheSite(t *testing.T) {
	t.Parallel()
	w := alone(t)
	_, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	zone := func(name string) *time.Location {
		t.Helper()
		change(t, w.Client.Sites(), w.Offices[1].Site.ID, map[string]any{"time_zone": name})
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	now := time.Now().In(zone("Pacific/Kiritimati")) // UTC+14
	v, err := w.Client.Schedules().Create(soon(t), rest.Schedule{
		Name: t.Name(), Site: w.Offices[1].Site.ID, Weekly: []schedule.Opening{{}}, // open day and night
		Holidays: []schedule.Holiday{{Date: now.Format(time.DateOnly)}, {Date: now.AddDate(0, 0, 1).Format(time.DateOnly)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.policy(t, bob, map[string]any{"schedule": v.ID, "closed_words": "happy new year"})
	w.settle(t)
	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 480 || e.Words != "happy new year" {
		t.Errorf("on a holiday: %d %q", e.Code, e.Words)
	}
	zone("Pacific/Pago_Pago") // UTC-11: never the same day
	w.settle(t)
	talk0(t, from, bob.number.Dial, desk)
}

// TestLastCallerWithheld has a phone say that whoever called last shows no number: they are not called back, and can be blocked all the same.
func TestLastCallerWithheld(t *testing.T) {
	t.Parallel()
	w := alone(t)
	shy := carrier(t, func(c *phone.Config) {
		c.Server = w.Offices[0].SIP.String()
		c.Headers = []sip.Header{sip.NewHeader("P-Asserted-Identity", "<sip:+4930999000@192.0.2.1>"), sip.NewHeader("Privacy", "id")}
	})
	w.trunk(t, 0, rest.NewTrunk("Company"), shy)
	ann, from := w.person(t, 0, "Ann", nil)
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	talk0(t, shy, "+4930200", from)
	coded(t, from, "*69", "called-withheld", "now")
	coded(t, from, "*60", "blocked-withheld")
	if u := w.wishes(t, ann); len(u.Blocked) != 1 || u.Blocked[0] != wish.Withheld {
		t.Errorf("blocked are %v", u.Blocked)
	}
	w.settle(t)
	if e := over(t, dial(t, shy, "+4930200")); e.Code != 603 {
		t.Errorf("who shows no number hears %d %q", e.Code, e.Words)
	}
	coded(t, from, "*61", "unblocked-withheld")
	w.settle(t)
	talk0(t, shy, "+4930200", from)
}

// TestManyCodesAtOnce has thirty phones of two offices dial codes at the same moment: each hears its own, and the registry has all.
func TestManyCodesAtOnce(t *testing.T) {
	t.Parallel()
	w := together(t)
	const phones = 30
	var all [phones]subscriber
	var from [phones]*phone.Phone
	for i := range all {
		all[i], from[i] = w.person(t, i%2, fmt.Sprint("Ann ", i), nil)
	}
	var calls [phones]*phone.Call
	var dialling sync.WaitGroup
	for i := range all {
		dialling.Go(func() { calls[i], _ = from[i].Dial(soon(t), "*72"+all[(i+1)%phones].number.Dial) })
	}
	dialling.Wait()
	for i, c := range calls {
		if c == nil {
			t.Fatalf("phone %d could not dial", i)
		}
		number := all[(i+1)%phones].number.Dial
		spoken(t, c, 0, append([]string{"forward-always"}, spelled(number)...)...)
		if e := over(t, c); e.Code != 200 {
			t.Errorf("the code of phone %d ends with %s", i, e)
		}
		if u := w.wishes(t, all[i]); u.ForwardAlways != number {
			t.Errorf("user %d forwards to %q, want %q", i, u.ForwardAlways, number)
		}
	}
}

// TestPINLocks has phones dial wrong PINs: the mailbox locks, also for the right one, and administrators are told and unlock it.
func TestPINLocks(t *testing.T) {
	t.Parallel()
	w := together(t)
	const tries = 9
	var from [tries]*phone.Phone
	for i := range from {
		_, from[i] = w.person(t, 1, fmt.Sprint("Thief ", i), nil)
	}
	bob, _ := w.person(t, 1, "Bob", nil)
	w.policy(t, bob, map[string]any{"voicemail": map[string]any{}})
	pin := "48151"
	if err := w.Client.SetMailboxSecrets(soon(t), bob.user.ID, rest.MailboxSecrets{PIN: &pin}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	enter := func(p *phone.Phone, pin string) *phone.Call {
		t.Helper()
		c := dial(t, p, "*98"+bob.number.Digits)
		saw(t, c, phone.Answered)
		listens(t, c, 0, rate/2)
		for _, key := range pin + "#" {
			c.SendDTMF(byte(key))
		}
		return c
	}
	var calls []*phone.Call
	for _, p := range from { // a pause grows with each wrong one that was heard before: these are at once
		calls = append(calls, enter(p, "11223"))
	}
	for _, c := range calls {
		hearsClip(t, c, "en/vm-wrong")
		c.HangUp()
		over(t, c)
	}
	until(t, func() string {
		if m, err := w.Client.Mailbox(soon(t), bob.user.ID, ""); err != nil || m.LockedUntil == nil {
			return fmt.Sprintf("the mailbox is not locked: %+v, %v", m, err)
		}
		return ""
	})
	until(t, func() string {
		page, err := w.Client.Alerts().Page(soon(t), nil, 50, "")
		for _, a := range page.Items {
			if a.Subject == bob.user.ID {
				return ""
			}
		}
		return fmt.Sprintf("nobody is told: %v, %v", page.Items, err)
	})
	if _, err := w.Client.Mailbox(soon(t), bob.user.ID, pin); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("the right PIN of a locked mailbox: %v", err)
	}
	if _, err := w.Client.LockMailbox(soon(t), bob.user.ID, false); err != nil {
		t.Fatal(err)
	}
	open := enter(from[0], pin)
	hearsClip(t, open, "en/vm-none")
	open.HangUp()
	over(t, open)
}
