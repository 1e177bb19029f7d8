package cloud

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func good() Config {
	return Config{
		Data: "data", API: ":443", Fabric: ":4222", Metrics: "127.0.0.1:9464", MasterKey: "key", Logger: slog.New(slog.DiscardHandler),
	}
}

func TestGoodConfig(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "/conf")
	c := good()
	c.MasterKey = ""
	got, err := c.validate()
	if err != nil {
		t.Fatal(err)
	}
	if got.DB != "sqlite:"+filepath.Join("data", "cloud.db") || !ours(got) || got.MasterKey != "/conf/strowger/master.key" {
		t.Errorf("%+v", got)
	}
	if !slices.Contains(got.Host, "localhost") {
		t.Errorf("hosts %q", got.Host)
	}
	c = good()
	c.DB, c.Host = "postgres://strowger@db/strowger", []string{"cloud.example.com"}
	if got, err = c.validate(); err != nil || ours(got) || got.MasterKey != "key" || len(got.Host) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Each bad value is named, with what to do about it; a password in one is not repeated.
func TestBadConfig(t *testing.T) {
	for words, change := range map[string]func(*Config){
		"logger is missing":                        func(c *Config) { c.Logger = nil },
		"--data is empty: name the folder":         func(c *Config) { c.Data = "" },
		"--db: want sqlite:PATH or postgres://":    func(c *Config) { c.DB = "mysql://x:secret@y" },
		`--api "443": want [IP]:port`:              func(c *Config) { c.API = "443" },
		`--fabric "": want [IP]:port`:              func(c *Config) { c.Fabric = "" },
		`--nats "nats": want host:port`:            func(c *Config) { c.NATS = []string{"nats"} },
		"--nats-public without --nats":             func(c *Config) { c.Public = []string{"nats.example.com:4222"} },
		`--nats-public ":4222": want host:port`:    func(c *Config) { c.NATS, c.Public = []string{"nats:4222"}, []string{":4222"} },
		"--api \"x\": want [IP]:port\n--fabric \"": func(c *Config) { c.API, c.Fabric = "x", "y" },
	} {
		c := good()
		change(&c)
		if _, err := c.validate(); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want %s", err, words)
		}
	}
}

func TestStartedTellsPeopleAndPrograms(t *testing.T) {
	print := func(s Started, asJSON bool) string {
		var b strings.Builder
		if err := s.Print(&b, asJSON); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	s := Started{API: "https://cloud:443", Fabric: "cloud:4222"}
	if got := print(s, false); got != "cloud serves the API at https://cloud:443 and switches at cloud:4222\n" {
		t.Error(got)
	}
	s.APIKey = "ak_secret"
	if got := print(s, false); !strings.Contains(got, "\n  ak_secret\n") || !strings.Contains(got, "strowger login https://cloud:443 ak_secret") {
		t.Error(got)
	}
	if got := print(s, true); got != `{"api":"https://cloud:443","fabric":"cloud:4222","api_key":"ak_secret"}`+"\n" {
		t.Error(got)
	}
}

func ours(c Config) bool {
	_, ok := c.file()
	return ok
}
