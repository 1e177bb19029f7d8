package integration

import (
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// TestPage has somebody speak to the phones of a group, in two offices, with the cloud and without it: all hear it, nobody is heard, and who is on the
// phone, or wants no such calls, is left out.
func TestPage(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.peerDocuments(t)
	const low, high = 440, 1000
	ann, annsPhone := w.person(t, 0, "Ann", tone(low))
	bell, bellsPhone := w.person(t, 0, "Bell", tone(high))
	cat, catsPhone := w.person(t, 1, "Cat", tone(high))
	dan, dansPhone := w.person(t, 0, "Dan", nil)
	eve, evesPhone := w.person(t, 0, "Eve", nil)
	fay, faysPhone := w.person(t, 0, "Fay", nil)
	_, gussPhone := w.person(t, 0, "Gus", nil)
	change(t, w.Client.Users(), dan.user.ID, map[string]any{"dnd": true})
	change(t, w.Client.Users(), eve.user.ID, map[string]any{"no_intercom": true})
	group := rest.Group{Name: "All", Kind: rest.PagingGroup, Code: "30", Members: []string{
		ann.user.ID, bell.user.ID, cat.user.ID, dan.user.ID, eve.user.ID, fay.user.ID,
	}}
	if _, err := w.Client.Groups().Create(soon(t), group); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	out, in := connect(t, gussPhone, fay.number.Dial, faysPhone)
	refusedWith(t, annsPhone, "*8131", 404, "there is no paging group with the code 31")
	page := func() {
		t.Helper()
		pager, near := ring(t, annsPhone, "*8130", bellsPhone)
		far := incoming(t, catsPhone, pager)
		for _, c := range []*phone.Call{near, far} {
			if !unasked(c) {
				t.Error("a phone is not asked to answer by itself")
			}
			c.Answer()
			saw(t, c, phone.Answered)
		}
		hearsTone(t, low, near.Heard)
		hearsTone(t, low, far.Heard)
		hearsClip(t, pager, "en/page")
		if hertz, purity := phone.Tone(pager.Heard(), rate); purity > 0.5 && hertz > high-20 && hertz < high+20 {
			t.Error("who pages hears the phones")
		}
		pager.HangUp()
		over(t, near)
		over(t, far)
	}
	page()
	silent(t, dansPhone, "Dan is not to be disturbed")
	silent(t, evesPhone, "Eve wants no intercom")
	silent(t, faysPhone, "Fay is on the phone")
	w.StopCloud()
	page()
	hangUp(t, out, in)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	w.checkLedger(t)
}

// TestNobodyIsPaged says so aloud: all phones of the group refuse, or nobody has one.
func TestNobodyIsPaged(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, annsPhone := w.person(t, 0, "Ann", nil)
	bell, bellsPhone := w.person(t, 0, "Bell", nil)
	cat, catsPhone := w.person(t, 1, "Cat", nil)
	code := bell.number.Digits
	for _, g := range []rest.Group{
		{Name: "Bell alone " + code, Code: code, Members: []string{ann.user.ID, bell.user.ID}},
		{Name: "Ann alone " + code, Code: ann.number.Digits, Members: []string{ann.user.ID}, Others: []string{cat.user.ID}},
	} {
		g.Kind = rest.PagingGroup
		if _, err := w.Client.Groups().Create(soon(t), g); err != nil {
			t.Fatal(err)
		}
	}
	w.settle(t)
	refusedWith(t, annsPhone, "*81"+ann.number.Digits, 480, "nobody of Ann alone")
	refusedWith(t, catsPhone, "*81"+code, 403, "no right to page Bell alone")
	pager, in := ring(t, annsPhone, "*81"+code, bellsPhone)
	in.Decline(486, "Busy Here")
	hearsClip(t, pager, "en/page-none")
	over(t, pager)
}
