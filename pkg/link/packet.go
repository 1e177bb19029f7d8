package link

import (
	"bytes"
	"encoding/binary"

	"github.com/quic-go/quic-go/quicvarint"

	"strowger/pkg/errs"
)

// MaxPacket is the largest RTP or RTCP packet that a link carries, in bytes: what UDP could carry.
const MaxPacket = 65507

// several takes the place of the flow id where more than one packet follows. No flow has this id.
const several = 0

// maxBatch is the most that a datagram of several packets may have, in bytes: what fits on every path (RFC 9000, 14: 1200
// bytes), without the headers, the longest connection id and the tag of the QUIC packet.
const maxBatch = 1150

// numberLength is the number of a datagram: a zero, where else the length of a packet is, and four bytes.
const numberLength = 1 + 4

// batch is the payload of a datagram: a packet, or several for a peer that understands them.
type batch struct {
	many     bool   // the peer understands several
	numbered bool   // and how many were sent before
	sent     uint32 // packets in earlier datagrams, modulo 2^32
	bytes    []byte // as several
	first    int    // offset of the first packet without its length
	packets  int
}

func (b *batch) reset() { b.bytes, b.first, b.packets = b.bytes[:0], 0, 0 }

// add appends flow id and packet and says whether there was room. The first always has it.
func (b *batch) add(data []byte) bool {
	length := quicvarint.Len(uint64(len(data)))
	if b.packets == 0 {
		b.bytes = append(b.bytes, several)
		if b.numbered {
			b.bytes = binary.BigEndian.AppendUint32(append(b.bytes, 0), b.sent)
		}
		b.first = len(b.bytes) + length
	} else if !b.many || len(b.bytes)+length+len(data) > maxBatch {
		return false
	}
	b.bytes = append(quicvarint.Append(b.bytes, uint64(len(data))), data...)
	b.packets++
	return true
}

// datagram is what to send. One packet without a number has the form that every peer understands.
func (b *batch) datagram() []byte {
	if b.packets == 1 && !b.numbered {
		return b.single()
	}
	return b.bytes
}

// single is the only packet, as every peer understands it.
func (b *batch) single() []byte { return b.bytes[b.first:] }

// number is how many packets the sender of a datagram sent in earlier ones, modulo 2^32. A node below capability 3 does not
// say.
func number(b []byte) (before uint32, ok bool) {
	if len(b) <= numberLength || b[0] != several || b[1] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[2:]), true
}

// decodeBatch calls take with each packet of a datagram or packet stream and counts them. They share b. An error ends it:
// what came before is good.
func decodeBatch(b []byte, take func(flow uint64, packet []byte)) (packets int, err error) {
	flow, packet, err := decodeDatagram(b)
	if err != nil {
		return 0, err
	}
	if flow != several {
		take(flow, packet)
		return 1, nil
	}
	rest := packet
	if _, ok := number(b); ok {
		rest = packet[numberLength:]
	}
	for ; len(rest) > 0; packets++ {
		length, n, err := quicvarint.Parse(rest)
		if err != nil || length > uint64(len(rest)-n) {
			return packets, errs.New(errs.Invalid, "datagram of %d bytes ends within one of its packets", len(b))
		}
		end := n + int(length)
		if flow, packet, err = decodeDatagram(rest[n:end:end]); err != nil {
			return packets, err
		}
		if flow == several {
			return packets, errs.New(errs.Invalid, "datagram of several packets within another")
		}
		take(flow, packet)
		rest = rest[end:]
	}
	return packets, nil
}

// decodeDatagram splits flow id (RFC 9000, 16), or several, and what follows, which shares b.
func decodeDatagram(b []byte) (flow uint64, packet []byte, err error) {
	flow, n, err := quicvarint.Parse(b)
	if err != nil {
		return 0, nil, errs.New(errs.Invalid, "datagram of %d bytes has no flow id: %w", len(b), err)
	}
	if len(b) == n {
		return 0, nil, errs.New(errs.Invalid, "datagram for flow %d carries no packet", flow)
	}
	return flow, b[n:], nil
}

// packetOpener begins the stream of a packet that fits no datagram.
func packetOpener() []byte { return encodeLine(opener{Stream: streamPacket, V: version}) }

// maxPacketStream is the most that the stream of one packet may carry.
const maxPacketStream = maxLine + 8 + MaxPacket

// decodePacketStream returns what follows the opener in a unidirectional stream, which b is from beginning to end.
func decodePacketStream(b []byte) ([]byte, error) {
	line, rest, ok := bytes.Cut(b, []byte{'\n'})
	if !ok || len(line) >= maxLine {
		return nil, errs.New(errs.Invalid, "stream of %d bytes has no opener", len(b))
	}
	o, err := decodeOpener(line)
	if err != nil {
		return nil, err
	}
	if o.Stream != streamPacket {
		return nil, errs.New(errs.Invalid, "unidirectional stream of unknown kind %q", o.Stream)
	}
	return rest, nil
}
