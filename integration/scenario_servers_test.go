package integration

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/integration/phone"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// another runs one more cloud instance until the test ends, and returns its API.
func another(t *testing.T, w *world, cfg cloud.Config) rest.Client {
	t.Helper()
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
	w := on(t, postgres, front)
	servers := w.ground.nats
	cfg := w.ground.cloud(w.dir)
	cfg.NATS, cfg.Public = []string{servers[2].address}, cfg.NATS
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
	admitted(t, other, from, bob)

	// Now the other way: the stack's own instance adds, and is stopped at once.
	cleo := answers(t, w, "Cleo")
	w.StopCloud()
	admitted(t, other, from, cleo)
	if err := w.StartCloud(); err != nil {
		t.Fatal(err)
	}
	return cleo
}

// admitted calls a subscriber until the record says that the cloud admitted it: a switch does without a cloud that a busy
// machine makes slow.
func admitted(t *testing.T, api rest.Client, from *phone.Phone, to subscriber) {
	t.Helper()
	calls := 0
	until(t, func() string {
		saw(t, dialAndHangUp(t, from, to.number.Dial), phone.Answered)
		calls++
		var latest rest.Call
		until(t, func() string {
			page, err := api.Calls().Page(soon(t), rest.Filter{"user": to.user.ID}, calls, "")
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) < calls || page.Items[0].State != "ended" {
				return fmt.Sprintf("of %d calls of %s on record are %+v", calls, to.user.Name, page.Items)
			}
			latest = page.Items[0]
			return ""
		})
		if latest.Offline {
			return "the cloud did not admit a call of " + to.user.Name
		}
		return ""
	})
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

// stop kills a NATS server.
func stop(t *testing.T, m *member) {
	t.Helper()
	if err := m.kill(); err != nil {
		t.Fatal(err)
	}
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
			stop(t, victim)
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
	w := on(t, sqlite, server)
	server := w.ground.nats[0]
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, near := w.person(t, 0, "Bob", says(2))
	cleo, far := w.person(t, 1, "Cleo", says(2))
	stop(t, server)
	talk(t, from, bob.number.Digits, near)
	if err := server.start(soon(t)); err != nil {
		t.Fatal(err)
	}
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
