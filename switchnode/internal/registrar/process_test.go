package registrar

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var begin = time.Unix(1_700_000_000, 0)

// step is one REGISTER at a time, and the answer and contacts wanted: "URI=seconds", in order.
type step struct {
	at   int // seconds
	q    Register
	code int
	want string
}

func contact(uri string) Contact { return Contact{URI: uri, Expires: Absent, Q: 1} }

func register(callID string, cseq uint32, contacts ...Contact) Register {
	return Register{Device: "dv_1", CallID: callID, CSeq: cseq, Contacts: contacts, Expires: Absent,
		Source: Source{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Transport: "udp"}}
}

func with(q Register, change func(*Register)) Register { change(&q); return q }

func expires(q Register, seconds int) Register {
	return with(q, func(q *Register) { q.Expires = seconds })
}

func all(q Register) Register { return with(q, func(q *Register) { q.All = true }) }

func instance(uri, id string, regID int) Contact {
	return Contact{URI: uri, Expires: Absent, Q: 1, Instance: id, RegID: regID}
}

func list(contacts []Contact) string {
	var l []string
	for _, c := range contacts {
		l = append(l, fmt.Sprintf("%s=%d", strings.TrimPrefix(c.URI, "sip:"), c.Expires))
	}
	return strings.Join(l, " ")
}

const a, b = "sip:a@192.0.2.1", "sip:b@192.0.2.2"

func TestProcess(t *testing.T) {
	for name, steps := range map[string][]step{
		"default expiration":      {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}},
		"header's expiration":     {{0, expires(register("1", 1, contact(a)), 600), 200, "a@192.0.2.1=600"}},
		"contact's expiration":    {{0, expires(register("1", 1, Contact{URI: a, Expires: 90}), 600), 200, "a@192.0.2.1=90"}},
		"long expiration is cut":  {{0, expires(register("1", 1, contact(a)), 7200), 200, "a@192.0.2.1=3600"}},
		"huge expiration is cut":  {{0, expires(register("1", 1, contact(a)), 1<<31), 200, "a@192.0.2.1=3600"}},
		"too brief":               {{0, expires(register("1", 1, contact(a)), 59), 423, ""}},
		"brief enough":            {{0, expires(register("1", 1, contact(a)), 60), 200, "a@192.0.2.1=60"}},
		"query of nothing":        {{0, register("1", 1), 200, ""}},
		"query counts down":       {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}, {100, register("1", 2), 200, "a@192.0.2.1=3500"}},
		"expired":                 {{0, expires(register("1", 1, contact(a)), 60), 200, "a@192.0.2.1=60"}, {60, register("1", 2), 200, ""}},
		"several":                 {{0, register("1", 1, contact(a), contact(b)), 200, "a@192.0.2.1=3600 b@192.0.2.2=3600"}},
		"another phone joins":     {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}, {9, register("2", 1, contact(b)), 200, "b@192.0.2.2=3600 a@192.0.2.1=3591"}},
		"higher q first":          {{0, register("1", 1, Contact{URI: a, Expires: Absent, Q: .5}, contact(b)), 200, "b@192.0.2.2=3600 a@192.0.2.1=3600"}},
		"refresh":                 {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}, {9, register("1", 2, contact(a)), 200, "a@192.0.2.1=3600"}},
		"refresh by equal URI":    {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}, {9, register("1", 2, contact("SIP:a@192.0.2.1;ob")), 200, "SIP:a@192.0.2.1;ob=3600"}},
		"same CSeq":               {{0, register("1", 2, contact(a)), 200, "a@192.0.2.1=3600"}, {9, expires(register("1", 2, contact(a)), 60), 500, ""}, {9, register("1", 9), 200, "a@192.0.2.1=3591"}},
		"lower CSeq, new Call-ID": {{0, register("1", 2, contact(a)), 200, "a@192.0.2.1=3600"}, {9, register("2", 1, contact(a)), 200, "a@192.0.2.1=3600"}},
		"one of two late":         {{0, register("1", 2, contact(a)), 200, "a@192.0.2.1=3600"}, {9, register("1", 2, contact(b), contact(a)), 500, ""}, {9, register("1", 9), 200, "a@192.0.2.1=3591"}},
		"one of two too brief":    {{0, register("1", 1, contact(a), Contact{URI: b, Expires: 5}), 423, ""}, {0, register("1", 2), 200, ""}},
		"remove one":              {{0, register("1", 1, contact(a), contact(b)), 200, "a@192.0.2.1=3600 b@192.0.2.2=3600"}, {9, expires(register("1", 2, contact(a)), 0), 200, "b@192.0.2.2=3591"}},
		"remove what is not":      {{0, expires(register("1", 1, contact(a)), 0), 200, ""}},
		"remove late":             {{0, register("1", 2, contact(a)), 200, "a@192.0.2.1=3600"}, {9, expires(register("1", 1, contact(a)), 0), 500, ""}},
		"remove all":              {{0, register("1", 1, contact(a), contact(b)), 200, "a@192.0.2.1=3600 b@192.0.2.2=3600"}, {9, expires(all(register("1", 2)), 0), 200, ""}},
		"remove all, late":        {{0, register("1", 1, contact(a)), 200, "a@192.0.2.1=3600"}, {9, expires(all(register("1", 1)), 0), 500, ""}, {9, register("1", 2), 200, "a@192.0.2.1=3591"}},
		"remove all, new Call-ID": {{0, register("1", 5, contact(a)), 200, "a@192.0.2.1=3600"}, {9, expires(all(register("2", 1)), 0), 200, ""}},
		"star with a contact":     {{0, expires(all(register("1", 1, contact(a))), 0), 400, ""}},
		"star without Expires":    {{0, all(register("1", 1)), 400, ""}},
		"star with an expiration": {{0, expires(all(register("1", 1)), 60), 400, ""}},
		"same instance, new port": {{0, register("1", 9, instance(a, "<urn:uuid:1>", 0)), 200, "a@192.0.2.1=3600"}, {9, register("2", 1, instance(a+":1024", "<urn:uuid:1>", 0)), 200, "a@192.0.2.1:1024=3600"}},
		"another flow":            {{0, register("1", 1, instance(a, "<urn:uuid:1>", 1)), 200, "a@192.0.2.1=3600"}, {9, register("2", 1, instance(b, "<urn:uuid:1>", 2)), 200, "b@192.0.2.2=3600 a@192.0.2.1=3591"}},
		"instance late":           {{0, register("1", 2, instance(a, "<urn:uuid:1>", 1)), 200, "a@192.0.2.1=3600"}, {9, register("1", 1, instance(b, "<urn:uuid:1>", 1)), 500, ""}},
		"two contacts, one phone": {{0, register("1", 1, instance(a, "<urn:uuid:1>", 0), instance(b, "<urn:uuid:1>", 0)), 200, "a@192.0.2.1=3600 b@192.0.2.2=3600"}, {9, register("1", 2, instance(a, "<urn:uuid:1>", 0), instance(b, "<urn:uuid:1>", 0)), 200, "a@192.0.2.1=3600 b@192.0.2.2=3600"}},
		"URI too long":            {{0, register("1", 1, contact("sip:"+strings.Repeat("x", maxURI))), 400, ""}},
		"Call-ID too long":        {{0, register(strings.Repeat("x", maxCallID+1), 1, contact(a)), 400, ""}},
		"Path too long":           {{0, with(register("1", 1, contact(a)), func(q *Register) { q.Path = []string{strings.Repeat("x", maxPath+1)} }), 400, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			var have []Binding
			for i, s := range steps {
				before := list(contacts(have))
				next, r := process(begin.Add(time.Duration(s.at)*time.Second), 3600, have, s.q)
				if r.Code != s.code || list(r.Contacts) != s.want {
					t.Fatalf("step %d: %d %s %q, want %d %q", i, r.Code, r.Reason, list(r.Contacts), s.code, s.want)
				}
				if r.Code == 423 && r.MinExpires != minExpires {
					t.Errorf("step %d: Min-Expires %d", i, r.MinExpires)
				}
				if list(contacts(have)) != before {
					t.Errorf("step %d changed the bindings that it was given", i)
				}
				have = next
			}
		})
	}
}

func contacts(bindings []Binding) (all []Contact) {
	for _, b := range bindings {
		all = append(all, b.Contact)
	}
	return all
}

func TestTooManyContacts(t *testing.T) {
	var many []Contact
	for i := range MaxContacts + 1 {
		many = append(many, contact(fmt.Sprintf("sip:%d@192.0.2.1", i)))
	}
	if _, r := process(begin, 3600, nil, register("1", 1, many...)); r.Code != 403 {
		t.Errorf("%+v", r)
	}
	var have []Binding
	for i, c := range many {
		have, _ = process(begin.Add(time.Duration(i)*time.Second), 3600, have, register(fmt.Sprint(i), 1, c))
	}
	if len(have) != MaxContacts || slices.ContainsFunc(have, func(b Binding) bool { return b.URI == many[0].URI }) {
		t.Errorf("%d bindings: %s", len(have), list(contacts(have)))
	}
}

func TestBindingKeepsWhereItCameFrom(t *testing.T) {
	q := register("1", 1, contact(a))
	q.Source = Source{Addr: netip.MustParseAddrPort("198.51.100.7:40000"), Transport: "tls", Connection: "c1"}
	q.Path, q.UserAgent = []string{"<sip:edge;lr>"}, strings.Repeat("x", 1000)
	have, _ := process(begin, 3600, nil, q)
	if len(have) != 1 || have[0].Source != q.Source || !slices.Equal(have[0].Path, q.Path) || len(have[0].UserAgent) != maxUserAgent {
		t.Errorf("%+v", have)
	}
}

// Whatever comes: no two bindings are the same, none is longer than allowed, and a failed request changes nothing.
func TestProcessInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var have []Binding
		now := begin
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "pause")) * time.Second)
			q := register(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "call"), rapid.Uint32Range(1, 50).Draw(t, "cseq"))
			q.Expires = rapid.SampledFrom([]int{Absent, 0, 30, 60, 3600, 9999}).Draw(t, "expires")
			q.All = rapid.IntRange(0, 9).Draw(t, "all") == 0
			for range rapid.IntRange(0, 3).Draw(t, "contacts") {
				q.Contacts = append(q.Contacts, Contact{URI: fmt.Sprintf("sip:%d@192.0.2.1", rapid.IntRange(0, 15).Draw(t, "uri")),
					Expires:  rapid.SampledFrom([]int{Absent, 0, 60}).Draw(t, "contact expires"),
					Instance: rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "instance"), RegID: rapid.IntRange(0, 2).Draw(t, "reg-id")})
			}
			next, r := process(now, 3600, have, q)
			if r.Code != 200 && !slices.EqualFunc(next, have, func(a, b Binding) bool { return a.URI == b.URI && a.Until.Equal(b.Until) }) {
				t.Fatalf("%d changed the bindings", r.Code)
			}
			if r.Code == 200 && (len(next) > MaxContacts || len(next) != len(r.Contacts)) {
				t.Fatalf("%d bindings, %d in the answer", len(next), len(r.Contacts))
			}
			for i, b := range next {
				if r.Code == 200 && (!b.Until.After(now) || b.Until.After(now.Add(time.Hour))) {
					t.Fatalf("binding lives until %v at %v", b.Until, now)
				}
				if slices.ContainsFunc(next[i+1:], func(c Binding) bool { return sameURI(b.URI, c.URI) }) {
					t.Fatalf("%s is bound twice", b.URI)
				}
			}
			have = next
		}
	})
}

// RFC 3261, 19.1.4, the examples.
func TestSameURI(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?subject=project%20x&priority=urgent", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
	} {
		if sameURI(c.a, c.b) != c.want || sameURI(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func FuzzSameURI(f *testing.F) {
	f.Add("sip:1001@192.0.2.1:5060;line=abc;transport=tls", "sip:1001@192.0.2.1:5060;transport=tls;ob")
	f.Add("sip:1001@[2001:db8::1]:5060", "<sip:%31@a?x=y;z>")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !sameURI(a, a) || sameURI(a, b) != sameURI(b, a) {
			t.Errorf("%q and %q", a, b)
		}
	})
}
