package link

import (
	"bytes"

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

// batch is the payload of a datagram: a packet, or several for a peer that understands them.
type batch struct {
	many    bool   // the peer understands several
	bytes   []byte // as several
	first   int    // offset of the first packet without its length
	packets int
}

func (b *batch) reset() { b.bytes, b.first, b.packets = b.bytes[:0], 0, 0 }

// add appends flow id and packet and says whether there was room. The first always has it.
func (b *batch) add(data []byte) bool {
	length := quicvarint.Len(uint64(len(data)))
	if b.packets == 0 {
		b.bytes = append(b.bytes, several)
		b.first = len(b.bytes) + length
	} else if !b.many || len(b.bytes)+length+len(data) > maxBatch {
		return false
	}
	b.bytes = append(quicvarint.Append(b.bytes, uint64(len(data))), data...)
	b.packets++
	return true
}

// datagram is what to send. One packet has the form that every peer understands.
func (b *batch) datagram() []byte {
	if b.packets == 1 {
		return b.bytes[b.first:]
	}
	return b.bytes
}

// decodeBatch calls take with each packet of a datagram or packet stream. They share b. An error ends it: what came before is
// good.
func decodeBatch(b []byte, take func(flow uint64, packet []byte)) error {
	flow, packet, err := decodeDatagram(b)
	if err != nil {
		return err
	}
	if flow != several {
		take(flow, packet)
		return nil
	}
	for rest := packet; len(rest) > 0; {
		length, n, err := quicvarint.Parse(rest)
		if err != nil || length > uint64(len(rest)-n) {
			return errs.New(errs.Invalid, "datagram of %d bytes ends within one of its packets", len(b))
		}
		end := n + int(length)
		if flow, packet, err = decodeDatagram(rest[n:end:end]); err != nil {
			return err
		}
		if flow == several {
			return errs.New(errs.Invalid, "datagram of several packets within another")
		}
		take(flow, packet)
		rest = rest[end:]
	}
	return nil
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
