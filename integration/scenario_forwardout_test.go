package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// mobile is the phone number to which calls are forwarded here.
const mobile = "+4915123456789"

// forwarding is an office that forwards to a phone number: company has the line, from which outside calls come too.
type forwarding struct {
	*world
	line                rest.Trunk
	company             *phone.Phone
	ann, bob            subscriber
	from, desk, outside *phone.Phone
}

// forwards is two offices of which the first has a line. Bob is of an office; he has a phone number.
func forwards(t *testing.T, office int) *forwarding {
	t.Helper()
	w := alone(t)
	f := &forwarding{world: w, company: carrier(t, nil)}
	f.outside = carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	w.trunk(t, 0, rest.Trunk{Name: "Outside", Enabled: true, Weight: 1, Order: 1}, f.outside) // callers come by it
	f.line = w.trunk(t, 0, rest.NewTrunk("Company"), f.company)
	change(t, w.Client.Sites(), w.Offices[1].Site.ID, map[string]any{"country": "DE", "outside": "0"})
	f.ann, f.from = w.person(t, 0, "Ann", says(1))
	f.bob, f.desk = w.person(t, office, "Bob", nil)
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: f.bob.user.ID}); err != nil {
		t.Fatal(err)
	}
	change(t, w.Client.Users(), f.bob.user.ID, map[string]any{"calling": "national"})
	w.settle(t)
	return f
}

// sent has a call arrive at the mobile phone, by Bob's number.
func (f *forwarding) sent(t *testing.T, out *phone.Call) *phone.Call {
	t.Helper()
	in := incoming(t, f.company, out)
	if in.Dialled != mobile || in.From != "+4930200" {
		t.Errorf("the company is called for %s by %s, want %s by +4930200", in.Dialled, in.From, mobile)
	}
	return in
}

// TestForwardOutside has somebody forward calls to their mobile phone: of colleagues who may not call there, and of callers outside, by a
// line of another office too. It is theirs on the bill.
func TestForwardOutside(t *testing.T) {
	t.Parallel()
	for office, name := range []string{"at the line", "in another office"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := forwards(t, office)
			f.setByCode(t)
			out := dial(t, f.from, f.bob.number.Dial)
			in := f.sent(t, out)
			in.Answer()
			saw(t, out, phone.Answered)
			hears(t, in, 1)
			hears(t, out, 2)
			hangUp(t, out, in)
			r := f.recordedForward(t)
			if want := f.bob.number.Dial + " forwarded " + mobile; diverted(r) != want || r.To.Number != f.bob.number.Dial || r.From.User != f.ann.user.ID {
				t.Errorf("the record: diversions %q, from %+v to %+v", diverted(r), r.From, r.To)
			}
			until(t, func() string {
				report, err := f.Client.CallReport(soon(t), "user", "", "", "")
				if err != nil || len(report.Rows) != 1 || report.Rows[0].Key != f.bob.user.ID || report.Rows[0].Answered != 1 {
					return fmt.Sprintf("who pays, by the report: %+v, %v", report.Rows, err)
				}
				return ""
			})
			out = dial(t, f.outside, "+4930200")
			in = f.sent(t, out)
			in.Answer()
			saw(t, out, phone.Answered)
			hangUp(t, in, out)
			f.onOccasions(t)
			f.guarded(t)
		})
	}
}

// setByCode has Bob forward all calls by a star code, which is refused in words where he may not call.
func (f *forwarding) setByCode(t *testing.T) {
	t.Helper()
	coded(t, f.desk, "*72000442079460123", "not-allowed")
	coded(t, f.desk, "*7200900123456", "not-allowed")
	coded(t, f.desk, "*72112", "not-allowed")
	coded(t, f.desk, "*72999999", "no-such-number")
	coded(t, f.desk, "*72015123456789", append([]string{"forward-always"}, spelled("015123456789")...)...)
	if u := f.wishes(t, f.bob); u.ForwardAlways != "015123456789" {
		t.Errorf("Bob wishes %+v", u.Wishes)
	}
	for _, c := range []struct {
		who   rest.User
		to    string
		code  errs.Code
		words string
	}{
		{f.ann.user, mobile, errs.Forbidden, "nor forward"}, {f.bob.user, "+442079460123", errs.Forbidden, "own country"},
		{f.bob.user, "112", errs.Forbidden, "emergency"}, {f.bob.user, "+499001234567", errs.GuardNumber, "premium"},
	} {
		_, err := f.Client.Users().Update(soon(t), c.who.ID, 0, map[string]any{"forward_busy": c.to})
		if errs.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s forwards to %s: %v, want %s", c.who.Name, c.to, err, c.code)
		}
	}
	f.settle(t)
}

// recordedForward waits for the record of a call that Bob paid.
func (f *forwarding) recordedForward(t *testing.T) (r rest.Call) {
	t.Helper()
	f.recorded(t, f.ann.user, "a forwarded call", func(c rest.Call) bool {
		r = c
		return c.Line != nil && c.Line.SIP == 200 && c.Line.Payer == f.bob.user.ID && c.Line.Trunk == f.line.ID && c.EndedAt != nil
	})
	return r
}

// onOccasions has calls go to the mobile phone that Bob declines, or does not get, and those of one caller.
func (f *forwarding) onOccasions(t *testing.T) {
	t.Helper()
	f.policy(t, f.bob, map[string]any{"forward_always": nil, "forward_busy": mobile, "fallback_unreachable": mobile, "forward_no_answer": mobile, "forward_seconds": 5})
	for _, caller := range []struct {
		phone  *phone.Phone
		number string
	}{{f.from, f.bob.number.Dial}, {f.outside, "+4930200"}} {
		for _, refusal := range []int{486, 480} {
			out, in := ring(t, caller.phone, caller.number, f.desk)
			in.Decline(refusal, "Elsewhere")
			at := f.sent(t, out)
			at.Answer()
			saw(t, out, phone.Answered)
			hangUp(t, out, at)
		}
	}
	out, in := ring(t, f.from, f.bob.number.Dial, f.desk)
	at := f.sent(t, out) // nobody answers
	over(t, in)
	out.HangUp()
	over(t, at)
	f.policy(t, f.bob, map[string]any{"forward_busy": nil, "forward_no_answer": nil, "caller_rules": []wish.Rule{{Caller: "outside", Do: wish.Forward, To: mobile}}})
	out, in = ring(t, f.from, f.bob.number.Dial, f.desk)
	out.HangUp()
	over(t, in)
	out = dial(t, f.outside, "+4930200")
	at = f.sent(t, out)
	out.HangUp()
	over(t, at)
	f.policy(t, f.bob, map[string]any{"forward_always": mobile, "caller_rules": nil})
}

// guarded has calls not forwarded: too many at once, of callers outside or anybody where an administrator says so, of a user who may no longer
// call there, and in circles.
func (f *forwarding) guarded(t *testing.T) {
	t.Helper()
	var open [][2]*phone.Call
	for range 2 {
		out := dial(t, f.outside, "+4930200")
		open = append(open, [2]*phone.Call{out, f.sent(t, out)})
	}
	if e := over(t, dial(t, f.outside, "+4930200")); e.Code != 403 || !strings.Contains(e.Words, "forwarded calls") {
		t.Errorf("the third at once hears %d %q", e.Code, e.Words)
	}
	for _, c := range open {
		c[0].HangUp()
		over(t, c[1])
	}
	for _, own := range []string{"030200", "+" + mobile[1:]} {
		again := carrier(t, func(c *phone.Config) { c.User, c.Server = own, f.Offices[0].SIP.String() })
		f.trunk(t, 0, rest.Trunk{Name: "Again " + own, Enabled: true, Weight: 1, Order: 9}, again)
		f.settle(t)
		if e := over(t, dial(t, again, "+4930200")); e.Code != 482 || !strings.Contains(e.Words, "circles") {
			t.Errorf("a caller with the number %s hears %d %q", own, e.Code, e.Words)
		}
	}
	for _, c := range []struct {
		fields          map[string]any
		inside, outside int
	}{
		{map[string]any{"guard": map[string]any{"forwards": "inside"}}, 0, 403},
		{map[string]any{"guard": map[string]any{"forwards": "nobody"}}, 403, 403},
		{map[string]any{"guard": nil, "calling": "internal"}, 403, 403},
		{map[string]any{"calling": "national"}, 0, 0},
	} {
		f.policy(t, f.bob, c.fields)
		for _, way := range []struct {
			phone  *phone.Phone
			number string
			code   int
		}{{f.from, f.bob.number.Dial, c.inside}, {f.outside, "+4930200", c.outside}} {
			out := dial(t, way.phone, way.number)
			if way.code == 0 {
				at := f.sent(t, out)
				out.HangUp()
				over(t, at)
			} else if e := over(t, out); e.Code != way.code {
				t.Errorf("%v: the caller of %s hears %d %q, want %d", c.fields, way.number, e.Code, e.Words, way.code)
			}
		}
	}
}

// TestForwardOutsideOfApp has an app call somebody who forwards to a phone number, in every way that a call comes to the line.
func TestForwardOutsideOfApp(t *testing.T) {
	t.Parallel()
	f := forwards(t, 1)
	app := f.app(t, f.ann.user, "apns")
	for _, fields := range []map[string]any{{"forward_always": mobile}, {"forward_always": nil, "forward_busy": mobile}} {
		f.policy(t, f.bob, fields)
		v := phone.NewVoice(speech(3))
		call := app.calls(t, f.bob.number.Dial, v)
		if fields["forward_always"] == nil {
			desk := comes(t, f.desk)
			app.sees(t, sdk.Ringing)
			desk.Decline(486, "Busy Here")
		}
		in := comes(t, f.company)
		if in.Dialled != mobile || in.From != "+4930200" {
			t.Errorf("the company is called for %s by %s", in.Dialled, in.From)
		}
		app.sees(t, sdk.Forwarded)
		app.sees(t, sdk.Ringing)
		in.Answer()
		app.sees(t, sdk.Connected)
		hears(t, in, 3)
		call.Hangup()
		app.sees(t, sdk.Ended)
		over(t, in)
	}
}

// TestForwardOutsideWithoutTheCloud has forwards to phone numbers hold by the site copy: always, and when the phone is busy, of colleagues and
// of callers outside; by the line of the other switch where there is none here.
func TestForwardOutsideWithoutTheCloud(t *testing.T) {
	t.Parallel()
	f := forwards(t, 0)
	carol, hers := f.person(t, 0, "Carol", nil)
	change(t, f.Client.Users(), carol.user.ID, map[string]any{"calling": "national"})
	if _, err := f.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930300", User: carol.user.ID}); err != nil {
		t.Fatal(err)
	}
	f.policy(t, carol, map[string]any{"forward_busy": mobile})
	f.policy(t, f.bob, map[string]any{"forward_always": mobile})
	f.StopCloud()
	for _, caller := range []*phone.Phone{f.from, f.outside} {
		number := map[bool]string{true: "+4930200", false: f.bob.number.Dial}[caller == f.outside]
		out := dial(t, caller, number)
		in := f.sent(t, out)
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
		number = map[bool]string{true: "+4930300", false: carol.number.Dial}[caller == f.outside]
		out, at := ring(t, caller, number, hers)
		at.Decline(486, "Busy Here")
		in = incoming(t, f.company, out)
		if in.Dialled != mobile || in.From != "+4930300" {
			t.Errorf("the company is called for %s by %s", in.Dialled, in.From)
		}
		out.HangUp()
		over(t, in)
	}
	if err := f.StartCloud(); err != nil {
		t.Fatal(err)
	}
	r := f.recordedForward(t)
	if !r.Offline || !slices.Contains(strings.Split(diverted(r), ", "), f.bob.number.Dial+" forwarded "+mobile) {
		t.Errorf("the record: offline %v, diversions %q", r.Offline, diverted(r))
	}
}
