//go:build peers

package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// pushPort is where an app takes its pushes, the same each time it runs, so that one that is late finds it.
const pushPort = 5555

// startBridge adds a bridge, enrols it and starts it. It also pushes to services on private addresses, as apps are here.
func (d *deployment) startBridge(t *testing.T, args ...string) {
	d.startBridgeAt(t, d.net.host(t), args...)
}

// startBridgeAt starts a bridge on a machine.
func (d *deployment) startBridgeAt(t *testing.T, machine host, args ...string) {
	t.Helper()
	node := create(t, d.api.Bridges(), rest.Bridge{Name: "push-" + machine.name})
	enrolment, err := d.api.BridgeCode(t.Context(), node.ID)
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, "--enroll", enrolment.Code, "--cloud", d.started.API, "--host", machine.addr.String(),
		"--data", t.TempDir(), "--contact", "mailto:admin@example.com", "--local-push", "--metrics", "", "--json")
	bridge := start(d.owner, machine, program("mobile-bridge"), args...)
	var s mobilebridge.Started
	if err := json.Unmarshal([]byte(bridge.firstLine(t)), &s); err != nil {
		t.Fatalf("first line of the bridge: %v", err)
	}
}

// app is a phone that sleeps: the program "strowger phone" on a machine of its own.
type app struct {
	*process // while it runs
	account
	host host
	dir  string
	next int // in its lines: what sees has not looked at
}

// happening is a line of what an app prints.
type happening struct {
	Event      string
	Call       string
	From       string
	Code       string
	Words      string
	Statistics *struct{ Received int64 }
	Video      *struct{ Sent, Shown int64 }
}

// app gives a user who has no other phone an app, and enrols it by its link.
func (d *deployment) app(t *testing.T, name, number string) *app {
	t.Helper()
	return d.appOn(t, d.net.host(t), name, number)
}

// appOn is app on a machine that is there already.
func (d *deployment) appOn(t *testing.T, machine host, name, number string) *app {
	t.Helper()
	user := create(t, d.api.Users(), rest.NewUser(name))
	return d.appOf(t, machine, user, create(t, d.api.Numbers(), rest.Number{Digits: number, User: user.ID}).Dial)
}

// appOf is an app of a user who is there already.
func (d *deployment) appOf(t *testing.T, machine host, user rest.User, dial string) *app {
	t.Helper()
	device := create(t, d.api.Devices(), rest.Device{User: user.ID, Kind: designation.Mobile, Name: user.Name + "'s app", Enabled: true})
	code, err := d.api.DeviceCode(t.Context(), device.ID)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{account: account{user: user, device: device.ID, dial: dial}, host: machine, dir: t.TempDir()}
	enrol := start(t, a.host, program("strowger"), "--data", a.dir, "phone", "enrol", code.Link)
	if err := enrol.wait(t); err != nil {
		t.Fatalf("enrol the app: %v", err)
	}
	return a
}

// run starts the app; it sleeps when this returns.
func (a *app) run(t *testing.T, answer string) {
	t.Helper()
	a.next = 0
	a.process = start(t, a.host, program("strowger"), "--data", a.dir, "--json", "phone", "run",
		"--asleep", "--answer", answer, "--push-listen", fmt.Sprintf("%s:%d", a.host.addr, pushPort))
	a.sees(t, "sleeping")
}

// runAwake starts the app; calls come to it over its channel when this returns.
func (a *app) runAwake(t *testing.T, d *deployment, answer string) {
	t.Helper()
	a.next = 0
	a.process = start(t, a.host, program("strowger"), "--data", a.dir, "--json", "phone", "run", "--answer", answer)
	a.sees(t, "awake")
	eventually(t, "the app has its channel", func() error {
		device, err := d.api.Devices().Get(t.Context(), a.device)
		if err == nil && !device.Awake {
			err = errors.New("it has none")
		}
		return err
	})
}

// sees waits for the next thing that happens to the app, which must be of a kind.
func (a *app) sees(t *testing.T, kind string) happening {
	t.Helper()
	h := a.looks(t, kind)
	if h.Event != kind {
		t.Fatalf("the app says %+v, want %s", h, kind)
	}
	return h
}

// looks waits for the next thing that happens to the app.
func (a *app) looks(t *testing.T, wanted string) (h happening) {
	t.Helper()
	eventually(t, "the app says "+wanted, func() error {
		a.mustRun(t)
		lines := strings.SplitAfter(a.stdout.String(), "\n")
		if a.next >= len(lines)-1 {
			return errors.New("nothing more")
		}
		if err := json.Unmarshal([]byte(lines[a.next]), &h); err != nil {
			t.Fatalf("the app printed %q: %v", lines[a.next], err)
		}
		return nil
	})
	a.next++
	return h
}

// wakes is what the ladder of a call says of wakes, in order.
func wakes(c rest.Call) string {
	var steps []string
	for _, e := range c.Ladder {
		if e.Kind == "wake" {
			steps = append(steps, e.Text)
		}
	}
	return strings.Join(steps, ", ")
}

// Answers to a caller, as phones write them down. Baresip takes the first two for ringing, as neither has audio.
const (
	wakingAnswer  = "SIP/2.0 183 "
	ringingAnswer = "SIP/2.0 180 "
	awayAnswer    = "SIP/2.0 480 "
)

// isTold waits until a phone that has made one call has been given answers in this order, and returns all that it wrote.
func (p *phone) isTold(t *testing.T, answers ...string) (all string) {
	t.Helper()
	eventually(t, p.control.name+" is answered", func() error {
		all = p.stdout.String()
		rest := all
		for _, answer := range answers {
			var found bool
			if _, rest, found = strings.Cut(rest, answer); !found {
				return fmt.Errorf("no %sin its place", answer)
			}
		}
		return nil
	})
	return all
}

// TestSleepingApp has a desk phone call a user who has nothing but an app that sleeps: a Web Push wakes it.
func TestSleepingApp(t *testing.T) {
	t.Parallel()
	d := deploy(t, 3, longRing)
	machine := d.net.host(t)
	pushes := startPushes(t, machine)
	d.startBridgeAt(t, machine, pushes.args...)
	t.Run("another maker's", func(t *testing.T) { testPushed(t, d, pushes) })
	app := d.app(t, "Eve", "70001")
	tone := filepath.Join(t.TempDir(), "tone.wav")
	if err := writeTone(tone, pcmu, high); err != nil {
		t.Fatal(err)
	}

	app.run(t, tone)
	for _, c := range []codec{pcmu, g722} {
		t.Run(c.record, func(t *testing.T) { testWoken(t, d, c, app, high) })
	}
	t.Run("no common codec", func(t *testing.T) { testForeignCodec(t, d, opus, app) })
	app.stop(t)
	t.Run("app away", func(t *testing.T) { testAppAway(t, d, app) })

	// Of the call that is over nothing rings now: what happens first is the next call.
	app.run(t, "echo")
	both := codec{pcmu.baresip + "," + g722.baresip, g722.record, g722.rate, g722.channels} // the wider one is taken
	for _, c := range []codec{both, opus} {
		t.Run("echo of "+c.record, func(t *testing.T) { testWoken(t, d, c, app, low) })
	}
	t.Run("another network in a call", func(t *testing.T) { testAppMoves(t, d, app) })
	app.stop(t)
}

// testWoken calls the app, which answers by itself, until the desk phone hears a tone from it: its own, or, from one that
// answers as an echo, what the desk phone sends.
func testWoken(t *testing.T, d *deployment, c codec, app *app, tone float64) {
	desk := d.x.phone(t, d.x.account(t), handset{codec: c, tone: low})
	desk.do(t, "dial", app.dial)
	woken := app.sees(t, "woken")
	if ringing := app.sees(t, "ringing"); ringing.From != desk.account.dial || ringing.Call != woken.Call {
		t.Errorf("the app was woken by %+v and shows %+v, want a call from %s", woken, ringing, desk.account.dial)
	}
	desk.await(t, "CALL_ESTABLISHED")
	desk.isTold(t, wakingAnswer, ringingAnswer)
	app.sees(t, "connected")
	desk.hears(t, tone)
	desk.do(t, "hangup", "")
	desk.await(t, "CALL_CLOSED")
	if ended := app.sees(t, "ended"); ended.Statistics == nil || ended.Statistics.Received < 25 {
		t.Errorf("the app ended with %+v, want half a second of audio at least", ended)
	}
	app.sees(t, "sleeping")

	r := d.conversation(t, desk.account, app.account, c.record, hungUpByCaller)
	if r.ID != woken.Call {
		t.Errorf("the app was woken for call %s, recorded is %s", woken.Call, r.ID)
	}
	steps := wakes(r)
	for _, want := range []string{"requested", "accepted by webpush", "connected"} {
		if !strings.Contains(steps, want) {
			t.Errorf("call %s: wake ledger %q lacks %q", r.ID, steps, want)
		}
	}
}

// testAppMoves has the app's machine lose its network in the call and get another: the call goes on there.
func testAppMoves(t *testing.T, d *deployment, app *app) {
	desk := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	desk.do(t, "dial", app.dial)
	app.sees(t, "woken")
	app.sees(t, "ringing")
	desk.await(t, "CALL_ESTABLISHED")
	app.sees(t, "connected")
	wire := listen(t, desk.host)
	wire.expectTone(t, low) // its own
	wire.begin()
	before := app.host.addr
	app.host = d.net.move(t, app.host)
	app.sees(t, "reconnecting")
	app.sees(t, "reconnected")
	wire.expectTone(t, low)
	t.Logf("from %s to %s: the longest gap in the audio is %v", before, app.host.addr, wire.longest())
	desk.do(t, "hangup", "")
	desk.await(t, "CALL_CLOSED")
	for h := app.looks(t, "ended"); h.Event != "ended"; h = app.looks(t, "ended") {
		if h.Event != "reconnecting" && h.Event != "reconnected" { // once for the address that went, once for the one that came
			t.Fatalf("the app says %+v, want ended", h)
		}
	}
	app.sees(t, "sleeping")
	d.conversation(t, desk.account, app.account, pcmu.record, hungUpByCaller)
}

// testForeignCodec has a phone call the app that speaks none of the app's codecs: it has no encoder of Opus.
func testForeignCodec(t *testing.T, d *deployment, c codec, app *app) {
	desk := d.x.phone(t, d.x.account(t), handset{codec: c, tone: low})
	desk.refused(t, app.dial, 488)
	app.sees(t, "woken")
	missed := app.sees(t, "missed")
	app.sees(t, "sleeping")
	r := d.record(t, desk.account, outcome{"no-common-codec", 488, "system"})
	if said := r.Cause.Words; !strings.Contains(said, "no common codec: the caller speaks opus/48000/2 telephone-event/48000, this phone G722/8000") || missed.Words != said {
		t.Errorf("the caller is told %q, the app's user %q", said, missed.Words)
	}
}

// testAppAway calls the app while it does not run, so that no push gets there: it does not ring, and the caller is told so
// after the last try.
func testAppAway(t *testing.T, d *deployment, app *app) {
	desk := d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	desk.refused(t, app.dial, 480)
	if strings.Contains(desk.isTold(t, wakingAnswer, awayAnswer), ringingAnswer) {
		t.Error("the caller was told that the app rings")
	}
	c := d.record(t, desk.account, outcome{"offline", 480, "system"})
	if !strings.Contains(c.Cause.Words, "cannot be woken: webpush says not reached") {
		t.Errorf("call %s: the caller is told %q", c.ID, c.Cause.Words)
	}
	if c.RingingAt != nil {
		t.Errorf("call %s rang at %v", c.ID, c.RingingAt)
	}
	steps := wakes(c)
	if strings.Count(steps, "requested") != 3 || !strings.Contains(steps, "refused by webpush") || strings.Contains(steps, "connected") {
		t.Errorf("call %s: wake ledger %q, want three tries", c.ID, steps)
	}
}
