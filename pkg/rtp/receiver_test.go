package rtp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// stream feeds packets of 20 ms at 8 kHz, in the order of the sequence numbers given, each on time by its number.
func stream(r *Receiver, ssrc uint32, first int, numbers ...int) {
	for _, n := range numbers {
		h := Header{Sequence: uint16(first + n), Timestamp: uint32(n * 160), SSRC: ssrc}
		r.Receive(h, 8000, start.Add(time.Duration(n)*20*time.Millisecond))
	}
}

func count(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// TestPause has a source speak to somebody else for a while: what was not for this receiver is not lost, what was before and after is.
func TestPause(t *testing.T) {
	var r Receiver
	stream(&r, 1, 100, append(count(10), 12)...)
	r.Pause()
	if lost := r.Lost(); lost != 2 {
		t.Errorf("lost %d while it pauses, want 2", lost)
	}
	stream(&r, 1, 2000, append(count(10), 13)...)
	if lost := r.Lost(); lost != 5 {
		t.Errorf("lost %d, want 5", lost)
	}
}

func TestLost(t *testing.T) {
	tests := []struct {
		name    string
		first   int
		numbers []int
		want    int64
	}{
		{"nothing", 0, nil, 0},
		{"one packet", 0, []int{0}, 0},
		{"in order", 100, count(50), 0},
		{"across the wrap", 65530, count(50), 0},
		{"three missing", 100, append(count(10), 13, 14, 15), 3},
		{"missing at the wrap", 65530, append(count(3), 8, 9), 5},
		{"out of order", 100, []int{0, 1, 2, 4, 3, 5}, 0},
		{"out of order at the wrap", 65534, []int{0, 1, 3, 2, 4}, 0},
		{"duplicate", 100, []int{0, 1, 2, 2, 3}, -1},
		{"a stray packet", 100, append(count(10), 20000, 10, 11), 0},
		// RFC 3550, A.1 begins the new count with the second packet after the jump.
		{"a restart of the numbers", 100, append(count(10), 30000, 30001, 30002), 0},
		{"a restart after loss", 100, append(count(10), 12, 30000, 30001, 30002), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Receiver
			stream(&r, 1, tt.first, tt.numbers...)
			got := r.Lost()
			if got != tt.want {
				t.Errorf("lost %d, want %d", got, tt.want)
			}
		})
	}
}

func TestLostOfSeveralSources(t *testing.T) {
	var r Receiver
	stream(&r, 1, 0, 0, 1, 2, 5) // 2 lost
	stream(&r, 2, 9000, 0, 1, 3) // 1 lost
	if r.Lost() != 3 {
		t.Errorf("lost %d, want 3", r.Lost())
	}
	b, ok := r.Block(start)
	if !ok || b.SSRC != 2 || b.Lost != 1 || b.Highest != 9003 {
		t.Errorf("the block tells of the present source: %+v", b)
	}
}

// Any loss and any local reordering of a stream is counted exactly: expected less received.
func TestLostOfAnyStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(0, 65535).Draw(t, "first")
		n := rapid.IntRange(3, 400).Draw(t, "n")
		numbers := []int{0, 1}
		var lost int64
		for i := 2; i < n; i++ {
			if i < n-1 && rapid.IntRange(0, 9).Draw(t, "fate") == 0 {
				lost++
				continue
			}
			numbers = append(numbers, i)
			if last := len(numbers) - 1; last > 2 && rapid.IntRange(0, 9).Draw(t, "swap") == 0 {
				numbers[last], numbers[last-1] = numbers[last-1], numbers[last]
			}
		}
		var r Receiver
		stream(&r, 7, first, numbers...)
		if r.Lost() != lost {
			t.Fatalf("lost %d, want %d", r.Lost(), lost)
		}
	})
}

func TestJitter(t *testing.T) {
	var r Receiver
	at := start
	receive := func(i int, clock int, delay time.Duration) {
		at = start.Add(time.Duration(i)*20*time.Millisecond + delay)
		r.Receive(Header{Sequence: uint16(i), Timestamp: uint32(i * clock / 50), SSRC: 1}, clock, at)
	}
	for i := range 10 {
		receive(i, 8000, 0)
	}
	if r.Jitter() != 0 {
		t.Fatalf("a steady stream has jitter %v", r.Jitter())
	}
	// RFC 3550, 6.4.1: J += (|D| - J) / 16.
	receive(10, 8000, 16*time.Millisecond)
	if r.Jitter() != time.Millisecond {
		t.Fatalf("one packet 16 ms late: jitter %v, want 1 ms", r.Jitter())
	}
	b, _ := r.Block(at)
	if b.Jitter != 8 {
		t.Errorf("jitter in the report is %d units, want 8", b.Jitter)
	}
	before := r.Jitter()
	r.Receive(Header{Sequence: 11, Timestamp: 1600, SSRC: 1}, 0, at.Add(time.Second)) // a telephone event
	receive(12, 48000, 0)                                                             // another clock
	if r.Jitter() != before {
		t.Errorf("an event and a change of codec changed the jitter from %v to %v", before, r.Jitter())
	}
	r.Receive(Header{Sequence: 13, Timestamp: 13 * 960, SSRC: 1}, 48000, at.Add(time.Minute))
	if r.Jitter() != before {
		t.Errorf("the end of a hold changed the jitter from %v to %v", before, r.Jitter())
	}
}

func TestBlock(t *testing.T) {
	var r Receiver
	if _, ok := r.Block(start); ok {
		t.Error("a report on nobody")
	}
	stream(&r, 1, 0, 0)
	if _, ok := r.Block(start); ok {
		t.Error("a report on a source that is not valid yet")
	}
	stream(&r, 1, 0, 1, 2, 3, 4, 9) // expected 9 since number 1, received 5
	s := SenderReport{NTP: 0x1111222233334444}
	r.SenderReport(s, start)
	b, ok := r.Block(start.Add(500 * time.Millisecond))
	want := Block{SSRC: 1, FractionLost: 4 * 256 / 9, Lost: 4, Highest: 9, LastSR: 0x22223333, DelaySinceLastSR: 32768}
	if !ok || b != want {
		t.Errorf("got %+v, want %+v", b, want)
	}
	stream(&r, 1, 0, 10, 11)
	if b, _ = r.Block(start); b.FractionLost != 0 || b.Lost != 4 {
		t.Errorf("a second interval without loss: %+v", b)
	}
}
