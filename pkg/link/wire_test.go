package link

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRingDropsTheOldest(t *testing.T) {
	r, now := newRing(), time.Now()
	for i := range maxQueued + 3 {
		if dropped := r.push(now, uint64(i), []byte{byte(i)}); dropped != (i >= maxQueued) {
			t.Fatalf("packet %d: dropped %v", i, dropped)
		}
	}
	for i := range maxQueued {
		data, stale, ok := r.pop(now.Add(maxAge), nil)
		flow, packet, err := decodeDatagram(data)
		if !ok || stale != 0 || err != nil || flow != uint64(i+3) || !bytes.Equal(packet, []byte{byte(i + 3)}) {
			t.Fatalf("packet %d: flow %d, %x, stale %d, %v %v", i, flow, packet, stale, ok, err)
		}
	}
	if _, _, ok := r.pop(now, nil); ok {
		t.Error("a packet more than was pushed")
	}
}

func TestRingDropsTheStale(t *testing.T) {
	r, now := newRing(), time.Now()
	r.push(now, 1, []byte("late"))
	r.push(now.Add(time.Millisecond), 1, []byte("late too"))
	r.push(now.Add(2*time.Millisecond), 1, []byte("in time"))
	data, stale, ok := r.pop(now.Add(maxAge+2*time.Millisecond), nil)
	if !ok || stale != 2 || string(data[1:]) != "in time" {
		t.Errorf("%q, %d stale, %v", data, stale, ok)
	}
	r.push(now, 1, []byte("late"))
	if _, stale, ok := r.pop(now.Add(time.Second), nil); ok || stale != 1 {
		t.Errorf("%d stale, %v", stale, ok)
	}
}

func TestRingReusesBuffers(t *testing.T) {
	r, now, packet := newRing(), time.Now(), make([]byte, 172)
	var buf []byte
	for range 2 * len(r.packets) {
		r.push(now, 1, packet)
		buf, _, _ = r.pop(now, buf)
	}
	if n := testing.AllocsPerRun(100, func() {
		r.push(now, 1, packet)
		buf, _, _ = r.pop(now, buf)
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
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
	f.Fuzz(func(t *testing.T, b []byte) {
		flow, packet, err := decodeDatagram(b)
		if err != nil {
			return
		}
		if len(packet) == 0 || !bytes.HasSuffix(b, packet) {
			t.Errorf("flow %d, packet %x of %x", flow, packet, b)
		}
		r := newRing()
		r.push(time.Time{}, flow, packet)
		data, _, _ := r.pop(time.Time{}, nil)
		if again, same, err := decodeDatagram(data); err != nil || again != flow || !bytes.Equal(same, packet) {
			t.Errorf("flow %d became %d, %v", flow, again, err)
		}
	})
}

func FuzzPacketStream(f *testing.F) {
	f.Add(append(packetOpener(), 0x07, 0x80, 0x00))
	f.Add(packetOpener())
	f.Add([]byte("{\"stream\":\"sip\",\"v\":1}\n\x07\x80"))
	f.Add([]byte(strings.Repeat(" ", maxLine) + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, packet, err := decodePacketStream(b); err == nil && (len(packet) == 0 || !bytes.HasSuffix(b, packet)) {
			t.Errorf("packet %x of %x", packet, b)
		}
	})
}
