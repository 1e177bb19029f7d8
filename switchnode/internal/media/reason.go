package media

import "sync/atomic"

// Reason says why a packet was dropped.
type Reason uint8

// The reasons. Those up to Unauthentic make a packet not the leg's own; the others say why it went no further.
const (
	Malformed     Reason = iota // no RTP or RTCP, or larger than a packet of audio can be
	Stranger                    // from an address that is not the leg's
	Rival                       // from the leg's IP, but while another port of it is latched
	NotNegotiated               // a payload type that we did not tell the leg to send
	Unauthentic                 // encrypted with another key, not at all, or there before
	NotBridged                  // the leg has no other side yet
	NoCodec                     // the other side does not know the codec
	OnHold                      // the other side does not want to hear
	NoRemote                    // the other side did not say where to send to
	Unsent                      // the socket or the link did not take it
	Excess                      // beyond the rate of a leg
	Claimed                     // the SDP names another host than the SIP's, and too much went there without any reply
	reasons
)

var reasonNames = [reasons]string{"malformed", "stranger", "rival", "not-negotiated", "unauthentic", "not-bridged", "no-codec",
	"on-hold", "no-remote", "unsent", "excess", "claimed"}

func (r Reason) String() string { return reasonNames[r] }

// drops counts by reason.
type drops [reasons]atomic.Uint64

func (d *drops) add(r Reason) { d[r].Add(1) }

// Counters is what a relay did since it was made.
type Counters struct {
	Ports    int               // open now
	Refused  map[string]uint64 // legs that got no port: "files" (no socket), "ports" (none free), "system"
	Received uint64            // packets that were the legs' own
	Sent     uint64
	Dropped  map[Reason]uint64
}

func (c *Counters) add(p *Port) {
	c.Received += p.received.Load()
	c.Sent += p.sent.Load()
	for r := range reasons {
		c.Dropped[r] += p.dropped[r].Load()
	}
}
