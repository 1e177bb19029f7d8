package fabric

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClockConverges lets a node ask a cloud whose clock is an hour ahead, over paths of different delay each way.
func TestClockConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newClock(false)
		if _, known := k.now(); known {
			t.Error("the clock is known before any answer")
		}
		const ahead = time.Hour
		ask := func(there, back time.Duration) {
			sent := time.Now()
			time.Sleep(there)
			theirs := time.Now().Add(ahead)
			time.Sleep(back)
			k.observe(sent, time.Now(), theirs)
		}
		off := func() time.Duration {
			now, _ := k.now()
			return now.Sub(time.Now().Add(ahead)).Abs()
		}
		ask(90*time.Millisecond, 10*time.Millisecond)
		if off() != 40*time.Millisecond {
			t.Errorf("after a skewed answer the clock is %v off, want half the difference of the ways", off())
		}
		ask(time.Millisecond, time.Millisecond)
		if off() > time.Millisecond {
			t.Errorf("after an answer with a round trip of 2ms the clock is %v off, want at most half of it", off())
		}
		ask(90*time.Millisecond, 10*time.Millisecond)
		if off() > 6*time.Millisecond {
			t.Errorf("another skewed answer moved the clock %v away, want an eighth of its error", off())
		}
	})
}

func TestClockDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newClock(false)
		now := time.Now()
		k.observe(now, now, now.Add(time.Minute))
		k.doubt()
		at, known := k.now()
		if known {
			t.Error("a doubted clock is known")
		}
		if d := at.Sub(now); d != time.Minute {
			t.Errorf("a doubted clock is %v ahead, want the offset kept", d)
		}
		k.observe(now, now, now.Add(-time.Minute))
		if at, known := k.now(); !known || at.Sub(now) != -time.Minute {
			t.Errorf("after an answer the clock is %v ahead, known %v", at.Sub(now), known)
		}
	})
}

func TestClockOfTheCloudFollowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newClock(true)
		now := time.Now()
		k.observe(now, now, now.Add(time.Hour))
		k.doubt()
		if at, known := k.now(); !known || !at.Equal(now) {
			t.Errorf("the cloud's clock reads %v, known %v; want %v", at, known, now)
		}
	})
}
