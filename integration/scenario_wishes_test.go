package integration

import (
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
	"strowger/pkg/wish"
)

// refused has a call end before anybody's phone rings, and returns what the record says of it.
func (w *world) refused(t *testing.T, s subscriber, e phone.Event, code int, words string) rest.Call {
	t.Helper()
	if e.Code != code || !strings.Contains(e.Words, words) {
		t.Errorf("the caller hears %d %q, want %d %q", e.Code, e.Words, code, words)
	}
	return w.record(t, s.user, 1)
}

// TestForwardAlways has all calls to a user ring elsewhere at once, in the other office, and goes in no circles.
func TestForwardAlways(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, _ := w.person(t, 1, "Bob", nil)
	carol, hers := w.person(t, 0, "Carol", nil)
	w.policy(t, bob, map[string]any{"forward_always": carol.number.Dial})
	out, in := ring(t, from, bob.number.Dial, hers)
	in.Answer()
	hangUp(t, out, in)
	r := w.record(t, ann.user, 1)
	if want := bob.number.Dial + " forwarded " + carol.number.Dial; diverted(r) != want || r.To.Number != bob.number.Dial {
		t.Errorf("the record has the diversions %q, want %q; to %s", diverted(r), want, r.To.Number)
	}
	w.policy(t, carol, map[string]any{"forward_always": bob.number.Dial})
	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 482 || !strings.Contains(e.Words, "circles") {
		t.Errorf("two who forward to each other: the caller hears %d %q", e.Code, e.Words)
	}
	// A forward comes before the fall-back that the administrator set, as long as it is there.
	dora, desk := w.person(t, 1, "Dora", nil)
	eve, fifth := w.person(t, 1, "Eve", nil)
	frank, sixth := w.person(t, 1, "Frank", nil)
	w.policy(t, dora, map[string]any{"fallback_busy": eve.number.Dial, "forward_busy": frank.number.Dial})
	out, in = ring(t, from, dora.number.Dial, desk)
	in.Decline(486, "Busy Here")
	second := incoming(t, sixth, out)
	second.Decline(603, "Decline")
	over(t, out)
	w.policy(t, dora, map[string]any{"forward_busy": nil})
	out, in = ring(t, from, dora.number.Dial, desk)
	in.Decline(486, "Busy Here")
	second = incoming(t, fifth, out)
	second.Decline(603, "Decline")
	over(t, out)
}

// TestBlockedAndRuled has a user refuse one caller, be disturbed by another all the same, and send a third elsewhere.
func TestBlockedAndRuled(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	boss, his := w.person(t, 0, "Boss", nil)
	seller, pests := w.person(t, 0, "Seller", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	carol, hers := w.person(t, 1, "Carol", nil)
	w.policy(t, bob, map[string]any{
		"dnd": true, "blocked": []string{seller.number.Dial}, "blocked_words": "no, thank you", "fallback_dnd": carol.number.Dial,
		"caller_rules": []wish.Rule{
			{Caller: boss.number.Dial, Do: wish.Ring}, {Caller: ann.number.Dial[:len(ann.number.Dial)-1] + "*", Do: wish.Forward, To: carol.number.Dial},
		},
	})
	e := over(t, dial(t, pests, bob.number.Dial))
	if r := w.refused(t, seller, e, 603, "no, thank you"); r.Cause == nil || r.Cause.Code != string(errs.Blocked) || len(r.Diversions) != 0 {
		t.Errorf("the record of who is blocked: %+v, diversions %q", r.Cause, diverted(r))
	}
	out, in := ring(t, his, bob.number.Dial, desk)
	in.Decline(603, "Decline")
	over(t, out)
	out, in = ring(t, from, bob.number.Dial, hers)
	in.Decline(603, "Decline")
	over(t, out)
	want := bob.number.Dial + " forwarded " + carol.number.Dial
	if r := w.record(t, ann.user, 2); diverted(r) != want {
		t.Errorf("the record has the diversions %q, want %q", diverted(r), want)
	}
}

// TestSchedule closes an office, and opens it again.
func TestSchedule(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	carol, hers := w.person(t, 1, "Carol", nil)
	v, err := w.Client.Schedules().Create(soon(t), rest.Schedule{
		Name: t.Name(), TimeZone: "Europe/Berlin", Weekly: []schedule.Opening{{Days: "mon-fri", Hours: "09:00-17:00"}}, Override: schedule.Closed, Users: []string{bob.user.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, w.Client.Numbers(), bob.number.ID, map[string]any{"schedule": v.ID, "closed_words": "back on Monday"})
	w.settle(t)
	if r := w.refused(t, ann, over(t, dial(t, from, bob.number.Dial)), 480, "back on Monday"); r.Cause == nil || r.Cause.Code != string(errs.Closed) {
		t.Errorf("the record of a closed number: %+v", r.Cause)
	}
	change(t, w.Client.Numbers(), bob.number.ID, map[string]any{"closed_to": carol.number.Dial})
	w.settle(t)
	out, in := ring(t, from, bob.number.Dial, hers)
	in.Decline(603, "Decline")
	over(t, out)
	change(t, w.Client.Schedules(), v.ID, map[string]any{"override": "open"})
	w.settle(t)
	out, in = ring(t, from, bob.number.Dial, desk)
	in.Decline(603, "Decline")
	over(t, out)
	if err := w.Client.Schedules().Delete(soon(t), v.ID, 0); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("a schedule that is used is removed: %v", err)
	}
}

// TestHoliday closes an office for a holiday, of one year or of every year, and opens one for the hours of a day on which it is closed else.
func TestHoliday(t *testing.T) {
	t.Parallel()
	w := together(t)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	_, from := w.person(t, 0, "Ann", nil)
	bob, desk := w.person(t, 1, "Bob", nil)
	today := time.Now().In(zone)
	tomorrow := today.AddDate(0, 0, 1) // which may begin during the test
	v, err := w.Client.Schedules().Create(soon(t), rest.Schedule{
		Name: t.Name(), TimeZone: zone.String(), Weekly: []schedule.Opening{{}},
		Holidays: []schedule.Holiday{{Date: today.Format("01-02"), Name: "Every year"}, {Date: tomorrow.Format(time.DateOnly)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, w.Client.Numbers(), bob.number.ID, map[string]any{"schedule": v.ID, "closed_words": "a holiday"})
	closed := func(why string) {
		t.Helper()
		w.settle(t)
		if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 480 || e.Words != "a holiday" {
			t.Errorf("%s: the caller hears %d %q", why, e.Code, e.Words)
		}
		silent(t, desk, why)
	}
	opened := func() {
		t.Helper()
		w.settle(t)
		out, in := ring(t, from, bob.number.Dial, desk)
		in.Decline(603, "Decline")
		over(t, out)
	}
	closed("today is one")
	other := today.AddDate(0, 0, 3)
	change(t, w.Client.Schedules(), v.ID, map[string]any{"holidays": []schedule.Holiday{{Date: other.Format(time.DateOnly)}}})
	opened()
	change(t, w.Client.Schedules(), v.ID, map[string]any{
		"weekly": []schedule.Opening{{Days: strings.ToLower(other.Format("Mon"))}}, "holidays": []schedule.Holiday{},
	})
	closed("today is none of its days")
	change(t, w.Client.Schedules(), v.ID, map[string]any{"holidays": []schedule.Holiday{
		{Date: today.Format(time.DateOnly), Hours: "00:00-24:00"}, {Date: tomorrow.Format("01-02"), Hours: "00:00-24:00"},
	}})
	opened()
}

// TestWishesWithoutTheCloud has forwards, blocked callers, names of callers and hours hold with the cloud, and by the site copy when it is
// gone.
func TestWishesWithoutTheCloud(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) { c.User, c.Server = "+493055501", w.Offices[0].SIP.String() })
	w.trunk(t, 0, rest.NewTrunk("Company"), company)
	_, from := w.person(t, 0, "Ann", nil)
	eve, other := w.person(t, 0, "Eve", nil)
	bob, desk := w.person(t, 0, "Bob", nil)
	carol, hers := w.person(t, 0, "Carol", nil)
	dora, _ := w.person(t, 0, "Dora", nil)
	for digits, u := range map[string]rest.User{"+4930200": bob.user, "+4930300": dora.user} {
		if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: digits, User: u.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Client.Contacts().Create(soon(t), rest.PhoneContact{Number: "+49 30 55501", Name: "Dentist", SpeedDial: "42"}); err != nil {
		t.Fatal(err)
	}
	shut, err := w.Client.Schedules().Create(soon(t), rest.Schedule{
		Name: "Desk", Site: w.Offices[0].Site.ID, Weekly: []schedule.Opening{{Hours: "09:00-17:00"}}, Override: schedule.Closed,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.policy(t, dora, map[string]any{"blocked": []string{"+4930*"}, "forward_always": carol.number.Dial})
	w.policy(t, carol, map[string]any{"caller_rules": []wish.Rule{
		{Caller: dora.number.Dial, Do: wish.Refuse, Words: "not you"}, {Caller: wish.Inside, Do: wish.Ring}, {Schedule: shut.ID, Closed: true, Do: wish.Refuse, Words: "closed"},
	}})
	check := func(from *phone.Phone) {
		t.Helper()
		out, in := ring(t, company, "+4930200", desk)
		if name := in.Headers("From"); len(name) != 1 || !strings.HasPrefix(name[0], `"Dentist" <sip:+493055501@`) {
			t.Errorf("the phone is told that %q calls", name)
		}
		in.Decline(603, "Decline")
		over(t, out)
		if e := over(t, dial(t, company, "+4930300")); e.Code != 603 || !strings.Contains(e.Words, "takes no calls") {
			t.Errorf("who is blocked hears %d %q", e.Code, e.Words)
		}
		out, in = ring(t, from, dora.number.Dial, hers)
		in.Decline(603, "Decline")
		over(t, out)
	}
	check(from)
	w.StopCloud()
	check(other)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	want := dora.number.Dial + " forwarded " + carol.number.Dial
	if r := w.record(t, eve.user, 1); !r.Offline || diverted(r) != want {
		t.Errorf("the record: offline %v, diversions %q, want %q", r.Offline, diverted(r), want)
	}
}

// TestExtensionsOfCallers has a user name colleagues as they dial them: who is blocked, who no longer is, and whom a rule is for.
func TestExtensionsOfCallers(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", nil)
	carol, hers := w.person(t, 1, "Carol", nil)
	w.policy(t, bob, map[string]any{"blocked": []string{carol.number.Digits}})
	if e := over(t, dial(t, hers, bob.number.Dial)); e.Code != 603 {
		t.Errorf("who is blocked by extension hears %d %q", e.Code, e.Words)
	}
	coded(t, desk, "*61"+carol.number.Dial, append(spelled(carol.number.Digits), "unblocked")...)
	w.settle(t)
	talk0(t, hers, bob.number.Dial, desk)
	w.policy(t, bob, map[string]any{"blocked": []string{carol.number.Dial}})
	coded(t, desk, "*61"+carol.number.Digits, append(spelled(carol.number.Digits), "unblocked")...)
	if u := w.wishes(t, bob); len(u.Blocked) != 0 {
		t.Errorf("still blocked are %v", u.Blocked)
	}
	w.policy(t, bob, map[string]any{"caller_rules": []wish.Rule{{Caller: carol.number.Digits[:len(carol.number.Digits)-1] + "*", Do: wish.Refuse, Words: "no, thank you"}}})
	w.settle(t)
	if e := over(t, dial(t, hers, bob.number.Dial)); !strings.Contains(e.Words, "no, thank you") {
		t.Errorf("who is refused by the beginning of an extension hears %d %q", e.Code, e.Words)
	}
}
