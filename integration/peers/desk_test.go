//go:build peers

package peers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"strowger/pkg/rest"
)

// desk is a deployment in which people are added with what they wish, before the phones of any of them sign in.
type desk struct {
	*deployment
	people int
}

// testDesk has phones do what people do with them all day. What they wish is set for all first, since one wait for the switches to know it is enough.
func testDesk(t *testing.T, d *deployment) {
	e := &desk{deployment: d}
	features := []struct {
		name string
		run  func(*testing.T)
	}{
		{"forward always", e.forwardAlways(t)},
		{"forward of busy", e.forwardBusy(t)},
		{"forward of no answer", e.forwardNoAnswer(t)},
		{"forwards in circles", e.circle(t)},
		{"do not disturb", e.doNotDisturb(t)},
		{"ring group", e.ringGroup(t)},
		{"intercom", e.intercom(t)},
		{"paging", e.paging(t)},
		{"call waiting", e.callWaiting(t)},
		{"call return", e.callReturn(t)},
		{"voicemail", e.voicemail(t)},
		{"lamp", e.lamp(t)},
		{"lamp refused", e.lampRefused(t)},
		{"taken over", e.takenOver(t)},
		{"take-over refused", e.takeOverRefused(t)},
	}
	d.settle(t, d.x, "1903")
	d.settle(t, d.y, "1903")
	for _, f := range features {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

// person adds somebody with a phone to an office.
func (d *desk) person(t *testing.T, o *office) account {
	t.Helper()
	d.people++
	return d.addPhone(t, o, fmt.Sprint(1600+d.people))
}

// wishes has somebody wish something.
func (d *deployment) wishes(t *testing.T, a account, wish map[string]any) {
	t.Helper()
	if _, err := d.api.Users().Update(t.Context(), a.user.ID, 0, wish); err != nil {
		t.Fatal(err)
	}
}

// says waits until a SIP message with a text has come or gone.
func (p *phone) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, p.control.name+" has seen "+text, func() error {
		if !strings.Contains(p.stdout.String(), text) {
			return errors.New("in none of its messages")
		}
		return nil
	})
}

// takes has a phone that rings take the call.
func takes(t *testing.T, from, to *phone) {
	t.Helper()
	to.await(t, "CALL_INCOMING")
	to.do(t, "accept", "")
	from.await(t, "CALL_ESTABLISHED")
	to.await(t, "CALL_ESTABLISHED")
}

// forwardAlways has a call to a phone ring at the other office, and not there.
func (d *desk) forwardAlways(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.x)
	d.wishes(t, b, map[string]any{"forward_always": c.dial})
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.x.phone(t, c, handset{codec: pcmu, tone: high})
		quiet := d.y.phone(t, b, handset{codec: pcmu, tone: other})
		from.do(t, "dial", b.dial)
		takes(t, from, to)
		talk(t, from, to)
		hangUp(t, to, from)
		if n := quiet.count("CALL_INCOMING"); n != 0 {
			t.Errorf("the phone that forwards rang %d times", n)
		}
	}
}

// forwardBusy has a call to a phone that says that it is busy ring at the other office.
func (d *desk) forwardBusy(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.x)
	d.wishes(t, b, map[string]any{"forward_busy": c.dial})
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.x.phone(t, c, handset{codec: pcmu, tone: high})
		busy := d.y.line(t, b)
		busy.register(t)
		refuses := busy.run(t, refuseScenario, scenario{Code: 486, Reason: "Busy Here"})
		from.do(t, "dial", b.dial)
		takes(t, from, to)
		talk(t, from, to)
		hangUp(t, to, from)
		refuses.good(t)
	}
}

// forwardNoAnswer has a call that nobody answers for 5 s ring at the other office.
func (d *desk) forwardNoAnswer(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.x), d.person(t, d.y)
	d.wishes(t, b, map[string]any{"forward_no_answer": c.dial, "forward_seconds": 5})
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.y.phone(t, c, handset{codec: pcmu, tone: high})
		rings := d.x.phone(t, b, handset{codec: pcmu, tone: other})
		from.do(t, "dial", b.extension)
		rings.await(t, "CALL_INCOMING")
		takes(t, from, to)
		rings.await(t, "CALL_CLOSED")
		talk(t, from, to)
		hangUp(t, from, to)
	}
}

// circle has two people of two offices forward to each other: who calls them is told so.
func (d *desk) circle(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.x), d.person(t, d.y)
	d.wishes(t, b, map[string]any{"forward_always": c.dial})
	d.wishes(t, c, map[string]any{"forward_always": b.dial})
	return func(t *testing.T) {
		from := d.x.phone(t, a, handset{codec: pcmu, tone: low})
		from.do(t, "dial", b.dial)
		if got := from.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "482 ") || !strings.Contains(got, "circles") {
			t.Errorf("the caller heard %q, want 482 and that calls go in circles", got)
		}
	}
}

// doNotDisturb has a phone dial codes, and hear spoken what was done: callers are refused, and then not.
func (d *desk) doNotDisturb(t *testing.T) func(*testing.T) {
	a, b := d.person(t, d.x), d.person(t, d.y)
	d.wishes(t, b, map[string]any{"dnd_words": "not now"})
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.y.phone(t, b, handset{codec: pcmu, tone: high})
		toTo := listen(t, to.host)
		code := func(code string) {
			t.Helper()
			to.do(t, "dial", code)
			toTo.expectSpeech(t)
			to.await(t, "CALL_CLOSED")
		}
		code("*78")
		from.do(t, "dial", b.dial)
		if got := from.await(t, "CALL_CLOSED"); got != "480 not now" {
			t.Errorf("the caller heard %q, want 480 and the words", got)
		}
		code("*79")
		call(t, from, to, b.dial)
		talk(t, from, to)
		hangUp(t, from, to)
		code("*65")
	}
}

// ringGroup has a number ring at all phones of a group: one answers, the others stop.
func (d *desk) ringGroup(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.y)
	sales := rest.NewQueue("Sales")
	sales.Switch, sales.Members = d.y.node.ID, []string{b.user.ID, c.user.ID}
	sales = create(t, d.api.QueueServices(), sales)
	number := create(t, d.api.Numbers(), rest.Number{Site: d.y.site.ID, Digits: "1700", Queue: sales.ID})
	return func(t *testing.T) {
		from := d.x.phone(t, a, handset{codec: pcmu, tone: low})
		first, second := d.y.phone(t, b, handset{codec: pcmu, tone: other}), d.y.phone(t, c, handset{codec: pcmu, tone: high})
		toFrom := listen(t, from.host)
		from.do(t, "dial", number.Dial)
		first.await(t, "CALL_INCOMING")
		takes(t, from, second)
		first.await(t, "CALL_CLOSED")
		toFrom.expectTone(t, second.tone)
		second.hears(t, from.tone)
		hangUp(t, second, from)
	}
}

// intercom has a phone answer by itself because the switch asks it to, in all the words that phones know.
func (d *desk) intercom(t *testing.T) func(*testing.T) {
	a, b := d.person(t, d.x), d.person(t, d.y)
	return func(t *testing.T) {
		from := d.x.phone(t, a, handset{codec: pcmu, tone: low})
		to := d.y.phone(t, b, handset{codec: pcmu, tone: high, answers: true})
		from.do(t, "dial", "*80"+b.dial)
		from.await(t, "CALL_ESTABLISHED")
		talk(t, from, to)
		for _, h := range []string{"\nAnswer-Mode: Auto\r", ";answer-after=0\r", "\nAlert-Info: "} {
			to.says(t, h)
		}
		hangUp(t, from, to)
	}
}

// paging has a phone speak to phones of both offices, which answer by themselves, hear it, and are not heard.
func (d *desk) paging(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.x), d.person(t, d.y)
	create(t, d.api.Groups(), rest.Group{Name: "All", Kind: rest.PagingGroup, Code: "30", Members: []string{a.user.ID, b.user.ID, c.user.ID}})
	return func(t *testing.T) {
		from := d.x.phone(t, a, handset{codec: pcmu, tone: low})
		near := d.x.phone(t, b, handset{codec: pcmu, tone: high, answers: true})
		far := d.y.phone(t, c, handset{codec: pcmu, tone: other, answers: true})
		// What a phone hears that only listens is not in its recording.
		toFrom, toNear, toFar := listen(t, from.host), listen(t, near.host), listen(t, far.host)
		from.do(t, "dial", "*8130")
		toFrom.expectSpeech(t)
		toNear.expectTone(t, from.tone)
		toFar.expectTone(t, from.tone)
		for _, p := range []*phone{near, far} {
			p.says(t, ";answer-after=0\r")
			if expectTone(toFrom.heard(), pcmu.rate, p.tone) == nil {
				t.Errorf("who pages hears %s", p.control.name)
			}
		}
		from.do(t, "hangup", "")
		near.await(t, "CALL_CLOSED")
		far.await(t, "CALL_CLOSED")
	}
}

// callWaiting has a phone in a call ring for a second one, as one that waits, take it, which holds the first, and go back.
func (d *desk) callWaiting(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.y)
	return func(t *testing.T) {
		first, second := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.y.phone(t, c, handset{codec: pcmu, tone: other})
		to := d.y.phone(t, b, handset{codec: pcmu, tone: high, calls: 2})
		toFirst, toSecond := listen(t, first.host), listen(t, second.host)
		call(t, first, to, b.dial)
		talk(t, first, to)
		second.do(t, "dial", b.dial)
		takes(t, second, to)
		to.says(t, "Alert-Info: <urn:alert:service:call-waiting>")
		toFirst.expectMusic(t, to.tone)
		toSecond.expectTone(t, to.tone)
		second.do(t, "hangup", "")
		to.await(t, "CALL_CLOSED")
		to.do(t, "resume", "")
		toFirst.expectTone(t, to.tone)
		hangUp(t, first, to)
	}
}

// callReturn has a phone ask who called last, and call back by a key.
func (d *desk) callReturn(t *testing.T) func(*testing.T) {
	a, b := d.person(t, d.x), d.person(t, d.y)
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.y.phone(t, b, handset{codec: pcmu, tone: high})
		toTo := listen(t, to.host)
		from.do(t, "dial", b.dial)
		to.await(t, "CALL_INCOMING")
		from.await(t, "CALL_RINGING")
		hangUp(t, from, to)
		from.await(t, "CALL_CLOSED")
		to.do(t, "dial", "*69")
		toTo.expectSpeech(t)
		to.do(t, "sndcode", "1")
		takes(t, to, from)
		toTo.expectTone(t, from.tone)
		from.hears(t, to.tone)
		hangUp(t, from, to)
	}
}
