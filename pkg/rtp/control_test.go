package rtp

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func report() Control {
	return Control{
		Sender: 7, Report: &SenderReport{NTP: NTP(start), Timestamp: 160, Packets: 50, Octets: 8000},
		Blocks: []Block{{SSRC: 9, FractionLost: 12, Lost: -3, Highest: 70000, Jitter: 80, LastSR: 1, DelaySinceLastSR: 65536}},
	}
}

func TestControl(t *testing.T) {
	for _, want := range []Control{
		report(),
		{Sender: 7},
		{Sender: 7, Blocks: []Block{{SSRC: 1, Lost: 0x7fffff}, {SSRC: 2, Lost: -0x800000}}, Bye: true},
	} {
		b, err := want.Marshal("1001@switch")
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseControl(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("wrote %+v, read %+v, %v", want, got, err)
		}
		packets, err := rtcp.Unmarshal(b)
		if err != nil || rtcp.CompoundPacket(packets).Validate() != nil {
			t.Errorf("not a compound: %v", err)
		}
	}
	if _, err := (Control{Blocks: make([]Block, 32)}).Marshal(""); err == nil {
		t.Error("32 blocks fit")
	}
}

func TestParseControlOfOthers(t *testing.T) {
	// Reduced size (RFC 5506): a NACK alone. Unknown types are passed over.
	for _, b := range [][]byte{
		{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0},
		{0x80, 210, 0, 0},
	} {
		if got, err := ParseControl(b); err != nil || got.Report != nil || got.Blocks != nil {
			t.Errorf("% x: got %+v, %v", b, got, err)
		}
	}
}

func TestParseControlMalformed(t *testing.T) {
	good, err := report().Marshal("a")
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	for name, b := range map[string][]byte{
		"short":               {0x80, 200, 0},
		"cut":                 good[:len(good)-1],
		"version 1":           change(func(b []byte) []byte { b[0] = 0x41; return b }),
		"length":              change(func(b []byte) []byte { binary.BigEndian.PutUint16(b[2:], 4000); return b }),
		"more blocks than it": change(func(b []byte) []byte { b[0] |= 31; return b }),
		"padding in the middle": change(func(b []byte) []byte {
			b[0] |= 0x20
			return b
		}),
		"RTP":      speech.Append(nil, nil),
		"too many": make33(),
	} {
		if _, err := ParseControl(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func make33() []byte {
	var b []byte
	for range 33 {
		b = append(b, 0x80, 210, 0, 0)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	var r RoundTrip
	s := SenderReport{NTP: NTP(start)}
	r.Sent(s, start)
	answer := Block{LastSR: s.Middle(), DelaySinceLastSR: 65536 / 2}
	if d, ok := r.Measure(answer, start.Add(530*time.Millisecond)); !ok || d != 30*time.Millisecond {
		t.Errorf("got %v, %v, want 30 ms", d, ok)
	}
	if _, ok := r.Measure(answer, start.Add(400*time.Millisecond)); ok {
		t.Error("measured less than nothing")
	}
	if _, ok := r.Measure(Block{}, start); ok {
		t.Error("measured without a sender report")
	}
	if _, ok := r.Measure(Block{LastSR: 5}, start); ok {
		t.Error("measured against a report of another")
	}
	for i := range 8 {
		r.Sent(SenderReport{NTP: uint64(i+1) << 32}, start)
	}
	if _, ok := r.Measure(answer, start.Add(time.Second)); ok {
		t.Error("remembers more than 8 reports")
	}
}

func TestNTP(t *testing.T) {
	got := NTP(time.Date(1970, 1, 1, 0, 0, 1, 5e8, time.UTC))
	if want := uint64(2208988801)<<32 | 1<<31; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestEvent(t *testing.T) {
	want := Event{Code: 11, End: true, Volume: 10, Duration: 1600}
	got, err := ParseEvent(want.Append(nil))
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for code, digit := range []byte("0123456789*#ABCD") {
		if d, ok := (Event{Code: uint8(code)}).Digit(); !ok || d != digit {
			t.Errorf("event %d is %q", code, d)
		}
		if c, ok := DigitCode(digit); !ok || int(c) != code {
			t.Errorf("key %q is event %d", digit, c)
		}
	}
	if _, ok := (Event{Code: 16}).Digit(); ok {
		t.Error("a hook flash is a digit")
	}
	if _, ok := DigitCode('x'); ok {
		t.Error("x is a key")
	}
	if _, err := ParseEvent([]byte{1, 2, 3}); !errors.Is(err, ErrMalformed) {
		t.Errorf("short event: %v", err)
	}
}

func FuzzParseControl(f *testing.F) {
	b, err := report().Marshal("1001@switch")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseControl(b)
		if err == nil && len(c.Blocks) > 31*maxControl {
			t.Fatalf("%d blocks", len(c.Blocks))
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(Event{Code: 1, End: true, Duration: 160}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if err != nil {
			return
		}
		if again, err := ParseEvent(e.Append(nil)); err != nil || again != e {
			t.Fatalf("%+v becomes %+v, %v", e, again, err)
		}
	})
}
