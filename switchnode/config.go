// Package switchnode is the edge switch of an office: registrar and back-to-back user agent of its desk phones, and one
// end of the links to other switches. It holds a signed copy of what it needs to go on without the cloud, and asks the
// cloud for nothing once a call is up.
package switchnode

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"strowger/pkg/hostaddr"
	"strowger/pkg/sip/digest"
)

// Config configures one switch.
type Config struct {
	Data   string   `help:"Folder for the keys, registrations, site copy and call ledger of this switch. Default: ${default}." default:"${state}/switch" type:"path" placeholder:"DIR"`
	Enroll string   `help:"One-time code from 'strowger switch add'. Enrols this switch at first start; ignored once it is enrolled." placeholder:"CODE"`
	Cloud  string   `help:"Where to enrol: host or https://host:port of the cloud." placeholder:"ADDR"`
	Fabric []string `help:"Where the cloud's fabric is, host:port, if it moved since this switch enrolled." placeholder:"ADDR"`
	Host   string   `help:"IP address that phones and other switches use to reach this switch. Default: the machine's outward address." placeholder:"IP"`
	Host6  string   `help:"IPv6 address that phones of IPv6 use, beside --host for those of IPv4." name:"host6" placeholder:"IP"`
	Public string   `help:"IP address that apps and other switches outside use, if a NAT before this switch has one and passes the ports of --link and --webrtc on unchanged. Phones are told --host." placeholder:"IP"`
	SIP    string   `help:"Listen here for phones, UDP and TCP. Default: ${default}." default:":5060" name:"sip" placeholder:"ADDR"`
	SIPS   string   `help:"Listen here for phones, TLS. Default: ${default}; empty: no TLS." default:":5061" name:"sips" placeholder:"ADDR"`
	PhoneTLS
	Digest  []string `help:"Password digests that phones are offered, the best first: SHA-256, MD5. Leave SHA-256 out for phones that give up when they see it. Default: ${default}." default:"SHA-256,MD5" placeholder:"NAME"`
	Link    string   `help:"Listen here for other switches, UDP. Default: ${default}." default:":7443" placeholder:"ADDR"`
	WebRTC  string   `help:"Listen here for the audio of apps (WebRTC): UDP, and TCP for apps whose UDP is blocked. Default: ${default}; empty: no apps." default:":7444" name:"webrtc" placeholder:"ADDR"`
	RTP     string   `help:"UDP ports for the audio of phones, FIRST-LAST. Default: ${default}." default:"20000-29999" name:"rtp" placeholder:"RANGE"`
	Metrics string   `help:"Serve /healthz, /readyz and /metrics here, HTTP. Default: ${default}; empty: nowhere." default:"127.0.0.1:9465" placeholder:"ADDR"`
	Pprof   bool     `help:"Serve profiles of the running process for Go's pprof at the address of --metrics, below /debug/pprof/."`

	Services `embed:""`

	Limits Limits `embed:""`

	Logger  *slog.Logger  `kong:"-"`
	Started func(Started) `kong:"-"` // called once when the switch serves phones; may be nil
}

// PhoneTLS configures what a switch and phones show each other over TLS.
type PhoneTLS struct {
	TLSCert string   `help:"PEM certificate chain that phones see over TLS. Default: one of its own for --host, which phones that verify must be given as a trusted root." name:"tls-cert" type:"existingfile" placeholder:"FILE"`
	TLSKey  string   `help:"PEM key of --tls-cert." name:"tls-key" type:"existingfile" placeholder:"FILE"`
	PhoneCA []string `help:"PEM certificates of the CAs of phones' makers: a phone that shows a certificate of theirs with the name of 'strowger device set --certificate' signs in by it." name:"phone-ca" type:"existingfile" placeholder:"FILE"`
}

// Services configures what a switch does beside connecting calls.
type Services struct {
	STIR      STIR      `embed:""`
	Waiting   Waiting   `embed:""`
	Voicemail Voicemail `embed:""`
	Mail      Mail      `embed:""`
}

// Waiting configures what callers hear while they wait in a queue.
type Waiting struct {
	Language string `help:"Language of what callers hear while they wait, where their callee has none set: en, zh. Default: ${default}." default:"en" placeholder:"TAG"`
	Prompts  string `help:"Folder with WAV files that callers hear in place of the built-in ones: music.wav, en/busy.wav, ... (8,000 samples a second, one channel)." type:"path" placeholder:"DIR"`
}

// Started is where a running switch is reached.
type Started struct {
	Node    string         `json:"node"` // id
	Name    string         `json:"name"`
	Site    string         `json:"site"`          // id
	SIP     netip.AddrPort `json:"sip"`           // UDP and TCP
	SIP6    netip.AddrPort `json:"sip6,omitzero"` // the same for phones of IPv6, with --host6
	SIPS    netip.AddrPort `json:"sips"`          // TLS; zero if off
	SIPS6   netip.AddrPort `json:"sips6,omitzero"`
	Link    netip.AddrPort `json:"link"`
	WebRTC  netip.AddrPort `json:"webrtc,omitzero"` // zero if off
	Metrics string         `json:"metrics,omitempty"`
}

// phonesAt lists where phones register: "host:port;transport=udp".
func (s Started) phonesAt() []string {
	var at []string
	for _, a := range []struct{ plain, secure netip.AddrPort }{{s.SIP, s.SIPS}, {s.SIP6, s.SIPS6}} {
		if a.plain.IsValid() {
			at = append(at, a.plain.String()+";transport=udp", a.plain.String()+";transport=tcp")
		}
		if a.secure.IsValid() {
			at = append(at, a.secure.String()+";transport=tls")
		}
	}
	return at
}

// Print tells people, or as JSON programs, where the switch is reached.
func (s Started) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	_, err := fmt.Fprintf(w, "switch %s serves phones at %s (UDP, TCP)", s.Name, s.SIP)
	if err == nil && s.SIP6.IsValid() {
		_, err = fmt.Fprintf(w, " and %s", s.SIP6)
	}
	if err == nil && s.SIPS.IsValid() {
		_, err = fmt.Fprintf(w, " and %s (TLS)", s.SIPS)
	}
	if err == nil && s.SIPS6.IsValid() {
		_, err = fmt.Fprintf(w, " and %s (TLS)", s.SIPS6)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, ", other switches at %s (UDP)\n", s.Link)
	}
	return err
}

// settings is a Config that has been read and found good.
type settings struct {
	Config
	host     netip.Addr
	other    netip.Addr // of IPv6, beside host; zero: none
	public   netip.Addr // zero: none
	sip      netip.AddrPort
	sips     netip.AddrPort // zero: off
	webrtc   netip.AddrPort // zero: off
	rtpFirst uint16
	rtpLast  uint16
	makers   *x509.CertPool // of phones; nil: none
}

func (c Config) validate() (settings, error) {
	s := settings{Config: c}
	var errAll []error
	check := func(err error) {
		if err != nil {
			errAll = append(errAll, err)
		}
	}
	var err error
	if c.Logger == nil {
		check(errors.New("logger is missing"))
	}
	if c.Data == "" {
		check(errors.New("--data is empty: name the folder where this switch keeps its keys"))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		check(errors.New("--tls-cert and --tls-key go together"))
	}
	s.host, err = hostaddr.Parse("host", c.Host)
	check(err)
	s.other, err = c.second(s.host)
	check(err)
	if c.Public != "" {
		s.public, err = hostaddr.Parse("public", c.Public)
		check(err)
	}
	every := netip.IPv4Unspecified()
	if s.host.Is6() || s.other.IsValid() {
		every = netip.IPv6Unspecified() // and IPv4
	}
	s.sip, err = listenAddr("sip", c.SIP, every)
	check(err)
	if s.other.IsValid() && s.sip.Addr().Is4() {
		check(fmt.Errorf("--sip %s: no phone of IPv6 reaches that, and --host6 is for them; want [::]:%d", c.SIP, s.sip.Port()))
	}
	if c.SIPS != "" {
		s.sips, err = listenAddr("sips", c.SIPS, every)
		check(err)
	}
	for _, name := range c.Digest {
		if name != digest.SHA256 && name != digest.MD5 {
			check(fmt.Errorf("--digest %q: want %s or %s", name, digest.SHA256, digest.MD5))
		}
	}
	s.makers, err = phoneCAs(c.PhoneCA)
	check(err)
	_, err = listenAddr("link", c.Link, every)
	check(err)
	if c.WebRTC != "" {
		s.webrtc, err = listenAddr("webrtc", c.WebRTC, every)
		check(err)
	}
	check(c.STIR.validate())
	check(c.Voicemail.validate())
	check(c.Mail.validate())
	s.Limits, err = c.Limits.validate()
	check(err)
	s.rtpFirst, s.rtpLast, err = portRange(c.RTP)
	check(err)
	return s, errors.Join(errAll...)
}

// second is the address of --host6, zero if there is none.
func (c Config) second(host netip.Addr) (netip.Addr, error) {
	if c.Host6 == "" {
		return netip.Addr{}, nil
	}
	a, err := hostaddr.Parse("host6", c.Host6)
	switch {
	case err != nil:
		return a, err
	case !a.Is6():
		return a, fmt.Errorf("--host6 %q: want an address of IPv6; that of IPv4 is --host", c.Host6)
	case host.Is6():
		return a, fmt.Errorf("--host6 %q: --host %s is of IPv6 already; want one of IPv4 there, or no --host6", c.Host6, host)
	}
	return a, nil
}

// listenAddr reads "[IP]:port"; without an IP it is every address of the machine.
func listenAddr(flag, s string, every netip.Addr) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--%s %q: want [IP]:port, such as :5060", flag, s)
	}
	if host == "" {
		host = every.String()
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--%s %q: %q is not an IP address", flag, s, host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--%s %q: %q is not a port from 0 to 65535", flag, s, port)
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// portRange reads "FIRST-LAST"; "0" asks the system for each port.
func portRange(s string) (first, last uint16, err error) {
	if s == "0" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(s, "-")
	x, errX := strconv.ParseUint(a, 10, 16)
	y, errY := strconv.ParseUint(b, 10, 16)
	if !ok || errX != nil || errY != nil || x < 1024 || y < x+1 {
		return 0, 0, fmt.Errorf("--rtp %q: want FIRST-LAST, two ports from 1024 to 65535, such as 20000-29999", s)
	}
	return uint16(x), uint16(y), nil
}
