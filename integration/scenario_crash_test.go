package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// childVar names the role that this program is to be, instead of running tests; its settings come on standard input.
const childVar = "STROWGER_SCENARIO_ROLE"

// settings are those of a role in a process of its own.
type settings struct {
	Data, Cloud, Enroll, API, Fabric, SIP, SIPS, Link string
}

// child runs a role until standard input ends, which it does when the test is gone, however it ended.
func child(role string) int {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = serve(role, line, in)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(role string, line []byte, in io.Reader) error {
	var s settings
	if err := json.Unmarshal(line, &s); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	tell := func(v any) {
		if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
			cancel()
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if role == "cloud" {
		return cloud.Run(ctx, cloud.Config{
			Data: s.Data, MasterKey: filepath.Join(s.Data, "master.key"), Host: []string{"127.0.0.1"}, API: s.API, Fabric: s.Fabric,
			Logger: log, Started: func(v cloud.Started) { tell(v) },
		})
	}
	return switchnode.Run(ctx, switchnode.Config{
		Data: s.Data, Cloud: s.Cloud, Enroll: s.Enroll, Host: "127.0.0.1", SIP: s.SIP, SIPS: s.SIPS, Link: s.Link, RTP: "0",
		Logger: log, Started: func(v switchnode.Started) { tell(v) },
	})
}

// process is a role in a process of its own.
type process struct {
	role string
	settings
	cmd *exec.Cmd
	in  io.Closer
}

// start runs the role and reads where it is reached.
func (p *process) start(t *testing.T, log io.Writer, started any) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), childVar+"="+p.role)
	p.cmd.Stderr = log
	in, errIn := p.cmd.StdinPipe()
	out, errOut := p.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, p.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p.in = in
	if err := json.NewEncoder(in).Encode(p.settings); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(started); err != nil {
		t.Fatalf("%s does not start: %v", p.role, err)
	}
}

// kill ends the role as the kernel does when it is out of memory: without a word.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = p.cmd.Wait() // says that it was killed
	_ = p.in.Close() // nobody reads it any more
}

// deployment is a cloud and two switches, each a process.
type deployment struct {
	*world
	cloud    process
	switches [2]process
	log      *logs
}

// deploy sets two offices up as an admin does.
func deploy(t *testing.T) *deployment {
	t.Helper()
	dir, ctx := t.TempDir(), soon(t)
	d := &deployment{log: &logs{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the roles logged:\n%s", d.log.since(0))
		}
	})
	d.cloud = process{role: "cloud", settings: settings{Data: filepath.Join(dir, "cloud"), API: port(t), Fabric: port(t)}}
	client := d.startCloud(t)
	t.Cleanup(func() { d.cloud.kill(t) })
	org, err := client.Organizations().Create(ctx, rest.NewOrganization("Scenario"))
	if err != nil {
		t.Fatal(err)
	}
	client.Organization = org.ID
	d.world = newWorld(dir, &stack.Stack{Client: client, Offices: make([]stack.Office, 2)})
	for i, code := range []string{"20", "30"} {
		site, err := client.Sites().Create(ctx, rest.Site{Name: "Office " + code, Code: code})
		if err != nil {
			t.Fatal(err)
		}
		sw, err := client.Switches().Create(ctx, rest.Switch{Name: "switch-" + code, Site: site.ID})
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.EnrolmentCode(ctx, sw.ID)
		if err != nil {
			t.Fatal(err)
		}
		d.Offices[i].Site, d.Offices[i].Switch = site, sw
		d.switches[i] = process{role: sw.Name, settings: settings{
			Data: filepath.Join(dir, sw.Name), Cloud: client.BaseURL, Enroll: c.Code, SIP: port(t), SIPS: port(t), Link: port(t),
		}}
		d.startSwitch(t, i)
		t.Cleanup(func() { d.switches[i].kill(t) })
	}
	return d
}

// port is an address that is free for UDP and TCP.
func port(t *testing.T) string {
	t.Helper()
	first := ports.take()
	for n := first; n < first+portsEach; n++ {
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

// startCloud starts the cloud; what it returns at first start is the admin's way to it.
func (d *deployment) startCloud(t *testing.T) rest.Client {
	t.Helper()
	var s cloud.Started
	d.cloud.start(t, d.log, &s)
	if s.APIKey == "" {
		return rest.Client{}
	}
	_, pin, err := enrol.ParseAPIKey(s.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	return rest.Client{BaseURL: s.API, Key: s.APIKey, HTTP: enrol.Trust{Pin: pin}.Client()}
}

func (d *deployment) startSwitch(t *testing.T, office int) {
	t.Helper()
	var s switchnode.Started
	d.switches[office].start(t, d.log, &s)
	d.Offices[office].Started = s
}

// crash kills one of the three and starts it again.
func (d *deployment) crash(t *testing.T, victim int) {
	t.Helper()
	if victim == len(d.switches) {
		d.cloud.kill(t)
		d.startCloud(t)
		return
	}
	d.switches[victim].kill(t)
	d.startSwitch(t, victim)
}

// crashes is how often something is killed.
const crashes = 10

// TestKill kills the cloud or a switch at random moments of calls. Afterwards every phone is still registered, every event
// that reached a disk is in the cloud once, and every call that is known is over, for a reason.
func TestKill(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ann, from := d.person(t, 0, "Ann", nil)
	answers := func(c *phone.Config) { c.Policy, c.After = phone.Answer, 100*time.Millisecond }
	near, nearPhone := d.person(t, 0, "Bob", answers)
	far, farPhone := d.person(t, 1, "Cleo", answers)
	for _, s := range []subscriber{ann, near, far} {
		d.registered(t, s, true) // the API knows what is on the switch's disk
	}
	numbers := []string{near.number.Digits, far.number.Dial}
	for range crashes {
		out := dial(t, from, numbers[random.IntN(len(numbers))])
		<-time.After(time.Duration(random.IntN(400)) * time.Millisecond)
		if random.IntN(2) == 0 {
			out.HangUp()
		}
		d.crash(t, random.IntN(len(d.switches)+1))
		out.HangUp()
		// Without a REGISTER since, the phones are known to their switches.
		for _, number := range numbers {
			until(t, func() string {
				again := dial(t, from, number)
				if _, err := again.Wait(soon(t), phone.Answered); err != nil {
					return err.Error()
				}
				again.HangUp()
				over(t, again)
				return ""
			})
		}
		drain(nearPhone)
		drain(farPhone)
	}
	d.checkLedger(t)
}

// drain forgets the calls that came in.
func drain(p *phone.Phone) {
	for {
		select {
		case <-p.Incoming():
		default:
			return
		}
	}
}

// checkLedger waits until every call is over and every spool is in the cloud without a gap, each event once.
func (w *world) checkLedger(t *testing.T) {
	t.Helper()
	ctx := soon(t)
	type spool struct{ node, id string }
	until(t, func() string {
		spools := map[spool]map[uint64]bool{}
		for c, err := range w.Client.Calls().All(ctx, nil) {
			if err == nil {
				c, err = w.Client.Calls().Get(ctx, c.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.State != "ended" || c.Cause == nil || c.Cause.Q850 == 0 || c.Cause.Code == "" || c.EndedBy == "" {
				return fmt.Sprintf("call %s is %s, by %q, cause %+v", c.ID, c.State, c.EndedBy, c.Cause)
			}
			for _, e := range c.Ladder {
				s := spool{e.Node, e.Spool}
				if spools[s] == nil {
					spools[s] = map[uint64]bool{}
				}
				if spools[s][e.Seq] {
					t.Fatalf("event %d of spool %s is there twice", e.Seq, e.Spool)
				}
				spools[s][e.Seq] = true
			}
		}
		for s, seen := range spools {
			for seq := range uint64(len(seen)) {
				if !seen[seq+1] {
					return fmt.Sprintf("event %d of spool %s of node %s is missing, of %d", seq+1, s.id, s.node, len(seen))
				}
			}
		}
		return ""
	})
}
