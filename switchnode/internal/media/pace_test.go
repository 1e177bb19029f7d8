package media

import (
	"testing"
	"time"

	"strowger/pkg/sdp"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1_700_000_000, 0)
	taken := 0
	for range 3 * maxBurst {
		if p.allow(now) {
			taken++
		}
	}
	if taken != maxBurst {
		t.Errorf("%d packets at once were taken, want %d", taken, maxBurst)
	}
	for range 2 * maxRate { // two seconds of twice the rate
		now = now.Add(time.Second / maxRate / 2)
		p.allow(now)
		if now = now.Add(time.Second / maxRate / 2); !p.allow(now) {
			t.Fatal("a packet at the rate was dropped")
		}
	}
}

// TestLoopIsBounded has each leg name the other's port as its own, as two phones in league would: what comes in goes
// round between the ports until their rate is used up.
func TestLoopIsBounded(t *testing.T) {
	c := newCall(t)
	for p, other := range map[*Port]*Port{c.pa: c.pb, c.pb: c.pa} {
		at := other.Local().Addr
		p.SetRemote(session(t, at, at.Port()+1, "", []sdp.Format{pcmu}), loopback)
	}
	c.a.say(0, "round and round")
	eventually(t, func() bool { return c.relay.Counters().Dropped[Excess] > 0 }, "the packet goes round for ever")
	if n := c.relay.Counters().Received; n > 2*maxBurst {
		t.Errorf("%d packets were taken within no time, want at most %d", n, 2*maxBurst)
	}
}
