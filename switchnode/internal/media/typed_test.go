package media

import (
	"testing"
	"time"

	"strowger/pkg/rtp"
)

// TestTypedKeys turns keys into telephone events in place of speech: numbers go on, an event keeps the timestamp of its beginning,
// its end is sent three times, and speech follows.
func TestTypedKeys(t *testing.T) {
	c := newCall(t)
	if c.pa.Press('x', 0) || !c.pa.Press('5', 70*time.Millisecond) || !c.pb.Hear('#', 0) {
		t.Fatal("what is pressed")
	}
	sequence := uint16(1)
	hears := func(want rtp.Event, start uint32) {
		t.Helper()
		c.a.say(0, "speech")
		h, payload, err := rtp.Parse(c.b.read(media))
		e, wrong := rtp.ParseEvent(payload)
		if err != nil || wrong != nil || h.PT != 102 || h.Sequence != sequence || h.Timestamp != start || e != want {
			t.Fatalf("heard %+v %+v, want %+v", h, e, want)
		}
		if h.Marker != (want.Duration == 160) {
			t.Errorf("marker %v at %d", h.Marker, want.Duration)
		}
		sequence++
	}
	speaks := func() {
		t.Helper()
		c.a.say(0, "speech")
		c.b.hears(0, "speech")
		sequence++
	}
	for _, d := range []uint16{160, 320, 480} {
		hears(rtp.Event{Code: 5, Volume: loudness, Duration: d}, 1)
	}
	for range endings {
		hears(rtp.Event{Code: 5, Volume: loudness, End: true, Duration: 560}, 1)
	}
	for range apart {
		speaks()
	}
	start := c.a.h.Timestamp
	for _, d := range []uint16{160, 320, 480, 640} {
		hears(rtp.Event{Code: 11, Volume: loudness, Duration: d}, start)
	}
	for range endings {
		hears(rtp.Event{Code: 11, Volume: loudness, End: true, Duration: 800}, start)
	}
	for range apart + 1 {
		speaks()
	}
	c.pa.Press('1', 0) // and nothing is said for too long
	c.clock.pass(longest + time.Millisecond)
	speaks()
	for range maxKeys + 1 {
		c.pa.Press('1', 0)
	}
	if n := len(c.pa.quality.keys.waiting); n != maxKeys {
		t.Errorf("%d keys wait", n)
	}
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	if c.pa.Press('1', 0) {
		t.Error("a leg without telephone events takes a key")
	}
	speaks()
	c.pa.Unbridge()
	if c.pa.Press('1', 0) || c.pb.Hear('1', 0) {
		t.Error("a key without another side")
	}
}

// TestPeerKeys tells a leg without telephone events of the keys of the other side, once each.
func TestPeerKeys(t *testing.T) {
	c := newCall(t)
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	type key struct {
		digit  byte
		length time.Duration
	}
	told := make(chan key, 8)
	c.pb.OnPeerKey(func(digit byte, length time.Duration) { told <- key{digit, length} })
	at := c.a.h.Timestamp
	for _, e := range []rtp.Event{{Code: 7, Duration: 160}, {Code: 7, End: true, Duration: 800}, {Code: 7, End: true, Duration: 800}} {
		c.a.say(event.PT, string(e.Append(nil)))
		c.a.h.Timestamp = at
	}
	c.a.say(0, "speech")
	c.b.hears(0, "speech")
	if k := <-told; k != (key{'7', 100 * time.Millisecond}) || len(told) != 0 {
		t.Errorf("told %+v, and %d more", k, len(told))
	}
	wantDrops(t, c.pa, map[Reason]uint64{NoCodec: 3})
	c.pb.OnPeerKey(nil)
	c.clock.pass(time.Second)
	c.a.say(event.PT, string(rtp.Event{Code: 8, End: true, Duration: 800}.Append(nil)))
	c.pb.SetRemote(c.b.session("", pcmu, as(event, 102)), loopback)
	c.a.say(event.PT, string(rtp.Event{Code: 9, End: true, Duration: 80}.Append(nil)))
	for {
		h, payload, err := rtp.Parse(c.b.read(media))
		if e, _ := rtp.ParseEvent(payload); err != nil || h.PT != 102 || e.Code == 9 {
			break
		}
	}
	if len(told) != 0 {
		t.Error("told of a key that nobody waits for")
	}
}
