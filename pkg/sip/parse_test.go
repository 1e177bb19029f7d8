package sip

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// What is read is what was meant, and is written as something that says the same.
func TestParse(t *testing.T) {
	text := message("INVITE", "sip:+1(2)3;a=b@[2001:db8::1]:5070;transport=tcp;x?", "Via: SIP/2.0/UDP [2001:db8::9]:5080;Branch=z9hG4bKa;rport",
		`From: "A, \"B\" <x>\`+"\x00"+`" <sip:a@h>;TAG=1;q="a;b, c"`, "To: Ann  Lee <sips:b@h>", "m: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\", sip:c@h;q=0.5, <sip:d@h?X=1,2>",
		"k: timer,\r\n\t100rel", "Record-Route: <sip:p1;lr>,<sip:p2;lr>", "x: 90", "Max-Forwards: 070")
	m, wrong := parse([]byte(text))
	if wrong != "" {
		t.Fatalf("%q in\n%s", wrong, text)
	}
	req := m.(*Request)
	u := req.Recipient
	if u.User != "+1(2)3;a=b" || u.Host != "[2001:db8::1]" || u.Port != 5070 || len(u.UriParams) != 2 {
		t.Errorf("the Request-URI is %+v", u)
	}
	if v := req.Via(); v.Host != "2001:db8::9" || v.Port != 5080 || branch(req) != "z9hG4bKa" || !v.Params.Has("rport") {
		t.Errorf("Via is %+v", v)
	}
	if f := req.From(); tag(f.Params) != "1" || strings.ContainsRune(f.DisplayName, 0) || f.Address.User != "a" || f.Params.GetOr("q", "") != `"a;b, c"` {
		t.Errorf("From is %+v", f)
	}
	if to := req.To(); to.DisplayName != "Ann  Lee" || to.Address.Scheme != "sips" {
		t.Errorf("To is %+v", to)
	}
	var contacts, extensions []string
	for h := range Named(req, "Contact") {
		contacts = append(contacts, h.(*sip.ContactHeader).Address.User)
	}
	extensions = values(req, "Supported")
	if strings.Join(contacts, " ") != "a a c d" || strings.Join(extensions, " ") != "timer 100rel" || len(routes(req)) != 2 {
		t.Errorf("contacts %q, extensions %q, routes %v", contacts, extensions, routes(req))
	}
	if value(req, "Session-Expires") != "90" || req.MaxForwards().Val() != 70 {
		t.Errorf("Session-Expires %q, Max-Forwards %d", value(req, "Session-Expires"), req.MaxForwards().Val())
	}
	for _, want := range []string{
		"INVITE sip:+1(2)3;a=b@[2001:db8::1]:5070;transport=tcp;x SIP/2.0\r\n", "Via: SIP/2.0/UDP [2001:db8::9]:5080;branch=z9hG4bKa;rport\r\n",
		`From: "A, \"B\" <x>\ " <sip:a@h>;tag=1;q="a;b, c"` + "\r\n", `Contact: <sip:a@h>;+sip.instance="<urn:uuid:1>"` + "\r\n", "Contact: <sip:d@h?X=1,2>\r\n",
	} {
		if got := string(encode(req)); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A header of one letter is read as the one that it stands for.
func TestCompactNames(t *testing.T) {
	m, _ := parse([]byte(message("INVITE", "sip:a@h", "y: a.b.c;info=<https://x>", "k: timer", "s: x")))
	for name, want := range map[string]string{"Identity": "a.b.c;info=<https://x>", "Supported": "timer", "Subject": "x"} {
		if got := value(m, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// A header line in thousands of pieces costs no more than a long one: anybody may send it.
func TestFoldingIsCheap(t *testing.T) {
	m := []byte(strings.TrimSuffix(message("OPTIONS", "sip:x@h"), "\r\n") + "Subject: a" + strings.Repeat("\r\n b", 3900) + "\r\n\r\n")
	read, wrong := parse(m)
	if wrong != "" || value(read, "Subject") != "a"+strings.Repeat(" b", 3900) {
		t.Errorf("read %q, %q", wrong, value(read, "Subject"))
	}
	if n := testing.AllocsPerRun(10, func() { parse(m) }); n > 200 {
		t.Errorf("%v allocations", n)
	}
}
