package voicemail

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/errs"
)

// both has every message go out by two ways.
func both(cfg *Config) { cfg.Ways = func(string) []string { return []string{"email", "webhook"} } }

// courier runs one until its bubble has nothing more to do at once, and ends it.
func (s *shelf) courier(t *testing.T, carry func(Post, []byte) error) *Courier {
	t.Helper()
	s.cfg.Now = time.Now
	c := &Courier{
		Store: s.Store, Now: time.Now, Logger: slog.New(slog.DiscardHandler), GaveUp: func(p Post) { s.told = append(s.told, p.By+" "+p.Why) },
		Carry: func(_ context.Context, p Post, speech []byte) error { return carry(p, speech) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMessagesGoOutAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, both)
		s.now = time.Now()
		var tries []time.Duration
		start := time.Now()
		c := s.courier(t, func(p Post, speech []byte) error {
			switch {
			case p.By == "webhook":
				return errs.New(errs.Invalid, "gone")
			case len(speech) != 2*Second/2:
				t.Errorf("%d bytes of speech", len(speech))
			}
			if tries = append(tries, time.Since(start)); len(tries) < 5 {
				return errors.New("no way")
			}
			return nil
		})
		m, err := s.leave("201001", 2*Second)
		if err != nil || len(m.Sent) != 2 {
			t.Fatal(m.Sent, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := s.Undelivered(); n != 1 {
			t.Errorf("%d are undelivered", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second, 75 * time.Second}; !slices.Equal(tries, want) {
			t.Errorf("tried at %v, want %v", tries, want)
		}
		all, _ := s.List(bell)
		if d := all[0].Sent; d[0].Done.IsZero() || d[0].Tries != 5 || !d[1].Lost() || d[1].Why != "gone" || s.Undelivered() != 0 {
			t.Errorf("%+v", d)
		}
		if n := c.Counts(); n["taken"] != 1 || n["failed"] != 4 || n["given-up"] != 1 || !slices.Contains(s.told, "webhook gone") {
			t.Errorf("%v, told %q", n, s.told)
		}
	})
}

// TestFullDiskSendsNothingTwice: what was taken is not sent again because that cannot be noted.
func TestFullDiskSendsNothingTwice(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		s := open(t, dir, func(cfg *Config) {
			both(cfg)
			cfg.fault = func(string, string) error {
				if full.Load() {
					return errors.New("no space left on device")
				}
				return nil
			}
		})
		s.now = time.Now()
		if _, err := s.leave("201001", Second); err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		sent := map[string]int{}
		var mu sync.Mutex
		s.courier(t, func(p Post, _ []byte) error {
			mu.Lock()
			defer mu.Unlock()
			sent[p.By]++
			return nil
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		full.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent["email"] != 1 || sent["webhook"] != 1 || s.Undelivered() != 0 {
			t.Errorf("sent %v, %d undelivered", sent, s.Undelivered())
		}
	})
}

// TestSlowReceiverKeepsNobodyWaiting has a webhook that never answers beside e-mail.
func TestSlowReceiverKeepsNobodyWaiting(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, both)
		s.now = time.Now()
		hold, mailed, most, now := make(chan struct{}), 0, 0, 0
		s.courier(t, func(p Post, _ []byte) error {
			if p.By == "webhook" {
				now++
				most = max(most, now)
				<-hold
				now--
				return nil
			}
			mailed++
			return nil
		})
		for range 10 {
			if _, err := s.leave("201001", Second); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if mailed != 10 || most != 1 {
			t.Errorf("%d mailed, %d at the webhook at once", mailed, most)
		}
		close(hold)
		synctest.Wait()
		if n := s.Undelivered(); n != 0 {
			t.Errorf("%d are undelivered", n)
		}
	})
}

// TestMessagesGoOutAfterACrash: a message that is on disk is sent by the next run, also one whose recording the crash cut off; one that was sent
// is not sent again.
func TestMessagesGoOutAfterACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, both)
	if _, err := s.leave("201001", Second); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.outgoing() {
		if p.Delivery.By == "email" {
			if err := s.settle(p, p.Tried(s.now, p.At, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := s.Record(bell, Envelope{At: s.now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(tone(440, 3*Second)); err != nil {
		t.Fatal(err)
	}
	if err := r.w.f.Close(); err != nil { // nothing else: the process is gone
		t.Fatal(err)
	}
	s = open(t, dir, both)
	var out []string
	for len(s.outgoing()) > 0 {
		for _, p := range s.outgoing() {
			speech, err := s.speech(p.User, p.Message.ID)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, strings.Repeat("s", 2*len(speech)/Second)+" "+p.Delivery.By)
			if err := s.settle(p, p.Tried(s.now, p.At, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(out)
	if want := []string{"s webhook", "sss email", "sss webhook"}; !slices.Equal(out, want) {
		t.Errorf("sent %q, want %q", out, want)
	}
}

// TestDeliveriesEnd: whatever a server says, a message is tried for five days at most, never sooner than 5 s nor later than an hour after the
// last try, and what was taken or refused stays so.
func TestDeliveriesEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left := time.Unix(1_800_000_000, 0)
		d, now, tries := Delivery{By: "email", Next: left}, left, 0
		for ; !d.Next.IsZero(); tries++ {
			now = d.Next.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "late")) * time.Second)
			err := rapid.SampledFrom([]error{io.EOF, io.EOF, io.EOF, errs.New(errs.Unreachable, "away"), errs.New(errs.Invalid, "no"), nil}).Draw(t, "err")
			if rapid.Bool().Draw(t, "patient") {
				err = io.EOF
			}
			d = d.Tried(now, left, err)
			if wait := d.Next.Sub(now); !d.Next.IsZero() && (wait < 5*time.Second || wait > time.Hour || d.Next.Sub(left) > giveUp) {
				t.Fatalf("try %d: waits %v", tries, wait)
			}
			if (err == nil) != !d.Done.IsZero() || d.Lost() != (d.Next.IsZero() && err != nil) {
				t.Fatalf("%+v after %v", d, err)
			}
		}
		if d.Tries != tries || tries > 200 {
			t.Fatalf("%d tries, %+v", tries, d)
		}
	})
}

// TestUndeletedIsSent: what was deleted before it was sent, and brought back, goes out at once; what is gone is nothing to tell anybody of.
func TestUndeletedIsSent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, both)
		s.now = time.Now()
		m, err := s.leave("201001", Second)
		if err != nil {
			t.Fatal(err)
		}
		gone := s.outgoing()[0]
		if err := s.Delete(bell, m.ID); err != nil {
			t.Fatal(err)
		}
		c := s.courier(t, func(Post, []byte) error { return nil })
		time.Sleep(time.Second)
		synctest.Wait()
		if err := s.Undelete(bell, m.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := s.Undelivered(); n != 0 {
			t.Errorf("%d are undelivered", n)
		}
		if err := s.Remove(bell, m.ID); err != nil {
			t.Fatal(err)
		}
		if c.take(t.Context(), gone); c.Counts()["given-up"] != 0 {
			t.Errorf("told %q", s.told)
		}
	})
}

func TestDeletedBeforeItWasSent(t *testing.T) {
	s := open(t, t.TempDir(), both)
	m, err := s.leave("201001", Second)
	if err != nil {
		t.Fatal(err)
	}
	p := s.outgoing()[0]
	if err := s.Delete(bell, m.ID); err != nil {
		t.Fatal(err)
	}
	if n := len(s.outgoing()); n != 0 {
		t.Errorf("%d go out", n)
	}
	if err := s.Purge(bell); err != nil {
		t.Fatal(err)
	}
	if err := s.settle(p, p.Tried(s.now, p.At, nil)); err != nil {
		t.Errorf("what was sent while it was deleted: %v", err)
	}
}
