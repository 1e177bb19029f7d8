package cloud

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyEditsAreOneAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		phones := map[string]int{"small": 10, "large": 10_000, "huge": 1_000_000}
		c := newChanges(time.Now, func(org string) int { return phones[org] })
		told := map[string][]time.Duration{} // when
		begin := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(ctx, func(_ context.Context, org string) { told[org] = append(told[org], time.Since(begin)) })
		}()
		for range 1000 { // edits of all three for 20 s, one every 20 ms
			for org := range phones {
				c.note(org)
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(longestPause)
		cancel()
		<-done
		for org, want := range map[string][2]int{"small": {200, 400}, "large": {4, 6}, "huge": {2, 4}} {
			if n := len(told[org]); n < want[0] || n > want[1] {
				t.Errorf("%s was announced %d times, want %d to %d", org, n, want[0], want[1])
			}
			if first := told[org][0]; first != announceEvery {
				t.Errorf("%s was announced first after %v, want %v", org, first, announceEvery)
			}
			if last := told[org][len(told[org])-1]; last < 20*time.Second-20*time.Millisecond {
				t.Errorf("the last edit of %s was never announced: last after %v", org, last)
			}
		}
	})
}
