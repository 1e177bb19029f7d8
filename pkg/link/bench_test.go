package link

import (
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkMedia sends 20 ms of G.711 as fast as a link over loopback takes it, never more under way than quic-go's queues
// hold, and reports what arrived.
func BenchmarkMedia(b *testing.B) {
	o := newOrg(b)
	x, y := start(b, o.config(b)), start(b, o.config(b))
	c := x.connect(b, y)
	const window = 500
	free := make(chan struct{}, window)
	for range window {
		free <- struct{}{}
	}
	var arrived atomic.Int64
	flow, err := y.linked(b, x).NewFlow(func([]byte) {
		arrived.Add(1)
		select {
		case free <- struct{}{}:
		default:
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	packet := make([]byte, 172)
	b.ReportAllocs()
	b.ResetTimer()
	lost := time.NewTimer(time.Second)
	for range b.N {
		select {
		case <-free:
		default:
			lost.Reset(10 * time.Millisecond)
			select {
			case <-free:
			case <-lost.C: // a place whose packet was lost
			}
		}
		if err := c.Send(flow.ID(), packet); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(arrived.Load())/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric(float64(arrived.Load())/float64(b.N), "arrived")
}

// BenchmarkConnect is a whole link: dial, both certificates, hello, and its end.
func BenchmarkConnect(b *testing.B) {
	o := newOrg(b)
	x, y := start(b, o.config(b)), start(b, o.config(b))
	for b.Loop() {
		c := x.connect(b, y)
		c.close(closeIdle, "")
		<-c.Done()
	}
}
