package video

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtcp"
	"pgregory.net/rapid"

	"strowger/pkg/rtp"
)

// picture is one as an encoder makes it, of any content.
func picture(codec string, key bool, size int) []byte {
	filling := bytes.Repeat([]byte{0xa5, 0x5a, 0x77}, size/3+1)[:size]
	switch {
	case codec == VP8 && key:
		return append([]byte{0x10, 2, 0, 0x9d, 1, 0x2a}, filling...)
	case codec == VP8:
		return append([]byte{0x11, 2, 0}, filling...)
	case key:
		sets := "\x00\x00\x00\x01\x67\x42\xe0\x1f\x01\x00\x00\x00\x01\x68\xce\x02\x00\x00\x00\x01\x65"
		return append([]byte(sets), filling...)
	}
	return append([]byte("\x00\x00\x00\x01\x41"), filling...)
}

// stream sends pictures.
type stream struct {
	*Packetizer
	sequence  uint16
	timestamp uint32
}

func newStream(t testing.TB, codec string, sequence uint16) *stream {
	p, err := NewPacketizer(codec)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{p, sequence, 4_294_000_000}
}

func (s *stream) send(picture []byte) (all []packet) {
	payloads := s.Payloads(picture)
	for i, p := range payloads {
		all = append(all, packet{rtp.Header{Sequence: s.sequence, Timestamp: s.timestamp, Marker: i == len(payloads)-1}, p})
		s.sequence++
	}
	s.timestamp += Clock / 30
	return all
}

// TestWhatIsSentComes: whatever the sizes, and in whatever order the packets of neighbours come, and twice, the pictures come as they were.
func TestWhatIsSentComes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		codec := rapid.SampledFrom([]string{VP8, H264}).Draw(r, "codec")
		s, a := newStream(t, codec, rapid.Uint16().Draw(r, "sequence")), NewAssembler(codec)
		var packets []packet
		var want [][]byte
		for n := range rapid.IntRange(1, 12).Draw(r, "pictures") {
			p := picture(codec, n == 0 || rapid.Bool().Draw(r, "key"), rapid.IntRange(1, 9000).Draw(r, "size"))
			want = append(want, p)
			packets = append(packets, s.send(p)...)
		}
		for i := 2; i < len(packets); i++ { // the first shows where numbers begin
			switch rapid.IntRange(0, 9).Draw(r, "fate") {
			case 0:
				packets[i-1], packets[i] = packets[i], packets[i-1]
			case 1:
				packets = slices.Insert(packets, i, packets[i-1])
			}
		}
		var got [][]byte
		for _, p := range packets {
			for _, picture := range a.Push(p.header, p.payload) {
				if picture.Key != Key(codec, picture.Data) {
					r.Errorf("key: %t", picture.Key)
				}
				got = append(got, picture.Data)
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) || a.Lost() != 0 || a.NeedsKey() {
			r.Errorf("sent %d pictures, got %d; lost %d", len(want), len(got), a.Lost())
		}
	})
}

// TestAfterALoss: what cannot be decoded does not come, until a key picture does.
func TestAfterALoss(t *testing.T) {
	for _, codec := range []string{VP8, H264} {
		s, a := newStream(t, codec, 65530), NewAssembler(codec)
		var came []uint32
		push := func(packets []packet) {
			for _, p := range packets {
				for _, picture := range a.Push(p.header, p.payload) {
					came = append(came, picture.Timestamp)
				}
			}
		}
		push(s.send(picture(codec, false, 100))) // the stream was joined in the middle
		if !a.NeedsKey() {
			t.Errorf("%s: the first picture is none to begin with", codec)
		}
		first := s.timestamp
		push(s.send(picture(codec, true, 3000)))
		packets := s.send(picture(codec, false, 3000))
		push(slices.Delete(packets, 1, 2))
		for range 8 { // 267 ms, in which it may still come
			push(s.send(picture(codec, false, 2000)))
		}
		if a.NeedsKey() || a.Lost() != 0 {
			t.Errorf("%s: a late packet was given up", codec)
		}
		push(s.send(picture(codec, false, 2000)))
		push(s.send(picture(codec, false, 2000)))
		if !a.NeedsKey() || a.Lost() != 1 {
			t.Errorf("%s: after a loss no key is needed, lost %d", codec, a.Lost())
		}
		again := s.timestamp
		push(s.send(picture(codec, true, 3000)))
		push(s.send(picture(codec, false, 10)))
		if want := []uint32{first, again, again + Clock/30}; !slices.Equal(came, want) || a.NeedsKey() {
			t.Errorf("%s: pictures of %v came, want %v", codec, came, want)
		}
		s.sequence += 20_000 // another source
		push(s.send(picture(codec, false, 10)))
		if len(came) != 3 || !a.NeedsKey() {
			t.Errorf("%s: a source that begins anew is decoded", codec)
		}
	}
}

// TestPartitions: the beginning of a later partition of VP8 is not that of a picture (RFC 7741, 4.2).
func TestPartitions(t *testing.T) {
	first := packet{rtp.Header{Sequence: 1}, append([]byte{0x10}, picture(VP8, true, 100)...)}
	second := packet{rtp.Header{Sequence: 2, Marker: true}, append([]byte{0x11}, picture(VP8, true, 100)...)} // as if it were a key
	a := NewAssembler(VP8)
	if p := append(a.Push(first.header, first.payload), a.Push(second.header, second.payload)...); len(p) != 1 || len(p[0].Data) != 212 {
		t.Errorf("of two partitions came %d pictures", len(p))
	}
	a = NewAssembler(VP8)
	if p := a.Push(second.header, second.payload); len(p) != 0 || !a.NeedsKey() {
		t.Error("a picture without its first partition is decoded")
	}
}

// TestBounds: a sender that leaves gaps everywhere, or never ends a picture, costs no more than is allowed.
func TestBounds(t *testing.T) {
	a := NewAssembler(VP8)
	for n := range 4 * maxWaiting {
		a.Push(rtp.Header{Sequence: uint16(2 * n)}, []byte{0})
		if len(a.waiting) > maxWaiting {
			t.Fatalf("%d packets wait", len(a.waiting))
		}
	}
	a = NewAssembler(VP8)
	a.Push(rtp.Header{Sequence: 0}, picture(VP8, true, 1000))
	for n := range 2 * maxPicture / 1000 {
		a.Push(rtp.Header{Sequence: uint16(1 + n)}, make([]byte, 1001))
		if len(a.data) > maxPicture {
			t.Fatalf("a picture has %d bytes", len(a.data))
		}
	}
	if _, err := NewPacketizer("VP9"); err == nil {
		t.Error("there is a packetizer of VP9")
	}
}

func TestKeyWanted(t *testing.T) {
	for name, c := range map[string]struct {
		packets []rtcp.Packet
		want    bool
	}{
		"loss of a picture":        {RequestKey(7), true},
		"of another source":        {RequestKey(8), false},
		"full intra":               {[]rtcp.Packet{&rtcp.ReceiverReport{}, &rtcp.FullIntraRequest{MediaSSRC: 1, FIR: []rtcp.FIREntry{{SSRC: 8}, {SSRC: 7}}}}, true},
		"full intra of another":    {[]rtcp.Packet{&rtcp.FullIntraRequest{MediaSSRC: 7, FIR: []rtcp.FIREntry{{SSRC: 8}}}}, false},
		"a report":                 {[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}}, false},
		"packets to be sent again": {[]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 1}}}}, false},
	} {
		b, err := rtcp.Marshal(c.packets)
		if err != nil {
			t.Fatal(err)
		}
		if KeyWanted(b, 7) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

func FuzzKeyWanted(f *testing.F) {
	pli, _ := rtcp.Marshal(RequestKey(7))
	f.Add(pli, uint32(7))
	f.Add([]byte{0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0}, uint32(7))
	f.Fuzz(func(_ *testing.T, b []byte, source uint32) { KeyWanted(b, source) })
}

func FuzzAssembler(f *testing.F) {
	for _, codec := range []string{VP8, H264} {
		for _, p := range newStream(f, codec, 1).send(picture(codec, true, 3000)) {
			f.Add(codec == VP8, p.payload, p.header.Marker)
		}
	}
	f.Fuzz(func(t *testing.T, vp8 bool, payload []byte, marker bool) {
		a := NewAssembler(map[bool]string{true: VP8, false: H264}[vp8])
		for n := range uint16(3) {
			for _, p := range a.Push(rtp.Header{Sequence: n, Marker: marker, Timestamp: uint32(n / 2)}, payload) {
				if len(p.Data) == 0 {
					t.Error("a picture of nothing")
				}
			}
		}
	})
}
