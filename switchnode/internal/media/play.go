package media

import (
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

// Hears returns the first format, of those that the leg wants to get, which fits; false if none does.
func (p *Port) Hears(fits func(sdp.Codec) bool) (sdp.Format, bool) {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	for _, f := range p.gets {
		if fits(f.Codec) {
			return f, true
		}
	}
	return sdp.Format{}, false
}

// PeerHears returns the first format, of those that the other side wants to get and that were agreed with it, which fits; false if none does, or if the other side
// cannot hear now: there is none, there is no way to it, or it does not want to. It takes no lock.
func (p *Port) PeerHears(fits func(sdp.Codec) bool) (sdp.Format, bool) {
	r := p.route.Load()
	if r.peer == nil || !r.peer.receives.Load() || !r.peer.Ready() {
		return sdp.Format{}, false
	}
	for _, f := range r.hears {
		if fits(f.Codec) {
			return f, true
		}
	}
	return sdp.Format{}, false
}

// SetWay says whether there is a way to the leg, as there is unless this was said: what is played waits for it.
func (p *Port) SetWay(ok bool) { p.wayless.Store(!ok) }

// Ready says whether the leg can hear what is played.
func (p *Port) Ready() bool { return !p.wayless.Load() }

// Play sends the leg a packet of our own, with a clock in Hz, if it has no other side. The packet may be changed: for the leg it is of the
// source that it heard before.
func (p *Port) Play(packet []byte, clock int) {
	h, _, err := rtp.Parse(packet)
	if err != nil || !p.receives.Load() || p.route.Load().peer != nil {
		return
	}
	p.join(h, packet, uint32(clock), true, p.relay.cfg.Now())
	if p.pass(media, p, packet, false) {
		p.sent.Add(1)
	}
}
