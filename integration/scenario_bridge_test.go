package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	mobilebridge "strowger/mobile-bridge"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/rest"
)

// bridgeAlone is how this test runs as a bridge, in a process of its own: its configuration as JSON.
const bridgeAlone = "STROWGER_TEST_BRIDGE"

// lone is what of a configuration such a bridge has.
type lone struct {
	Data, Enroll, Cloud, Host string
	Fabric                    []string
	Push                      mobilebridge.PushServices
}

// runBridge runs this process as a bridge. It says false if this process is none.
func runBridge() bool {
	var c lone
	text, ok := os.LookupEnv(bridgeAlone)
	if !ok {
		return false
	}
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = mobilebridge.Run(context.Background(), mobilebridge.Config{
			Data: c.Data, Enroll: c.Enroll, Cloud: c.Cloud, Host: c.Host, Fabric: c.Fabric, PushServices: c.Push,
			Relaying: mobilebridge.Relaying{STUN: "off"}, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Started: func(s mobilebridge.Started) { _ = s.Print(os.Stdout, true) },
		})
	}
	fmt.Fprintln(os.Stderr, err)
	return true
}

// bridgeProcess starts a bridge in a process of its own, which pushes by FCM.
func (w *world) bridgeProcess(t *testing.T) *process {
	t.Helper()
	b, err := w.Client.Bridges().Create(soon(t), rest.Bridge{Name: "victim"})
	if err != nil {
		t.Fatal(err)
	}
	code, err := w.Client.BridgeCode(soon(t), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := lone{Data: filepath.Join(t.TempDir(), "bridge"), Enroll: code.Code, Cloud: w.Cloud.API, Host: "127.0.0.1"}
	c.Push.FCMServer = w.pushes.fcm.Endpoint()
	account, err := w.pushes.fcm.File(t.TempDir())
	c.Push.FCM = []string{account}
	if len(w.ground.told) == 0 {
		c.Fabric = []string{w.Cloud.Fabric}
	}
	text, err2 := json.Marshal(c)
	p := &process{name: "a bridge", cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), bridgeAlone+"="+string(text))
	p.cmd.Stderr, p.cmd.SysProcAttr = w.log, withUs()
	var err3 error
	p.out, err3 = p.cmd.StdoutPipe()
	if err := errors.Join(err, err2, err3, p.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill(t) })
	var s mobilebridge.Started
	p.started(t, &s)
	return p
}

// TestBridgeDiesInAWake kills a bridge that has asked a push service and waits for its answer. The wake is the anchor's: it asks
// again, and another bridge wakes the app; if there is none, the caller hears why.
func TestBridgeDiesInAWake(t *testing.T) {
	t.Parallel()
	for name, another := range map[string]bool{"another bridge wakes": true, "there is no other": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := alone(t)
			ann, from := w.person(t, 0, "Ann", nil)
			eve, number := w.roamer(t, "Eve")
			app := w.app(t, eve, "fcm")
			victim := w.bridgeProcess(t)
			w.StopBridge(w.Bridge.Node)
			release, before := w.pushes.fcm.Hold(), w.pushes.fcm.Served()
			out := dial(t, from, number.Dial)
			until(t, func() string {
				if w.pushes.fcm.Served() == before {
					return "the push service is not asked"
				}
				return ""
			})
			victim.kill(t)
			release()
			if !another {
				e := over(t, out)
				if e.Code != 480 || !strings.Contains(e.Words, "cannot be woken: no bridge answers") {
					t.Errorf("the caller hears %d %q; the wake ledger: %q", e.Code, e.Words, wakes(w.record(t, ann.user, 1)))
				}
				steps := wakes(w.record(t, ann.user, 1))
				if slices.Contains(steps, "connected") || steps[0] != "requested" || !slices.Contains(steps, "refused") {
					t.Errorf("the wake ledger: %q", steps)
				}
				return
			}
			if _, err := w.StartBridge(w.Bridge.Node); err != nil {
				t.Fatal(err)
			}
			app.sees(t, sdk.Woken)
			app.sees(t, sdk.Ringing).Call.Answer(phone.NewVoice(nil))
			saw(t, out, phone.Answered)
			app.sees(t, sdk.Connected)
			out.HangUp()
			app.sees(t, sdk.Ended)
			over(t, out)
			steps := wakes(w.record(t, ann.user, 1))
			again := slices.Index(steps, "refused")
			if again < 0 || !slices.Contains(steps[again:], "requested") || !slices.Contains(steps[again:], "accepted by fcm") || !slices.Contains(steps, "connected") {
				t.Errorf("the wake ledger: %q", steps)
			}
		})
	}
}
