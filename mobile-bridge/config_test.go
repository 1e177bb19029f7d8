package mobilebridge

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValidate(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string // in the error; empty: none
	}{
		"least":                    {change: func(*Config) {}},
		"no folder":                {change: func(c *Config) { c.Data = "" }, want: "--data"},
		"no logger":                {change: func(c *Config) { c.Logger = nil }, want: "logger"},
		"key without id":           {change: func(c *Config) { c.APNsKey, c.APNsTeam = "key.p8", "T" }, want: "go together"},
		"id without key":           {change: func(c *Config) { c.APNsKeyID = "K" }, want: "go together"},
		"APNs without TLS":         {change: func(c *Config) { c.APNsServer = "http://127.0.0.1:1" }, want: "--apns-server"},
		"APNs CA that is none":     {change: func(c *Config) { c.APNsCA = text }, want: "--apns-ca"},
		"FCM account that is none": {change: func(c *Config) { c.FCM = []string{text} }, want: "--fcm " + text},
		"VAPID key that is none":   {change: func(c *Config) { c.VAPIDKey = text }, want: "--vapid-key"},
		"APNs key that is none":    {change: func(c *Config) { c.APNsKey, c.APNsKeyID, c.APNsTeam = text, "K", "T" }, want: "--apns-key " + text},
		"FCM at no URL":            {change: func(c *Config) { c.FCMServer = "127.0.0.1" }, want: "--fcm-server"},
		"contact by mail":          {change: func(c *Config) { c.Contact = "mailto:admin@example.com" }},
		"contact by page":          {change: func(c *Config) { c.Contact = "https://example.com/contact" }},
		"contact that is none":     {change: func(c *Config) { c.Contact = "admin@example.com" }, want: "--contact"},
		"contact to nobody":        {change: func(c *Config) { c.Contact = "mailto:" }, want: "--contact"},
		"local by nobody":          {change: func(c *Config) { c.LocalPush = true }, want: "--contact"},
		"host that is none":        {change: func(c *Config) { c.Host = "bridge" }, want: "--host"},
		"link without a port":      {change: func(c *Config) { c.Link = "192.0.2.1" }, want: "--link"},
		"relay": {change: func(c *Config) {
			c.Relaying = Relaying{Relay: ":3478", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}},
		"relay of no ports":    {change: func(c *Config) { c.Relaying = Relaying{Relay: ":3478", RelayPorts: "1-2"} }, want: "--relay-ports"},
		"a NAT at no address":  {change: func(c *Config) { c.NAT = "here" }, want: "--public"},
		"a NAT at any address": {change: func(c *Config) { c.NAT = "0.0.0.0" }, want: "--public"},
		"STUN of its own":      {change: func(c *Config) { c.STUN, c.NAT = "192.0.2.1:3479", "192.0.2.7" }},
		"no STUN":              {change: func(c *Config) { c.STUN = "off" }},
		"STUN at no port":      {change: func(c *Config) { c.STUN = "on" }, want: `--stun "on"`},
		"STUN beside a relay": {change: func(c *Config) {
			c.Relaying = Relaying{STUN: ":3479", Relay: ":3478", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}, want: "one port is for both"},
		"no STUN beside a relay": {change: func(c *Config) {
			c.Relaying = Relaying{STUN: "off", Relay: ":3478", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}},
		"relay over nobody's TLS": {change: func(c *Config) { c.Relaying = Relaying{Relay: ":3478", RelayTLS: ":5349"} }, want: "--relay-tls"},
		"relay at no port": {change: func(c *Config) {
			c.Relaying = Relaying{Relay: ":3478x", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}, want: `--relay ":3478x"`},
		"relay at a port alone": {change: func(c *Config) {
			c.Relaying = Relaying{Relay: "3478", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}, want: `--relay "3478"`},
		"relay at two bad ports": {change: func(c *Config) {
			c.Relaying = Relaying{Relay: "3478", RelayTLS: "5349", RelayPorts: "50000-50999", RelayRate: 1, RelayMost: 1}
		}, want: "--relay \"3478\": want [IP]:port, such as :3478\n--relay-tls \"5349\""},
		"ports without a relay":     {change: func(c *Config) { c.RelayPorts = "50000-50999" }, want: "--relay-ports: of no use without --relay"},
		"default ports, no relay":   {change: func(c *Config) { c.RelayPorts, c.RelayRate, c.RelayMost = "49152-65535", 4096, 1000 }},
		"timeout in the other way":  {change: func(c *Config) { c.PushTimeout = -time.Second }, want: "--push-timeout"},
		"everything wrong is named": {change: func(c *Config) { c.Data, c.Contact = "", "x" }, want: "--contact"},
	} {
		c := Config{Data: "data", Logger: slog.New(slog.DiscardHandler)}
		tt.change(&c)
		s, err := c.validate()
		if tt.want == "" && (err != nil || s.PushTimeout != DefaultPushTimeout) {
			t.Errorf("%s: %v, timeout %v", name, err, s.PushTimeout)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %s in it", name, err, tt.want)
		}
	}
}

// Whoever is to start a bridge is told at once that a port is not to be had, and what to do.
func TestTakenPorts(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := udp.LocalAddr().String()
	for name, r := range map[string]Relaying{"STUN": {STUN: at}, "relay": {Relay: at}} {
		if err := r.Free(); err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "--stun") {
			t.Errorf("%s: %v, want the address and what to do", name, err)
		}
	}
	if err := udp.Close(); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Relaying{"default": {}, "off": {STUN: "off"}, "free": {STUN: "127.0.0.1:0"}, "relay": {Relay: "127.0.0.1:0"}} {
		if err := r.Free(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrint(t *testing.T) {
	for want, s := range map[string]Started{
		"bridge b wakes nobody: no push service is configured\n": {Name: "b"},
		"bridge b wakes phones by apns, webpush\n":               {Name: "b", Push: []string{"apns", "webpush"}},
	} {
		var out bytes.Buffer
		if err := s.Print(&out, false); err != nil || out.String() != want {
			t.Errorf("%q, %v, want %q", out.String(), err, want)
		}
	}
}

// TestKeysThatAreNone: a bridge that cannot push as it was told does not start.
func TestKeysThatAreNone(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for want, change := range map[string]func(*Config){
		"want the .p8 file":         func(c *Config) { c.APNsKey, c.APNsKeyID, c.APNsTeam = write("k", "x"), "K", "T" },
		"no project_id":             func(c *Config) { c.FCM = []string{write("a", "{}")} },
		"invalid character":         func(c *Config) { c.FCM = []string{write("b", "x")} },
		"holds no key in PEM form":  func(c *Config) { c.Contact, c.VAPIDKey = "mailto:a@example.com", write("v", "x") },
		"no such file or directory": func(c *Config) { c.FCM = []string{filepath.Join(dir, "none")} },
	} {
		b := &bridge{settings: settings{Config: Config{Data: dir}}}
		change(&b.Config)
		if err := b.openSenders(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
