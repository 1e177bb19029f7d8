package relay

import (
	"net"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

// addresses opens the sockets of allocations.
type addresses struct {
	turn.RelayAddressGeneratorPortRange
	relay *Relay
}

// AllocatePacketConn opens the socket of an allocation and counts it as its leg's.
func (a *addresses) AllocatePacketConn(cfg turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	l, err := a.relay.enter(cfg.UserID)
	if err != nil {
		return nil, nil, err
	}
	c, at, err := a.RelayAddressGeneratorPortRange.AllocatePacketConn(cfg)
	if err != nil {
		a.relay.leave(cfg.UserID)
		return nil, nil, err
	}
	return &metered{PacketConn: c, relay: a.relay, leg: l, leave: sync.OnceFunc(func() { a.relay.leave(cfg.UserID) })}, at, nil
}

// AllocateListener refuses: media are UDP on the far side (RFC 6062 is not served).
func (a *addresses) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errFull
}

// AllocateConn refuses likewise.
func (a *addresses) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errFull }

// enter counts an allocation. Others may have taken the last place since quota looked.
func (r *Relay) enter(name string) (*leg, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.legs[name]
	if l == nil {
		l = &leg{}
	}
	if r.all >= r.cfg.Most || l.allocations >= maxPerLeg {
		return nil, errFull
	}
	r.legs[name] = l
	r.all++
	l.allocations++
	return l, nil
}

func (r *Relay) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if l := r.legs[name]; l != nil {
		if l.allocations--; l.allocations == 0 {
			delete(r.legs, name)
		}
	}
}

// pass says whether a packet of a leg may pass: a second's worth may be saved up.
func (r *Relay) pass(l *leg, n int, now time.Time) bool {
	perSecond := float64(r.cfg.Rate) / 8
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.at.IsZero() {
		l.tokens = perSecond
	}
	l.tokens = min(perSecond, l.tokens+max(0, now.Sub(l.at).Seconds())*perSecond)
	l.at = now
	if l.tokens < float64(n) {
		r.overRate++
		return false
	}
	l.tokens -= float64(n)
	r.bytes += uint64(n)
	return true
}

// metered is the socket of an allocation.
type metered struct {
	net.PacketConn
	relay *Relay
	leg   *leg
	leave func()
}

// ReadFrom reads the next packet that may pass.
func (m *metered) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := m.PacketConn.ReadFrom(b)
		if err != nil || m.relay.pass(m.leg, n, time.Now()) {
			return n, from, err
		}
	}
}

// WriteTo sends a packet, if it may pass; else it is lost, as on any way.
func (m *metered) WriteTo(b []byte, to net.Addr) (int, error) {
	if !m.relay.pass(m.leg, len(b), time.Now()) {
		return len(b), nil
	}
	return m.PacketConn.WriteTo(b, to)
}

// Close closes the socket and gives the place back.
func (m *metered) Close() error {
	m.leave()
	return m.PacketConn.Close()
}
