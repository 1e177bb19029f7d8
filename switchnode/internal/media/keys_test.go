package media

import (
	"sync"
	"testing"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

// A key is told once, when it ends, and only while the leg has no other side.
func TestKeys(t *testing.T) {
	c := newCall(t)
	c.pa.Unbridge()
	c.pa.SetLocal([]sdp.Format{pcmu, event})
	var mu sync.Mutex
	var told []byte
	c.pa.OnKey(func(digit byte) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, digit)
	})
	dropped := uint64(0)
	heard := func(want string) {
		t.Helper()
		pollDrops(t, c.pa, NotBridged, dropped)
		mu.Lock()
		defer mu.Unlock()
		if string(told) != want {
			t.Errorf("told %q, want %q", told, want)
		}
	}
	press := func(code uint8, want string) {
		t.Helper()
		c.clock.pass(100 * time.Millisecond)
		c.a.h.Timestamp += 800
		at := c.a.h.Timestamp
		for _, e := range []rtp.Event{{Code: code, Duration: 160}, {Code: code, End: true, Duration: 320}, {Code: code, End: true, Duration: 320}} {
			c.a.say(event.PT, string(e.Append(nil)))
			c.a.h.Timestamp = at // RFC 4733, 2.2: that of its beginning
		}
		dropped += 3
		heard(want)
	}
	press(1, "1")
	press(11, "1#")
	press(40, "1#") // no key
	c.a.say(event.PT, "no")
	dropped++
	heard("1#")
	c.clock.pass(100 * time.Millisecond)
	for range 5 { // faster than anybody
		c.a.h.Timestamp += 8000
		c.a.say(event.PT, string(rtp.Event{Code: 2, End: true}.Append(nil)))
	}
	dropped += 5
	heard("1#2")
	c.pa.OnKey(nil)
	press(3, "1#2")
}
