package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sdp"
)

// failure is how a call that fails ends: for the caller and in the record.
type failure struct {
	sip   int
	code  errs.Code
	q850  int
	words string // part of them
	by    string
}

// fails has a phone call a number and compares how that ends.
func (w *world) fails(t *testing.T, from subscriber, c *phone.Call, want failure) {
	t.Helper()
	if e := over(t, c); e.Code != want.sip || !strings.Contains(e.Words, want.words) {
		t.Errorf("the caller saw %s, want %d ... %s", e, want.sip, want.words)
	}
	r := w.record(t, from.user, 1)
	if r.State != "ended" || r.AnsweredAt != nil || r.EndedBy != want.by {
		t.Errorf("record: state %q by %q, answered %v; want ended by %q", r.State, r.EndedBy, r.AnsweredAt, want.by)
	}
	if c := r.Cause; c == nil || c.SIP != want.sip || c.Code != string(want.code) || c.Q850 != want.q850 || !strings.Contains(c.Words, want.words) {
		t.Errorf("record: cause %+v, want %+v", c, want)
	}
	if r.From.User != from.user.ID || r.Dialled != c.To {
		t.Errorf("record: from %+v, dialled %q", r.From, r.Dialled)
	}
}

// TestCallsThatAreNotAdmitted dials what the directory refuses (2-call-flows, step B).
func TestCallsThatAreNotAdmitted(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, caller, callee subscriber) (number string)
		want    failure
	}{
		{"unknown number", func(*testing.T, subscriber, subscriber) string { return "777777" },
			failure{404, errs.Unknown, 1, "777777", "system"}},
		{"disabled callee", func(t *testing.T, _, callee subscriber) string {
			change(t, w.Client.Users(), callee.user.ID, map[string]any{"enabled": false})
			return callee.number.Dial
		}, failure{403, errs.Disabled, 21, "disabled", "system"}},
		{"class of service", func(t *testing.T, caller, callee subscriber) string {
			change(t, w.Client.Users(), caller.user.ID, map[string]any{"calling": "none"})
			return callee.number.Dial
		}, failure{403, errs.Forbidden, 21, "only receive", "system"}},
		{"callee not registered", func(t *testing.T, _, callee subscriber) string { return callee.number.Dial },
			failure{480, errs.Offline, 20, "No phone of the callee is registered", "system"}},
		{"callee without a phone", func(t *testing.T, _, callee subscriber) string {
			if err := w.Client.Devices().Delete(soon(t), callee.device.ID, 0); err != nil {
				t.Fatal(err)
			}
			return callee.number.Dial
		}, failure{480, errs.Offline, 20, "Bob has no phone", "system"}},
		{"site without a live switch", func(t *testing.T, _, _ subscriber) string { return w.deadSite(t) },
			failure{502, errs.Unreachable, 27, "switch-4", "system"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			caller, from := w.person(t, 0, "Ann", nil)
			number := tt.prepare(t, caller, w.subscriber(t, 1, "Bob"))
			w.settle(t)
			w.fails(t, caller, dial(t, from, number), tt.want)
		})
	}
}

// deadSite makes a user at a site whose switch never ran, and returns what to dial.
func (w *world) deadSite(t *testing.T) string {
	t.Helper()
	ctx, code := soon(t), fmt.Sprint("4", w.extensions.Add(1))
	site, err := w.Client.Sites().Create(ctx, rest.Site{Name: "Office " + code, Code: code})
	if err != nil {
		t.Fatal(err)
	}
	sw, err := w.Client.Switches().Create(ctx, rest.Switch{Name: "switch-" + code, Site: site.ID})
	if err != nil {
		t.Fatal(err)
	}
	user, err := w.Client.Users().Create(ctx, rest.NewUser("Cleo"))
	if err != nil {
		t.Fatal(err)
	}
	number, err := w.Client.Numbers().Create(ctx, rest.Number{Site: site.ID, Digits: "1001", User: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	d := rest.NewDevice(user.ID, "Cleo's phone")
	d.Switch, d.Username = sw.ID, code+"1001"
	if _, err := w.Client.Devices().Create(ctx, d); err != nil {
		t.Fatal(err)
	}
	return number.Dial
}

// TestCallsThatTheCalleeRefuses has the callee's phone say no, in its own office and in another.
func TestCallsThatTheCalleeRefuses(t *testing.T) {
	t.Parallel()
	w := together(t)
	law := func(name string) []sdp.Codec { return []sdp.Codec{{Name: name, Clock: 8000, Channels: 1}} }
	for _, tt := range []struct {
		name           string
		caller, callee func(*phone.Config)
		want           failure
	}{
		{"busy", nil, func(c *phone.Config) { c.Policy = phone.Busy }, failure{486, errs.Busy, 17, "Busy", "callee"}},
		{"declined", nil, func(c *phone.Config) { c.Policy = phone.Decline }, failure{603, errs.Declined, 21, "Decline", "callee"}},
		{"no codec of the offer", func(c *phone.Config) { c.Codecs = []sdp.Codec{{Name: "opus", Clock: 48000, Channels: 2}} }, nil,
			failure{488, errs.NoCommonCodec, 88, "Not Acceptable Here", "system"}},
		{"no codec in common", func(c *phone.Config) { c.Codecs = law("PCMU") },
			func(c *phone.Config) { c.Codecs, c.Policy = law("PCMA"), phone.Answer },
			failure{488, errs.NoCommonCodec, 88, "Not Acceptable Here", "system"}},
	} {
		for office, where := range []string{"inside", "between"} {
			t.Run(tt.name+" "+where, func(t *testing.T) {
				t.Parallel()
				caller, from := w.person(t, 0, "Ann", tt.caller)
				callee, _ := w.person(t, office, "Bob", tt.callee)
				w.fails(t, caller, dial(t, from, callee.number.Dial), tt.want)
			})
		}
	}
}

// TestCallerGivesUp cancels while the callee rings: its phone must stop.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for office, where := range []string{"inside", "between"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			caller, from := w.person(t, 0, "Ann", nil)
			callee, to := w.person(t, office, "Bob", nil)
			out, in := ring(t, from, callee.number.Dial, to)
			saw(t, out, phone.Progress)
			out.HangUp()
			if e := over(t, in); e.Code != 487 || e.Words != "The caller hung up" {
				t.Errorf("the callee saw %s", e)
			}
			over(t, out)
			r := w.record(t, caller.user, 1+office)
			if c := r.Cause; r.EndedBy != "caller" || r.RingingAt == nil || c.Code != string(errs.CallerLeft) || c.SIP != 487 || c.Q850 != 16 {
				t.Errorf("record: by %q, ringing %v, cause %+v", r.EndedBy, r.RingingAt, c)
			}
		})
	}
}

// TestAnsweredElsewhere rings both phones of a user; who is too late is told that the other was faster.
func TestAnsweredElsewhere(t *testing.T) {
	t.Parallel()
	w := together(t)
	caller, from := w.person(t, 0, "Ann", nil)
	callee, desk := w.person(t, 1, "Bob", nil)
	d := rest.NewDevice(callee.user.ID, "Bob's other phone")
	d.Switch, d.Username = w.Offices[1].Switch.ID, callee.device.Username+"-2"
	other := callee
	var err error
	if other.device, err = w.Client.Devices().Create(soon(t), d); err != nil {
		t.Fatal(err)
	}
	door := w.phone(t, other, nil)

	out := dial(t, from, callee.number.Dial)
	first, second := incoming(t, desk, out), incoming(t, door, out)
	saw(t, out, phone.Progress)
	second.Answer()
	saw(t, out, phone.Answered)
	if e := over(t, first); e.Code != 487 || e.Words != "Call completed elsewhere" {
		t.Errorf("the phone that was too late saw %s", e)
	}
	hangUp(t, second, out)
	r := w.record(t, caller.user, 2)
	if r.EndedBy != "callee" || r.To.Device != other.device.ID || r.Cause.Code != "normal" {
		t.Errorf("record: by %q, answered by device %s, cause %+v", r.EndedBy, r.To.Device, r.Cause)
	}
	for _, l := range r.Legs {
		if l.Device == callee.device.ID && (l.Cause == nil || l.Cause.Code != string(errs.Elsewhere) || l.Cause.Q850 != 26) {
			t.Errorf("the leg of the phone that was too late ended with %+v", l.Cause)
		}
	}
}

// TestSignIn has phones sign in that must not.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := together(t)
	refused := func(t *testing.T, cfg phone.Config, code int, words string) {
		t.Helper()
		err := run(t, cfg).Register(soon(t))
		var r *phone.Refusal
		if !errors.As(err, &r) || r.Code != code || r.Words != words {
			t.Errorf("REGISTER: %v, want %d %s", err, code, words)
		}
	}
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		ann, p := w.person(t, 0, "Ann", nil)
		refused(t, w.account(ann, func(c *phone.Config) { c.Password = "guess" }), 403, "Wrong password")
		if err := p.Register(soon(t)); err != nil {
			t.Errorf("the right password after a wrong one: %v", err)
		}
		stranger := run(t, w.account(ann, func(c *phone.Config) { c.Password = "guess" }))
		if e := over(t, dial(t, stranger, ann.number.Dial)); e.Code != 403 || e.Words != "Wrong password" {
			t.Errorf("INVITE: %s", e)
		}
	})
	t.Run("unknown user", func(t *testing.T) {
		t.Parallel()
		refused(t, phone.Config{Server: w.Offices[0].SIP.String(), User: "nobody", Password: "guess"}, 404, "No device has this user name")
	})
	t.Run("other office", func(t *testing.T) {
		t.Parallel()
		ann := w.subscriber(t, 0, "Ann")
		refused(t, w.account(ann, func(c *phone.Config) { c.Server = w.Offices[1].SIP.String() }), 404, "No device has this user name")
	})
	t.Run("disabled", func(t *testing.T) {
		t.Parallel()
		ann, p := w.person(t, 0, "Ann", nil)
		change(t, w.Client.Devices(), ann.device.ID, map[string]any{"enabled": false})
		var r *phone.Refusal
		until(t, func() string { // the news is on its way to the switch
			if err := p.Register(soon(t)); !errors.As(err, &r) {
				return "a disabled phone registers"
			}
			return ""
		})
		if r.Code != 403 || r.Words != "Switched off by the administrator" {
			t.Errorf("REGISTER: %v", r)
		}
		if e := over(t, dial(t, p, ann.number.Dial)); e.Code != 403 || e.Words != "Switched off by the administrator" {
			t.Errorf("INVITE: %s", e)
		}
	})
}

// TestNoAnswerInTime checks that a call rings as long as the organization says, by the call's own clock.
func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	w := alone(t)
	change(t, w.Client.Organizations(), w.Client.Organization, map[string]any{"ring_seconds": 5})
	for office, where := range []string{"inside", "between"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			caller, from := w.person(t, 0, "Ann", nil)
			callee, to := w.person(t, office, "Bob", nil)
			out, in := ring(t, from, callee.number.Dial, to)
			if e := over(t, in); e.Code != 487 || e.Words != "No answer" {
				t.Errorf("the callee saw %s", e)
			}
			w.fails(t, caller, out, failure{408, errs.NoAnswer, 19, "No answer", "system"})
			r := w.record(t, caller.user, 1+office)
			if rang := r.EndedAt.Sub(*r.RingingAt); rang < 4*time.Second || rang > time.Minute {
				t.Errorf("rang %v, want 5 s", rang)
			}
		})
	}
}
