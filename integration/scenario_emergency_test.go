package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/e164"
	"strowger/pkg/rest"
)

// TestEmergency has people call for help whom every rule forbids to call: the lines of their own office are tried before that of
// another one, whatever a phone company says, with the cloud and without it.
func TestEmergency(t *testing.T) {
	t.Parallel()
	w := alone(t)
	near, spare, far := carrier(t, nil), carrier(t, nil), carrier(t, nil)
	address, invites := refusing(t)
	w.trunk(t, 0, rest.Trunk{Name: "Mute", Enabled: true, Weight: 1, Number: "+4930100", Servers: []string{address}})
	w.trunk(t, 0, rest.Trunk{Name: "Near", Enabled: true, Weight: 1, Order: 1, Number: "+4930100"}, near)
	w.trunk(t, 0, rest.Trunk{Name: "Spare", Enabled: true, Weight: 1, Order: 2}, spare)
	w.trunk(t, 1, rest.NewTrunk("Far"), far)
	posts := make(chan rest.Alert, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var a rest.Alert
		if json.NewDecoder(r.Body).Decode(&a) == nil {
			posts <- a
		}
	}))
	t.Cleanup(hook.Close)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{
		"emergency": []string{"777"}, "location": "Hauptstrasse 1", "emergency_contacts": []string{"Eve"}, "alert_url": hook.URL,
	})
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "none", "enabled": false})
	w.settle(t)

	help := func(dialled, number string, by *phone.Phone) {
		t.Helper()
		out, in := ring(t, from, dialled, by)
		if in.Dialled != number || in.From != "+4930100" {
			t.Errorf("%s calls %s, and %s can be called back", dialled, in.Dialled, in.From)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
	}
	for i, without := range []func(){func() {}, w.StopCloud} {
		without()
		near.Refuse(0)
		spare.Refuse(0)
		help("0112", "112", near)
		help(e164.SOS+".fire", "777", near) // the office's own number comes first
		near.Refuse(404)                    // whatever that means
		help("777", "777", spare)
		spare.Refuse(603)
		help("110", "110", far)
		if e := over(t, dial(t, from, "0030123456")); i == 0 && e.Code != 403 {
			t.Errorf("who is switched off calls a phone number: %d %q", e.Code, e.Words)
		}
	}
	invite := <-invites
	id := regexp.MustCompile(`Geolocation: <cid:(\S+)>`).FindStringSubmatch(invite)
	if id == nil || !strings.Contains(invite, "Content-ID: <"+id[1]+">\r\n") || !strings.Contains(invite, "<ca:LOC>Hauptstrasse 1</ca:LOC>") {
		t.Errorf("no location goes with the call:\n%s", invite)
	}
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // and those without the cloud, later
		select {
		case a := <-posts:
			if a.Kind != "emergency" || a.Subject != ann.user.ID || a.Contacts[0] != "Eve" || !strings.Contains(a.Words, "Ann (") || !strings.Contains(a.Words, "from Hauptstrasse 1") {
				t.Errorf("posted: %+v", a)
			}
			change(t, w.Client.Alerts(), a.ID, map[string]any{"dismissed": true})
		case <-soon(t).Done():
			t.Fatal("an emergency call was not told of")
		}
	}
	far.Refuse(503)
	if e := over(t, dial(t, from, "112")); e.Code != 503 {
		t.Errorf("without any line: %d %q", e.Code, e.Words)
	}
}

// TestChannels has people call at once by a line of three channels, one of which a call from outside has: two are carried. An emergency
// call ends the one that was answered last.
func TestChannels(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	line := rest.NewTrunk("Company")
	line.Channels, line.Number = 3, "+4930100"
	w.trunk(t, 0, line, company)
	ann, from := w.person(t, 0, "Ann", nil)
	bob, near := w.person(t, 0, "Bob", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national", "guard": map[string]any{"together": 0}})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: bob.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)

	outside, inside := ring(t, company, "+4930200", near)
	inside.Answer()
	saw(t, outside, phone.Answered)
	calls := make([]*phone.Call, 8)
	for i := range calls {
		calls[i] = dial(t, from, "0030123456")
	}
	var carried [2]*phone.Call
	for i := range carried {
		carried[i] = incoming(t, company, outside) // which goes on
	}
	taken := "trunk Company: every line is taken"
	var up []*phone.Call
	until(t, func() string {
		up = nil
		for _, c := range calls {
			switch e := c.Events(); {
			case e[len(e)-1].Kind != phone.Ended:
				up = append(up, c)
			case e[len(e)-1].Code != 503 || e[len(e)-1].Words != taken:
				t.Fatalf("one too many hears %+v", e[len(e)-1])
			}
		}
		if len(up) != 2 {
			return fmt.Sprintf("%d of 8 calls are carried", len(up))
		}
		return ""
	})
	if e := over(t, dial(t, company, "+4930200")); e.Code != 503 || e.Words != "every line of trunk Company is taken" {
		t.Errorf("one too many from outside hears %+v", e)
	}
	for _, in := range carried {
		in.Answer()
	}
	for _, out := range up {
		saw(t, out, phone.Answered)
	}
	hangUp(t, outside, inside)
	last, in := ring(t, from, "0030123456", company)
	in.Answer()
	saw(t, last, phone.Answered)

	help, in112 := ring(t, near, "112", company)
	for _, c := range []*phone.Call{last, in} {
		if e := over(t, c); e.Words != "The line was needed for an emergency call" {
			t.Errorf("who made way hears %+v", e)
		}
	}
	in112.Answer()
	saw(t, help, phone.Answered)
	for _, c := range up {
		if e := c.Events(); e[len(e)-1].Kind == phone.Ended {
			t.Errorf("another call was ended as well: %+v", e[len(e)-1])
		}
	}
	w.recorded(t, ann.user, "a call that made way", func(c rest.Call) bool { return c.Cause != nil && c.Cause.Code == "preempted" })
	hangUp(t, help, in112)
}

// recorded waits until the record of some call of a user is as it should be.
func (w *world) recorded(t *testing.T, u rest.User, what string, is func(rest.Call) bool) {
	t.Helper()
	until(t, func() string {
		page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": u.ID}, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(page.Items, is) {
			return fmt.Sprintf("no record of %s among %d", what, len(page.Items))
		}
		return ""
	})
}

// refusing is a phone company that refuses every call, and tells what the first INVITE was.
func refusing(t *testing.T) (address string, invites <-chan string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first, done := make(chan string, 1), make(chan struct{})
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if text := string(b[:n]); strings.HasPrefix(text, "INVITE ") {
				select {
				case first <- text:
				default:
				}
				answer := "SIP/2.0 503 Service Unavailable\r\n"
				for _, line := range regexp.MustCompile(`(?m)^(Via|From|To|Call-ID|CSeq): .*\r$`).FindAllString(text, -1) {
					if answer += strings.TrimSpace(line); strings.HasPrefix(line, "To:") {
						answer += ";tag=none"
					}
					answer += "\r\n"
				}
				_, _ = c.WriteTo([]byte(answer+"Content-Length: 0\r\n\r\n"), from) // it is asked again
			}
		}
	}()
	return c.LocalAddr().String(), first
}
