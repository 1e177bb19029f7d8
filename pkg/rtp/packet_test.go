package rtp

import (
	"bytes"
	"errors"
	"testing"

	pion "github.com/pion/rtp"
)

var speech = Header{PT: 8, Marker: true, Sequence: 65535, Timestamp: 4000000000, SSRC: 0xdeadbeef}

func TestPacket(t *testing.T) {
	payload := []byte{0xd5, 0x55, 0xaa}
	b := speech.Append(nil, payload)
	h, got, err := Parse(b)
	if err != nil || h != speech || !bytes.Equal(got, payload) {
		t.Fatalf("got %+v, % x, %v", h, got, err)
	}
	var foreign pion.Packet
	if err := foreign.Unmarshal(b); err != nil || foreign.PayloadType != 8 || !foreign.Marker ||
		foreign.SequenceNumber != 65535 || foreign.SSRC != speech.SSRC || foreign.Timestamp != speech.Timestamp {
		t.Errorf("pion reads %+v, %v", foreign, err)
	}
	SetPayloadType(b, 127)
	if h, _, err := Parse(b); err != nil || h.PT != 127 || !h.Marker {
		t.Errorf("after the change: %+v, %v", h, err)
	}
}

func TestParseMalformed(t *testing.T) {
	plain := func() []byte { return Header{PT: 0}.Append(nil, []byte{1, 2, 3, 4}) }
	tests := map[string]func(b []byte) []byte{
		"empty":                    func([]byte) []byte { return nil },
		"short":                    func(b []byte) []byte { return b[:11] },
		"version 1":                func(b []byte) []byte { b[0] = 1 << 6; return b },
		"sources beyond the end":   func(b []byte) []byte { b[0] |= 2; return b },
		"no room for an extension": func(b []byte) []byte { b[0] |= 0x10; return b[:14] },
		"extension beyond the end": func(b []byte) []byte { b[0] |= 0x10; return b },
		"padding of 0":             func(b []byte) []byte { b[0] |= 0x20; b[15] = 0; return b },
		"padding beyond the start": func(b []byte) []byte { b[0] |= 0x20; b[15] = 5; return b },
	}
	for name, change := range tests {
		if _, _, err := Parse(change(plain())); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestIsControl(t *testing.T) {
	for second, want := range map[byte]bool{0: false, 0x80: false, 111: false, 111 | 0x80: false, 191: false, 192: true, 200: true, 223: true, 224: false} {
		if got := IsControl([]byte{0x80, second}); got != want {
			t.Errorf("second octet %d: got %v", second, got)
		}
	}
	if IsControl(nil) {
		t.Error("an empty packet is RTCP")
	}
}

func TestNoAllocation(t *testing.T) {
	b := speech.Append(nil, make([]byte, 160))
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := Parse(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

// What we take, pion takes, with the same payload. (We do not take header extensions apart, so pion refuses more.)
func FuzzParse(f *testing.F) {
	f.Add(speech.Append(nil, []byte{1, 2, 3}))
	f.Add([]byte{0xb2, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 0xaa, 0, 0, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := Parse(b)
		var foreign pion.Packet
		foreignErr := foreign.Unmarshal(b)
		if err != nil {
			if foreignErr == nil && foreign.Version == 2 && !foreign.Padding {
				t.Fatalf("pion takes %x, we say %v", b, err)
			}
			return
		}
		if foreignErr != nil {
			return
		}
		if h.PT != foreign.PayloadType || h.Sequence != foreign.SequenceNumber || h.SSRC != foreign.SSRC ||
			h.Timestamp != foreign.Timestamp || h.Marker != foreign.Marker || !bytes.Equal(payload, foreign.Payload) {
			t.Fatalf("%x: we read %+v % x, pion %+v", b, h, payload, foreign)
		}
	})
}
