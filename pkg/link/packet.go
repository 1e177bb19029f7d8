package link

import (
	"bytes"

	"github.com/quic-go/quic-go/quicvarint"

	"strowger/pkg/errs"
)

// MaxPacket is the largest RTP or RTCP packet that a link carries, in bytes: what UDP could carry.
const MaxPacket = 65507

// decodeDatagram splits flow id (RFC 9000, 16) and packet, which shares b.
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

// decodePacketStream reads what a unidirectional stream carried from its beginning to its end.
func decodePacketStream(b []byte) (flow uint64, packet []byte, err error) {
	line, rest, ok := bytes.Cut(b, []byte{'\n'})
	if !ok || len(line) >= maxLine {
		return 0, nil, errs.New(errs.Invalid, "stream of %d bytes has no opener", len(b))
	}
	o, err := decodeOpener(line)
	if err != nil {
		return 0, nil, err
	}
	if o.Stream != streamPacket {
		return 0, nil, errs.New(errs.Invalid, "unidirectional stream of unknown kind %q", o.Stream)
	}
	return decodeDatagram(rest)
}
