package media

import (
	"net/netip"
	"time"
)

// When another port of the allowed IP takes over (package doc, rule 4).
const (
	rivalPackets = 5
	rivalSilence = 500 * time.Millisecond
)

// maxClaims is how many packets, RTP and RTCP, a leg gets in all at addresses of other hosts than its SIP's that have not
// sent anything (package doc, rule 6): five seconds of audio.
const maxClaims = 250

// latch decides whose packets a port takes: the rules of the package doc, as a plain state. The zero value takes none.
type latch struct {
	signalled netip.AddrPort // of the leg's SDP, invalid if it names none
	sip       netip.Addr     // where the leg's SIP comes from
	proven    netip.Addr     // where the leg has shown its certificate, invalid before
	source    netip.AddrPort // latched, invalid before
	heard     time.Time      // last packet of source
	rival     netip.AddrPort // who else is sending
	run       int            // packets of rival since source was heard
}

type verdict uint8

const (
	taken verdict = iota
	moved         // taken, from a new source
	stranger
	rival
)

// allow sets what is signalled. Only a change makes the latch forget its source.
func (l *latch) allow(signalled netip.AddrPort, sip netip.Addr) {
	if signalled != l.signalled || sip != l.sip {
		*l = latch{signalled: signalled, sip: sip, proven: l.proven}
	}
}

// judge decides about a packet, which is well formed and of a negotiated payload type.
func (l *latch) judge(from netip.AddrPort, at time.Time) verdict {
	switch {
	case from == l.source:
		l.heard, l.rival, l.run = at, netip.AddrPort{}, 0
		return taken
	case from == l.signalled:
	case from.Addr() != l.sip && from.Addr() != l.proven:
		return stranger
	case l.source.IsValid():
		if from != l.rival {
			l.rival, l.run = from, 0
		}
		l.run++
		if l.run < rivalPackets || at.Sub(l.heard) < rivalSilence {
			return rival
		}
	}
	l.source, l.heard, l.rival, l.run = from, at, netip.AddrPort{}, 0
	return moved
}

// target is where to send to: the latched source, else the signalled address, else nowhere.
func (l *latch) target() (netip.AddrPort, bool) {
	if l.source.IsValid() {
		return l.source, true
	}
	return l.signalled, l.signalled.IsValid()
}
