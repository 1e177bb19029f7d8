package integration

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// TestGuards has somebody with a stolen password call what costs most: dear numbers, countries that fraud is known for, many numbers at
// once, at night, for more money than there is, and far more often than usual. The phone company hears of none of it, the record names the
// guard, administrators are told and lift it, and two switches share what there is. Scanners are shut out meanwhile.
func TestGuards(t *testing.T) {
	t.Parallel()
	wary := switchnode.DefaultScanners()
	wary.Spared = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", Limits: switchnode.Limits{Scanners: wary}})
	company := carrier(t, nil)
	line := w.trunk(t, 0, rest.NewTrunk("Company"), company)
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "international"})
	w.settle(t)
	w.isScanned(t, w.Offices[2])

	thief := thief{w, ann, from}
	refused := func(dialled, guard string) {
		t.Helper()
		thief.refused(t, dialled, guard)
	}
	refused("009001234567", "guard-number")
	refused("000881612345678", "guard-number")
	refused("0005378381234", "guard-country")

	var open [][2]*phone.Call
	for range 3 {
		out, in := ring(t, from, "0030123456", company)
		open = append(open, [2]*phone.Call{out, in})
	}
	refused("0030123456", "guard-together")
	for _, c := range open {
		c[0].HangUp()
		over(t, c[1])
	}
	out, in := ring(t, from, "0030123456", company)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)

	change(t, w.Client.Organizations(), ann.user.Organization, map[string]any{"guard": map[string]any{"countries": []string{"CU"}, "allow": []string{"+881"}}})
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"guard": map[string]any{"deny": []string{"+4940"}}})
	w.settle(t)
	refused("0040123456", "guard-number")
	for _, number := range []string{"0005378381234", "000881612345678"} {
		out, in := ring(t, from, number, company)
		out.HangUp()
		over(t, in)
	}

	all, err := w.Client.ShutSources(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	calls := slices.DeleteFunc(all.Refused, func(r rest.Refused) bool { return r.Call == "" }) // phones sign in before their switch knows them
	if len(calls) != 5 || calls[0].Who != "Ann" || calls[0].Dialled != "+4940123456" {
		t.Errorf("refused of late: %+v", all.Refused)
	}
	thief.isHeldUp(t, company, line)
	w.callsTheSilent(t, ann, from, line)
}

// thief is somebody with the password of somebody.
type thief struct {
	w    *world
	who  subscriber
	from *phone.Phone
}

// refused has the thief call a number, and a guard refuse it.
func (h thief) refused(t *testing.T, dialled, guard string) {
	t.Helper()
	if e := over(t, dial(t, h.from, dialled)); e.Code != 403 {
		t.Errorf("%s: the caller hears %d %q", dialled, e.Code, e.Words)
	}
	until(t, func() string {
		if r := h.w.record(t, h.who.user, 1); r.Cause == nil || r.Cause.Code != guard {
			return fmt.Sprintf("the record of the call to %s says %+v, want %s", dialled, r.Cause, guard)
		}
		return ""
	})
}

// isHeldUp has the thief call at night, for more money than there is, far more often than usual, and by the lines of two switches. Two calls
// abroad were there before.
func (h thief) isHeldUp(t *testing.T, company *phone.Phone, line rest.Trunk) {
	t.Helper()
	guarded := func(rules map[string]any) {
		t.Helper()
		policy := map[string]any{"night": "", "alarm": 0, "cost_day": 0, "together": 0}
		maps.Copy(policy, rules)
		change(t, h.w.Client.Users(), h.who.user.ID, map[string]any{"guard": policy})
		h.w.settle(t)
	}
	passes := func(dialled string, by *phone.Phone) [2]*phone.Call {
		t.Helper()
		out, in := ring(t, h.from, dialled, by)
		return [2]*phone.Call{out, in}
	}
	ends := func(all ...[2]*phone.Call) {
		for _, c := range all {
			c[0].HangUp()
			over(t, c[1])
		}
	}
	// It is night where the office is, and nowhere else.
	tokyo := time.Now().UTC().Add(9 * time.Hour)
	change(t, h.w.Client.Sites(), h.w.Offices[0].Site.ID, map[string]any{"time_zone": "Asia/Tokyo"})
	guarded(map[string]any{"night": tokyo.Add(-time.Hour).Format("15:04") + "-" + tokyo.Add(time.Hour).Format("15:04"), "night_calls": 1})
	h.refused(t, "0005378381234", "guard-night")
	change(t, h.w.Client.Sites(), h.w.Offices[0].Site.ID, map[string]any{"time_zone": "America/New_York"})
	h.w.settle(t)
	ends(passes("0005378381234", company))

	if _, err := h.w.Client.SetRates(soon(t), line.ID, []byte("prefix,per_minute,currency,first,step\n+,0.60,EUR,60,60\n")); err != nil {
		t.Fatal(err)
	}
	guarded(map[string]any{"cost_day": 1_000_000}) // for one minute, and not for two
	talk := passes("0030123456", company)
	talk[1].Answer()
	saw(t, talk[0], phone.Answered)
	h.refused(t, "0030123456", "guard-cost")
	ends(talk)

	guarded(map[string]any{"alarm": 2})
	h.refused(t, "0005378381234", "guard-alarm")
	until(t, func() string {
		page, err := h.w.Client.Alerts().Page(soon(t), rest.Filter{"kind": "fraud"}, 10, "")
		if err != nil || len(page.Items) != 1 || page.Items[0].Subject != h.who.user.ID {
			return fmt.Sprintf("alerts: %+v, %v", page.Items, err)
		}
		return ""
	})
	guarded(map[string]any{"alarm": 2, "lifted": time.Now().Unix() + 1})
	ends(passes("0005378381234", company))

	// Two switches share what one user may: the line without rates comes first, and the other takes what its switch may not.
	second := carrier(t, nil)
	shared := h.w.trunk(t, 1, rest.NewTrunk("Second"), second)
	guarded(map[string]any{"together": 2})
	first := passes("0030123456", second)
	other := passes("0030123456", company)
	h.refused(t, "0030123456", "guard-together")
	ends(first, other)
	change(t, h.w.Client.Trunks(), shared.ID, map[string]any{"enabled": false})
}

// callsTheSilent has a caller who may have one call at once give up calls of which the phone company never says a word: they count no
// more, though it may take half a minute until they are over there.
func (w *world) callsTheSilent(t *testing.T, ann subscriber, from *phone.Phone, other rest.Trunk) {
	t.Helper()
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	invited, known := make(chan string, 100), map[string]bool{}
	go func() { // ends with the socket
		defer close(invited)
		for b := make([]byte, 4096); ; {
			n, err := silent.Read(b)
			if err != nil {
				return
			}
			_, after, _ := strings.Cut(string(b[:n]), "Call-ID: ")
			if id, _, _ := strings.Cut(after, "\r\n"); !known[id] {
				known[id] = true
				invited <- id
			}
		}
	}()
	change(t, w.Client.Trunks(), other.ID, map[string]any{"enabled": false})
	w.trunk(t, 0, rest.Trunk{Name: "Silent", Enabled: true, Weight: 1, Servers: []string{silent.LocalAddr().String()}})
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"guard": map[string]any{"together": 1}})
	w.settle(t)
	for call := range 3 {
		let := false
		for try := 0; !let && try < 20; try++ { // the caller may dial again before the switch is done with the last call
			out := dial(t, from, "0030123456")
			select {
			case <-invited:
				let = true
				out.HangUp()
			case <-out.Done():
			}
			over(t, out)
		}
		if !let {
			t.Fatalf("call %d is refused: %+v", call, w.record(t, ann.user, 1).Cause)
		}
	}
}

// isScanned has ten addresses look for what there is at the port for phones of an office: they are shut out, administrators are told, and
// let one in again.
func (w *world) isScanned(t *testing.T, at stack.Office) {
	t.Helper()
	for i := range 10 {
		c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 40, byte(i+1))}}).Dial("udp", at.SIP.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		for range 12 {
			if _, err := c.Write([]byte("what is this?")); err != nil {
				t.Fatal(err)
			}
		}
	}
	shut := func() (all rest.Shut) {
		var err error
		if all, err = w.Client.ShutSources(soon(t)); err != nil {
			t.Fatal(err)
		}
		return all
	}
	until(t, func() string {
		if all := shut(); len(all.Items) != 10 || !all.Items[0].UDPOnly || all.Items[0].Why != "what is no SIP" || all.Items[0].SwitchName == "" {
			return fmt.Sprintf("shut out are %+v", all)
		}
		return ""
	})
	if err := w.Client.Unblock(soon(t), netip.MustParseAddr("127.0.40.1")); err != nil {
		t.Error(err)
	}
	for _, s := range shut().Items {
		if s.Source == "127.0.40.1/32" {
			t.Error("an address that was let in is shut out")
		}
	}
	until(t, func() string {
		page, err := w.Client.Alerts().Page(soon(t), rest.Filter{"kind": "scanner"}, 10, "")
		if err != nil || len(page.Items) != 1 || !strings.Contains(page.Items[0].Words, "shut out 10 of late") {
			return fmt.Sprintf("alerts: %+v, %v", page.Items, err)
		}
		return ""
	})
}

// TestGuardsOfCallersOutside has users and their phones send callers from outside to phone numbers: they get nowhere where an administrator
// says so, and by a phone's own word nowhere at all.
func TestGuardsOfCallersOutside(t *testing.T) {
	t.Parallel()
	w := alone(t)
	outside := carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	company := carrier(t, nil)
	w.trunk(t, 0, rest.Trunk{Name: "Outside", Enabled: true, Weight: 1, Order: 1}, outside)
	w.trunk(t, 0, rest.NewTrunk("Company"), company)
	ann, at := w.person(t, 0, "Ann", nil)
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "international"})
	change(t, w.Client.Organizations(), ann.user.Organization, map[string]any{"guard": map[string]any{"forwards": "inside"}})
	w.policy(t, ann, map[string]any{"fallback_busy": "0030123456"})
	for refusal, hears := range map[int]int{486: 403, 302: 480} {
		out, in := ring(t, outside, "+4930200", at)
		in.Decline(refusal, "Elsewhere")
		if e := over(t, out); e.Code != hears {
			t.Errorf("who is sent on with %d hears %d %q, want %d", refusal, e.Code, e.Words, hears)
		}
	}
	out, in := ring(t, at, "0030123456", company) // the first call that the company sees
	if in.Dialled != "+4930123456" {
		t.Errorf("the company is called for %s", in.Dialled)
	}
	out.HangUp()
	over(t, in)
}
