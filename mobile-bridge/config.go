// Package mobilebridge is everything between the system and phones that sleep: it hands sealed wakes to the push services of
// Apple, Google and browsers, and tells the anchor of a call what came of each. It reads none of them, and decides nothing
// about who may call whom.
package mobilebridge

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"strowger/mobile-bridge/internal/push/apns"
	"strowger/mobile-bridge/internal/push/fcm"
	"strowger/mobile-bridge/internal/push/webpush"
	"strowger/pkg/hostaddr"
)

// Config configures one bridge.
type Config struct {
	Data    string   `help:"Folder for the keys of this bridge. Default: ${default}." default:"${state}/bridge" type:"path" placeholder:"DIR"`
	Enroll  string   `help:"One-time code from 'strowger bridge add'. Enrols this bridge at first start; ignored once it is enrolled." placeholder:"CODE"`
	Cloud   string   `help:"Where to enrol: host or https://host:port of the cloud." placeholder:"ADDR"`
	Fabric  []string `help:"Where the cloud's fabric is, host:port, if it moved since this bridge enrolled." placeholder:"ADDR"`
	Host    string   `help:"IP address that switches use to reach this bridge. Default: the machine's outward address." placeholder:"IP"`
	NAT     string   `help:"IP address that apps and switches outside use, if a NAT before this bridge has one and passes the ports of --link, --stun and --relay on unchanged. Apps find --listen by --url." name:"public" placeholder:"IP"`
	Link    string   `help:"Listen here, UDP, for switches: each keeps a connection, over which apps come to it that cannot dial it; and for channels of apps by WebTransport. Default: ${default}; empty: none." default:":443" placeholder:"ADDR"`
	Metrics string   `help:"Serve /healthz, /readyz and /metrics here, HTTP. Default: ${default}; empty: nowhere." default:"127.0.0.1:9466" placeholder:"ADDR"`
	Pprof   bool     `help:"Serve profiles of the running process for Go's pprof at the address of --metrics, below /debug/pprof/."`

	Listen string `help:"Serve apps and browsers here: host:port, or :port. Default: ${default}; empty: nowhere, and apps are only woken." default:":443" placeholder:"ADDR"`
	Public `embed:""`

	Relaying `embed:""`

	PushServices `embed:""`

	Logger  *slog.Logger  `kong:"-"`
	Started func(Started) `kong:"-"` // called once when the cloud has heard of the bridge and wakes come to it; may be nil
}

// Public is how apps and browsers reach a bridge.
type Public struct {
	URL     string   `help:"What apps and browsers know this bridge by: https://bridge.example.com. Default: the address of --listen, or this machine's outward one." name:"url" placeholder:"URL"`
	TLSCert string   `help:"PEM certificate chain of the host of --url, read again when it changes. Without it apps know this bridge by its own key, and browsers do not." name:"tls-cert" type:"existingfile" placeholder:"FILE"`
	TLSKey  string   `help:"PEM key of --tls-cert." name:"tls-key" type:"existingfile" placeholder:"FILE"`
	Plain   bool     `help:"HTTP without TLS: on a loopback address, or behind a --proxy that does it."`
	Proxy   []string `help:"Addresses of load balancers in front of this bridge, whose X-Forwarded-For is believed: IP or IP/bits." placeholder:"IP"`
}

// PushServices is how a bridge reaches the push services. Those that it is not told of wake nobody.
type PushServices struct {
	APNsKey    string `help:"Key of Apple's push service, the .p8 file from developer.apple.com. Without it no iPhone is woken." name:"apns-key" type:"existingfile" placeholder:"FILE"`
	APNsKeyID  string `help:"Key id of --apns-key: 10 characters." name:"apns-key-id" placeholder:"ID"`
	APNsTeam   string `help:"Team id of the Apple developer account: 10 characters." name:"apns-team" placeholder:"ID"`
	APNsServer string `help:"Another server in place of Apple's, https://host:port; for tests." name:"apns-server" placeholder:"URL"`
	APNsCA     string `help:"PEM certificate that --apns-server is known by. Default: the system's." name:"apns-ca" type:"existingfile" placeholder:"FILE"`

	FCM       []string `help:"Service account files of Firebase projects, from console.firebase.google.com. Without one no Android phone is woken." name:"fcm" type:"existingfile" placeholder:"FILE"`
	FCMServer string   `help:"Another server in place of Google's, with the version: https://host:port/v1; for tests." name:"fcm-server" placeholder:"URL"`

	VAPIDKey  string `help:"PEM key that Web Push services know this bridge by; bridges of one organization share it. Default: one of its own, made at first start." name:"vapid-key" type:"existingfile" placeholder:"FILE"`
	Contact   string `help:"Who runs this bridge, for operators of Web Push services: mailto:ADDRESS or an https:// URL. Without it no browser is woken." placeholder:"URI"`
	LocalPush bool   `help:"Also push to Web Push services without TLS and on private addresses, such as 'strowger phone' on this machine. Whoever enrols a device can then make this bridge send requests inside this network." name:"local-push"`

	PushTimeout time.Duration `help:"How long a push service may take to answer before the push is tried again over another connection. Default: ${default}." default:"3s" name:"push-timeout" placeholder:"DURATION"`
}

// DefaultPushTimeout is the default of PushTimeout, also if that is zero: push services answer in a tenth of it.
const DefaultPushTimeout = 3 * time.Second

// Started is what a running bridge says of itself.
type Started struct {
	Node    string   `json:"node"` // id
	Name    string   `json:"name"`
	Push    []string `json:"push"`            // providers that are configured
	VAPID   string   `json:"vapid,omitempty"` // public key that browsers subscribe for
	Link    string   `json:"link,omitempty"`  // where switches dial it
	URL     string   `json:"url,omitempty"`   // that apps and browsers reach it by
	Metrics string   `json:"metrics,omitempty"`
	Relay   string   `json:"relay,omitempty"` // where apps reach its relay of media
	STUN    string   `json:"stun,omitempty"`  // where they learn, without a relay, where they are seen
}

// Print tells people, or as JSON programs, what the bridge does.
func (s Started) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	wakes := "nobody: no push service is configured"
	if len(s.Push) > 0 {
		wakes = "phones by " + strings.Join(s.Push, ", ")
	}
	at := ""
	if s.URL != "" {
		at = ", and takes apps at " + s.URL
	}
	_, err := fmt.Fprintf(w, "bridge %s wakes %s%s\n", s.Name, wakes, at)
	return err
}

// settings is a Config that has been read and found good.
type settings struct {
	Config
	apnsTLS  *tls.Config // nil: the system's roots
	host     netip.Addr
	relaying relaying
	proxies  []netip.Prefix
}

// Check says what is wrong with the settings, before anything is opened or made.
func (c Config) Check() error {
	_, err := c.validate()
	return err
}

func (c Config) validate() (settings, error) {
	s := settings{Config: c}
	var errAll []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			errAll = append(errAll, fmt.Errorf(format, args...))
		}
	}
	check(c.Logger == nil, "logger is missing")
	check(c.Data == "", "--data is empty: name the folder where this bridge keeps its keys")
	check((c.APNsKey == "") != (c.APNsKeyID == "") || (c.APNsKey == "") != (c.APNsTeam == ""),
		"--apns-key, --apns-key-id and --apns-team go together")
	check(c.APNsServer != "" && !baseURL(c.APNsServer, "https"), "--apns-server %q: want https://host:port", c.APNsServer)
	check(c.FCMServer != "" && !baseURL(c.FCMServer, "https", "http"), "--fcm-server %q: want a URL with the version, such as https://host:port/v1", c.FCMServer)
	mail, isMail := strings.CutPrefix(c.Contact, "mailto:")
	check(c.Contact != "" && !baseURL(c.Contact, "https") && (!isMail || !strings.Contains(mail, "@")),
		"--contact %q: want mailto:ADDRESS or an https:// URL", c.Contact)
	check(c.LocalPush && c.Contact == "", "--local-push wants --contact, without which nothing is pushed to Web Push services")
	check(c.PushTimeout < 0, "--push-timeout %v: want a time above zero", c.PushTimeout)
	var err error
	s.host, err = hostaddr.Parse("host", c.Host)
	check(err != nil, "%w", err)
	_, port, err := net.SplitHostPort(c.Link)
	check(c.Link != "" && (err != nil || port == ""), "--link %q: want [IP]:port, such as :443", c.Link)
	s.PushTimeout = cmp.Or(c.PushTimeout, DefaultPushTimeout)
	if err := s.validateRelay(); err != nil {
		errAll = append(errAll, err)
	}
	if err := s.validatePublic(); err != nil {
		errAll = append(errAll, err)
	}
	if c.APNsCA != "" {
		s.apnsTLS, err = trusting(c.APNsCA)
		check(err != nil, "--apns-ca: %w", err)
	}
	return s, errors.Join(append(errAll, c.checkFiles())...)
}

// checkFiles reads the files that push services want: what is wrong with one is said before anything is made.
func (p PushServices) checkFiles() error {
	errAll := []error{fcm.Check(p.FCM)}
	if p.APNsKey != "" && p.APNsKeyID != "" && p.APNsTeam != "" {
		errAll = append(errAll, apns.Check(p.APNsKey))
	}
	if _, err := os.Stat(p.VAPIDKey); err == nil { // else it is made
		if _, err := webpush.OpenKey(p.VAPIDKey); err != nil {
			errAll = append(errAll, fmt.Errorf("--vapid-key: %w", err))
		}
	}
	return errors.Join(errAll...)
}

func baseURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return true
		}
	}
	return false
}

// trusting is TLS to a server that a certificate file vouches for.
func trusting(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
}
