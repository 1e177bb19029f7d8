package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/config"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestPhone enrols a phone on the command line by the link of its device, and has it sleep where the cloud knows to wake it.
func TestPhone(t *testing.T) {
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("user", "add", "Anna")
	var device rest.Device
	if err := json.Unmarshal([]byte(s.ok("--json", "device", "add", "--user", "Anna", "--name", "mobile", "--kind", "mobile")), &device); err != nil {
		t.Fatal(err)
	}
	account := account{Cloud: s.cloud.API, Key: s.cloud.APIKey}
	client, err := account.client()
	if err != nil {
		t.Fatal(err)
	}
	code, err := client.DeviceCode(t.Context(), device.ID)
	if err != nil {
		t.Fatal(err)
	}
	if said := s.refused("phone", "run", "--answer", "echo"); !strings.Contains(said, "strowger phone enrol LINK") {
		t.Errorf("a phone that is none says %q", said)
	}
	if said := s.refused("phone", "enrol", "strowger://enrol?code=x"); !strings.Contains(said, "copy it whole") {
		t.Errorf("half a link: %q", said)
	}
	for _, want := range []string{"This is mobile (Anna) now", "It was mobile (Anna) until now"} {
		if said := s.ok("phone", "enrol", code.Link); !strings.Contains(said, want) || !strings.Contains(said, "strowger --data "+s.data+" phone run") {
			t.Errorf("enrolled as %q, want %q", said, want)
		}
	}
	away := enrol.Link(code.Code, "https://127.0.0.1:1") // where nobody listens
	if said := s.refused("phone", "enrol", away); !strings.Contains(said, "is the cloud running") {
		t.Errorf("enrolled by a cloud that is down: %q", said)
	}
	if said := s.refused("phone", "run", "--push-listen", "foo"); !strings.Contains(said, `--push-listen "foo"`) {
		t.Errorf("pushes at no address: %q", said)
	}
	if said := s.refused("phone", "run", "--answer", "loudly"); !strings.Contains(said, "a WAV file") {
		t.Errorf("to answer loudly: %q", said)
	}
	if info, err := os.Stat(filepath.Join(s.data, "phone", "keys.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys of the phone: %v, %v", info, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	var complaints bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"--data", s.data, "--json", "phone", "run", "--asleep", "--answer", "echo"}, w, &complaints)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	var first happening
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &first) != nil || first.Event != "sleeping" || !strings.Contains(first.Words, "http://127.0.0.1:") {
		t.Errorf("the phone says %q first", lines.Text())
	}
	if device, err = client.Devices().Get(t.Context(), device.ID); err != nil || !device.Reachable || len(device.Push) != 1 {
		t.Errorf("the cloud knows %+v, %v", device, err)
	}
	if said := s.refused("phone", "run"); !strings.Contains(said, "another strowger phone command") {
		t.Errorf("two phones in one folder: %q", said)
	}
	stop()
	for lines.Scan() {
		t.Errorf("the phone says %q", lines.Text())
	}
	if code := <-ended; code != config.OK || complaints.Len() > 0 {
		t.Errorf("the phone ended with %d: %s", code, complaints.String())
	}
	if err := os.WriteFile(filepath.Join(s.data, "phone", "identity.json"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := s.refused("phone", "run"); !strings.Contains(said, filepath.Join(s.data, "phone")) || !strings.Contains(said, "enrol by a new link") {
		t.Errorf("a damaged phone: %q", said)
	}
}

// TestPhoneAsksAgain: a phone without a channel hears from the cloud that it is not wanted any more; a cloud that is away
// does not end it.
func TestPhoneAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handset{refused: make(chan error, 1)}
		answers := []error{nil, errs.New(errs.CloudAway, "away"), errs.New(errs.Revoked, "device phone was removed")}
		asked := 0
		h.askAgain(t.Context(), func() error { asked++; return answers[asked-1] }, time.NewTicker(refreshEvery))
		if err := <-h.refused; asked != len(answers) || errs.CodeOf(err) != errs.Revoked || !strings.Contains(err.Error(), "was removed") {
			t.Errorf("asked %d times, and ends with %v", asked, err)
		}
	})
}

// TestPhoneIsCalled: a desk phone calls a phone on the command line, which is awake, or sleeps and is woken by a real Web Push; it
// answers, and the caller hears its own voice come back.
func TestPhoneIsCalled(t *testing.T) {
	dir := t.TempDir()
	s, err := stack.Start(context.Background(), stack.Config{
		Data: filepath.Join(dir, "data"), MasterKey: filepath.Join(dir, "master.key"), Host: "127.0.0.1", Organization: "Acme",
		Sites: []stack.Site{{Name: "Office", Code: "20"}}, Logger: slog.New(slog.DiscardHandler),
		Push: mobilebridge.PushServices{Contact: "mailto:admin@example.com", LocalPush: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	eve, err := s.Client.Users().Create(ctx, rest.NewUser("Eve"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.Numbers().Create(ctx, rest.Number{Digits: "7001", User: eve.ID}); err != nil {
		t.Fatal(err)
	}
	busy := rest.NewUser("Dora")
	busy.DND, busy.DNDWords = true, "in a meeting"
	if busy, err = s.Client.Users().Create(ctx, busy); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.Numbers().Create(ctx, rest.Number{Digits: "7002", User: busy.ID}); err != nil {
		t.Fatal(err)
	}
	device, err := s.Client.Devices().Create(ctx, rest.Device{User: eve.ID, Name: "laptop", Kind: designation.Mobile, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	code, err := s.Client.DeviceCode(ctx, device.ID)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	if Main(ctx, []string{"--data", dir, "phone", "enrol", code.Link}, &out, &complaints) != config.OK {
		t.Fatal(complaints.String())
	}
	var running sync.WaitGroup
	defer running.Wait()
	desk, unplug := context.WithCancel(ctx)
	defer unplug()
	d := &demo{env: &env{out: io.Discard}, stack: s}
	caller, err := d.phone(desk, &running, 0, "Bob", "caller", "1001", phone.Ring)
	if err != nil {
		t.Fatal(err)
	}
	state := func() string {
		d, err := s.Client.Devices().Get(ctx, device.ID)
		if err != nil {
			t.Fatal(err)
		}
		return reachability(d)
	}
	becomes := func(want string) {
		t.Helper()
		for tick := time.NewTicker(20 * time.Millisecond); state() != want; <-tick.C { // as the bridge tells the cloud
			if ctx.Err() != nil {
				t.Fatalf("the phone is %q, want %q", state(), want)
			}
		}
	}
	rings(ctx, t, dir, caller, "awake", func() { becomes("awake") })
	rings(ctx, t, dir, caller, "sleeping", func() {}, "--asleep")
	allOver(ctx, t, s.Client, 4) // else to call back is to call each other at once
	phoneCalls(ctx, t, s, dir, caller)
	phoneIsStopped(ctx, t, s, dir, caller)
	phoneKeepsPlace(ctx, t, d, dir, caller, func(name, digits string) error {
		_, err := d.phone(desk, &running, 0, name, "callee", digits, phone.Answer)
		return err
	})
	becomes("asleep, push wakes it") // who closes says so
	enabled := func(on bool) {
		t.Helper()
		if _, err := s.Client.Devices().Update(ctx, device.ID, 0, map[string]any{"enabled": on}); err != nil {
			t.Fatal(err)
		}
	}
	isTurnedAway(ctx, t, dir, "device laptop is disabled: an administrator", func() {
		becomes("awake")
		enabled(false)
		becomes("no: disabled")
	})
	isTurnedAway(ctx, t, dir, "device laptop is disabled: an administrator", nil)
	enabled(true)
	isTurnedAway(ctx, t, dir, "device "+device.ID+" was removed", func() {
		becomes("awake")
		if err := s.Client.Devices().Delete(ctx, device.ID, 0); err != nil {
			t.Fatal(err)
		}
	})
}

// allOver waits until the cloud has heard of the end of n calls.
func allOver(ctx context.Context, t *testing.T, c rest.Client, n int) {
	t.Helper()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		page, err := c.Calls().Page(ctx, nil, rest.MaxPage, "")
		if err != nil {
			t.Fatal(err)
		}
		over := 0
		for _, call := range page.Items {
			if call.EndedAt != nil {
				over++
			}
		}
		if over == n {
			return
		}
	}
}

// isTurnedAway runs the phone in dir until its organization does not want it: it ends with the one reason for that. Without a
// change it is not wanted from the beginning.
func isTurnedAway(ctx context.Context, t *testing.T, dir, why string, change func()) {
	t.Helper()
	r, w := io.Pipe()
	var complaints bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"--data", dir, "phone", "run", "--answer", "no"}, w, &complaints)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	if change != nil {
		if !lines.Scan() {
			t.Fatal(complaints.String())
		}
		change()
	}
	for lines.Scan() {
		t.Errorf("the phone says %q", lines.Text())
	}
	if code := <-ended; code == config.OK || strings.Count(complaints.String(), why) != 1 || strings.Count(complaints.String(), "\n") != 1 {
		t.Errorf("the phone ended with %d: %q, want one line with %q", code, complaints.String(), why)
	}
}

// rings runs the phone in dir and has it called, when it is ready.
func rings(ctx context.Context, t *testing.T, dir string, caller *phone.Phone, waits string, ready func(), args ...string) {
	t.Helper()
	r, w := io.Pipe()
	var complaints bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, append([]string{"--data", dir, "--json", "phone", "run", "--answer", "echo", "--once"}, args...), w, &complaints)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	next := func(event string) (h happening) {
		t.Helper()
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil || h.Event != event {
			t.Fatalf("the phone says %q, want %s; %s", lines.Text(), event, complaints.String())
		}
		return h
	}
	next(waits)
	ready()

	call, err := caller.Dial(ctx, "7001")
	if err != nil {
		t.Fatal(err)
	}
	if h := next("woken"); h.FromName != "Bob" || h.From != "201001" {
		t.Errorf("woken by %+v", h)
	}
	next("ringing")
	next("connected")
	if _, err := call.Wait(ctx, phone.Answered); err != nil {
		t.Fatal(err)
	}
	said, err := speech("caller")
	if err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C { // until its voice came back
		if heard := phone.Compare(said, call.Heard()); heard.Score > similar {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the caller does not hear itself")
		}
	}
	second, err := caller.Dial(ctx, "7001") // it has one line
	if err != nil {
		t.Fatal(err)
	}
	next("woken")
	if h := next("missed"); h.Code != string(errs.Busy) {
		t.Errorf("the second call: %+v", h)
	}
	if e, err := second.Wait(ctx, phone.Ended); err != nil || e.Code != 486 {
		t.Errorf("a second caller hears %d %q, %v", e.Code, e.Words, err)
	}
	call.HangUp()
	if h := next("ended"); h.Statistics == nil || h.Statistics.Received == 0 {
		t.Errorf("ended with %+v", h)
	}
	next(waits)
	if code := <-ended; code != config.OK || complaints.Len() > 0 {
		t.Errorf("the phone ended with %d: %s", code, complaints.String())
	}
}

// phoneCalls has the phone of a folder call a number that nobody has, somebody who is not to be disturbed, and then a desk phone.
func phoneCalls(ctx context.Context, t *testing.T, s *stack.Stack, dir string, desk *phone.Phone) {
	t.Helper()
	var complaints bytes.Buffer
	if Main(ctx, []string{"--data", dir, "phone", "call", "999"}, io.Discard, &complaints) == config.OK || !strings.Contains(complaints.String(), "nobody has the number") {
		t.Errorf("a number that nobody has: %q", complaints.String())
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C { // until the cloud has written it
		p, err := s.Client.Calls().Page(ctx, rest.Filter{"number": "999"}, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) == 1 {
			if c := p.Items[0]; c.From.Name != "Eve" || c.State != "ended" || c.Cause.Code != "unknown-number" {
				t.Errorf("recorded %+v", c)
			}
			break
		}
	}
	complaints.Reset()
	if Main(ctx, []string{"--data", dir, "phone", "call", "7002"}, io.Discard, &complaints) == config.OK || complaints.String() != "strowger: do not disturb: in a meeting\n" {
		t.Errorf("somebody who is not to be disturbed: %q", complaints.String())
	}
	complaints.Reset()
	ended := make(chan int, 1)
	r, w := io.Pipe()
	go func() {
		ended <- Main(ctx, []string{"--data", dir, "--json", "phone", "call", "201001"}, w, &complaints)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	next := func(event string) (h happening) {
		t.Helper()
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil || h.Event != event {
			t.Fatalf("the phone says %q, want %s; %s", lines.Text(), event, complaints.String())
		}
		return h
	}
	if h := next("trying"); h.To != "201001" || h.From != "" {
		t.Errorf("calls %+v", h)
	}
	in := <-desk.Incoming()
	next("ringing")
	in.Answer()
	next("connected")
	for tick := time.NewTicker(20 * time.Millisecond); len(in.Heard()) == 0; <-tick.C { // it sends although nobody says anything
		if ctx.Err() != nil {
			t.Fatal("the phone sends nothing")
		}
	}
	in.HangUp()
	if h := next("ended"); h.Statistics == nil || h.Statistics.Sent == 0 {
		t.Errorf("ended with %+v", h)
	}
	if code := <-ended; code != config.OK || complaints.Len() > 0 {
		t.Errorf("the phone ended with %d: %s", code, complaints.String())
	}
}

// phoneIsStopped has the phone of a folder call and be interrupted: before the answer that takes the call back, after it it hangs up.
func phoneIsStopped(ctx context.Context, t *testing.T, s *stack.Stack, dir string, desk *phone.Phone) {
	t.Helper()
	for _, until := range []string{"ringing", "connected"} {
		run, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan int, 1)
		r, w := io.Pipe()
		go func() {
			ended <- Main(run, []string{"--data", dir, "--json", "phone", "call", "201001"}, w, io.Discard)
			w.Close()
		}()
		var last happening
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
				t.Fatal(err)
			}
			if last.Event == "ringing" && until == "connected" {
				(<-desk.Incoming()).Answer()
			}
			if last.Event == until {
				stop()
			}
		}
		if until == "ringing" {
			<-desk.Incoming()
		}
		if code := <-ended; (code == config.OK) != (until == "connected") {
			t.Errorf("stopped when %s: exit code %d", until, code)
		}
		want := map[string]string{"ringing": "caller-left", "connected": "normal"}[until]
		for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C { // until the switch has told the cloud
			c, err := s.Client.Calls().Get(ctx, last.Call)
			if err == nil && c.State == "ended" {
				if c.EndedBy != "caller" || c.Cause.Code != want || c.Cause.Q850 != 16 {
					t.Errorf("stopped when %s: ended by %s, %+v", until, c.EndedBy, c.Cause)
				}
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("the record of the call: %+v, %v", c, err)
			}
		}
	}
}

// phoneKeepsPlace has the phone of a folder call who is on the phone, and hang up to be called back; an administrator empties the queue.
func phoneKeepsPlace(ctx context.Context, t *testing.T, d *demo, dir string, desk *phone.Phone, person func(name, digits string) error) {
	t.Helper()
	admin := &env{ctx: ctx, out: io.Discard, client: d.stack.Client, now: time.Now}
	length := 2
	if err := (&userQueue{User: "Bob", Length: &length}).Run(admin); err != nil {
		t.Fatal(err)
	}
	if err := person("Cid", "1003"); err != nil { // then the switch knows of the queue, too
		t.Fatal(err)
	}
	talk, err := desk.Dial(ctx, "201003")
	if err == nil {
		_, err = talk.Wait(ctx, phone.Answered)
	}
	if err != nil {
		t.Fatal(err)
	}
	var said, complaints bytes.Buffer
	if code := Main(ctx, []string{"--data", dir, "phone", "call", "--keep-place", "201001"}, &said, &complaints); code != config.OK {
		t.Errorf("to keep the place: exit code %d, %s%s", code, said.String(), complaints.String())
	}
	var left rest.Queues
	for tick := time.NewTicker(20 * time.Millisecond); len(left.Items) != 1 || !left.Items[0].Away; <-tick.C {
		if left, err = d.stack.Client.Queues(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&queueRemove{Call: left.Items[0].Call, All: true}).Run(admin); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("one call and all: %v", err)
	}
	for _, want := range []string{"Taken out: 1.\n", "Taken out: 0.\n"} {
		said.Reset()
		admin.out = &said
		if err := (&queueRemove{All: true, callee: callee{User: "Bob"}}).Run(admin); err != nil || said.String() != want {
			t.Errorf("the queue is emptied: %q, %v, want %q", said.String(), err, want)
		}
	}
	talk.HangUp()
	<-talk.Done()
}
