package command

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/pkg/config"
	"strowger/pkg/rest"
	"strowger/pkg/trust/trusttest"
	"strowger/switchnode"
)

// TestUp starts an office twice, after a start that failed: it serves figures, keeps its ports, and tells of its API key once.
func TestUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ports := filepath.Join(dir, "data", "ports.json")
	if err := os.Mkdir(filepath.Dir(ports), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ports, []byte(`{"other switches": 65536}`), 0o600); err != nil { // the cloud starts, the switch does not
		t.Fatal(err)
	}
	refusesUp(t, upIn(dir), "65536")
	if err := os.Remove(ports); err != nil {
		t.Fatal(err)
	}
	var first reached
	for start := range 2 {
		o := startUp(t, upIn(dir, "--host6", "::1")...)
		if phones := o.at.SIP6; !phones.Addr().Is6() || phones.Port() != o.at.SIP.Port() {
			t.Errorf("phones of IPv6 register at %v, others at %v", phones, o.at.SIP)
		}
		if phones := o.at.SIPS6; phones.IsValid() && (!phones.Addr().Is6() || phones.Port() != o.at.SIPS.Port()) {
			t.Errorf("phones of IPv6 register by TLS at %v, others at %v", phones, o.at.SIPS)
		}
		at := o.at
		for _, address := range at.Metrics {
			resp, err := http.Get("http://" + address + "/readyz")
			if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
				t.Errorf("%s: %v %v", address, resp, err)
			}
		}
		if len(at.Metrics) != 3 || (start == 0) != (at.APIKey != "") {
			t.Errorf("start %d: metrics at %q, API key %q", start, at.Metrics, at.APIKey)
		}
		if at.APIKey = ""; start == 0 {
			first = at
		} else if fmt.Sprint(at) != fmt.Sprint(first) {
			t.Errorf("it is at %+v, and was at %+v", at, first)
		}
		o.end()
	}
	busy, err := net.ListenPacket("udp", first.SIP.String())
	if err != nil {
		t.Fatal(err)
	}
	refusesUp(t, upIn(dir), fmt.Sprint(first.SIP.Port()), "address already in use", "end what has taken it")
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUpForBrowsers gives an office a certificate: browsers are served under its name; and a NAT before it, at which apps outside find
// the switch. Two offices may not look for the usual
// ports at once, so it does not run beside TestUp.
func TestUpForBrowsers(t *testing.T) {
	dir := t.TempDir()
	ca := trusttest.NewRoot(t)
	key := trusttest.NewKey(t)
	leaf := ca.Sign(t, &x509.Certificate{DNSNames: []string{"*.example.com", "phone.example.com"}}, key.Public())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for i, block := range []pem.Block{{Type: "CERTIFICATE", Bytes: leaf.Raw}, {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(files[i], pem.EncodeToMemory(&block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := startUp(t, upIn(dir, "--tls-cert", files[0], "--tls-key", files[1], "--public", "192.0.2.7")...)
	at := o.at
	port, named := strings.CutPrefix(at.URL, "https://phone.example.com:")
	if !named {
		t.Errorf("the softphone is at %s", at.URL)
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), ServerName: "phone.example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}}
	resp, err := client.Get(at.URL)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
		t.Errorf("%v %v", resp, err)
	}
	client.CloseIdleConnections()
	want := fmt.Sprintf(`"192.0.2.7:%d"`, at.Link.Port())
	late := time.Now().Add(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C { // the switch tells the cloud
		list := o.says("switch", "list")
		if strings.Contains(list, want) {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("the switches are %s, want one at %s", list, want)
		}
	}
	o.end()
	refusesUp(t, upIn(dir, "--tls-cert", files[1], "--tls-key", files[0]), "--tls-cert", files[1])
}

// upIn is the command line of an office that keeps everything in a folder.
func upIn(dir string, more ...string) []string {
	return append([]string{"--json", "--data", filepath.Join(dir, "data"), "up", "--host", "127.0.0.1",
		"--master-key-file", filepath.Join(dir, "master.key")}, more...)
}

// office is an office that is up, and tells programs so.
type office struct {
	t     *testing.T
	at    reached
	stop  context.CancelFunc
	said  bytes.Buffer // to be read when it has ended
	ended chan int
}

// startUp runs a command line of up until end is called.
func startUp(t *testing.T, args ...string) *office {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	o := &office{t: t, stop: stop, ended: make(chan int, 1)}
	out, in := io.Pipe()
	go func() {
		code := Main(ctx, args, in, &o.said)
		_ = in.Close() // never fails
		o.ended <- code
	}()
	if err := json.NewDecoder(out).Decode(&o.at); err != nil {
		t.Fatalf("it does not start: %v, %d\n%s", err, <-o.ended, o.said.String())
	}
	return o
}

func (o *office) end() {
	o.t.Helper()
	o.stop()
	if code := <-o.ended; code != config.OK {
		o.t.Errorf("it ended with %d: %s", code, o.said.String())
	}
}

// says runs another command in the office, for programs.
func (o *office) says(args ...string) string {
	o.t.Helper()
	var out, complaints bytes.Buffer
	if code := Main(o.t.Context(), append([]string{"--json", "--data", o.at.Data}, args...), &out, &complaints); code != config.OK {
		o.t.Fatalf("strowger %s: %d: %s", strings.Join(args, " "), code, complaints.String())
	}
	return out.String()
}

// refusesUp runs a command line that must fail, with words.
func refusesUp(t *testing.T, args []string, words ...string) {
	t.Helper()
	var out, err bytes.Buffer
	code := Main(t.Context(), args, &out, &err)
	for _, w := range words {
		if code == config.OK || !strings.Contains(err.String(), w) {
			t.Errorf("strowger %s: exit code %d, it says %s, not %q", strings.Join(args, " "), code, err.String(), w)
		}
	}
}

// TestUpThatCannotStart gives up and demo what they cannot work with.
func TestUpThatCannotStart(t *testing.T) {
	t.Parallel()
	write := func(text string, mode os.FileMode, parts ...string) string {
		path := filepath.Join(parts...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("folder in a file", func(t *testing.T) {
		dir := t.TempDir()
		write("", 0o600, dir, "data")
		refusesUp(t, upIn(dir), filepath.Join(dir, "data"), "not a directory")
	})
	t.Run("folder of a switch", func(t *testing.T) {
		dir := t.TempDir()
		write("switch\n", 0o600, dir, "data", "cloud", "lock")
		refusesUp(t, upIn(dir), "of a switch, this is a cloud", filepath.Join(dir, "data", "cloud"))
	})
	t.Run("master key for all to read", func(t *testing.T) {
		dir := t.TempDir()
		refused := write("strowger-master-key-1 AAAA\n", 0o600, dir, "master.key")
		if err := os.Chmod(refused, 0o644); err != nil {
			t.Fatal(err)
		}
		refusesUp(t, upIn(dir), refused, "has mode 0644")
	})
	t.Run("damaged ports", func(t *testing.T) {
		dir := t.TempDir()
		write("{", 0o600, dir, "data", "ports.json")
		refusesUp(t, upIn(dir), "the ports of this office", "ports.json")
	})
	t.Run("unknown flag", func(t *testing.T) {
		refusesUp(t, upIn(t.TempDir(), "--speed", "9"), "--speed")
		refusesUp(t, []string{"demo", "--speed", "9"}, "--speed")
	})
	t.Run("local pushes by nobody", func(t *testing.T) {
		refusesUp(t, upIn(t.TempDir(), "--local-push"), "--contact")
	})
	t.Run("address of no NAT", func(t *testing.T) {
		refusesUp(t, upIn(t.TempDir(), "--public", "office"), "--public", "office", "want an IP address")
	})
	t.Run("settings of the bridge", func(t *testing.T) {
		for flags, words := range map[string]string{
			"--relay 3478x":             "3478x",
			"--relay-ports 50000-50999": "--relay-ports: of no use without --relay",
			"--contact you@example.com": "want mailto:ADDRESS",
			"--stun on":                 "--stun",
		} {
			dir := t.TempDir()
			refusesUp(t, upIn(dir, strings.Fields(flags)...), words)
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Errorf("up %s made something before it looked at its settings", flags)
			}
		}
	})
	t.Run("file that is no service account", func(t *testing.T) {
		dir := t.TempDir()
		refusesUp(t, upIn(dir, "--fcm", write("# Read me", 0o600, dir, "README.md")), "--fcm "+filepath.Join(dir, "README.md"), "want the JSON file")
		if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
			t.Error("it made something before it looked at its files")
		}
	})
	t.Run("taken port of the bridge", func(t *testing.T) {
		taken, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = taken.Close() }() // was only there
		for _, flag := range []string{"--stun", "--relay"} {
			dir := t.TempDir()
			refusesUp(t, upIn(dir, flag, taken.LocalAddr().String()), taken.LocalAddr().String(), "end what has taken the port", flag)
			if _, err := os.Stat(filepath.Join(dir, "data", "cloud")); err == nil {
				t.Errorf("up %s made a cloud before it looked at the port", flag)
			}
		}
	})
	t.Run("its folder is given to a cloud", func(t *testing.T) {
		dir := t.TempDir()
		write("{", 0o600, dir, "data", "ports.json")
		refusesUp(t, upIn(dir), "ports.json")
		err := cloud.Run(t.Context(), cloud.Config{
			Data: filepath.Join(dir, "data"), MasterKey: filepath.Join(dir, "other.key"), Host: []string{"127.0.0.1"}, API: "127.0.0.1:0", Fabric: "127.0.0.1:0",
			Logger: slog.New(slog.DiscardHandler), Started: func(cloud.Started) { t.Error("it starts") },
		})
		if err == nil || !strings.Contains(err.Error(), "is that of a single office, this is a cloud") {
			t.Errorf("the cloud says %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "data", "cloud.db")); err == nil {
			t.Error("it made a database")
		}
	})
	t.Run("address of another machine", func(t *testing.T) {
		refusesUp(t, upIn(t.TempDir(), "--host", "192.0.2.1"), "192.0.2.1", "no such address")
		refusesUp(t, []string{"demo", "--host", "192.0.2.1"}, "192.0.2.1", "no such address")
	})
}

// TestUpForWrongFamilies gives up addresses of IPv6 that it cannot work with.
func TestUpForWrongFamilies(t *testing.T) {
	t.Parallel()
	for flags, words := range map[string]string{
		"--host6 2001:db8::1":    "--host6 2001:db8::1: this machine has no such address",
		"--host6 office":         "want an IP address of this machine, such as 2001:db8::10",
		"--host6 127.0.0.1":      "--host6 127.0.0.1: want an address of IPv6",
		"--host ::1 --host6 ::1": "--host ::1 is of IPv6 already",
	} {
		dir := t.TempDir()
		refusesUp(t, upIn(dir, strings.Fields(flags)...), words)
		if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
			t.Errorf("up %s made something before it looked at its settings", flags)
		}
	}
}

// TestUpPassesSettingsOn has the office's switch get what the command line says of it.
func TestUpPassesSettingsOn(t *testing.T) {
	t.Parallel()
	c := upCommand{Public: "192.0.2.1", Host6: "2001:db8::10", Services: switchnode.Services{
		STIR: switchnode.STIR{Key: "stir.key"}, Waiting: switchnode.Waiting{Language: "zh", Prompts: "prompts"},
	}}
	if got := c.office(); got.Public != c.Public || got.Host6 != c.Host6 || got.STIR.Key != c.STIR.Key || got.Waiting != c.Waiting || got.Name != "Office" || got.Code != "10" {
		t.Errorf("the office is %+v", got)
	}
}

// TestUpOfAnotherName has the flags of a first start told of that came too late.
func TestUpOfAnotherName(t *testing.T) {
	t.Parallel()
	code, name := "77", "Second"
	berlin := rest.Site{Name: "Berlin", Code: "10"}
	for want, c := range map[string]upCommand{
		"":          {},
		"--code 77": {Code: &code},
		"--code 77 and --name Second ignored: only a first start has it, and this office is Berlin, code 10; change it by strowger site set 10 --code \"77\" --name \"Second\"": {Code: &code, Name: &name},
	} {
		if got := c.ignored(berlin); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("it says %q, not %q", got, want)
		}
		if got := c.ignored(rest.Site{Name: name, Code: code}); got != "" {
			t.Errorf("of what it is it says %q", got)
		}
	}
}

// TestUpWithTakenPorts starts an office where every usual port is somebody else's: it takes free ones, and says which. No
// other test may begin an office meanwhile, so it does not run beside them.
func TestUpWithTakenPorts(t *testing.T) {
	take := func(c io.Closer, err error) {
		if err == nil { // else somebody has it already, or only root may
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	tcp := map[int]string{443: "API", 4222: "fabric", 5060: "phones", 5061: "phones over TLS", 9464: "metrics of the cloud", 9465: "metrics of the switch", 9466: "metrics of the bridge"}
	udp := map[int]string{5060: "phones", 7443: "other switches", 3478: "apps that ask where they are seen (STUN)", 443: "switches at the bridge"}
	take(net.Listen("tcp", ":8443")) // which is second to 443
	take(net.ListenPacket("udp", ":8443"))
	for port := range tcp {
		take(net.Listen("tcp", fmt.Sprint(":", port)))
	}
	for port := range udp {
		take(net.ListenPacket("udp", fmt.Sprint(":", port)))
	}
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var said, logged bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := Main(ctx, upIn(t.TempDir())[1:], in, &logged) // for people
		_ = in.Close()                                        // never fails
		ended <- code
	}()
	lines := bufio.NewScanner(io.TeeReader(out, &said))
	for lines.Scan() && !strings.Contains(lines.Text(), "user add") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // until it ends
	metrics := regexp.MustCompile(`http://[0-9.:]+/metrics`).FindAllString(said.String(), -1)
	for _, url := range metrics {
		resp, err := http.Get(url)
		if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
			t.Errorf("%s: %v %v", url, resp, err)
		}
	}
	if stop(); <-ended != config.OK || len(metrics) != 3 {
		t.Errorf("it says %s\n%s", said.String(), logged.String())
	}
	_, reached, _ := strings.Cut(said.String(), "is up.")
	for _, ports := range []map[int]string{tcp, udp} {
		for port, what := range ports {
			if !strings.Contains(said.String(), fmt.Sprintf("note: port %d for %s ", port, what)) || strings.Contains(reached, fmt.Sprintf(":%d ", port)) {
				t.Errorf("port %d for %s: it says %s", port, what, said.String())
			}
		}
	}
}
