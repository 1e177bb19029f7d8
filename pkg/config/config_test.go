package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

type role struct {
	Flags
	SIPPort int           `name:"sip-port" help:"Where phones register." default:"5060"`
	Host    []string      `help:"Addresses of this machine."`
	Drain   time.Duration `help:"How long calls may end by themselves." default:"30s"`
	Data    string        `help:"Where data is kept." default:"${state}"`
	Pool    bool          `help:"Serve apps."`
}

type parsed struct {
	role
	code           int
	ok             bool
	stdout, stderr string
}

func parse(t *testing.T, file string, args ...string) parsed {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "node.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	var out parsed
	var stdout, stderr bytes.Buffer
	p := Program{Name: "node", Description: "A node.", Examples: []string{"node --sip-port 5080"}, Version: "v1.2.3",
		Prefix: "STROWGER", Stdout: &stdout, Stderr: &stderr}
	_, out.code, out.ok = p.Parse(&out.role, args)
	out.stdout, out.stderr = stdout.String(), stderr.String()
	return out
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	file := "sip-port = 1\nhost = ['192.0.2.1', '2001:db8::1']\ndrain = '5s'\npool = true\n"
	for _, tt := range []struct {
		name, env, flag string
		want            int
	}{
		{"file", "", "", 1},
		{"environment", "2", "", 2},
		{"flag", "2", "--sip-port=3", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env != "" {
				t.Setenv("STROWGER_SIP_PORT", tt.env)
			}
			var args []string
			if tt.flag != "" {
				args = append(args, tt.flag)
			}
			got := parse(t, file, args...)
			if !got.ok || got.SIPPort != tt.want {
				t.Fatalf("sip-port = %d (%s), want %d", got.SIPPort, got.stderr, tt.want)
			}
			if len(got.Host) != 2 || got.Host[1] != "2001:db8::1" || got.Drain != 5*time.Second || !got.Pool {
				t.Errorf("the file's other values were lost: %+v", got.role)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	got := parse(t, "")
	if !got.ok || got.SIPPort != 5060 || got.Data != "/var/state/strowger" {
		t.Errorf("got %+v %s", got.role, got.stderr)
	}
}

func TestStateDirIgnoresRelative(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "state")
	t.Setenv("HOME", "/home/almon")
	if got := StateDir(); got != "/home/almon/.local/state/strowger" {
		t.Errorf("StateDir() = %q", got)
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.toml")
	if err := os.WriteFile(path, []byte("sip-port = 7"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STROWGER_CONFIG", path)
	if got := parse(t, ""); !got.ok || got.SIPPort != 7 {
		t.Errorf("sip-port = %d %s", got.SIPPort, got.stderr)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"unknown key", "# ports\n\nsip-prot = 1\n", nil, `node.toml:3: there is no setting "sip-prot"; did you mean "sip-port"?`},
		{"key like nothing", "frobnicate = 1\n", nil, `node.toml:1: there is no setting "frobnicate"` + "\n"},
		{"unknown table", "pool = true\n[sip]\nport = 1\n", nil, `node.toml:2: there is no setting "sip"`},
		{"table for a value", "[sip-port]\nx = 1\n", nil, `node.toml:1: "sip-port" is a table`},
		{"not TOML", "pool = true\nsip-port : 1\n", nil, "node.toml:2: "},
		{"wrong type", "sip-port = 'high'\n", nil, "--sip-port: "},
		{"unknown flag", "", []string{"--sip-prot=1"}, "--sip-prot"},
		{"flag with a slip", "", []string{"--sip-prot=1"}, `unknown flag --sip-prot, did you mean "--sip-port"?`},
		{"flag like nothing", "", []string{"--col"}, "unknown flag --col\n"},
		{"no such file", "", []string{"--config=/nowhere/node.toml"}, "--config: open /nowhere/node.toml"},
		{"stray argument", "", []string{"now"}, "unexpected argument now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := parse(t, tt.file, tt.args...)
			if got.ok || got.code != Usage || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("ok %v, code %d, said %q; want %q", got.ok, got.code, got.stderr, tt.want)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	got := parse(t, "", "--help")
	for _, want := range []string{"A node.", "--sip-port", "STROWGER_SIP_PORT", "node --sip-port 5080", "--config=FILE"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("help lacks %q:\n%s", want, got.stdout)
		}
	}
	if got.ok || got.code != OK {
		t.Errorf("help: ok %v, code %d", got.ok, got.code)
	}
	if strings.Contains(got.stdout, "STROWGER_VERSION") {
		t.Errorf("--version can be set in the environment:\n%s", got.stdout)
	}
	if got := parse(t, "", "--version"); got.ok || got.code != OK || got.stdout != "node v1.2.3\n" {
		t.Errorf("version: %+v", got)
	}
}

func TestCommandsShareTheFile(t *testing.T) {
	var grammar struct {
		Flags
		Up   struct{ Data string } `cmd:""`
		Site struct{}              `cmd:""`
	}
	path := filepath.Join(t.TempDir(), "strowger.toml")
	if err := os.WriteFile(path, []byte("data = '/srv'"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	p := Program{Name: "strowger", Stdout: &stdout, Stderr: &stderr, Options: []kong.Option{}}
	if _, _, ok := p.Parse(&grammar, []string{"--config", path, "up"}); !ok || grammar.Up.Data != "/srv" {
		t.Errorf("up: data %q, %s", grammar.Up.Data, stderr.String())
	}
	if p.Parse(&grammar, []string{"--help"}); strings.Contains(stdout.String(), "$-") {
		t.Errorf("help shows env:\"-\":\n%s", stdout.String())
	}
	if _, _, ok := p.Parse(&grammar, []string{"--config", path, "site"}); !ok {
		t.Errorf("site refused the setting of up: %s", stderr.String())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("sip-port = 5060\nhost = ['192.0.2.1']\n")
	f.Add("[table]\nx = 1\n")
	f.Add("a.b = 1\n\"q k\" = 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decode("fuzz.toml", text)
		if err != nil {
			return
		}
		for key := range s.values {
			if n := s.line(key); n < 1 || n > 1+strings.Count(text, "\n") {
				t.Errorf("line of %q = %d", key, n)
			}
		}
	})
}
