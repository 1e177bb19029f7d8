package link

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
)

// maxTaken is how many datagrams may wait for their delivery: those of a thousand calls in 60 ms.
const maxTaken = 512

// arrivals compares what a peer sent in datagrams with what came, in packets modulo 2^32.
type arrivals struct{ sent, came, missed uint32 }

// add notes a datagram and says how many packets are found missing by it. What comes late is taken back from what will be
// missing later: the sum is at no time more than the most that was missing at once.
func (a *arrivals) add(before uint32, packets int) (missing uint32) {
	if after := before + uint32(packets); int32(after-a.sent) > 0 {
		a.sent = after
	}
	a.came += uint32(packets)
	if missing := a.sent - a.came; int32(missing-a.missed) > 0 {
		missing, a.missed = missing-a.missed, missing
		return missing
	}
	return 0
}

// receivePackets takes the peer's datagrams and does nothing else. quic-go keeps 128 of them and drops what comes then; and it
// receives several in the time that it takes to deliver one, or many while that waits for the system.
func (c *Conn) receivePackets(ctx context.Context, taken chan<- []byte) {
	for {
		b, err := c.qc.ReceiveDatagram(ctx)
		if err != nil {
			return // the link ended
		}
		select {
		case taken <- b:
		case <-ctx.Done():
			return
		}
	}
}

// deliverPackets delivers the datagrams that were taken.
func (c *Conn) deliverPackets(ctx context.Context, taken <-chan []byte) {
	var seen arrivals
	for {
		select {
		case b := <-taken:
			c.receiveDatagram(b, &seen)
		case <-ctx.Done():
			return
		}
	}
}

// receiveDatagram delivers what is in a datagram and counts what did not come before it.
func (c *Conn) receiveDatagram(b []byte, seen *arrivals) {
	packets, err := decodeBatch(b, c.deliver)
	if err != nil {
		c.endpoint.counters.droppedMalformed.Add(1)
	}
	if before, ok := number(b); ok {
		c.endpoint.counters.lost.Add(uint64(seen.add(before, packets)))
	}
}

// acceptPackets takes the peer's unidirectional streams. Each has a goroutine; MaxIncomingUniStreams bounds them.
func (c *Conn) acceptPackets(ctx context.Context, parts *sync.WaitGroup) {
	for {
		s, err := c.qc.AcceptUniStream(ctx)
		if err != nil {
			return // the link ended
		}
		parts.Go(func() { c.receiveLarge(s) })
	}
}

func (c *Conn) receiveLarge(s *quic.ReceiveStream) {
	b, err := c.readLarge(s)
	if err == nil {
		_, err = decodeBatch(b, c.deliver)
	}
	if err != nil {
		s.CancelRead(streamRefused)
		c.refuseStream(err)
	}
}

// readLarge returns what a packet stream carries after its opener.
func (c *Conn) readLarge(s *quic.ReceiveStream) ([]byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(c.endpoint.cfg.Times.Opener)); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(s, maxPacketStream+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPacketStream {
		return nil, errs.New(errs.Invalid, "packet stream is longer than %d bytes", maxPacketStream)
	}
	return decodePacketStream(b)
}

func (c *Conn) deliver(flow uint64, packet []byte) {
	c.arrived.Add(1)
	f := c.flows.get(flow)
	if f == nil {
		c.endpoint.counters.droppedUnknown.Add(1)
		return
	}
	c.endpoint.counters.packetsReceived.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recv(packet)
}
