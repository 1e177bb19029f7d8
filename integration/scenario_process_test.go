package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/integration/stack"
	"strowger/pkg/enrol"
	"strowger/pkg/postgrestest"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// programs is the programs of the roles, built once for this process; TestMain removes them.
var programs struct {
	once sync.Once
	dir  string
	err  error
}

// program returns the path of a role's program.
func program(t *testing.T, name string) string {
	t.Helper()
	programs.once.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "strowger-programs-"); programs.err != nil {
			return
		}
		build := exec.Command("go", "build", "-ldflags=-w", "-o", programs.dir, "./cloud/cmd/cloud", "./switchnode/cmd/switchnode")
		build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			programs.err = fmt.Errorf("build the programs: %w\n%s", err, out)
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return filepath.Join(programs.dir, name)
}

// process is a role in a process of its own, which dies with this one.
type process struct {
	name  string // of its program
	args  []string
	files int // that it may have open; 0: as many as we may
	cmd   *exec.Cmd
	out   io.ReadCloser
}

// launch runs the role without waiting for it.
func (p *process) launch(t *testing.T, dir string, log io.Writer, args ...string) {
	t.Helper()
	p.cmd = exec.Command(program(t, p.name), append(args, p.args...)...)
	if p.files > 0 {
		p.cmd = exec.Command("sh", append([]string{"-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(p.files)}, p.cmd.Args...)...)
	}
	p.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir) // no configuration of this machine
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = withUs()
	var err error
	if p.out, err = p.cmd.StdoutPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// started reads where the role is reached, when it serves.
func (p *process) started(t *testing.T, v any) {
	t.Helper()
	if err := json.NewDecoder(p.out).Decode(v); err != nil {
		p.kill(t) // all that it said is in the log then
		t.Fatalf("%s does not start: %v", p.name, err)
	}
}

// fails runs a role that cannot start: it ends with exit code 1 and says why.
func (p *process) fails(t *testing.T, dir string, words ...string) {
	t.Helper()
	said := &logs{}
	p.launch(t, dir, said)
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() }) // one that starts after all
	defer late.Stop()
	_, _ = io.Copy(io.Discard, p.out) // until it ends
	_ = p.cmd.Wait()                  // says its exit code
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("%s ended with exit code %d, want 1", p.name, code)
	}
	for _, w := range words {
		if !strings.Contains(said.since(0), w) {
			t.Errorf("%s says %s, not %q", p.name, said.since(0), w)
		}
	}
}

// kill ends the role as the kernel does when it is out of memory: without a word.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = p.cmd.Wait() // says that it was killed
}

// stop ends the role as a service manager does, and waits until it is over.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s was told to stop, and ended with %v", p.name, err)
	}
}

// deployment is a cloud and two switches, each a process, and what they stand on.
type deployment struct {
	*world
	cloud    process
	switches [2]process
	metrics  [2]string            // addresses of the switches' figures
	watch    string               // address of the cloud's
	postgres *postgrestest.Server // nil with SQLite
}

// deploy sets two offices up as an admin does. A PostgreSQL is one of its own.
func deploy(t *testing.T, store, fabric string) *deployment {
	t.Helper()
	program(t, "cloud") // is built before the clock runs
	dir, ctx := t.TempDir(), soon(t)
	d := &deployment{watch: port(t)}
	if store == postgres {
		server, err := postgrestest.New()
		installed(t, err)
		t.Cleanup(func() {
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		})
		d.postgres = server
	}
	g, err := lay(ctx, dir, d.postgres, fabric)
	installed(t, err)
	t.Cleanup(func() {
		if err := g.clear(); err != nil {
			t.Error(err)
		}
	})
	d.world = newWorld(dir, &stack.Stack{Offices: make([]stack.Office, 2)})
	d.ground = g
	tell(t, d.world)
	d.cloud = process{name: "cloud", args: []string{
		"--data", filepath.Join(dir, "cloud"), "--master-key-file", g.key, "--host", "127.0.0.1", "--api", port(t), "--fabric", port(t),
		"--metrics", d.watch, "--json",
	}}
	if g.db != "" {
		d.cloud.args = append(d.cloud.args, "--db", g.db)
	}
	if len(g.told) > 0 {
		d.cloud.args = append(d.cloud.args, "--nats", strings.Join(g.told, ","))
	}
	d.cloud.launch(t, dir, d.log)
	t.Cleanup(func() { d.cloud.kill(t) })
	var s cloud.Started
	d.cloud.started(t, &s)
	_, pin, err := enrol.ParseAPIKey(s.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	d.Client = rest.Client{BaseURL: s.API, Key: s.APIKey, HTTP: enrol.Trust{Pin: pin}.Client()}
	org, err := d.Client.Organizations().Create(ctx, rest.NewOrganization("Scenario"))
	if err != nil {
		t.Fatal(err)
	}
	d.Client.Organization = org.ID
	for i, code := range []string{"20", "30"} {
		d.equip(t, i, code)
	}
	return d
}

// equip makes an office and starts its switch.
func (d *deployment) equip(t *testing.T, office int, code string) {
	t.Helper()
	ctx := soon(t)
	site, err := d.Client.Sites().Create(ctx, rest.Site{Name: "Office " + code, Code: code})
	if err != nil {
		t.Fatal(err)
	}
	sw, err := d.Client.Switches().Create(ctx, rest.Switch{Name: "switch-" + code, Site: site.ID})
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Client.EnrolmentCode(ctx, sw.ID)
	if err != nil {
		t.Fatal(err)
	}
	d.Offices[office].Site, d.Offices[office].Switch, d.metrics[office] = site, sw, port(t)
	d.switches[office] = process{name: "switchnode", args: []string{
		"--data", d.folder(office), "--host", "127.0.0.1", "--sip", port(t), "--sips", port(t), "--link", port(t), "--webrtc", port(t), "--rtp", "0",
		"--metrics", d.metrics[office], "--json",
	}}
	d.switches[office].launch(t, d.dir, d.log, "--cloud", d.Client.BaseURL, "--enroll", c.Code)
	t.Cleanup(func() { d.switches[office].kill(t) })
	d.switchStarted(t, office)
}

func (d *deployment) switchStarted(t *testing.T, office int) {
	t.Helper()
	var s switchnode.Started
	d.switches[office].started(t, &s)
	d.Offices[office].Started = s
}

// figure reads one of a switch's own figures.
func (d *deployment) figure(t *testing.T, office int, name string) float64 {
	t.Helper()
	v, ok := figures(t, d.metrics[office])[name]
	if !ok {
		t.Fatalf("the switch of office %d has no figure %q", office, name)
	}
	return v
}

// figures reads all figures of a node.
func figures(t *testing.T, at string) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil { // others are comments
			all[strings.TrimPrefix(name, "strowger_")] = v
		}
	}
	return all
}

// logged waits until a role has said something.
func (d *deployment) logged(t *testing.T, words string) {
	t.Helper()
	until(t, func() string {
		if !strings.Contains(d.log.since(0), words) {
			return "nobody says " + words
		}
		return ""
	})
}

// port is an address that is free for UDP and TCP.
func port(t *testing.T) string {
	t.Helper()
	for range portsEach {
		n, err := ports.take(1)
		if err != nil {
			t.Fatal(err)
		}
		at := fmt.Sprint("127.0.0.1:", n)
		tcp, err := net.Listen("tcp", at)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", at)
		if err == nil {
			err = udp.Close()
		}
		if errors.Join(err, tcp.Close()) == nil {
			return at
		}
	}
	t.Fatal("no free port")
	return ""
}
