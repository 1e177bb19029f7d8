package sip

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A stream that is closed still brings what was queued; not to a peer that does not read, and not for long.
func TestCloseBringsWhatIsQueued(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			near, far := link("192.0.2.1:5060", "192.0.2.2:5060")
			s, err := newStream(near, TCP, &tally{})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"BYE", " and ", "200"} {
				if err := s.send([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			var writing sync.WaitGroup
			writing.Go(s.write)
			began := time.Now()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.send([]byte("too late")); err == nil {
				t.Error("a closed stream takes messages")
			}
			if reads {
				if got, err := io.ReadAll(far); err != nil || string(got) != "BYE and 200" {
					t.Errorf("the peer reads %q, %v", got, err)
				}
			}
			writing.Wait()
			if took := time.Since(began); took > lingerTime || reads && took > 0 {
				t.Errorf("it took %v", took)
			}
			if _, err := far.Write([]byte("x")); err == nil {
				t.Error("the connection is open")
			}
		})
	}
}
