package sipleg

import (
	"net/netip"
	"slices"

	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// straight is what a leg knows of media that go straight to another phone.
type straight struct {
	direct bool           // they may
	post   func(any) bool // takes inputs of the leg
	theirs sdp.Session    // the peer's description
	known  call.Reach     // as the call was told
	away   bool           // the peer was told to send elsewhere
}

// wake is an input without a meaning of its own: whatever is new is told to the call.
type wake struct{}

// reach is where another phone may send media to this leg's peer. It is named only at the address that its SIP comes from, which it has
// shown to be at: nobody can have a phone send audio to a third party. A phone behind a NAT says another address, or is said to be elsewhere
// by who rewrites what it says; what is encrypted is encrypted for this switch.
func (l *Leg) reach() (r call.Reach) {
	at := l.theirs.Audio
	switch {
	case !l.direct || l.flows || l.line != nil || l.cipher.means != plain:
		return r
	case !at.IsValid() || at.Port() == 0 || at.Addr().IsUnspecified() || at.Addr().Unmap() != l.source.Unmap():
		return r
	case l.theirs.RTCP != netip.AddrPortFrom(at.Addr(), at.Port()+1): // RFC 3550, 11: the other phone sends it there
		return r
	}
	r.At = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	for _, f := range l.theirs.Formats {
		if told, ok := sdp.Find(l.agreed, f.Codec); ok && told.PT == f.PT {
			f.Fmtp = ""
			r.Formats = append(r.Formats, f)
		}
	}
	return r
}

// reached tells the call what is new of that, if anything is.
func (l *Leg) reached(evs []call.Event) []call.Event {
	if !l.direct {
		return evs
	}
	r := l.reach()
	if r.Same(l.known) {
		return evs
	}
	l.known = r
	return slices.Insert(evs, 0, call.Event(call.Reached{Leg: l.id, Reach: r}))
}

// settles has the call learn where the peer is after an answer of ours, of which nothing else may follow.
func (l *Leg) settles() {
	if l.direct && l.post != nil && !l.reach().Same(l.known) {
		l.post(wake{})
	}
}

// at is where the peer is to send: to another phone, or here.
func (l *Leg) at(to netip.AddrPort) sdp.Local {
	if to.IsValid() {
		return sdp.Local{Addr: to}
	}
	return l.port.Local()
}

// goes notes where the peer sends from now on.
func (l *Leg) goes(to netip.AddrPort) {
	if l.away && !to.IsValid() {
		l.port.Returned()
	}
	l.away = to.IsValid()
}
