package integration

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/cloud"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// taken is an address of this machine that somebody uses, for TCP and UDP.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Skipf("the port is not free for UDP: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// refuses runs a role that cannot start, and looks for words in its reason: what is wrong, and what to do.
func refuses(t *testing.T, run func(context.Context) error, words ...string) {
	t.Helper()
	err := run(soon(t))
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("it says %v, not %q", err, w)
		}
	}
}

// below is a folder that nobody can make, not even root: it would be in a file.
func below(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(file, "data")
}

// TestCloudThatCannotStart gives a cloud what it cannot work with.
func TestCloudThatCannotStart(t *testing.T) {
	t.Parallel()
	good := func() cloud.Config {
		dir := t.TempDir()
		return cloud.Config{
			Data: filepath.Join(dir, "data"), MasterKey: filepath.Join(dir, "keys", "master.key"), Host: []string{"127.0.0.1"},
			API: "127.0.0.1:0", Fabric: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		}
	}
	at, folder := taken(t), below(t)
	for name, c := range map[string]struct {
		change func(*cloud.Config)
		words  []string
	}{
		"API port in use":      {func(c *cloud.Config) { c.API = at }, []string{at, "address already in use", "--api"}},
		"fabric port in use":   {func(c *cloud.Config) { c.Fabric = at }, []string{at, "--fabric"}},
		"metrics port in use":  {func(c *cloud.Config) { c.Metrics = at }, []string{at, "address already in use", "--metrics"}},
		"folder in a file":     {func(c *cloud.Config) { c.Data = folder }, []string{"data folder", folder}},
		"folder of the system": {func(c *cloud.Config) { c.Data = "/proc/strowger" }, []string{"data folder", "/proc/strowger"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good()
			c.change(&cfg)
			refuses(t, func(ctx context.Context) error { return cloud.Run(ctx, cfg) }, c.words...)
		})
	}
	t.Run("folder of a switch", func(t *testing.T) {
		cfg := good()
		refuses(t, func(ctx context.Context) error {
			return switchnode.Run(ctx, switchnode.Config{
				Data: cfg.Data, Host: "127.0.0.1", SIP: ":0", Link: ":0", RTP: "0", Logger: slog.New(slog.DiscardHandler),
			})
		}, "is not enrolled", "strowger switch add", "--enroll")
		refuses(t, func(ctx context.Context) error { return cloud.Run(ctx, cfg) }, cfg.Data, "of a switch, this is a cloud", "--data")
	})
}

// TestSwitchThatCannotStart gives a new switch what it cannot work with.
func TestSwitchThatCannotStart(t *testing.T) {
	t.Parallel()
	w := alone(t) // an address may not enrol as often as all scenarios together would
	at, folder := taken(t), below(t)
	spare, err := w.Client.Switches().Create(soon(t), rest.Switch{Name: "spare", Site: w.Offices[0].Site.ID})
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		c, err := w.Client.EnrolmentCode(soon(t), spare.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Code
	}
	enrolled := t.TempDir() // by the first case that gets so far
	good := switchnode.Config{
		Data: enrolled, Host: "127.0.0.1", SIP: "127.0.0.1:0", SIPS: "127.0.0.1:0", Link: "127.0.0.1:0", RTP: "0", Cloud: w.Cloud.API,
		Enroll: code(), Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range []struct {
		name   string
		change func(*switchnode.Config)
		words  []string
	}{
		{"no such cloud", func(c *switchnode.Config) { c.Cloud = "cloud.invalid" }, []string{"enrol at cloud.invalid", "lookup"}},
		{"cloud that is down", func(c *switchnode.Config) { c.Cloud = "https://127.0.0.1:1" }, []string{"enrol at https://127.0.0.1:1", "refused"}},
		{"folder in a file", func(c *switchnode.Config) { c.Data = folder }, []string{"data folder", folder}},
		{"SIP port in use", func(c *switchnode.Config) { c.SIP = at }, []string{at, "address already in use", "--sip"}},
		{"TLS port in use", func(c *switchnode.Config) { c.SIPS = at }, []string{at, "address already in use", "--sips"}},
		{"link port in use", func(c *switchnode.Config) { c.Link = at }, []string{at, "address already in use", "--link"}},
		{"metrics port in use", func(c *switchnode.Config) { c.Metrics = at }, []string{at, "address already in use", "--metrics"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			refuses(t, func(ctx context.Context) error { return switchnode.Run(ctx, cfg) }, c.words...)
		})
	}
	if _, err := w.Client.RevokeSwitch(soon(t), spare.ID, "test"); err != nil {
		t.Error(err)
	}
}
