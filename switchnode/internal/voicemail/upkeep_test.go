package voicemail

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"strowger/pkg/mailbox"
)

// Who records a greeting again and again takes no more room than for one.
func TestGreetingsTakeNoRoomTwice(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	for range 3 {
		s.greet(t, 500)
	}
	if again := open(t, s.dir, nil); s.Bytes() != again.Bytes() {
		t.Errorf("%d bytes, after a restart %d", s.Bytes(), again.Bytes())
	}
}

// What the disk does not give at a start is there when it does, with all that is known of it.
func TestDiskThatFailsToRead(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	m, err := s.leave("1", 2*Second)
	if err = errors.Join(err, s.Mark(bell, m.ID, true)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Record(bell, Envelope{At: s.now}) // and the switch stops in mid-recording
	if err = errors.Join(err, r.Write(tone(440, 2*Second))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{indexFile, r.id + partial} {
		at, away := filepath.Join(s.dir, bell, name), filepath.Join(t.TempDir(), "away")
		if err := errors.Join(os.Rename(at, away), os.Mkdir(at, 0o700)); err != nil { // to read a folder fails
			t.Fatal(err)
		}
		again := open(t, s.dir, nil)
		if _, err := again.List(bell); err == nil {
			t.Errorf("%s cannot be read, and the mailbox is open", name)
		}
		if err := errors.Join(os.Remove(at), os.Rename(away, at)); err != nil {
			t.Fatal(err)
		}
		if name == indexFile {
			continue
		}
		if err := again.Sweep(); err != nil {
			t.Fatal(err)
		}
		if fresh, old := again.Summary(bell); fresh != 1 || old != 1 {
			t.Errorf("after that: %d new and %d old", fresh, old)
		}
	}
}

// A disk without room keeps nobody from hearing what is on it.
func TestStartOnAFullDisk(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	m, err := s.leave("1", 2*Second)
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, s.dir, func(c *Config) { c.fault = func(string, string) error { return syscall.ENOSPC } })
	if len(again.hear(t, m.ID)) != 2*Second {
		t.Error("the message is not all there")
	}
}

// Greetings are found again without an index.
func TestLostIndexKeepsGreetings(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	s.greet(t, 500)
	if err := os.Remove(filepath.Join(s.dir, bell, indexFile)); err != nil {
		t.Fatal(err)
	}
	a := open(t, s.dir, nil).Greeting(bell, greetingOwn)
	if a == nil {
		t.Fatal("the greeting is gone")
	}
	a.Close()
}

// A mailbox that nobody has any more goes after a time, with its key; in that time its owner may come back.
func TestMailboxOfNobody(t *testing.T) {
	owned := true
	s := open(t, t.TempDir(), func(c *Config) { c.Owned = func(string) bool { return owned } })
	s.greet(t, 500)
	pass := func() {
		t.Helper()
		if err := s.Sweep(); err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(mailbox.DefaultKeep * 2 / 3)
	}
	there := func() bool {
		_, err := os.Stat(filepath.Join(s.dir, bell))
		return !errors.Is(err, os.ErrNotExist)
	}
	pass()
	pass()
	for _, owned = range []bool{false, true, false} {
		pass()
		if !there() || !s.hasGreeting(bell, greetingOwn) {
			t.Fatal("the mailbox is gone too early")
		}
	}
	pass()
	pass()
	if there() || len(s.Users()) != 0 {
		t.Fatal("the mailbox is still there")
	}
	if _, err := s.leave("1", Second); err != nil {
		t.Errorf("a new one: %v", err)
	}
}
