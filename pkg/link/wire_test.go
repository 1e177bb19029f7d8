package link

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRingDropsTheOldest(t *testing.T) {
	r, now := newRing(), time.Now()
	for i := range maxQueued + 3 {
		if dropped := r.push(now, uint64(i+1), []byte{byte(i)}); dropped != (i >= maxQueued) {
			t.Fatalf("packet %d: dropped %v", i, dropped)
		}
	}
	var b batch
	for i := range maxQueued {
		stale := r.gather(now.Add(maxAge), &b)
		flow, packet, err := decodeDatagram(b.datagram())
		if b.packets != 1 || stale != 0 || err != nil || flow != uint64(i+4) || !bytes.Equal(packet, []byte{byte(i + 3)}) {
			t.Fatalf("packet %d: flow %d, %x, stale %d, %d packets, %v", i, flow, packet, stale, b.packets, err)
		}
	}
	if r.gather(now, &b); b.packets > 0 {
		t.Error("a packet more than was pushed")
	}
}

func TestRingDropsTheStale(t *testing.T) {
	r, now := newRing(), time.Now()
	var b batch
	r.push(now, 1, []byte("late"))
	r.push(now.Add(time.Millisecond), 1, []byte("late too"))
	r.push(now.Add(2*time.Millisecond), 1, []byte("in time"))
	stale := r.gather(now.Add(maxAge+2*time.Millisecond), &b)
	if stale != 2 || b.packets != 1 || string(b.datagram()[1:]) != "in time" {
		t.Errorf("%q, %d stale", b.datagram(), stale)
	}
	r.push(now, 1, []byte("late"))
	r.push(time.Time{}, 1, []byte("digit"))
	if stale := r.gather(now.Add(time.Hour), &b); b.packets != 1 || stale != 1 || string(b.datagram()[1:]) != "digit" {
		t.Errorf("%q, %d stale: a digit counts however late it is", b.datagram(), stale)
	}
	r.push(now, 1, []byte("late"))
	if stale := r.gather(now.Add(time.Second), &b); b.packets > 0 || stale != 1 {
		t.Errorf("%d stale, %d packets", stale, b.packets)
	}
}

func TestRingReusesBuffers(t *testing.T) {
	r, now, packet := newRing(), time.Now(), make([]byte, 172)
	b := batch{many: true}
	some := func() {
		for range 10 {
			r.push(now, 1, packet)
		}
		for r.gather(now, &b); b.packets > 0; r.gather(now, &b) {
			continue
		}
	}
	for range len(r.packets) {
		some()
	}
	if n := testing.AllocsPerRun(100, some); n != 0 {
		t.Errorf("%v allocations for 10 packets", n)
	}
}

// sent is a packet for a flow.
type sent struct {
	flow   uint64
	packet string
}

// What was pushed comes out in order, each packet once, in datagrams that fit every path, if it fits one at all.
func TestBatches(t *testing.T) {
	now, random := time.Now(), rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		r, b := newRing(), batch{many: round%4 > 0, numbered: round%4 > 1, sent: uint32(round) << 25}
		var want, got []sent
		for i := range 1 + random.IntN(40) {
			one := sent{1 + random.Uint64N(1<<random.IntN(30)), strings.Repeat(string(rune('a'+i%26)), 1+random.IntN(1<<random.IntN(12)))}
			want = append(want, one)
			r.push(now, one.flow, []byte(one.packet))
		}
		for r.gather(now, &b); b.packets > 0; r.gather(now, &b) {
			before := len(got)
			count, err := decodeBatch(b.datagram(), func(flow uint64, packet []byte) { got = append(got, sent{flow, string(packet)}) })
			if said, ok := number(b.datagram()); ok != b.numbered || ok && said != b.sent {
				t.Fatalf("number %d, %t, want %d, %t", said, ok, b.sent, b.numbered)
			}
			b.sent += uint32(count)
			if n := len(got) - before; err != nil || n != b.packets || n != count || n > 1 && (!b.many || len(b.datagram()) > maxBatch) {
				t.Fatalf("%d of %d packets in %d bytes: %v", n, b.packets, len(b.datagram()), err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: %v became %v", round, want, got)
		}
	}
}

func FuzzOpener(f *testing.F) {
	for _, kind := range []string{streamControl, streamSIP, streamPacket} {
		f.Add(encodeLine(opener{Stream: kind, V: version}))
	}
	f.Add([]byte(`{"stream":"sip","v":2}`))
	f.Add([]byte("INVITE sip:1001@30 SIP/2.0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOpener(b)
		if err != nil {
			return
		}
		if again, err := decodeOpener(encodeLine(o)); err != nil || again != o {
			t.Errorf("%+v became %+v, %v", o, again, err)
		}
	})
}

func FuzzControl(f *testing.F) {
	f.Add(encodeLine(hello{V: version, Capability: capability, Node: "sw_x", Boot: "bo_x", Now: time.Unix(1800000000, 0).UTC()}))
	f.Add(encodeLine(message{Ping: 7, Held: true}))
	f.Add(encodeLine(message{Pong: 7}))
	f.Add([]byte(`{"v":1,"node":"","boot":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHello(b); err == nil && (h.V != version || h.Node == "" || h.Boot == "") {
			t.Errorf("took hello %+v", h)
		}
		if m, err := decodeMessage(b); err == nil {
			if again, err := decodeMessage(encodeLine(m)); err != nil || again != m {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("{\"stream\":\"sip\",\"v\":1}\nINVITE"))
	f.Add(bytes.Repeat([]byte("x"), maxLine+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		line, err := readLine(r)
		if err != nil {
			return
		}
		if rest := b[len(b)-r.Len():]; len(line) >= maxLine || !bytes.Equal(slices.Concat(line, []byte{'\n'}, rest), b) {
			t.Errorf("line %q and rest %q of %q", line, rest, b)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte{0x07, 0x80, 0x00, 0x00, 0x01})
	f.Add([]byte{0x40, 0x07, 0x81, 0xc8})
	f.Add([]byte{0xc0, 0, 0, 0, 0, 0, 0, 7, 0x80})
	f.Add([]byte{0x80})
	f.Add([]byte{several, 3, 0x07, 0x80, 0x00, 4, 0x40, 0x08, 0x81, 0xc8})
	f.Add([]byte{several, 0, 0xff, 0xff, 0xff, 0xfe, 3, 0x07, 0x80, 0x00, 4, 0x40, 0x08, 0x81, 0xc8})
	f.Add([]byte{several, 0, 0, 0, 1})                         // ends within the number
	f.Add([]byte{several, 0x04, 0x07, 0x80})                   // ends within a packet
	f.Add([]byte{several, 2, several, 0x80, 3, 7, 0x80, 0x00}) // within another
	f.Add([]byte{several, 1, 7})                               // no packet
	f.Fuzz(func(t *testing.T, b []byte) {
		r, again := newRing(), batch{many: true}
		var want, got []sent
		count, _ := decodeBatch(b, func(flow uint64, packet []byte) { // what came before an error is good
			if flow == several || len(packet) == 0 {
				t.Errorf("flow %d, packet %x of %x", flow, packet, b)
			}
			want = append(want, sent{flow, string(packet)})
			r.push(time.Time{}, flow, packet)
		})
		if count != len(want) {
			t.Errorf("%d packets of %x count as %d", len(want), b, count)
		}
		for r.gather(time.Time{}, &again); again.packets > 0; r.gather(time.Time{}, &again) {
			if _, err := decodeBatch(again.datagram(), func(flow uint64, packet []byte) {
				got = append(got, sent{flow, string(packet)})
			}); err != nil {
				t.Error(err)
			}
		}
		if len(want) <= maxQueued && !slices.Equal(got, want) {
			t.Errorf("%v became %v", want, got)
		}
	})
}

func FuzzPacketStream(f *testing.F) {
	f.Add(append(packetOpener(), 0x07, 0x80, 0x00))
	f.Add(packetOpener())
	f.Add([]byte("{\"stream\":\"sip\",\"v\":1}\n\x07\x80"))
	f.Add([]byte(strings.Repeat(" ", maxLine) + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if rest, err := decodePacketStream(b); err == nil && !bytes.HasSuffix(b, rest) {
			t.Errorf("%x of %x", rest, b)
		}
	})
}
