package integration

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
	"strowger/pkg/sip/digest"
)

// carrier is a phone company of one line, which answers what is called: our own phone, without an account.
func carrier(t *testing.T, change func(*phone.Config)) *phone.Phone {
	t.Helper()
	cfg := phone.Config{User: "carrier", Say: speech(2)}
	if change != nil {
		change(&cfg)
	}
	return run(t, cfg)
}

// trunk makes a line from an office to a carrier, and has that office dial the numbers of Germany behind a 0.
func (w *world) trunk(t *testing.T, office int, v rest.Trunk, to ...*phone.Phone) rest.Trunk {
	t.Helper()
	o := w.Offices[office]
	change(t, w.Client.Sites(), o.Site.ID, map[string]any{"country": "DE", "outside": "0"})
	v.Switch = o.Switch.ID
	for _, p := range to {
		v.Servers = append(v.Servers, p.Address())
	}
	v, err := w.Client.Trunks().Create(soon(t), v)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTrunk has people call phone numbers: by the line of their own office, and by that of another one.
func TestTrunk(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, nil)
	line := rest.NewTrunk("Company")
	line.Number = "+4930100"
	line = w.trunk(t, 1, line, company)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"country": "DE"}) // dials without a prefix

	ann, far := w.person(t, 0, "Ann", says(1))
	bob, near := w.person(t, 1, "Bob", says(1))
	if e := over(t, dial(t, near, "0030123456")); e.Code != 403 {
		t.Errorf("who may not call phone numbers hears %d %q", e.Code, e.Words)
	}
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "international"})
	change(t, w.Client.Users(), bob.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)

	for _, c := range []struct {
		from          subscriber
		phone         *phone.Phone
		dialled       string
		number, shown string
	}{
		{bob, near, "0030123456", "+4930123456", "+4930100"},
		{ann, far, "00442079460123", "+442079460123", "+4930200"},
	} {
		out, in := ring(t, c.phone, c.dialled, company)
		if in.Dialled != c.number || in.From != c.shown {
			t.Errorf("the company is called for %s by %s, want %s by %s", in.Dialled, in.From, c.number, c.shown)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hears(t, in, 1)
		hears(t, out, 2)
		hangUp(t, out, in)
		r := w.record(t, c.from.user, 1)
		if r.To.Number != c.number || r.Anchor != w.Offices[1].Switch.ID || r.AnsweredAt == nil {
			t.Errorf("the record: %+v", r)
		}
	}
	shy := w.phone(t, ann, func(c *phone.Config) { c.Headers = []sip.Header{sip.NewHeader("Privacy", "id")} })
	out, in := ring(t, shy, "00442079460123", company)
	if got := slices.Concat(in.Headers("P-Asserted-Identity"), in.Headers("Privacy")); in.From != "anonymous" ||
		!strings.HasPrefix(in.Headers("From")[0], `"Anonymous" <sip:anonymous@anonymous.invalid>`) || !slices.Equal(got, []string{"<sip:+4930200@127.0.0.1>", "id"}) {
		t.Errorf("who is withheld calls as %s %q", in.Headers("From"), got)
	}
	out.HangUp()
	over(t, out)
	over(t, in)
	out, in = ring(t, shy, "112", company)
	if len(in.Headers("Privacy")) > 0 || in.From != "+4930200" {
		t.Errorf("who calls for help calls as %s, privacy %q", in.From, in.Headers("Privacy"))
	}
	out.HangUp()
	over(t, out)
	over(t, in)
	if e := over(t, dial(t, near, "000442079460123")); e.Code != 403 {
		t.Errorf("who may call phone numbers of the country only hears %d %q", e.Code, e.Words)
	}
	for _, refusal := range []int{404, 486, 603} {
		out, in := ring(t, near, "0030123456", company)
		in.Decline(refusal, "Company Words")
		if e := over(t, out); e.Code != refusal {
			t.Errorf("the company refuses with %d, the caller hears %d %q", refusal, e.Code, e.Words)
		}
	}
	change(t, w.Client.Trunks(), line.ID, map[string]any{"enabled": false})
	w.settle(t)
	if e := over(t, dial(t, near, "0030123456")); e.Code != 503 {
		t.Errorf("without a line: %d %q", e.Code, e.Words)
	}
}

// TestCallsFromTrunk has a phone company bring calls: they reach the phone numbers of people, in whatever office those are, and
// nothing else.
func TestCallsFromTrunk(t *testing.T) {
	t.Parallel()
	w := alone(t)
	at := func(c *phone.Config) { c.User, c.Name, c.Server = "030999000", "Outside", w.Offices[1].SIP.String() }
	company := carrier(t, at)
	line := w.trunk(t, 1, rest.NewTrunk("Company"), company)
	ann, far := w.person(t, 0, "Ann", says(1))
	bob, near := w.person(t, 1, "Bob", says(1))
	for number, s := range map[string]subscriber{"+4930200": ann, "+4930201": bob} {
		if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: number, User: s.user.ID}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle(t)

	for _, c := range []struct {
		to      subscriber
		phone   *phone.Phone
		dialled string
		nodes   int
	}{{ann, far, "+4930200", 2}, {bob, near, "030201", 1}} {
		out, in := ring(t, company, c.dialled, c.phone)
		if in.From != "+4930999000" {
			t.Errorf("%s is called by %q", c.to.user.Name, in.From)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hears(t, in, 2)
		hears(t, out, 1)
		hangUp(t, out, in)
		r := w.record(t, c.to.user, c.nodes)
		if r.From.Trunk != line.ID || r.From.Number != "+4930999000" || r.From.Name != "Outside" || r.To.User != c.to.user.ID || r.AnsweredAt == nil {
			t.Errorf("the record: from %+v to %+v", r.From, r.To)
		}
	}
	for _, number := range []string{"+4930999", bob.number.Digits, bob.number.Dial, "+442079460123", "0030123456", "112", "x"} {
		if e := over(t, dial(t, company, number)); e.Code != 404 {
			t.Errorf("who calls %q from outside hears %d %q", number, e.Code, e.Words)
		}
	}
	if e := over(t, dial(t, carrier(t, at), "+4930201")); e.Code != 401 {
		t.Errorf("a call from an address that is no trunk's hears %d %q", e.Code, e.Words)
	}
}

// TestTrunkFailover has phone companies fail: the next one gets the call, of another office too; none does after busy.
func TestTrunkFailover(t *testing.T) {
	t.Parallel()
	w := alone(t)
	first, second, third := carrier(t, nil), carrier(t, nil), carrier(t, nil)
	const nobody = "127.0.0.1:9" // nobody takes this port, as somebody may that was free a moment ago
	w.trunk(t, 0, rest.Trunk{Name: "Dead", Enabled: true, Weight: 1, Servers: []string{nobody}})
	w.trunk(t, 0, rest.Trunk{Name: "First", Enabled: true, Weight: 1, Order: 1}, first)
	w.trunk(t, 0, rest.Trunk{Name: "Second", Enabled: true, Weight: 1, Order: 2}, second)
	w.trunk(t, 1, rest.NewTrunk("Third"), third)
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	w.settle(t)

	out, in := ring(t, from, "0030123456", first)
	in.Decline(486, "Busy Here")
	if e := over(t, out); e.Code != 486 {
		t.Errorf("of a busy callee the caller hears %d %q", e.Code, e.Words)
	}
	out, in = ring(t, from, "0030123456", first)
	in.Decline(503, "Service Unavailable") // after it rang
	if e := over(t, out); e.Code != 408 {
		t.Errorf("of a company that lost the call while it rang the caller hears %d %q", e.Code, e.Words)
	}
	first.Refuse(500)
	out, in = ring(t, from, "0030123456", second)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	second.Refuse(503)
	out, in = ring(t, from, "0030123456", third)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	w.recorded(t, ann.user, "a call that went to another office", func(c rest.Call) bool {
		return len(c.Diversions) == 1 && c.Diversions[0].Cause.Code == "no-line" && c.AnsweredAt != nil
	})
	third.Refuse(408)
	if e := over(t, dial(t, from, "0030123456")); e.Code != 503 || e.Words != "trunk Third: Refused" {
		t.Errorf("without any line: %d %q", e.Code, e.Words)
	}
	third.Refuse(404)
	if e := over(t, dial(t, from, "0030123456")); e.Code != 404 {
		t.Errorf("a wrong number: %d %q", e.Code, e.Words)
	}
}

// TestTrunkAccount has a phone company ask for a password, and callers be named in P-Asserted-Identity, both ways.
func TestTrunkAccount(t *testing.T) {
	t.Parallel()
	w := alone(t)
	a1 := md5.Sum([]byte("line1:company:secret words"))
	asks := digest.New(digest.Config{Realm: "company", Algorithms: []string{"MD5"}, Now: time.Now, Lookup: func(user string) (digest.HA1, bool) {
		return digest.HA1{MD5: hex.EncodeToString(a1[:])}, user == "line1"
	}})
	calls := func(headers ...sip.Header) func(*phone.Config) {
		return func(c *phone.Config) { c.Asks, c.Headers, c.Server = asks, headers, w.Offices[0].SIP.String() }
	}
	company := carrier(t, calls(sip.NewHeader("P-Asserted-Identity", `"Outside" <sip:+4930999000;verstat=TN-Validation-Passed@192.0.2.1>`)))
	shy := carrier(t, calls(sip.NewHeader("P-Asserted-Identity", "<sip:+4930999000@192.0.2.1>"), sip.NewHeader("Privacy", "id;critical")))
	line := rest.NewTrunk("Company")
	line.Number, line.CallerID, line.Username, line.Password = "+4930100", "pai", "line1", "secret words"
	line = w.trunk(t, 0, line, company, shy)
	if line.Password != "" {
		t.Error("the password of a trunk is shown")
	}
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)

	out, in := ring(t, from, "0030123456", company)
	if got := in.Headers("P-Asserted-Identity"); in.From != "+4930100" || len(got) != 1 || got[0] != "<sip:+4930200@127.0.0.1>" {
		t.Errorf("the company is called by %s, for %q", in.From, got)
	}
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	for number, p := range map[string]*phone.Phone{"+4930999000": company, "anonymous": shy} {
		out, in := ring(t, p, "+4930200", from)
		if in.From != number {
			t.Errorf("called by %q, want %s", in.From, number)
		}
		out.HangUp()
		over(t, out)
		over(t, in)
	}

	change(t, w.Client.Trunks(), line.ID, map[string]any{"password": "wrong words"})
	w.settle(t)
	if e := over(t, dial(t, from, "0030123456")); e.Code != 503 || e.Words != "trunk Company: does not take the user name and password (407)" {
		t.Errorf("with a wrong password: %d %q", e.Code, e.Words)
	}
}

// TestTrunkCloudGone calls phone numbers, and is called from there, while the cloud is gone.
func TestTrunkCloudGone(t *testing.T) {
	t.Parallel()
	w := alone(t)
	company := carrier(t, func(c *phone.Config) { c.User, c.Server = "030999000", w.Offices[0].SIP.String() })
	w.trunk(t, 0, rest.NewTrunk("Company"), company)
	ann, from := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.StopCloud()
	for dialled, number := range map[string]string{"0030123456": "+4930123456", "112": "112"} {
		out, in := ring(t, from, dialled, company)
		if in.Dialled != number || in.From != "+4930200" {
			t.Errorf("the company is called for %s by %s", in.Dialled, in.From)
		}
		in.Answer()
		saw(t, out, phone.Answered)
		hangUp(t, out, in)
	}
	if e := over(t, dial(t, from, "000442079460123")); e.Code != 403 {
		t.Errorf("another country: %d %q", e.Code, e.Words)
	}
	out, in := ring(t, company, "030200", from)
	in.Answer()
	saw(t, out, phone.Answered)
	hangUp(t, out, in)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	if r := w.record(t, ann.user, 1); !r.Offline || r.From.Trunk == "" {
		t.Errorf("the record: %+v", r)
	}
}
