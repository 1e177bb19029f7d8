//go:build peers

package peers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/rest"
)

// testCancel has the caller hang up before the callee answers.
func testCancel(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	a.do(t, "dial", b.dial)
	b.await(t, "CALL_INCOMING")
	a.await(t, "CALL_RINGING")
	hangUp(t, a, b)
	c := d.record(t, a.account, outcome{"caller-left", 487, "caller"})
	if c.RingingAt == nil || c.AnsweredAt != nil {
		t.Errorf("call %s: ringing at %v, answered at %v, want only the first", c.ID, c.RingingAt, c.AnsweredAt)
	}
}

// testBusy has a third phone call one that is in a call and takes no second one; the first call goes on.
func testBusy(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	call(t, a, b, b.dial)
	third := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	third.refused(t, b.dial, 486)
	d.record(t, third.account, outcome{"busy", 486, "callee"})
	talk(t, a, b)
	hangUp(t, b, a)
}

// testRejected has the callee refuse while it rings: busy by baresip's button, declined by SIPp.
func testRejected(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	a.do(t, "dial", b.dial)
	b.await(t, "CALL_INCOMING")
	a.await(t, "CALL_RINGING")
	b.do(t, "hangup", "")
	if got := a.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "486 ") {
		t.Errorf("the caller heard %q, want 486", got)
	}
	d.record(t, a.account, outcome{"busy", 486, "callee"})

	l := d.y.line(t, d.y.account(t))
	l.register(t)
	decliner := l.run(t, refuseScenario, scenario{Code: 603, Reason: "Decline"})
	a.refused(t, l.dial, 603)
	decliner.good(t)
	d.record(t, a.account, outcome{"declined", 603, "callee"})
}

// testNoAnswer lets a phone ring until the switch gives up.
func testNoAnswer(t *testing.T, d *deployment) {
	a, b := pair(t, d.x, d.y, pcmu)
	a.refused(t, b.dial, 408)
	b.await(t, "CALL_CLOSED")
	d.record(t, a.account, outcome{"no-answer", 408, "system"})
}

// testNoCommonCodec has a phone call one that speaks none of its codecs.
func testNoCommonCodec(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	b := d.y.phone(t, d.y.account(t), handset{codec: opus, tone: high})
	a.refused(t, b.dial, 488)
	d.record(t, a.account, outcome{"no-common-codec", 488, "system"})
}

// testNoCallee has a phone call what cannot be called: each attempt has its own answer.
func testNoCallee(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})

	a.refused(t, "309999", 404)
	d.record(t, a.account, outcome{"unknown-number", 404, "system"})

	a.refused(t, d.y.account(t).dial, 480) // it never signed in
	d.record(t, a.account, outcome{"offline", 480, "system"})

	empty := &office{site: create(t, d.api.Sites(), rest.Site{Name: "Office without a switch", Code: "40"})}
	empty.node = create(t, d.api.Switches(), rest.Switch{Name: "edge-40", Site: empty.site.ID})
	nobody := d.addPhone(t, empty, "1001")
	eventually(t, "the new number is known", func() error {
		a.do(t, "dial", nobody.dial)
		if got := a.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "502 ") {
			return fmt.Errorf("heard %q, want 502", got)
		}
		return nil
	})
	d.record(t, a.account, outcome{"unreachable", 502, "system"})
}

// testDisabled switches devices off: the one cannot be called, the other cannot call nor sign in.
func testDisabled(t *testing.T, d *deployment) {
	a, callee := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low}), d.y.account(t)
	off := func(device string) {
		if _, err := d.api.Devices().Update(t.Context(), device, 0, map[string]any{"enabled": false}); err != nil {
			t.Fatal(err)
		}
	}
	disabled := func(dialled string) {
		eventually(t, "the change has reached all", func() error {
			a.do(t, "dial", dialled)
			if got := a.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "403 ") {
				return fmt.Errorf("heard %q, want 403", got)
			}
			return nil
		})
	}
	off(callee.device)
	disabled(callee.dial)
	d.record(t, a.account, outcome{"disabled", 403, "system"})

	off(a.device)
	disabled(d.y.account(t).dial)
	again := d.x.baresip(t, a.account, handset{codec: pcmu, tone: low})
	again.signIn(t)
	if got := again.await(t, "REGISTER_FAIL"); !strings.HasPrefix(got, "403 ") {
		t.Errorf("the disabled phone heard %q, want 403", got)
	}
}

// testWrongPassword has phones sign in and call with wrong passwords.
func testWrongPassword(t *testing.T, d *deployment) {
	a := d.x.baresip(t, d.x.account(t), handset{codec: pcmu, tone: low, password: "wrong"})
	a.signIn(t)
	if got := a.await(t, "REGISTER_FAIL"); !strings.HasPrefix(got, "403 ") {
		t.Errorf("the phone heard %q, want 403", got)
	}
	l := d.x.line(t, a.account)
	l.run(t, callRefusedScenario, scenario{User: l.username, Password: "wrong", Dialled: d.y.account(t).dial, Code: 403}).good(t)
	l.run(t, callRefusedScenario, scenario{User: "nobody", Password: "any", Dialled: l.dial, Code: 404}).good(t)
}

// testEnrolment tries codes that do not enrol: the switch says why and ends.
func testEnrolment(t *testing.T, d *deployment) {
	node := create(t, d.api.Switches(), rest.Switch{Name: "spare", Site: d.x.site.ID})
	code, err := d.api.EnrolmentCode(t.Context(), node.ID)
	if err != nil {
		t.Fatal(err)
	}
	h := d.net.host(t)
	enrol := func(code, dir string) *process {
		return start(t, h, program("switchnode"), "--enroll", code, "--cloud", d.started.API, "--data", dir,
			"--host", h.addr.String(), "--metrics", "", "--json")
	}
	first := enrol(code.Code, filepath.Join(t.TempDir(), "first"))
	first.firstLine(t)
	first.stop(t)
	wrong := "a" + code.Code[1:]
	if wrong == code.Code {
		wrong = "b" + code.Code[1:]
	}
	for _, test := range []struct{ name, code, want string }{
		{"used", code.Code, "was used before"},
		{"mistyped", wrong, "is mistyped"},
	} {
		p := enrol(test.code, filepath.Join(t.TempDir(), "second"))
		if p.wait(t) == nil || !strings.Contains(p.stderr.String(), test.want) {
			t.Errorf("%s code: ended with %v and %q, want a failure that says %q", test.name, p.err, p.stderr.String(), test.want)
		}
	}
}
