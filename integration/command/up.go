package command

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"strowger/integration/stack"
	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/config"
	"strowger/pkg/datafolder"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

type upCommand struct {
	Host      string   `help:"IP address that phones and other switches use for this machine. Default: its outward one." placeholder:"IP"`
	Host6     string   `help:"IPv6 address of this machine that phones of IPv6 use, beside --host for those of IPv4." name:"host6" placeholder:"IP"`
	Public    string   `help:"IP address that apps and other switches outside use, if a NAT before this machine has one and passes the ports of the switch for links and WebRTC, and those of the bridge for switches, STUN and the relay, on unchanged. Phones are told --host." placeholder:"IP"`
	Code      *string  `help:"Dialling code of the office, at first start. Default: 10."`
	Name      *string  `help:"Name of the office, at first start. Default: Office."`
	MasterKey string   `help:"File with the key that wraps every secret in the database; keep it out of backups of the data. Default: strowger/master.key in the configuration folder." name:"master-key-file" type:"path" placeholder:"FILE"`
	TLSCert   string   `help:"PEM certificate chain that phones over TLS and browsers see. Default: a self-signed one for --host, and a softphone for browsers of this machine only." name:"tls-cert" type:"existingfile" placeholder:"FILE"`
	TLSKey    string   `help:"PEM key of --tls-cert." name:"tls-key" type:"existingfile" placeholder:"FILE"`
	Digest    []string `help:"Password digests that phones are offered, the best first: SHA-256, MD5. Leave SHA-256 out for phones that give up when they see it. Default: ${default}." default:"SHA-256,MD5" placeholder:"NAME"`

	ReplaceRevoked bool `help:"If the office's own switch or bridge was revoked, have a new one in its place; phones of the switch go over to it, and desk phones must restart or register again."`

	mobilebridge.PushServices `embed:""`
	mobilebridge.Relaying     `embed:""`
	switchnode.Services       `embed:""`
}

// office is the one that runs.
func (c *upCommand) office() stack.Site {
	return stack.Site{Name: c.name(), Code: c.code(), Host6: c.Host6, Public: c.Public, STIR: c.STIR, Waiting: c.Waiting, Voicemail: c.Voicemail, Mail: c.Mail}
}

func (*upCommand) unconnected() {}

func (c *upCommand) code() string { return given(c.Code, "10") }

func (c *upCommand) name() string { return given(c.Name, "Office") }

// given is what a flag says, else its default.
func given(flag *string, usual string) string {
	if flag == nil {
		return usual
	}
	return *flag
}

// ignored says which flags of a first start this one has, though the office has something else.
func (c *upCommand) ignored(office rest.Site) string {
	var flags, set []string
	for _, f := range []struct {
		name  string
		given *string
		has   string
	}{{"--code", c.Code, office.Code}, {"--name", c.Name, office.Name}} {
		if f.given != nil && *f.given != f.has {
			flags = append(flags, f.name+" "+*f.given)
			set = append(set, fmt.Sprintf("%s %q", f.name, *f.given))
		}
	}
	if flags == nil {
		return ""
	}
	return fmt.Sprintf("%s ignored: only a first start has it, and this office is %s, code %s; change it by strowger site set %s %s",
		strings.Join(flags, " and "), office.Name, office.Code, office.Code, strings.Join(set, " "))
}

// reached is the first line of up --json: every address and port.
type reached struct {
	API    string         `json:"api"`
	Fabric string         `json:"fabric"`
	SIP    netip.AddrPort `json:"sip"`
	SIPS   netip.AddrPort `json:"sips"`
	SIP6   netip.AddrPort `json:"sip6,omitzero"` // of phones of IPv6, with --host6
	SIPS6  netip.AddrPort `json:"sips6,omitzero"`
	Link   netip.AddrPort `json:"link"`
	Data   string         `json:"data"`
	// Metrics is where the cloud, the switch and the bridge serve /metrics.
	Metrics []string       `json:"metrics"`
	WebRTC  netip.AddrPort `json:"webrtc"`
	STUN    string         `json:"stun,omitempty"` // where apps learn, without a relay, where they are seen
	URL     string         `json:"url"`            // of the softphone; apps too reach the bridge there
	Bridge  string         `json:"bridge"`         // where switches, and apps without TCP, reach the bridge (QUIC)
	// Replaced is what --replace-revoked did to switches, and what is left to be done.
	Replaced []string `json:"replaced,omitempty"`
	Push     []string `json:"push"`              // services that phones that sleep are woken by
	APIKey   string   `json:"api_key,omitempty"` // at first start
}

// Run runs every role for one office until it is told to stop.
func (c *upCommand) Run(e *env) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	url, err := c.url()
	if err != nil {
		return err
	}
	folder, err := datafolder.Open(e.Data, "single office") // a role that is given it by mistake keeps out
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	kept, err := loadAccount(e.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := c.Free(); err != nil {
		return err
	}
	s, err := stack.Start(e.ctx, stack.Config{
		Data: e.Data, MasterKey: c.MasterKey, TLSCert: c.TLSCert, TLSKey: c.TLSKey, Host: c.Host, Digest: c.Digest, Organization: c.name(), Sites: []stack.Site{c.office()}, UsualPorts: true,
		Push: c.PushServices, Relaying: c.Relaying, URL: url, Replace: c.ReplaceRevoked,
		Key:     kept.Key,
		KeepKey: func(url, key string) error { return account{Cloud: url, Key: key, First: true}.save(e.Data) },
		Step:    func(text string) { e.say("%s ...\n", text) },
		Logger:  slog.New(slog.NewTextHandler(e.err, nil)),
	})
	if err != nil {
		return err
	}
	if kept.Key != "" && kept.Cloud != s.Cloud.API { // the port may have moved since
		if err := (account{Cloud: s.Cloud.API, Key: kept.Key, First: kept.First}).save(e.Data); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	first := kept.First || s.Cloud.APIKey != ""
	err = c.tell(e, s, first)
	if err == nil && first {
		err = account{Cloud: s.Cloud.API, Key: s.Client.Key}.save(e.Data)
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return s.Wait()
}

// url is what browsers know this machine by, by the name in its certificate; empty without one.
func (c *upCommand) url() (string, error) {
	if c.TLSCert == "" || c.TLSKey == "" {
		return "", nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return "", errs.New(errs.Invalid, "--tls-cert %s and --tls-key %s: %w", c.TLSCert, c.TLSKey, err)
	}
	for _, name := range pair.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return "https://" + name, nil
		}
	}
	return "", nil
}

// check refuses what the roles would refuse later, when half of a first start is done.
func (c *upCommand) check() error {
	if !siteCode.MatchString(c.code()) {
		return errs.New(errs.Invalid, "--code %q: want 1 to 6 digits, such as 10", c.code())
	}
	if strings.TrimSpace(c.name()) == "" || len(c.name()) > 100 {
		return errs.New(errs.Invalid, "--name %q: want 1 to 100 characters", c.name())
	}
	for _, name := range c.Digest {
		if name != "SHA-256" && name != "MD5" {
			return errs.New(errs.Invalid, "--digest %q: want SHA-256 or MD5", name)
		}
	}
	if err := ownAddress("host", c.Host, "192.0.2.10"); err != nil {
		return err
	}
	if err := c.families(); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(c.Public); c.Public != "" && (err != nil || a.IsUnspecified()) {
		return errs.New(errs.Invalid, "--public %q: want an IP address, such as 203.0.113.10", c.Public)
	}
	err := mobilebridge.Config{
		Data: "data", Host: c.Host, Logger: slog.New(slog.DiscardHandler), PushServices: c.PushServices, Relaying: c.Relaying,
		Listen: ":0", Public: mobilebridge.Public{TLSCert: c.TLSCert, TLSKey: c.TLSKey},
	}.Check()
	if err != nil {
		return errs.New(errs.Invalid, "%w", err)
	}
	return nil
}

// both says where phones of each family register.
func both(four, six netip.AddrPort) string {
	if !six.IsValid() {
		return four.String()
	}
	return four.String() + ", of IPv6 " + six.String() + ","
}

var siteCode = regexp.MustCompile(`^[0-9]{1,6}$`)

// families refuses a --host6 that is not of the other family than --host.
func (c *upCommand) families() error {
	six, err := netip.ParseAddr(c.Host6)
	switch {
	case c.Host6 == "":
		return nil
	case err == nil && !six.Is6(), err == nil && six.Is4In6():
		return errs.New(errs.Invalid, "--host6 %s: want an address of IPv6; that of IPv4 is --host", c.Host6)
	}
	if four, err := netip.ParseAddr(c.Host); err == nil && four.Is6() {
		return errs.New(errs.Invalid, "--host6 %s: --host %s is of IPv6 already; want one of IPv4 there, or no --host6", c.Host6, c.Host)
	}
	return ownAddress("host6", c.Host6, "2001:db8::10")
}

// ownAddress refuses what a flag says that is not an address of this machine, such as example is one.
func ownAddress(flag, host, example string) error {
	if host == "" {
		return nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.IsUnspecified() {
		return errs.New(errs.Invalid, "--%s %q: want an IP address of this machine, such as %s", flag, host, example)
	}
	l, err := net.ListenPacket("udp", netip.AddrPortFrom(a, 0).String())
	if err != nil {
		return errs.New(errs.Invalid, "--%s %s: this machine has no such address", flag, host)
	}
	return l.Close()
}

// tell says where everything is, and at the first start that got so far the API key.
func (c *upCommand) tell(e *env, s *stack.Stack, first bool) error {
	o, key := s.Offices[0], ""
	if first {
		key = s.Client.Key
	}
	if e.JSON {
		return json.NewEncoder(e.out).Encode(reached{
			API: s.Cloud.API, Fabric: s.Cloud.Fabric, SIP: o.SIP, SIPS: o.SIPS, SIP6: o.SIP6, SIPS6: o.SIPS6, Link: o.Link, Data: e.Data, APIKey: key,
			Metrics: []string{s.Cloud.Metrics, o.Metrics, s.Bridge.Metrics}, WebRTC: o.WebRTC, STUN: s.Bridge.STUN, URL: s.Bridge.URL, Bridge: s.Bridge.Link, Push: s.Bridge.Push, Replaced: s.Replaced,
		})
	}
	if c.Host == "" && o.SIP.Addr().IsLoopback() {
		e.say("note: this machine has no default route, so only this machine reaches the office; name its address with --host\n")
	}
	if text := c.ignored(o.Site); text != "" {
		e.say("note: %s\n", text)
	}
	for _, m := range slices.Concat(s.Replaced, s.Moved) {
		e.say("note: %s\n", m)
	}
	e.say("\nOffice %s is up.\n\n  phones (SIP)   %s UDP and TCP, %s TLS\n  other offices  %s UDP; their switches reach the directory at %s TCP\n  apps           %s UDP, %s UDP and TCP%s; by way of the bridge %s UDP; woken by %s\n  softphone      %s\n  API            %s\n  metrics        http://%s/metrics, http://%s/metrics, http://%s/metrics\n  data           %s\n",
		o.Site.Name, both(o.SIP, o.SIP6), both(o.SIPS, o.SIPS6), o.Link, s.Cloud.Fabric, o.Link, o.WebRTC, outside(s.Bridge), s.Bridge.Link, wokenBy(s.Bridge.Push), softphone(s.Bridge.URL, c.TLSCert), s.Cloud.API, s.Cloud.Metrics, o.Metrics, s.Bridge.Metrics, e.Data)
	if first {
		e.say("\nFirst start. The administrator's API key, shown only now:\n\n  %s\n\nIt is kept for you in %s, so that on this machine you can go on with:\n", key, e.Data)
	} else {
		e.say("\nTo add phones:\n")
	}
	e.say("\n  strowger%s user add Anna --number 1001 --site %s --phone\n", e.where(), o.Site.Code)
	return nil
}

// where is the flag that another command needs to find the same folder; empty for the usual one.
func (e *env) where() string {
	if e.Data == config.StateDir() {
		return ""
	}
	return " --data " + e.Data
}

// softphone says who can open it, and how it is given out.
func softphone(url, cert string) string {
	if cert == "" {
		url += " in browsers of this machine (for others: --tls-cert)"
	}
	return url + "; 'strowger device add --kind web' prints a link"
}

// outside names the port where apps learn how they are seen.
func outside(b mobilebridge.Started) string {
	if at := cmp.Or(b.STUN, b.Relay); at != "" {
		return ", " + at + " UDP"
	}
	return ""
}

// wokenBy names push services for people.
func wokenBy(services []string) string {
	if len(services) == 0 {
		return "no push service yet (see strowger up --help)"
	}
	return strings.Join(services, ", ")
}
