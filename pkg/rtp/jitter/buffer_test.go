package jitter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/rtp"
)

const frame = 20 * time.Millisecond

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// arrival is a packet and when it comes.
type arrival struct {
	at time.Duration
	h  rtp.Header
}

// stream is n packets of 20 ms at 8,000 Hz, without delay.
func stream(n int, ssrc, timestamp uint32) (all []arrival) {
	for i := range n {
		all = append(all, arrival{time.Duration(i) * frame, rtp.Header{SSRC: ssrc, Sequence: uint16(i), Timestamp: timestamp + uint32(160*i)}})
	}
	return all
}

// outcome is what was heard: the timestamps, and the count of each verdict.
type outcome struct {
	played   []uint32
	verdicts [3]int
	held     []time.Duration
}

// run has packets come and takes once in 20 ms, until takes are over.
func run(b *Buffer, all []arrival, takes int) (o outcome) {
	slices.SortStableFunc(all, func(x, y arrival) int { return int(x.at - y.at) })
	for i := range takes {
		now := time.Duration(i)*frame + 7*time.Millisecond
		for len(all) > 0 && all[0].at <= now {
			b.Put(all[0].h, make([]byte, 160), 160, 8000, start.Add(all[0].at))
			all = all[1:]
		}
		p, v := b.Take(start.Add(now))
		o.verdicts[v]++
		if v == Play {
			o.played = append(o.played, p.Timestamp)
			if b.Surplus() >= frame { // as the ear does at a silence
				b.Shortened(frame)
				b.Take(start.Add(now))
			}
		}
		o.held = append(o.held, b.Held())
	}
	return o
}

func TestSteady(t *testing.T) {
	var b Buffer
	o := run(&b, stream(500, 1, 1<<32-8000), 500) // the timestamp wraps
	if o.verdicts[Lost] != 0 || len(o.played) < 494 || !slices.IsSortedFunc(o.played, func(x, y uint32) int { return int(int32(x - y)) }) {
		t.Errorf("%+v, %d played", b.Counters, len(o.played))
	}
	if last := o.held[len(o.held)-1]; last > 40*time.Millisecond {
		t.Errorf("a network without jitter costs %v", last)
	}
}

// Packets that overtake each other within the target come in order, and none is lost.
func TestReordered(t *testing.T) {
	all := stream(300, 1, 0)
	for i := range all {
		if i%10 == 5 {
			all[i].at += 25 * time.Millisecond
		}
	}
	var b Buffer
	o := run(&b, all, 300)
	if b.Late > 1 || b.Counters.Lost > 2 {
		t.Errorf("%+v", b.Counters)
	}
	if len(o.played) < 290 {
		t.Errorf("%d played", len(o.played))
	}
}

// The delay follows the network: it grows with its jitter, so that little comes too late, and shrinks when it calms down.
func TestAdapts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := stream(3000, 1, 0)
	for i := range all {
		if i < 1000 {
			all[i].at += time.Duration(r.Float64() * float64(120*time.Millisecond))
		}
	}
	var b Buffer
	o := run(&b, all, 3000)
	if bad := b.Late + uint64(o.verdicts[Lost]); bad > 60 {
		t.Errorf("%+v, %d takes had nothing", b.Counters, o.verdicts[Lost])
	}
	var stormy, calm time.Duration
	for i := range 200 {
		stormy += o.held[700+i] / 200
		calm += o.held[2700+i] / 200
	}
	if stormy < 30*time.Millisecond || calm > 50*time.Millisecond {
		t.Errorf("in the jitter %v were held, in the calm %v", stormy, calm)
	}
}

// A clock that is 200 parts in a million fast, or slow, for five minutes neither fills the buffer nor empties it for long.
func TestDrift(t *testing.T) {
	for _, ppm := range []int{-200, 200} {
		all := stream(15000, 1, 0)
		for i := range all {
			all[i].at += all[i].at * time.Duration(ppm) / 1e6
		}
		var b Buffer
		o := run(&b, all, 15000)
		if most := slices.Max(o.held); most > 100*time.Millisecond || o.verdicts[Lost] > 30 {
			t.Errorf("%d ppm: %v held at most, %+v, %v", ppm, most, b.Counters, o.verdicts)
		}
	}
}

// Loss is told, as much as was lost, and the delay stays.
func TestLoss(t *testing.T) {
	all := stream(1000, 1, 0)
	all = slices.DeleteFunc(all, func(a arrival) bool { return a.h.Sequence%20 == 7 || a.h.Sequence/3 == 100 })
	var b Buffer
	o := run(&b, all, 1000)
	if n := o.verdicts[Lost]; n < 50 || n > 62 {
		t.Errorf("53 packets were lost, and %d takes were: %+v", n, b.Counters)
	}
	if b.Late != 0 {
		t.Errorf("%+v", b.Counters)
	}
}

// Silence of a sender that stops (DTX), restarts and other streams end in sound again.
func TestBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		gap             time.Duration
		timestamp, ssrc uint32
	}{
		"a silence":                  {time.Second, 100*160 + 8000, 1},
		"a silence without its time": {time.Second, 100 * 160, 1},
		"a long silence":             {time.Minute, 100*160 + 480000, 1},
		"timestamps leap ahead":      {0, 1 << 30, 1},
		"timestamps leap back":       {0, 1<<32 - 1<<29, 1},
		"timestamps go back a bit":   {0, 90 * 160, 1},
		"another source":             {0, 5, 2},
		"another source later":       {time.Second, 50 * 160, 2},
	} {
		all := stream(100, 1, 0)
		for _, a := range stream(100, c.ssrc, c.timestamp) {
			a.at += 100*frame + c.gap
			all = append(all, a)
		}
		var b Buffer
		o := run(&b, all, 210+int(c.gap/frame))
		if len(o.played) < 180 {
			t.Errorf("%s: %d of 200 played, %+v", name, len(o.played), b.Counters)
		}
		if o.verdicts[Lost] > 15 {
			t.Errorf("%s: %d takes were lost", name, o.verdicts[Lost])
		}
	}
}

// A network that stands still for a second and then delivers at once does not leave a second of delay.
func TestStall(t *testing.T) {
	all := stream(600, 1, 0)
	for i := range all {
		if i >= 200 && i < 250 {
			all[i].at = all[250].at
		}
	}
	var b Buffer
	o := run(&b, all, 600)
	if last := o.held[599]; last > 200*time.Millisecond || len(o.played) < 520 {
		t.Errorf("%v is held, %d played, %+v", last, len(o.played), b.Counters)
	}
}

// Whatever comes: nothing is heard twice or out of order within a stream, and little is held.
func TestAnyNetwork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Buffer
		now, restarts := start, uint64(0)
		last, any := uint32(0), false
		n := rapid.IntRange(1, 300).Draw(t, "steps")
		for range n {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "ms")) * time.Millisecond)
			for range rapid.IntRange(0, 4).Draw(t, "packets") {
				i := rapid.IntRange(0, 200).Draw(t, "packet")
				h := rtp.Header{SSRC: uint32(rapid.IntRange(1, 20).Draw(t, "source") / 20), Timestamp: uint32(i*160 + 1<<31)}
				b.Put(h, make([]byte, 160), 160, 8000, now)
			}
			p, v := b.Take(now)
			if b.Restarts != restarts {
				restarts, any = b.Restarts, false
			}
			if v == Play {
				if any && int32(p.Timestamp-last) <= 0 {
					t.Fatalf("%d was heard after %d", p.Timestamp, last)
				}
				last, any = p.Timestamp, true
			}
			if b.Held() > MaxHeld+frame || len(b.spare)+len(b.packets) > maxPackets+2 {
				t.Fatalf("%v is held in %d packets", b.Held(), len(b.packets))
			}
			if d := b.Target(); d < MinDelay || d > MaxDelay {
				t.Fatalf("the target is %v", d)
			}
		}
	})
}

func FuzzBuffer(f *testing.F) {
	f.Add([]byte{1, 160, 20, 2, 160, 20, 3, 80, 40, 9, 240, 10})
	f.Fuzz(func(t *testing.T, script []byte) {
		var b Buffer
		now := start
		for ; len(script) >= 3; script = script[3:] {
			now = now.Add(time.Duration(script[2]) * time.Millisecond)
			h := rtp.Header{SSRC: uint32(script[2] >> 7), Timestamp: uint32(script[0]) << (script[1] % 25)}
			b.Put(h, script, int(script[1])*8, 8000, now)
			if p, v := b.Take(now); v == Play && len(p.Payload) == 0 || v == Lost && p.Ticks == 0 {
				t.Fatalf("verdict %d with %+v", v, p)
			}
			if len(b.packets) > maxPackets {
				t.Fatalf("%d packets are held", len(b.packets))
			}
		}
	})
}
