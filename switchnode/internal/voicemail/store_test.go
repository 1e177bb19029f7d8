package voicemail

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rtp/g722"
)

// shelf is a store and what it is told.
type shelf struct {
	*Store
	dir  string
	now  time.Time
	told []string
}

func open(t *testing.T, dir string, edit func(*Config)) *shelf {
	t.Helper()
	s := &shelf{dir: dir, now: time.Unix(1_800_000_000, 0)}
	cfg := Config{Dir: dir, Now: func() time.Time { return s.now }, Logger: slog.New(slog.DiscardHandler), Changed: func(u string) { s.told = append(s.told, u) }}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if s.Store, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// tone is speech.
func tone(hz float64, n int) []int16 {
	all := make([]int16, n)
	for i := range all {
		all[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return all
}

func (s *shelf) leave(from string, samples int) (Message, error) {
	r, err := s.Record(bell, Envelope{From: designation.Party{Number: from, Name: "Anna of Berlin"}, At: s.now})
	if err != nil {
		return Message{}, err
	}
	for _, v := range [][]int16{tone(440, samples/2), tone(440, samples-samples/2)} {
		if err := r.Write(v); err != nil {
			return r.salvage(err)
		}
	}
	return r.Keep(samples)
}

func (s *shelf) hear(t *testing.T, id string) []int16 {
	t.Helper()
	a, err := s.Listen(bell, id)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var all []int16
	for d := g722.NewDecoder(); ; {
		b, err := a.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = d.Decode(all, b)
	}
}

func (s *shelf) greet(t *testing.T, hz float64) {
	t.Helper()
	r, err := s.Record(bell, Envelope{Greeting: greetingOwn, At: s.now})
	if err = errors.Join(err, r.Write(tone(hz, Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Keep(Second); err != nil {
		t.Fatal(err)
	}
}

// loud says how much of a frequency is in samples, 0 to 1.
func loud(samples []int16, hz float64) float64 {
	var re, im, all float64
	for i, v := range samples {
		a := 2 * math.Pi * hz * float64(i) / Rate
		re, im, all = re+float64(v)*math.Cos(a), im+float64(v)*math.Sin(a), all+float64(v)*float64(v)
	}
	return 2 * (re*re + im*im) / (all*float64(len(samples)) + 1)
}

var bell, anna = ident.New(ident.User), ident.New(ident.User)

func TestMessageIsKeptSealed(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	m, err := s.leave("201001", 3*Second+500)
	if err != nil {
		t.Fatal(err)
	}
	check := func(s *shelf) {
		t.Helper()
		all, err := s.List(bell)
		if err != nil || len(all) != 1 || all[0].From.Name != "Anna of Berlin" || all[0].Length() != 3*time.Second+31250*time.Microsecond {
			t.Fatalf("%+v, %v", all, err)
		}
		if got := s.hear(t, m.ID); len(got) != 3*Second+500 || loud(got, 440) < 0.8 {
			t.Errorf("%d samples, 440 Hz at %.2f", len(got), loud(got, 440))
		}
		if fresh, old := s.Summary(bell); fresh != 1 || old != 0 {
			t.Errorf("%d new, %d old", fresh, old)
		}
	}
	check(s)
	check(open(t, s.dir, nil))
	speech := g722.NewEncoder().Encode(nil, tone(440, Second))[100:200]
	err = filepath.WalkDir(s.dir, func(at string, e os.DirEntry, err error) error {
		if e.IsDir() {
			return err
		}
		b, err := os.ReadFile(at)
		info, _ := e.Info()
		if info.Mode().Perm() != 0o600 || bytes.Contains(b, []byte("Anna")) || bytes.Contains(b, []byte("201001")) || bytes.Contains(b, speech) {
			t.Errorf("%s (mode %v) tells who calls or what they say", at, info.Mode())
		}
		return err
	})
	if err != nil || len(s.told) != 1 {
		t.Error(err, s.told)
	}
}

func TestHeardDeletedAndBroughtBack(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	one, _ := s.leave("1", Second)
	two, err := s.leave("2", Second)
	if err = errors.Join(err, s.Mark(bell, one.ID, true), s.Delete(bell, two.ID)); err != nil {
		t.Fatal(err)
	}
	if fresh, old := s.Summary(bell); fresh != 0 || old != 1 {
		t.Errorf("%d new, %d old", fresh, old)
	}
	if err := errors.Join(s.Undelete(bell, two.ID), s.Delete(bell, one.ID), s.Purge(bell)); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.List(bell); len(all) != 1 || all[0].ID != two.ID {
		t.Errorf("%+v", all)
	}
	if left := files(t, s.dir, whole); len(left) != 1 || !strings.HasPrefix(left[0], two.ID) {
		t.Errorf("on disk: %v", left)
	}
	if err := s.Undelete(bell, one.ID); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("brought back what is gone: %v", err)
	}
}

func files(t *testing.T, dir, suffix string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, bell))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if strings.HasSuffix(f.Name(), suffix) {
			names = append(names, f.Name())
		}
	}
	return names
}

func TestKeptLongEnough(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) { c.Keep = func(string) time.Duration { return 48 * time.Hour } })
	old, _ := s.leave("1", Second)
	s.now = s.now.Add(47 * time.Hour)
	fresh, err := s.leave("2", Second)
	if err = errors.Join(err, s.Sweep()); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.List(bell); len(all) != 2 {
		t.Errorf("after 47 hours: %+v", all)
	}
	s.now = s.now.Add(2 * time.Hour)
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.List(bell); len(all) != 1 || all[0].ID != fresh.ID {
		t.Errorf("after 49 hours: %+v", all)
	}
	if _, err := s.Listen(bell, old.ID); errs.CodeOf(err) != errs.NotFound || len(files(t, s.dir, whole)) != 1 {
		t.Errorf("what is deleted is still there: %v", err)
	}
}

func TestQuotas(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) { c.Limits = Limits{Messages: 2, Bytes: 40_000, Boxes: 1} })
	for range 2 {
		if _, err := s.leave("1", Second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.leave("1", Second); errs.CodeOf(err) != errs.Congested || !strings.Contains(err.Error(), "2 messages") {
		t.Errorf("a third message: %v", err)
	}
	if _, err := s.Record(anna, Envelope{}); errs.CodeOf(err) != errs.Congested {
		t.Errorf("a second mailbox: %v", err)
	}
	all, _ := s.List(bell)
	if err := s.Remove(bell, all[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.leave("1", 5*Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.leave("1", Second); errs.CodeOf(err) != errs.Congested {
		t.Errorf("beyond the bytes: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	full := false
	s := open(t, t.TempDir(), func(c *Config) {
		c.fault = func(step, _ string) error {
			if full && step == "write" {
				return &os.PathError{Op: "write", Err: syscall.ENOSPC}
			}
			return nil
		}
	})
	r, err := s.Record(bell, Envelope{At: s.now})
	if err = errors.Join(err, r.Write(tone(440, 2*Second))); err != nil {
		t.Fatal(err)
	}
	full = true
	err = r.Write(tone(440, Second))
	if errs.CodeOf(err) != errs.Congested || !strings.Contains(err.Error(), "disk of the switch is full") {
		t.Fatalf("a full disk: %v", err)
	}
	m, err := r.Keep(3 * Second)
	if err != nil || m.Samples != 2*Second || len(s.hear(t, m.ID)) != 2*Second {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := s.leave("1", Second); errs.CodeOf(err) != errs.Congested {
		t.Errorf("on a full disk: %v", err)
	}
	full = false
	if _, err := s.leave("1", Second); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// TestEveryCutOfARecording: whatever a crash leaves of a recording, what is whole of it is a message from one second on.
func TestEveryCutOfARecording(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	r, err := s.Record(bell, Envelope{From: designation.Party{Number: "7"}, At: s.now})
	if err = errors.Join(err, r.Write(tone(440, 2*Second+Second/2))); err != nil {
		t.Fatal(err)
	}
	path := r.b.path(r.id, partial)
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := len(all) - 2*(Second/2+20) // of two records
	for cut := 0; cut <= len(all); cut++ {
		if cut > first+50 && cut < len(all)-50 && cut%1000 != 0 && (cut < len(all)-Second/2-80 || cut > len(all)-Second/2+10) {
			continue
		}
		dir := t.TempDir()
		if err := errors.Join(os.CopyFS(dir, os.DirFS(s.dir)), os.Truncate(filepath.Join(dir, bell, r.id+partial), int64(cut))); err != nil {
			t.Fatal(err)
		}
		if err := chmodAll(dir); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, end := range []int{first + Second/2 + 20, len(all)} {
			if cut >= end {
				want++
			}
		}
		after := open(t, dir, nil)
		list, err := after.List(bell)
		if err != nil || len(list) != min(want, 1) {
			t.Fatalf("cut at %d of %d: %+v, %v", cut, len(all), list, err)
		}
		if want > 0 && (!list[0].Cut || len(after.hear(t, list[0].ID)) != want*Second) {
			t.Fatalf("cut at %d: %+v", cut, list[0])
		}
		if left := files(t, dir, partial); len(left) != 0 {
			t.Fatalf("cut at %d: %v is left", cut, left)
		}
	}
}

// chmodAll: a copy has the modes of a new file.
func chmodAll(dir string) error { return os.Chmod(filepath.Join(dir, "master"), 0o600) }

var errCrash = errors.New("the machine is off")

// TestCrashAtEveryStep ends the disk before each of its changes in a day of a mailbox. What was said to be stored is there then, and
// what was said to be deleted is not.
func TestCrashAtEveryStep(t *testing.T) {
	for at := 1; ; at++ {
		steps, dir := 0, t.TempDir()
		s := open(t, dir, func(c *Config) {
			c.fault = func(string, string) error {
				if steps++; steps >= at {
					return errCrash
				}
				return nil
			}
		})
		var stored, deleted []string
		var last error
		try := func(f func() error) {
			if last == nil {
				last = f()
			}
		}
		leave := func() error {
			m, err := s.leave("1", Second+Second/2)
			if m.ID != "" { // the caller was told that it is stored
				stored = append(stored, m.ID)
			}
			return err
		}
		try(leave)
		try(leave)
		try(func() error { return s.Mark(bell, stored[0], true) })
		try(func() error {
			err := s.Delete(bell, stored[0])
			if err == nil {
				deleted, stored = stored[:1], stored[1:]
			}
			return err
		})
		try(func() error { return s.Purge(bell) })
		try(leave)
		after := open(t, dir, nil)
		for _, id := range stored {
			if got := after.hear(t, id); len(got) < Second {
				t.Errorf("crash before step %d: %d samples of %s", at, len(got), id)
			}
		}
		for _, id := range deleted {
			if _, err := after.Listen(bell, id); errs.CodeOf(err) != errs.NotFound {
				t.Errorf("crash before step %d: %s is back: %v", at, id, err)
			}
		}
		if b, _ := after.get(bell); b != nil && len(files(t, dir, whole)) != len(b.messages()) || b != nil && len(files(t, dir, partial)) != 0 {
			t.Errorf("crash before step %d: %v, %v", at, files(t, dir, whole), files(t, dir, partial))
		}
		if last == nil {
			if at < 30 {
				t.Fatalf("the day had %d steps only", steps)
			}
			return
		}
	}
}

func TestLostIndexIsMadeAgain(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	m, err := s.leave("1", 2*Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, bell, indexFile), []byte("not what was sealed, at any rate"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.dir, nil)
	if all, err := again.List(bell); err != nil || len(all) != 1 || all[0].ID != m.ID || all[0].From.Number != "1" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestMailboxOfAnotherSwitchIsToldOf(t *testing.T) {
	s, other := open(t, t.TempDir(), nil), open(t, t.TempDir(), nil)
	if _, err := s.leave("1", Second); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(other.dir, bell), os.DirFS(filepath.Join(s.dir, bell))); err != nil {
		t.Fatal(err)
	}
	again := open(t, other.dir, nil)
	if _, err := again.List(bell); err == nil || !strings.Contains(err.Error(), "not of this switch") {
		t.Errorf("%v", err)
	}
	if _, err := again.leave("1", Second); err == nil {
		t.Error("a message went to a mailbox that cannot be read")
	}
}

func TestForwardedAndGreeting(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	m, err := s.leave("1", 2*Second)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := s.Forward(bell, m.ID, anna, "Bell")
	if err != nil || copied.Samples != m.Samples || copied.By != "Bell" || copied.ID == m.ID {
		t.Fatalf("%+v, %v", copied, err)
	}
	s.greet(t, 500)
	s.greet(t, 700)
	again := open(t, s.dir, nil)
	a := again.Greeting(bell, greetingOwn)
	b, err := a.Next()
	if heard := g722.NewDecoder().Decode(nil, b); err != nil || loud(heard, 700) < 0.9 {
		t.Errorf("%v: 700 Hz at %.2f", err, loud(heard, 700))
	}
	a.Close()
	if n := len(files(t, s.dir, whole)); n != 2 { // the message and one greeting
		t.Errorf("%d files", n)
	}
	if err := again.ForgetGreeting(bell, greetingOwn); err != nil || again.Greeting(bell, greetingOwn) != nil {
		t.Error(err)
	}
}

func TestWrongPINsLock(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	if _, err := s.leave("1", Second); err != nil {
		t.Fatal(err)
	}
	var locks int
	for range lockAfter {
		if s.Guard(bell).Locked(s.now) {
			t.Fatal("locked too early")
		}
		l, err := s.Wrong(bell)
		if err != nil {
			t.Fatal(err)
		}
		if l {
			locks++
		}
	}
	again := open(t, s.dir, nil) // a restart forgets nothing
	if g := again.Guard(bell); locks != 1 || !g.Locked(s.now) || g.Locked(s.now.Add(lockTime)) {
		t.Errorf("%d locks, %+v", locks, g)
	}
	for range 3 {
		_, _ = again.Wrong(bell)
	}
	if g := again.Guard(bell); !g.Locked(s.now.Add(lockTime)) {
		t.Errorf("who goes on is not locked out for longer: %+v", g)
	}
	if err := again.Right(bell); err != nil || again.Guard(bell) != (Guard{}) {
		t.Error(err, again.Guard(bell))
	}
	if Pause(0) > time.Second || Pause(3) < 2*time.Second || Pause(100) != maxPause {
		t.Error(Pause(0), Pause(3), Pause(100))
	}
}

func FuzzMessageFile(f *testing.F) {
	v, err := newVault(make([]byte, keySize))
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	w, err := newWriter(disk{}, filepath.Join(dir, "m"), v, Envelope{From: designation.Party{Number: "1"}})
	if err = errors.Join(err, w.record(make([]byte, 8000)), w.record([]byte("short")), w.f.Close()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "m"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, err := newReader(bytes.NewReader(b), v)
		n := 0
		for ; err == nil; n++ {
			_, err = r.next()
		}
		if !errors.Is(err, io.EOF) && errs.CodeOf(err) != errs.Invalid {
			t.Errorf("after %d records: %v", n, err)
		}
		if errors.Is(err, io.EOF) && !bytes.HasPrefix(good, b) {
			t.Errorf("%d bytes of somebody else's were read", len(b))
		}
	})
}

func FuzzIndex(f *testing.F) {
	v, err := newVault(make([]byte, keySize))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"messages":[{"id":"vm_1","from":{"number":"1"},"at":"2026-11-01T00:00:00Z","samples":16000}],"guard":{"wrong":3}}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := openIndex(v, bell, b); err == nil {
			t.Error("an index that was not sealed was opened")
		}
		if x, err := openIndex(v, bell, v.seal("the index of mailbox "+bell, b)); err == nil && x.clone() == nil {
			t.Error("no index")
		}
	})
}
