package link

import "sync/atomic"

// Counters is what the links of an endpoint did since it started.
type Counters struct {
	Links    int    // now
	Dialled  uint64 // connections that this node opened
	Accepted uint64 // connections that peers opened
	Refused  uint64 // dials, handshakes and greetings that did not become a link

	Web      uint64 // connections of apps, handed to Config.OnWeb
	Migrated uint64 // moves of a link to another socket
	Asked    uint64 // dials for which Config.Unreached was called

	PacketsSent     uint64 // by datagram
	PacketsReceived uint64 // by datagram or stream, given to a flow
	LargeSent       uint64 // by stream

	DroppedFull      uint64 // sending: the ring was full
	DroppedStale     uint64 // sending: waited more than 60 ms
	DroppedLarge     uint64 // sending: fits no datagram, and no stream could take it at once
	DroppedUnknown   uint64 // receiving: no such flow
	DroppedMalformed uint64 // receiving: no flow id, or no packet
	Lost             uint64 // receiving: the peer sent them by datagram and they did not come

	StreamsRefused uint64 // opened by a peer with an opener that is late, malformed or of an unknown kind
}

type counters struct {
	dialled, accepted, refused, web, migrated, asked atomic.Uint64
	packetsSent, packetsReceived, largeSent          atomic.Uint64
	droppedFull, droppedStale, droppedLarge          atomic.Uint64
	droppedUnknown, droppedMalformed, streamsRefused atomic.Uint64
	lost                                             atomic.Uint64
}

func (c *counters) snapshot(links int) Counters {
	return Counters{
		Links:            links,
		Dialled:          c.dialled.Load(),
		Accepted:         c.accepted.Load(),
		Refused:          c.refused.Load(),
		Web:              c.web.Load(),
		Migrated:         c.migrated.Load(),
		Asked:            c.asked.Load(),
		PacketsSent:      c.packetsSent.Load(),
		PacketsReceived:  c.packetsReceived.Load(),
		LargeSent:        c.largeSent.Load(),
		DroppedFull:      c.droppedFull.Load(),
		DroppedStale:     c.droppedStale.Load(),
		DroppedLarge:     c.droppedLarge.Load(),
		DroppedUnknown:   c.droppedUnknown.Load(),
		DroppedMalformed: c.droppedMalformed.Load(),
		Lost:             c.lost.Load(),
		StreamsRefused:   c.streamsRefused.Load(),
	}
}
