package media

import (
	"net/netip"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/srtp"
)

// receive takes a packet of the leg, or of somebody else. It runs in the goroutine of the socket or of the link.
func (p *Port) receive(k kind, packet []byte, from netip.AddrPort) {
	at := p.relay.cfg.Now()
	if len(packet) > maxPacket {
		p.dropped.add(Malformed)
		return
	}
	if s := p.secrets.Load(); s != nil {
		if s.shakes != nil && srtp.IsHandshake(packet) { // RFC 7983, 7
			s.shakes.take(k, packet, from)
			return
		}
		var err error
		if packet, err = s.open(k, packet); err != nil {
			p.dropped.add(Unauthentic)
			return
		}
	}
	if k == media {
		p.receiveMedia(packet, from, at)
	} else {
		p.receiveControl(packet, from, at)
	}
}

func (p *Port) receiveMedia(packet []byte, from netip.AddrPort, at time.Time) {
	h, payload, err := rtp.Parse(packet)
	if err != nil {
		p.dropped.add(Malformed)
		return
	}
	r := p.route.Load()
	passage := r.of(h.PT)
	if passage == nil {
		p.dropped.add(NotNegotiated)
		return
	}
	p.mu.Lock()
	ok := p.admit(media, from, at)
	if ok {
		p.quality.receiver.Receive(h, int(passage.clock), at)
	}
	p.mu.Unlock()
	if !ok {
		return
	}
	p.received.Add(1)
	if t := p.quality.keys.tones.reads.Load(); t != nil {
		p.readTones(t, r, passage, payload, at)
	}
	switch {
	case r.peer == nil:
		p.dropped.add(NotBridged)
		if passage.digits {
			if digit, _, ok := p.pressed(h, payload, passage.event, at); ok {
				p.tell(digit)
			}
		}
	case !passage.passes:
		p.dropped.add(NoCodec)
		if passage.digits {
			p.convert(r.peer, h, payload, passage.event, at)
		}
	case !r.peer.receives.Load():
		p.dropped.add(OnHold)
	default:
		digits := passage.digits
		rtp.SetPayloadType(packet, passage.to)
		switch {
		case passage.event != passage.eventTo:
			rtp.Rescale(payload, passage.event, passage.eventTo)
		case !digits && p.quality.keys.types.Load():
			packet, digits = p.typeKey(r, h, packet, payload, passage, at)
		}
		r.peer.join(h, packet, passage.clock, !digits, at)
		if p.pass(media, r.peer, packet, digits) {
			r.peer.sent.Add(1)
		}
	}
}

// join makes a packet one of the source that the leg hears. A report on it cannot come before.
func (p *Port) join(h rtp.Header, packet []byte, clock uint32, speech bool, at time.Time) {
	ssrc := h.SSRC
	if !p.trusted { // the switch at the other end of a link does that itself, and an app's carrier
		ssrc = p.joined.Join(packet, int(clock), speech, at)
	}
	p.outgoing.Store(pack(ssrc, clock))
}

// convert takes a telephone event that the other side does not have: a key that ends is told there, or becomes tones.
func (p *Port) convert(to *Port, h rtp.Header, payload []byte, clock int, at time.Time) {
	if to.quality.keys.peer.Load() == nil && !to.quality.keys.tones.makes.Load() {
		return
	}
	if digit, length, ok := p.pressed(h, payload, clock, at); ok {
		p.Press(digit, length)
	}
}

// admit lets the latch judge, and counts. It is called with p.mu held.
func (p *Port) admit(k kind, from netip.AddrPort, at time.Time) bool {
	if !p.trusted {
		switch p.latches[k].judge(from, at) {
		case stranger:
			p.dropped.add(Stranger)
			return false
		case rival:
			p.dropped.add(Rival)
			return false
		case moved:
			p.shown = from.Addr()
			for k := range kinds {
				p.aim(k)
			}
		}
	}
	if !p.pace.allow(at) {
		p.dropped.add(Excess)
		return false
	}
	p.quality.last = at
	return true
}

func (p *Port) pass(k kind, to *Port, packet []byte, late bool) bool {
	t := to.targets[k].Load()
	if t == nil {
		p.dropped.add(NoRemote)
		return false
	}
	if t.claimed && to.claims.Add(1) > maxClaims {
		p.dropped.add(Claimed)
		return false
	}
	var err error
	if s := to.secrets.Load(); s != nil {
		packet, err = s.seal(k, packet)
	}
	if err == nil {
		err = to.carrier.send(k, *t, packet, late)
	}
	if err != nil {
		p.dropped.add(Unsent)
		return false
	}
	return true
}

// receiveControl reads the reports in an RTCP packet and passes it on. A hold does not stop RTCP (RFC 3264, 5.1).
func (p *Port) receiveControl(packet []byte, from netip.AddrPort, at time.Time) {
	c, err := rtp.ParseControl(packet)
	if err != nil {
		p.dropped.add(Malformed)
		return
	}
	p.mu.Lock()
	ok := p.admit(control, from, at)
	if ok {
		p.quality.read(c, p.sentTo(c), at)
	}
	p.mu.Unlock()
	if !ok {
		return
	}
	peer := p.route.Load().peer
	if peer == nil {
		p.dropped.add(NotBridged)
		return
	}
	if p.end != "" || peer.end != "" {
		return // it is about sources that the other side does not know
	}
	if c.Report != nil {
		peer.reportSent(*c.Report, at)
	}
	p.joined.Heard(packet)
	peer.joined.Sent(packet)
	p.pass(control, peer, packet, false)
}

// sentTo is the source and the clock of what the leg is sent, packed. Where its RTCP ends here it is the one source that the leg
// knows, whoever speaks.
func (p *Port) sentTo(c rtp.Control) uint64 {
	sent := p.outgoing.Load()
	if p.end == "" || len(c.Blocks) == 0 {
		return sent
	}
	_, clock := unpack(sent)
	return pack(c.Blocks[0].SSRC, clock)
}

// reportSent notes that a sender report is about to go to the leg, before the answer to it can come.
func (p *Port) reportSent(s rtp.SenderReport, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quality.trips.Sent(s, at)
}

// read takes the figures from the block about the source that the leg hears. Blocks about others tell nothing of this
// leg.
func (q *quality) read(c rtp.Control, outgoing uint64, at time.Time) {
	ssrc, clock := unpack(outgoing)
	for _, b := range c.Blocks {
		if b.SSRC != ssrc {
			continue
		}
		if b.SSRC != q.reported.SSRC {
			q.lostBefore += int64(q.reported.Lost)
		}
		q.reported = b
		if clock > 0 {
			q.jitter = time.Duration(b.Jitter) * time.Second / time.Duration(clock)
		}
		if d, ok := q.trips.Measure(b, at); ok {
			q.trip = d
		}
	}
}

// pack and unpack keep a source and its clock in one word, so that they change together.
func pack(ssrc, clock uint32) uint64 { return uint64(ssrc)<<32 | uint64(clock) }

func unpack(v uint64) (ssrc, clock uint32) { return uint32(v >> 32), uint32(v) }
