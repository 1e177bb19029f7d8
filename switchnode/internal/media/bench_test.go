package media

import (
	"testing"
	"time"
)

// BenchmarkRelay measures packets through the relay over loopback sockets, 32 on their way at a time, by a network that
// never rests. The cost of the two phones' sockets is part of it.
func BenchmarkRelay(b *testing.B) {
	c := newCallOf(b, newPlainRelay)
	packet := c.a.h.Append(nil, make([]byte, 160))
	buffer := make([]byte, 2048)
	if err := c.b.conns[media].SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		b.Fatal(err)
	}
	const window = 32
	read := func() {
		if _, _, err := c.b.conns[media].ReadFromUDPAddrPort(buffer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i >= window {
			read()
		}
		c.clock.pass(time.Second / maxRate)
		c.a.write(media, packet)
		i++
	}
	for range min(i, window) {
		read()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

// BenchmarkForward is the relay's own work without the socket calls.
func BenchmarkForward(b *testing.B) {
	c := newCall(b)
	c.pb.carrier.close()
	c.pb.carrier = discardCarrier{}
	packet := c.a.h.Append(nil, make([]byte, 160))
	from := c.a.addr(media)
	b.ReportAllocs()
	for b.Loop() {
		c.clock.pass(time.Second / maxRate)
		c.pa.receive(media, packet, from)
	}
}

type discardCarrier struct{}

func (discardCarrier) send(kind, target, []byte, bool) error { return nil }
func (discardCarrier) close()                                {}

func TestNoAllocationPerPacket(t *testing.T) {
	c := newCall(t)
	c.pb.carrier.close()
	c.pb.carrier = discardCarrier{}
	packet := c.a.h.Append(nil, make([]byte, 160))
	from := c.a.addr(media)
	c.pa.receive(media, packet, from) // latches
	if n := testing.AllocsPerRun(maxBurst/2, func() { c.pa.receive(media, packet, from) }); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
