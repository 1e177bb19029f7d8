//go:build peers

package peers

import (
	"fmt"
	"slices"
	"testing"

	"strowger/pkg/rest"
)

// types has the user type something into a field and leave it.
func (b *browser) types(t *testing.T, field, text string) {
	t.Helper()
	find := fmt.Sprintf("document.querySelector(%s)", quote(field))
	b.becomes(t, "there is "+field, find)
	eval[any](t, b, fmt.Sprintf(`(() => { const e = %s; e.focus(); e.value = %s; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); })()`, find, quote(text)))
}

// testSoftphoneMessages has a desk phone leave a message for the user of the softphone, who hears it in the page, and deletes it.
func testSoftphoneMessages(t *testing.T, d *deployment, s *softphone, desk *phone) {
	update := func(change map[string]any) {
		t.Helper()
		if _, err := d.api.Users().Update(t.Context(), s.user.ID, 0, change); err != nil {
			t.Fatal(err)
		}
	}
	update(map[string]any{"home_switch": d.x.node.ID, "dnd": true, "voicemail": map[string]any{}})
	pin := "48151"
	d.settle(t, d.x, "2299")
	tap := listen(t, desk.host)
	desk.do(t, "dial", s.dial)
	desk.await(t, "CALL_ESTABLISHED")
	tap.expectSpeech(t)
	desk.keys(t, "#")
	tap.more(t, 3*pcmu.rate)
	desk.keys(t, "#1")
	desk.await(t, "CALL_CLOSED")
	eventually(t, "the message is there", func() error {
		m, err := d.api.Mailbox(t.Context(), s.user.ID, "")
		if err == nil && m.New != 1 {
			err = fmt.Errorf("%d new messages", m.New)
		}
		return err
	})

	s.open(t, "/")
	s.shows(t, "Reachable")
	eval[any](t, s.browser, "window.confirm = () => true")
	s.presses(t, "Voicemail")
	s.shows(t, "1 new message")
	s.types(t, "input[name=fresh]", "1111")
	s.presses(t, "Choose")
	s.shows(t, "one digit again and again")
	s.types(t, "input[name=fresh]", pin)
	s.presses(t, "Choose")
	s.shows(t, "The PIN is set.")
	d.settle(t, d.x, "2297")
	s.types(t, "#pin", "11111")
	s.presses(t, "Open")
	s.shows(t, "the PIN is not right")
	s.types(t, "#pin", pin)
	s.presses(t, "Open")
	s.shows(t, desk.account.user.Name)
	s.accessible(t, "messages")
	s.becomes(t, "the message is offered", `document.querySelector("li .item.missed")`)
	eval[any](t, s.browser, `document.querySelector("li .item.missed").click()`)
	s.becomes(t, "it plays", `document.querySelector("li audio")?.duration > 1`)
	eval[any](t, s.browser, `void (document.querySelector("li audio").loop = true)`)
	s.plays(t, `document.querySelector("li audio").captureStream()`, desk.tone)
	s.shows(t, "0 new messages, 1 heard")
	s.becomes(t, "it can be deleted", `document.querySelector("li button[title=Delete]")`)
	eval[any](t, s.browser, `document.querySelector("li button[title=Delete]").click()`)
	s.shows(t, "0 new messages, 0 heard")
	update(map[string]any{"dnd": false, "voicemail": nil})
}

// testSoftphoneWishes has the user say in the page what becomes of calls, and be told why something cannot be.
func testSoftphoneWishes(t *testing.T, d *deployment, s *softphone, to account) {
	wishes := func(what string, is func(rest.User) bool) {
		t.Helper()
		eventually(t, what, func() error {
			u, err := d.api.Users().Get(t.Context(), s.user.ID)
			if err == nil && !is(u) {
				err = fmt.Errorf("%+v, do not disturb %v", u.Wishes, u.DND)
			}
			return err
		})
	}
	s.presses(t, "Settings")
	s.becomes(t, "the wishes are shown", `document.querySelector("#dnd")`)
	s.accessible(t, "wishes")
	eval[any](t, s.browser, `document.querySelector("#dnd").click()`)
	wishes("not to be disturbed", func(u rest.User) bool { return u.DND })
	eval[any](t, s.browser, `document.querySelector("#dnd").click()`)
	wishes("to be called", func(u rest.User) bool { return !u.DND })
	s.types(t, "#wish-forward_busy", to.dial)
	wishes("a forward", func(u rest.User) bool { return u.ForwardBusy == to.dial })
	s.types(t, "#wish-forward_always", "79999")
	s.shows(t, "79999")
	s.becomes(t, "what is refused is not shown as set", `document.querySelector("#wish-forward_always").value === ""`)
	s.types(t, "[data-key=blocked] input", "withheld")
	eval[any](t, s.browser, `document.querySelector("[data-key=blocked] form").requestSubmit()`)
	wishes("who is blocked", func(u rest.User) bool { return slices.Contains(u.Blocked, "withheld") })
	s.becomes(t, "who is blocked is listed", `document.querySelector("[data-key=blocked] li")`)
	eval[any](t, s.browser, `document.querySelector("[data-key=blocked] li button").click()`)
	wishes("nobody is blocked", func(u rest.User) bool { return len(u.Blocked) == 0 })
	eval[any](t, s.browser, `document.querySelector("#intercom").click()`)
	wishes("no intercom", func(u rest.User) bool { return u.NoIntercom })
	eval[any](t, s.browser, `const lamp = document.querySelector("#lamp"); lamp.value = "private"; lamp.dispatchEvent(new Event("change")); null`)
	wishes("a private lamp", func(u rest.User) bool { return u.Lamp == "private" })
	s.types(t, "#wish-forward_busy", "")
	wishes("no forward", func(u rest.User) bool { return u.ForwardBusy == "" })
	s.presses(t, "Recent")
}
