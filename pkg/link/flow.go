package link

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

	"strowger/pkg/errs"
)

// Flow is media that this node receives over a link.
type Flow struct {
	conn *Conn
	id   uint64
	mu   sync.Mutex // one call of recv at a time: datagrams and packet streams come in different goroutines
	recv func(packet []byte)
}

// flows are the open flows of a connection by id.
type flows struct {
	mu   sync.RWMutex
	open map[uint64]*Flow
	last uint64
}

func (f *flows) get(id uint64) *Flow {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.open[id]
}

func (f *flows) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.open)
}

// NewFlow opens a flow, whose id is unique on the connection and never used again. recv gets each RTP or RTCP packet, one
// at a time, from a goroutine of the link: it must not block, and the packet is its own.
func (c *Conn) NewFlow(recv func(packet []byte)) (*Flow, error) {
	c.flows.mu.Lock()
	defer c.flows.mu.Unlock()
	if c.Err() != nil {
		return nil, c.err
	}
	if len(c.flows.open) >= maxFlows {
		return nil, errs.New(errs.Congested, "link to %s carries %d flows already", c.peer.ID, maxFlows)
	}
	if c.flows.open == nil {
		c.flows.open = map[uint64]*Flow{}
	}
	c.flows.last++
	f := &Flow{conn: c, id: c.flows.last, recv: recv}
	c.flows.open[f.id] = f
	return f, nil
}

// ID is what the peer puts before each packet of the flow.
func (f *Flow) ID() uint64 { return f.id }

// Close ends the flow. A packet that is being delivered at this moment may still reach recv.
func (f *Flow) Close() {
	f.conn.flows.mu.Lock()
	defer f.conn.flows.mu.Unlock()
	delete(f.conn.flows.open, f.id)
}

// Send queues an RTP or RTCP packet for a flow of the peer and never blocks. Packets that wait too long, or for which there
// is no room, are dropped and counted. It fails when the link has ended or the packet is larger than MaxPacket.
func (c *Conn) Send(flow uint64, packet []byte) error { return c.send(time.Now(), flow, packet) }

// SendLate is Send for a packet that is of use however long it waited, as that of a digit is.
func (c *Conn) SendLate(flow uint64, packet []byte) error { return c.send(time.Time{}, flow, packet) }

func (c *Conn) send(at time.Time, flow uint64, packet []byte) error {
	if len(packet) == 0 || len(packet) > MaxPacket {
		return errs.New(errs.Invalid, "media packet of %d bytes, want 1 to %d", len(packet), MaxPacket)
	}
	if flow == several || flow > quicvarint.Max {
		return errs.New(errs.Invalid, "flow id %d, want 1 to %d (RFC 9000, 16: a varint)", flow, uint64(quicvarint.Max))
	}
	if err := c.Err(); err != nil {
		return err
	}
	if c.queue.push(at, flow, packet) {
		c.endpoint.counters.droppedFull.Add(1)
	}
	return nil
}

// rest is how long a link that is busy lets packets gather before it looks again, as the relay does: a wake-up, and a QUIC
// packet, cost several times what an RTP packet does. It is a twentieth of that packet's own length.
const rest = time.Millisecond

// sendPackets moves packets from the ring to the connection. While they come closer to each other than it rests, it looks
// once in that time.
func (c *Conn) sendPackets(ctx context.Context) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	b := batch{many: c.hello.Capability >= capabilityMany, numbered: c.hello.Capability >= capabilityNumber}
	var last time.Time // something was sent
	for {
		began := time.Now()
		sent, err := c.sendQueued(&b)
		if err != nil {
			return // the link ended
		}
		next, gathers := c.queue.ready, sent > 1 || sent == 1 && began.Sub(last) < rest
		if sent > 0 {
			last = began
		}
		if gathers {
			timer.Reset(rest - time.Since(began))
			next = nil
		} else {
			timer.Stop()
		}
		select {
		case <-next:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// sendQueued empties the ring, unless the path is doubted, and says how many packets that were. It blocks while the path
// stalls.
func (c *Conn) sendQueued(b *batch) (packets int, err error) {
	count := &c.endpoint.counters
	for !c.doubted.Load() {
		count.droppedStale.Add(uint64(c.queue.gather(time.Now(), b)))
		if b.packets == 0 {
			return packets, nil
		}
		packets += b.packets
		err := c.qc.SendDatagram(b.datagram()) // copies
		var tooLarge *quic.DatagramTooLargeError
		switch {
		case err == nil:
			b.sent += uint32(b.packets)
			count.packetsSent.Add(uint64(b.packets))
		case !errors.As(err, &tooLarge):
			return packets, err
		case b.packets == 1 && c.sendLarge(b.single()): // several fit every path
			count.largeSent.Add(1)
		default:
			count.droppedLarge.Add(uint64(b.packets))
		}
	}
	return packets, nil
}

// sendLarge sends flow id and packet on a stream of their own, if that can be done at once.
func (c *Conn) sendLarge(data []byte) bool {
	s, err := c.qc.OpenUniStream()
	if err != nil {
		return false
	}
	if s.TryWriteAll(append(packetOpener(), data...)) != nil || s.Close() != nil {
		s.CancelWrite(streamRefused)
		return false
	}
	return true
}
