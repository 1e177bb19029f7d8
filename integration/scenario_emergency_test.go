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
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
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
	sleeps, awake := w.contacts(t)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{
		"emergency": []string{"777"}, "location": "Hauptstrasse 1", "alert_url": hook.URL,
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
	invite := arrives(t, invites)
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
	for name, a := range map[string]*app{"sleeps": sleeps, "is awake": awake} {
		e := a.sees(t, sdk.Missed)
		if e.Code != string(errs.Emergency) || e.Call.FromName() != "Ann" || e.Call.FromNumber() != ann.number.Dial ||
			!strings.HasPrefix(e.Words, "Ann (") || !strings.Contains(e.Words, " from Hauptstrasse 1, at ") {
			t.Errorf("a contact whose app %s is told %+v, of a call of %s %s", name, e, e.Call.FromName(), e.Call.FromNumber())
		}
	}
	far.Refuse(503)
	if e := over(t, dial(t, from, "112")); e.Code != 503 {
		t.Errorf("without any line: %d %q", e.Code, e.Words)
	}
}

// contacts has two people told of emergency calls of the first office, whose apps sleep and are awake.
func (w *world) contacts(t *testing.T) (sleeps, awake *app) {
	t.Helper()
	eve, _ := w.roamer(t, "Eve")
	joe, number := w.roamer(t, "Joe")
	opened := func(a *app, payload []byte) {
		if c, err := a.Push(payload); errs.CodeOf(err) != errs.Emergency {
			t.Errorf("the push brings %v, %v", c, err)
		}
	}
	sleeps, awake = w.appWith(t, eve, "apns", opened), w.appWith(t, joe, "webpush", opened)
	awake.awake(t)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"emergency_contacts": []string{"Eve", number.Dial + ", reception@example.com"}})
	return sleeps, awake
}

// TestChannels has 50 calls at once want a line of 30 channels: 30 are carried, 20 are refused, and so is one from outside. Each
// emergency call, of a desk phone or of an app, with the cloud or without, ends the one that was answered last.
func TestChannels(t *testing.T) {
	t.Parallel()
	const channels, wanted = 30, 50
	w := alone(t)
	quiet := func(c *phone.Config) { c.Speech = phone.Mute }
	company := carrier(t, func(c *phone.Config) { c.User, c.Server, c.Speech = "030999000", w.Offices[0].SIP.String(), phone.Mute })
	line := rest.NewTrunk("Company")
	line.Channels, line.Number = channels, "+4930100"
	w.trunk(t, 0, line, company)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"location": "Hauptstrasse 1"})
	bob, near := w.person(t, 0, "Bob", quiet)
	app := w.app(t, bob.user, "apns")
	var from [2]*phone.Phone // one has fewer lines than are wanted
	var people [2]subscriber
	for i := range from {
		people[i], from[i] = w.person(t, 0, fmt.Sprint("Ann ", i), quiet)
		change(t, w.Client.Users(), people[i].user.ID, map[string]any{"calling": "national", "guard": map[string]any{"together": 0}})
	}
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: bob.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)

	up, carried := filled(t, company, from[:], channels, wanted)
	if e := over(t, dial(t, company, "+4930200")); e.Code != 503 || e.Q850 != 34 || e.Words != "every line of trunk Company is taken" {
		t.Errorf("one too many from outside hears %+v", e)
	}

	made := channels
	helped := func(help *phone.Call) *phone.Call {
		t.Helper()
		made--
		for _, c := range []*phone.Call{up[carried[made].Dialled], carried[made]} {
			if e := over(t, c); e.Words != "The line was needed for an emergency call" || e.Q850 != 8 {
				t.Errorf("who made way hears %+v", e)
			}
		}
		if where := help.Headers("Geolocation"); help.Dialled != "112" || len(where) != 1 {
			t.Errorf("%s is called from %q", help.Dialled, where)
		}
		help.Answer()
		return help
	}
	desk := dial(t, near, "112")
	helped(incoming(t, company, desk))
	saw(t, desk, phone.Answered)
	call := app.calls(t, "112", phone.NewVoice(speech(1)))
	inApp := helped(comes(t, company))
	app.sees(t, sdk.Ringing)
	app.sees(t, sdk.Connected)
	call.Hangup()
	app.sees(t, sdk.Ended)
	over(t, inApp)
	again := dial(t, from[0], "112") // by the channel that the app had
	in := comes(t, company)
	in.Answer()
	saw(t, again, phone.Answered)
	if err := app.Connect(); err != nil {
		t.Fatal(err)
	}
	w.StopCloud()
	desk = dial(t, near, "112")
	helped(incoming(t, company, desk))
	saw(t, desk, phone.Answered)
	if err := app.refusedDial(t, "112"); errs.CodeOf(err) != errs.CloudAway || !strings.Contains(err.Error(), "call emergency numbers by the phone itself") {
		t.Errorf("without the cloud an app is told %v", err)
	}
	for _, in := range carried[:made] {
		if c := up[in.Dialled]; c.Events()[len(c.Events())-1].Kind == phone.Ended {
			t.Errorf("another call was ended as well: %v", c.Events())
		}
		hangUp(t, up[in.Dialled], in)
	}
	after, in := ring(t, from[0], "0030123456", company)
	hangUp(t, after, in)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	w.madeWay(t, people[:], channels-made)
}

// filled has phones call so many numbers at once by a line with fewer channels: those who are not carried hear why. The others are
// by the number that was called, and what the company has of them in the order of its answers.
func filled(t *testing.T, company *phone.Phone, from []*phone.Phone, channels, wanted int) (up map[string]*phone.Call, carried []*phone.Call) {
	t.Helper()
	calls := map[string]*phone.Call{}
	for i := range wanted {
		calls[fmt.Sprintf("+49301234%02d", i)] = dial(t, from[i%len(from)], fmt.Sprintf("00301234%02d", i))
	}
	up = map[string]*phone.Call{}
	for range channels {
		in := comes(t, company)
		carried, up[in.Dialled] = append(carried, in), calls[in.Dialled]
		in.Answer()
		saw(t, calls[in.Dialled], phone.Answered)
	}
	for to, c := range calls {
		if up[to] != nil {
			continue
		}
		if e := over(t, c); e.Code != 503 || e.Q850 != 34 || e.Words != "trunk Company: every line is taken" {
			t.Errorf("one too many hears %+v", e)
		}
	}
	return up, carried
}

// madeWay waits until the records of people tell of so many calls that made way for emergency calls.
func (w *world) madeWay(t *testing.T, people []subscriber, calls int) {
	t.Helper()
	until(t, func() string {
		n := 0
		for _, who := range people {
			page, err := w.Client.Calls().Page(soon(t), rest.Filter{"user": who.user.ID}, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Items {
				if c.Cause != nil && c.Cause.Code == "preempted" && c.Cause.Words == "The line was needed for an emergency call" {
					n++
				}
			}
		}
		if n != calls {
			return fmt.Sprintf("%d records of calls that made way", n)
		}
		return ""
	})
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
