package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// member is a NATS server in a process of its own.
type member struct {
	address, folder string
	cmd             *exec.Cmd
}

// members makes the configuration of NATS servers for an installation, as an operator does, and runs them until the test
// ends.
func members(t *testing.T, n int, cfg cloud.Config) []*member {
	t.Helper()
	for range n {
		cfg.NATS = append(cfg.NATS, freeServerAddress(t))
	}
	dir := t.TempDir()
	if err := cloud.WriteFabricConfig(t.Context(), cfg, dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	var all []*member
	for i, address := range cfg.NATS {
		m := &member{address: address, folder: filepath.Join(dir, fmt.Sprintf("nats-%d", i+1))}
		m.start(t)
		t.Cleanup(func() { m.kill(t) })
		all = append(all, m)
	}
	return all
}

func (m *member) start(t *testing.T) {
	t.Helper()
	program, err := exec.Command("go", "tool", "-n", "nats-server").Output() // builds it
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // read after Wait only
	m.cmd = exec.Command(strings.TrimSpace(string(program)), "-c", "nats-server.conf")
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = m.folder, &log, &log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		c, err := net.Dial("tcp", m.address)
		if err != nil {
			return err.Error()
		}
		_ = c.Close() // it was only to see that it listens
		return ""
	})
}

// kill ends the server as the kernel does when it is out of memory: without a word.
func (m *member) kill(t *testing.T) {
	t.Helper()
	if m.cmd.ProcessState != nil {
		return
	}
	if err := m.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = m.cmd.Wait() // says that it was killed
}

// freeServerAddress is a free port for clients, whose port for other servers, 2,000 above, is free too. It is below those
// that systems give to outgoing connections, for the server to find it free again after it was killed.
func freeServerAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		port := 20000 + mathrand.IntN(10000)
		clients, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		routes, err := net.Listen("tcp", fmt.Sprintf(":%d", port+2000))
		if err == nil {
			err = routes.Close()
		}
		if closed := clients.Close(); err == nil && closed == nil {
			return clients.Addr().String()
		}
	}
	t.Fatal("no free ports")
	return ""
}

// onServers starts a world on external servers.
func onServers(t *testing.T, cfg stack.Config) *world {
	t.Helper()
	roles := &logs{}
	cfg.Host, cfg.Organization = "127.0.0.1", "Scenario"
	cfg.Sites = []stack.Site{{Name: "Office 20", Code: "20"}, {Name: "Office 30", Code: "30"}}
	cfg.Logger = slog.New(slog.NewTextHandler(roles, nil))
	s, err := stack.Start(context.Background(), cfg)
	if err != nil {
		t.Fatalf("start two offices: %v\n%s", err, roles.since(0))
	}
	w := newWorld(cfg.Data, s)
	w.log = roles
	tell(t, w)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// database starts a PostgreSQL with a master key for what will be in it.
func database(t *testing.T, dir string) (dsn, key string) {
	t.Helper()
	s := &server{}
	t.Cleanup(s.stop)
	err := s.start()
	if errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	key = filepath.Join(dir, "master.key")
	if err := os.WriteFile(key, []byte("strowger-master-key-1 "+base64.RawStdEncoding.EncodeToString(random)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@/postgres?host=" + url.QueryEscape(s.dir), key
}

// another runs one more cloud instance until the test ends, and returns its API.
func another(t *testing.T, w *world, cfg cloud.Config) rest.Client {
	t.Helper()
	cfg.Host, cfg.API, cfg.Fabric = []string{"127.0.0.1"}, "127.0.0.1:0", "127.0.0.1:0"
	cfg.Logger = slog.New(slog.NewTextHandler(w.log, nil)).With("role", "another cloud")
	started, done := make(chan cloud.Started, 1), make(chan error, 1)
	cfg.Started = func(s cloud.Started) { started <- s }
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- cloud.Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case s := <-started:
		client := w.Client
		client.BaseURL = s.API
		return client
	case err := <-done:
		done <- nil
		t.Fatalf("another cloud instance: %v", err)
	}
	return rest.Client{}
}

// TestClusterOfServers runs two cloud instances over one PostgreSQL and three NATS servers: the switches and one instance
// are at the first two, the other instance is at the third.
func TestClusterOfServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, key := database(t, dir)
	cfg := cloud.Config{Data: dir, DB: db, MasterKey: key, API: ":0", Fabric: ":0", Logger: slog.New(slog.DiscardHandler)}
	servers := members(t, 3, cfg)
	front := []string{servers[0].address, servers[1].address}
	w := onServers(t, stack.Config{Data: dir, DB: db, MasterKey: key, NATS: front})
	cfg.NATS, cfg.Public = []string{servers[2].address}, front
	other := another(t, w, cfg)

	callBetween(t, w)
	ann, from := w.person(t, 0, "Ann", nil)
	cleo := callAnotherInstancesUser(t, w, from, other)
	losesAServer(t, w, servers[0], ann, from, cleo.number.Dial)
	w.checkLedger(t)
	foreignSubjects(t, w)
	revokedElsewhere(t, w, from, cleo.number.Dial, other)
}

// callAnotherInstancesUser adds a user at one instance, which a phone of the other office then calls: whichever instance
// admits that, and then the one that did not add the user, for the other is stopped.
func callAnotherInstancesUser(t *testing.T, w *world, from *phone.Phone, other rest.Client) subscriber {
	t.Helper()
	here := w.Client
	w.Client = other
	bob := answers(t, w, "Bob")
	w.Client = here
	saw(t, dialAndHangUp(t, from, bob.number.Dial), phone.Answered)

	// Now the other way: the stack's own instance adds, and is stopped at once.
	cleo := answers(t, w, "Cleo")
	w.StopCloud()
	saw(t, dialAndHangUp(t, from, cleo.number.Dial), phone.Answered)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		for _, u := range []rest.User{bob.user, cleo.user} {
			page, err := other.Calls().Page(soon(t), rest.Filter{"user": u.ID}, 1, "")
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) == 0 || page.Items[0].State != "ended" || page.Items[0].Offline {
				return fmt.Sprintf("the call of %s is not on record as admitted by the cloud: %+v", u.Name, page.Items)
			}
		}
		return ""
	})
	return cleo
}

// answers is a new subscriber of the second office whose phone answers every call.
func answers(t *testing.T, w *world, name string) subscriber {
	t.Helper()
	s, p := w.person(t, 1, name, func(c *phone.Config) { c.Policy, c.After = phone.Answer, 50*time.Millisecond })
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-p.Incoming(): // nobody wants to see it
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		watching.Wait()
	})
	return s
}

// dialAndHangUp makes a call, ends it when it is answered, and waits for its end.
func dialAndHangUp(t *testing.T, from *phone.Phone, number string) *phone.Call {
	t.Helper()
	c := dial(t, from, number)
	if _, err := c.Wait(soon(t), phone.Answered); err == nil {
		c.HangUp()
	}
	over(t, c)
	return c
}

// losesAServer kills a NATS server while calls are made. Some may fail; each is on record once, and they succeed again.
func losesAServer(t *testing.T, w *world, victim *member, caller subscriber, from *phone.Phone, number string) {
	t.Helper()
	count := func() (n int) {
		for _, err := range w.Client.Calls().All(soon(t), rest.Filter{"user": caller.user.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	until(t, func() string {
		if n := count(); n < 2 {
			return fmt.Sprintf("%d calls on record", n)
		}
		return ""
	})
	before, made := count(), 0
	for i := range 10 {
		if i == 3 {
			victim.kill(t)
		}
		dialAndHangUp(t, from, number)
		made++
	}
	w.settle(t)
	until(t, func() string {
		made++
		c := dialAndHangUp(t, from, number)
		if _, err := c.Wait(soon(t), phone.Answered); err != nil {
			return err.Error()
		}
		return ""
	})
	until(t, func() string {
		if n := count() - before; n != made {
			return fmt.Sprintf("%d calls on record, %d were made", n, made)
		}
		return ""
	})
}

// foreignSubjects tries with a switch's own certificate what is another's.
func foreignSubjects(t *testing.T, w *world) {
	t.Helper()
	id, err := enrol.Load(filepath.Join(w.folder(0), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	c := w.join(t, id)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{
		fabric.SubjectLease(id.Org, w.Offices[1].Switch.ID), fabric.SubjectCopy(id.Org, w.Offices[1].Site.ID),
		fabric.SubjectRegistry(id.Org), fabric.SubjectRevoke(id.Org), "$SYS.REQ.SERVER.PING.CONNZ",
	} {
		_, err := fabric.Request[fabric.CopyRequest, fabric.CopyReply](soon(t), c, subject, fabric.CopyRequest{})
		if errs.CodeOf(err) != errs.Forbidden {
			t.Errorf("a request on %s: %v, want forbidden", subject, err)
		}
	}
}

// revokedElsewhere revokes a switch through the instance that is at another server than the switch.
func revokedElsewhere(t *testing.T, w *world, from *phone.Phone, number string, other rest.Client) {
	t.Helper()
	gone := w.Offices[1].Switch
	id, err := enrol.Load(filepath.Join(w.folder(1), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	c := w.join(t, id)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := other.RevokeSwitch(soon(t), gone.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if s := c.Status(); s.Connected || !strings.Contains(w.log.since(0), "switch "+gone.ID+" is revoked") {
			return fmt.Sprintf("the revoked switch has status %+v, and was not refused", s)
		}
		return ""
	})
	until(t, func() string {
		if e := over(t, dial(t, from, number)); e.Code != 502 || !strings.Contains(e.Words, "revoked") {
			return fmt.Sprintf("a call to a phone of a revoked switch: %s", e)
		}
		return ""
	})
	if s := c.Status(); s.Connected {
		t.Error("the revoked switch came back")
	}
}

// TestServerComesBack kills the only NATS server. Calls inside an office go on; when it is back so are the switches.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "master.key")
	server := members(t, 1, cloud.Config{
		Data: filepath.Join(dir, "cloud"), MasterKey: key, API: ":0", Fabric: ":0", Logger: slog.New(slog.DiscardHandler),
	})[0]
	w := onServers(t, stack.Config{Data: dir, MasterKey: key, NATS: []string{server.address}})
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, near := w.person(t, 0, "Bob", says(2))
	cleo, far := w.person(t, 1, "Cleo", says(2))
	server.kill(t)
	talk(t, from, bob.number.Digits, near)
	server.start(t)
	w.settle(t)
	until(t, func() string {
		out, in := connect(t, from, cleo.number.Dial, far)
		hangUp(t, out, in)
		if c := w.record(t, ann.user, 2); c.Offline {
			return "the cloud did not admit the call"
		}
		return ""
	})
	w.checkLedger(t)
}
