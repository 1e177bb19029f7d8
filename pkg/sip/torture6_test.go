package sip

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verdicts6 are those on the messages of RFC 5118, section 4: over every transport the same.
var verdicts6 = map[string]struct{ section, code string }{
	"ipv6-good":                     {"4.1", "200"},
	"ipv6-bad":                      {"4.2", "400"},
	"port-ambiguous":                {"4.3", "200"},
	"port-unambiguous":              {"4.4", "200"},
	"via-received-param-with-delim": {"4.5", "481"},
	"via-received-param-no-delim":   {"4.5", "200"},
	"ipv6-in-sdp":                   {"4.6", "486"},
	"mult-ip-in-header":             {"4.7", "481"},
	"mult-ip-in-sdp":                {"4.8", "486"},
	"ipv4-mapped-ipv6":              {"4.9", "486"},
	"ipv6-bug-abnf-3-colons":        {"4.10", "200"},
	"ipv6-correct-abnf-2-colons":    {"4.10", "200"},
}

// torture6 returns the messages of RFC 5118, section 4, by name.
func torture6(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name := range verdicts6 {
		b, err := os.ReadFile(filepath.Join("testdata", "rfc5118", name+".dat"))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

func TestTortureIPv6(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("..", "..", "docs", "divergences.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range torture6(t) {
		want := verdicts6[name]
		if !strings.Contains(string(table), "\n| "+name+" | "+want.section+" | ") {
			t.Errorf("docs/divergences.md does not say what becomes of %s, %s", name, want.section)
		}
		for _, transport := range []string{"udp", "tcp", "tls", "link"} {
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				judged(t, transport, b, want.code)
			})
		}
	}
}

// What is read of hosts of IPv6: who is named where.
func TestHostsOfIPv6(t *testing.T) {
	all := torture6(t)
	read := func(name string) *Request {
		m, wrong := parse(all[name])
		req, ok := m.(*Request)
		if !ok || wrong != "" {
			t.Fatalf("%s is refused: %s", name, wrong)
		}
		return req
	}
	for name, want := range map[string]struct {
		host string
		port int
	}{
		"ipv6-good": {"[2001:db8::10]", 0}, "port-ambiguous": {"[2001:db8::10:5070]", 0}, "port-unambiguous": {"[2001:db8::10]", 5070},
		"ipv6-bug-abnf-3-colons": {"[2001:db8::192.0.2.1]", 0}, "ipv6-correct-abnf-2-colons": {"[2001:db8::192.0.2.1]", 0},
	} {
		if to := read(name).Recipient; to.Host != want.host || to.Port != want.port {
			t.Errorf("%s is for %q, port %d, want %q, port %d", name, to.Host, to.Port, want.host, want.port)
		}
	}
	if v := read("mult-ip-in-header").Via(); v.Host != "2001:db8::9:1" || v.Port != 6050 {
		t.Errorf("a Via of %q, port %d", v.Host, v.Port)
	}
	for _, host := range []string{"[2001:db8:::1]", "[::::192.0.2.1]", "[2001::db8:::192.0.2.1]"} {
		if _, wrong := parse([]byte(message("OPTIONS", "sip:x@"+host))); wrong == "" {
			t.Errorf("%s is taken for a host", host)
		}
	}
}
