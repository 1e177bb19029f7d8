package link

import (
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/ipv4"
)

// Datagrams come eight times faster than they are delivered, and more than quic-go keeps are under way at the end.
func TestSlowDeliveryLosesNothing(t *testing.T) {
	const rounds, each = 40, 8
	o := newOrg(t)
	x, y := start(t, o.config(t)), start(t, o.config(t))
	xc := x.connect(t, y)
	yc := y.linked(t, x)
	turn := make(chan struct{})
	all := sync.OnceFunc(func() { close(turn) })
	t.Cleanup(all)
	flow, err := yc.NewFlow(func([]byte) { <-turn })
	if err != nil {
		t.Fatal(err)
	}
	b := batch{many: true, numbered: true}
	came := func() uint64 { return yc.qc.ConnectionStats().PacketsReceived }
	before := came()
	for round := range rounds {
		for range each {
			b.reset()
			b.add([]byte{byte(flow.ID()), 0x80})
			if err := xc.qc.SendDatagram(b.datagram()); err != nil {
				t.Fatal(err)
			}
			b.sent++
		}
		eventually(t, "datagrams", func() bool { return came()-before >= uint64(each*(round+1)) })
		turn <- struct{}{}
	}
	all()
	eventually(t, "delivery of all datagrams", func() bool { return y.Counters().PacketsReceived == rounds*each })
	if n := y.Counters().Lost; n != 0 {
		t.Errorf("%d packets count as lost", n)
	}
}

// holes is a socket that loses every third of the larger packets that are sent on it, when open.
type holes struct {
	net.PacketConn
	open atomic.Bool
	n    atomic.Uint64
}

func (h *holes) WriteTo(b []byte, to net.Addr) (int, error) {
	if h.open.Load() && len(b) > 600 && h.n.Add(1)%3 == 0 {
		return len(b), nil
	}
	return h.PacketConn.WriteTo(b, to)
}

// Each packet that was sent is received or counted as lost.
func TestLostPacketsAreCounted(t *testing.T) {
	const packets, noProgress = 240, 100
	o := newOrg(t)
	cfg := o.config(t)
	way := &holes{PacketConn: loopback(t)}
	x, y := prepare(&cfg).run(t, newEndpoint(cfg, way, anySocket)), start(t, o.config(t))
	c := x.connect(t, y)
	flow, err := y.linked(t, x).NewFlow(func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	send := func() {
		if err := c.Send(flow.ID(), make([]byte, 172)); err != nil {
			t.Fatal(err)
		}
	}
	way.open.Store(true)
	c.doubted.Store(true)
	for range packets {
		send()
	}
	c.trust()
	eventually(t, "all packets on their way", func() bool {
		n := x.Counters()
		return n.PacketsSent+n.DroppedStale == packets && way.n.Load() >= n.PacketsSent/6
	})
	way.open.Store(false)
	poll := 0
	eventually(t, "account of all packets", func() bool {
		if poll++; poll%noProgress == 1 {
			send() // one that comes shows what did not come before it
		}
		return y.Counters().PacketsReceived+y.Counters().Lost == x.Counters().PacketsSent
	})
	if x.Counters().DroppedStale == 0 && y.Counters().Lost == 0 {
		t.Error("no packet is lost")
	}
}

// Whatever is lost and in whatever order the rest comes, what was found missing is what did not come, and at most what was
// missing for a moment on top; in order, it is exact.
func TestArrivals(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		type datagram struct {
			before  uint32
			packets int
		}
		var come []datagram
		at, lost, missing, most := random.Uint32(), uint32(0), uint32(0), uint32(0)
		if round%2 == 0 {
			at = -uint32(random.IntN(300)) // the numbers begin again
		}
		seen := arrivals{sent: at, came: at}
		for range 1 + random.IntN(100) {
			d := datagram{at, 1 + random.IntN(6)}
			at += uint32(d.packets)
			if random.IntN(4) == 0 {
				lost += uint32(d.packets)
				continue
			}
			come = append(come, d)
		}
		come = append(come, datagram{at, 1})
		for i := range come {
			if round%3 == 0 && i > 0 && random.IntN(5) == 0 {
				come[i], come[i-1] = come[i-1], come[i]
			}
		}
		for _, d := range come {
			missing += seen.add(d.before, d.packets)
			most = max(most, seen.sent-seen.came)
		}
		if exact := round%3 != 0; missing != most || missing < lost || exact && missing != lost {
			t.Fatalf("round %d: %d of %d lost packets are missing, at most %d at once", round, missing, lost, most)
		}
	}
}

// On one processor, who is given packets comes to its turn before all are read that wait.
func TestReadingLeavesTurns(t *testing.T) {
	const packets, batch = 128, 8
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := loopback(t)
	defer c.Close()
	for range packets {
		if _, err := c.WriteTo([]byte("x"), c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	var read atomic.Int64
	given, seen := make(chan struct{}, packets), make(chan int64)
	go func() {
		<-given
		seen <- read.Load()
	}()
	s, ms := newLossy(c), make([]ipv4.Message, batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 16)}
	}
	for read.Load() < packets {
		n, err := s.ReadBatch(ms, 0)
		if err != nil {
			t.Fatal(err)
		}
		read.Add(int64(n))
		given <- struct{}{}
	}
	if n := <-seen; n == packets {
		t.Errorf("all %d packets were read before anybody had the first", n)
	}
}
