package switchnode

import (
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// good is a configuration as the flags' defaults make it, with an address.
func good() Config {
	return Config{
		Data: "data", Host: "192.0.2.10", SIP: ":5060", SIPS: ":5061", Digest: []string{"SHA-256", "MD5"}, Link: ":7443",
		RTP: "20000-29999", Metrics: "127.0.0.1:9465", Logger: slog.New(slog.DiscardHandler),
	}
}

func TestGoodConfig(t *testing.T) {
	s, err := good().validate()
	if err != nil {
		t.Fatal(err)
	}
	if s.host != netip.MustParseAddr("192.0.2.10") || s.sip != netip.MustParseAddrPort("0.0.0.0:5060") ||
		s.sips != netip.MustParseAddrPort("0.0.0.0:5061") || s.rtpFirst != 20000 || s.rtpLast != 29999 {
		t.Errorf("%+v", s)
	}
	c := good()
	c.Host6 = "2001:db8::10"
	if s, err := c.validate(); err != nil || s.other != netip.MustParseAddr("2001:db8::10") || s.sip != netip.MustParseAddrPort("[::]:5060") {
		t.Errorf("%+v, %v", s, err)
	}
	c = good()
	if s.public.IsValid() {
		t.Errorf("a NAT at %v", s.public)
	}
	c.Host, c.SIP, c.SIPS, c.RTP, c.Digest = "", "[::1]:0", "", "0", nil
	if s, err = c.validate(); err != nil {
		t.Fatal(err)
	}
	if !s.host.IsValid() || s.host.IsUnspecified() || s.sip != netip.MustParseAddrPort("[::1]:0") || s.sips.IsValid() || s.rtpFirst != 0 || s.rtpLast != 0 {
		t.Errorf("%+v", s)
	}
}

// Each bad value is named, with what to do about it.
func TestBadConfig(t *testing.T) {
	for words, change := range map[string]func(*Config){
		"logger is missing":                            func(c *Config) { c.Logger = nil },
		"--data is empty: name the folder":             func(c *Config) { c.Data = "" },
		"--stir-roots goes with --stir-certs or":       func(c *Config) { c.STIR.Hosts = []string{"x"} },
		"--stir-cert, --stir-key and --stir-url go":    func(c *Config) { c.STIR.Cert, c.STIR.Key = "a", "b" },
		"--tls-cert and --tls-key go together":         func(c *Config) { c.TLSKey = "key.pem" },
		`--host "0.0.0.0": want the IP address`:        func(c *Config) { c.Host = "0.0.0.0" },
		`--host "office": want the IP address`:         func(c *Config) { c.Host = "office" },
		`--host "fe80::1%eth0": want the IP address`:   func(c *Config) { c.Host = "fe80::1%eth0" },
		`--host6 "192.0.2.1": want an address of IPv6`: func(c *Config) { c.Host6 = "192.0.2.1" },
		`--host 2001:db8::1 is of IPv6 already`:        func(c *Config) { c.Host, c.Host6 = "2001:db8::1", "2001:db8::2" },
		`want [::]:5060`:                               func(c *Config) { c.SIP, c.Host6 = "192.0.2.10:5060", "2001:db8::2" },
		`--public "0.0.0.0": want the IP address`:      func(c *Config) { c.Public = "0.0.0.0" },
		`--sip "5060": want [IP]:port`:                 func(c *Config) { c.SIP = "5060" },
		`--sip "office:5060": "office" is not an IP`:   func(c *Config) { c.SIP = "office:5060" },
		`--sips ":sips": "sips" is not a port`:         func(c *Config) { c.SIPS = ":sips" },
		`--link ":70000": "70000" is not a port`:       func(c *Config) { c.Link = ":70000" },
		`--link "": want [IP]:port`:                    func(c *Config) { c.Link = "" },
		`--digest "SHA-512": want SHA-256 or MD5`:      func(c *Config) { c.Digest = []string{"MD5", "SHA-512"} },
		`--rtp "20000": want FIRST-LAST`:               func(c *Config) { c.RTP = "20000" },
		`--rtp "20000-20000": want FIRST-LAST`:         func(c *Config) { c.RTP = "20000-20000" },
		`--rtp "80-90": want FIRST-LAST`:               func(c *Config) { c.RTP = "80-90" },
		`--rtp "20000-99999": want FIRST-LAST`:         func(c *Config) { c.RTP = "20000-99999" },
		"--shut-out -1: want 0 or more points":         func(c *Config) { c.Limits.Scanners.Points = -1 },
		"--shut-out-time 0s: want 1s to 24h":           func(c *Config) { c.Limits.Scanners.Points = 1 },
	} {
		c := good()
		change(&c)
		if _, err := c.validate(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %s", err, words)
		}
	}
	c := good()
	c.Data, c.SIP, c.RTP = "", "x", "x"
	if _, err := c.validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not every bad value is told at once: %v", err)
	}
}

// What the help says of scanners is what a program gets that asks for the defaults.
func TestDefaultScanners(t *testing.T) {
	var s Scanners
	k, err := kong.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if want := DefaultScanners(); !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
}

func TestStartedTellsPeopleAndPrograms(t *testing.T) {
	s := Started{
		Node: "sw_1", Name: "sw-20", Site: "st_1", SIP: netip.MustParseAddrPort("192.0.2.10:5060"),
		SIPS: netip.MustParseAddrPort("192.0.2.10:5061"), Link: netip.MustParseAddrPort("192.0.2.10:7443"),
	}
	print := func(s Started, asJSON bool) string {
		var b strings.Builder
		if err := s.Print(&b, asJSON); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := print(s, false); got != "switch sw-20 serves phones at 192.0.2.10:5060 (UDP, TCP) and 192.0.2.10:5061 (TLS), other switches at 192.0.2.10:7443 (UDP)\n" {
		t.Error(got)
	}
	if got := print(s, true); got != `{"node":"sw_1","name":"sw-20","site":"st_1","sip":"192.0.2.10:5060","sips":"192.0.2.10:5061","link":"192.0.2.10:7443"}`+"\n" {
		t.Error(got)
	}
	if at := s.phonesAt(); len(at) != 3 || at[2] != "192.0.2.10:5061;transport=tls" {
		t.Errorf("%q", at)
	}
	s.SIP6, s.SIPS6 = netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::1]:5061")
	if got, at := print(s, false), s.phonesAt(); len(at) != 6 || at[5] != "[2001:db8::1]:5061;transport=tls" ||
		!strings.Contains(got, "192.0.2.10:5060 (UDP, TCP) and [2001:db8::1]:5060 and 192.0.2.10:5061 (TLS) and [2001:db8::1]:5061 (TLS)") {
		t.Error(got, at)
	}
	s.SIPS, s.SIP6, s.SIPS6 = netip.AddrPort{}, netip.AddrPort{}, netip.AddrPort{}
	if got := print(s, false); strings.Contains(got, "TLS") || len(s.phonesAt()) != 2 {
		t.Error(got, s.phonesAt())
	}
}
