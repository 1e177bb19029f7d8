package rtp

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// One source for an app, whoever speaks: sequence numbers without a hole, time that goes on, one SSRC; what was late or out of
// order stays so.
func TestContinuity(t *testing.T) {
	var c Continuity
	now := time.Unix(1_800_000_000, 0)
	var first uint16
	begin, base := uint32(0), uint32(1<<32-256)
	send := func(ssrc uint32, sequence uint16, stamp uint32) (uint16, uint32, bool) {
		b := make([]byte, 12, 13)
		b[0] = 0x80
		binary.BigEndian.PutUint16(b[2:], sequence)
		binary.BigEndian.PutUint32(b[4:], stamp)
		binary.BigEndian.PutUint32(b[8:], ssrc)
		c.JoinAs(77, append(b, 'x'), 8000, now)
		if got := binary.BigEndian.Uint32(b[8:]); got != 77 {
			t.Fatalf("SSRC %d", got)
		}
		return binary.BigEndian.Uint16(b[2:]) - first, binary.BigEndian.Uint32(b[4:]) - begin, b[1]&0x80 != 0
	}
	first, begin, _ = send(1, 65535, base)
	for _, step := range []struct {
		ssrc      uint32
		sequence  uint16
		stamp     uint32
		passes    time.Duration
		wantSeq   uint16
		wantStamp uint32
		marked    bool
	}{
		{1, 0, base + 160, 20 * time.Millisecond, 1, 160, false},
		{1, 2, base + 480, 40 * time.Millisecond, 3, 480, false},
		{1, 1, base + 320, 0, 2, 320, false}, // late
		{2, 900, 5, 100 * time.Millisecond, 4, 480 + 800, true},
		{2, 901, 165, 20 * time.Millisecond, 5, 480 + 960, false},
		{1, 3, 7, 20 * time.Millisecond, 6, 480 + 1120, true}, // back
	} {
		now = now.Add(step.passes)
		seq, stamp, marked := send(step.ssrc, step.sequence, step.stamp)
		if seq != step.wantSeq || stamp != step.wantStamp || marked != step.marked {
			t.Errorf("packet %d of %d: sequence number %d, timestamp %d, marked %t; want %d, %d, %t",
				step.sequence, step.ssrc, seq, stamp, marked, step.wantSeq, step.wantStamp, step.marked)
		}
	}
}

// Who was spoken to by others meanwhile hears the next source as it is, with its own numbers.
func TestContinuityRestarts(t *testing.T) {
	var c Continuity
	now := time.Unix(1_800_000_000, 0)
	join := func(h Header) Header {
		b := h.Append(nil, []byte("x"))
		c.Join(b, 8000, true, now)
		got, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	join(Header{SSRC: 1, Sequence: 10, Timestamp: 1000})
	if got := join(Header{SSRC: 2, Sequence: 500, Timestamp: 7}); got.SSRC != 1 || got.Sequence != 11 {
		t.Errorf("the second source is %+v", got)
	}
	c.Restart()
	if got := join(Header{SSRC: 2, Sequence: 40000, Timestamp: 9}); got.SSRC != 2 || got.Sequence != 40000 || got.Timestamp != 9 {
		t.Errorf("after the restart it is %+v", got)
	}
	if got := join(Header{SSRC: 3, Sequence: 1, Timestamp: 1}); got.SSRC != 2 || got.Sequence != 40001 {
		t.Errorf("and the next one %+v", got)
	}
}

// What a receiver hears of several sources is one stream whose numbers only grow, and the first source is as it was. Reports on it come to
// the source that is sent as if they were on that one, and its own to the receiver as of what is heard.
func TestContinuityOfAnySources(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Continuity
		now := time.Unix(1_800_000_000, 0)
		var own, lastStamp uint32
		var last uint16
		for i, ssrc := range rapid.SliceOfNDistinct(rapid.Uint32(), 1, 5, rapid.ID).Draw(t, "sources") {
			h := Header{SSRC: ssrc, Sequence: rapid.Uint16().Draw(t, "sequence"), Timestamp: rapid.Uint32().Draw(t, "timestamp")}
			if i == 0 {
				own = h.SSRC
			}
			for range rapid.IntRange(1, 20).Draw(t, "packets") {
				b := h.Append(nil, []byte("x"))
				if got := c.Join(b, 8000, true, now); got != own {
					t.Fatalf("source %d of SSRC %x is told to be %x, want %x", i, h.SSRC, got, own)
				}
				got, _, err := Parse(b)
				if err != nil || got.SSRC != own || i == 0 && (got.Sequence != h.Sequence || got.Timestamp != h.Timestamp) {
					t.Fatalf("source %d: %+v becomes %+v, %v", i, h, got, err)
				}
				if i > 0 && (got.Sequence != last+1 || int32(got.Timestamp-lastStamp) <= 0) {
					t.Fatalf("source %d: %d at %d follows %d at %d", i, got.Sequence, got.Timestamp, last, lastStamp)
				}
				heard := reportOn(t, &c, own, got.Sequence, h)
				if heard.SSRC != h.SSRC || uint16(heard.Highest) != h.Sequence {
					t.Fatalf("the source %+v is told of %+v", h, heard)
				}
				last, lastStamp = got.Sequence, got.Timestamp
				h.Sequence, h.Timestamp, now = h.Sequence+1, h.Timestamp+160, now.Add(20*time.Millisecond)
			}
			says := Control{Sender: h.SSRC, Report: &SenderReport{Timestamp: h.Timestamp - 160}}
			b, err := says.Marshal("source")
			if err != nil {
				t.Fatal(err)
			}
			c.Sent(b)
			if told, err := ParseControl(b); err != nil || told.Sender != own || told.Report.Timestamp != lastStamp {
				t.Fatalf("the receiver is told %+v of %x at %d, %v", told, own, lastStamp, err)
			}
		}
	})
}

// reportOn is what a report of the receiver on the packet that it heard last says to the source.
func reportOn(t *rapid.T, c *Continuity, own uint32, sequence uint16, h Header) Block {
	r := Control{Sender: 1, Blocks: []Block{{SSRC: own, Highest: 1<<16 | uint32(sequence)}, {SSRC: own ^ h.SSRC ^ 1}}}
	b, err := r.Marshal("receiver")
	if err != nil {
		t.Fatal(err)
	}
	c.Heard(b)
	told, err := ParseControl(b)
	if err != nil || len(told.Blocks) != 2 {
		t.Fatal(err)
	}
	return told.Blocks[0]
}

// Whatever RTCP comes, its form stays.
func FuzzContinuity(f *testing.F) {
	b, err := Control{Sender: 2, Report: &SenderReport{}, Blocks: []Block{{SSRC: 1}}, Bye: true}.Marshal("a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Continuity
		c.Join(Header{SSRC: 1}.Append(nil, nil), 8000, true, time.Unix(0, 0))
		c.Join(Header{SSRC: 2}.Append(nil, nil), 8000, true, time.Unix(1, 0))
		before, err := ParseControl(b)
		if err != nil {
			return
		}
		c.Sent(b)
		c.Heard(b)
		after, err := ParseControl(b)
		if err != nil || len(after.Blocks) != len(before.Blocks) || (after.Report == nil) != (before.Report == nil) {
			t.Errorf("%+v became %+v, %v", before, after, err)
		}
	})
}
