package sipleg

import (
	"slices"

	"strowger/pkg/sip"
)

// Roam is how a leg follows its phone to other addresses and connections. The zero value stays where it is.
type Roam struct {
	Guard  sip.Guard // judges requests from elsewhere; nil: the leg does not roam
	Closed func()    // the leg is over

	been []sip.Peer // where the phone was in this call, the last at the end
}

// maxBeen is how many places are remembered.
const maxBeen = 8

// Moved is an input of a leg: its device has registered from a place.
type Moved struct {
	From      []sip.Peer // where the contact that registers was before
	To        sip.Peer
	Connected func(sip.Peer) bool
}

// follows says whether the phone of a leg is the one that registered: it was registered at a place where it was in the call, or it is on the same
// host, and the connection of the leg is gone.
func (m Moved) follows(been []sip.Peer) bool {
	at := been[len(been)-1]
	return slices.ContainsFunc(been, func(p sip.Peer) bool { return slices.Contains(m.From, p) }) ||
		at.Transport == m.To.Transport && at.Addr.Addr() == m.To.Addr.Addr() && !m.Connected(at)
}

// roams sets the leg up to follow its phone.
func (l *Leg) roams(r Roam) {
	r.been = []sip.Peer{l.dialog.Peer()}
	if l.roam = r; r.Guard != nil {
		l.dialog.SetGuard(r.Guard)
	}
}

// moved follows the phone, if it is this leg's.
func (l *Leg) moved(m Moved) {
	if l.roam.Guard == nil || l.dialog.Peer() == m.To || !m.follows(l.roam.been) || l.cipher.SDES && m.To.Transport != sip.TLS { // RFC 4568, 8.3: its keys are told over TLS only
		return
	}
	l.dialog.Redirect(m.To)
	l.follow()
}

// follow takes the media of a phone from where its signalling comes now.
func (l *Leg) follow() {
	if been, at := l.roam.been, l.dialog.Peer(); been[len(been)-1] != at {
		l.roam.been = append(been[max(0, len(been)+1-maxBeen):], at)
	}
	if at := l.dialog.Peer().Addr.Addr(); l.roam.Guard != nil && at != l.source {
		l.source = at
		l.port.Towards(at)
		l.port.Moved(at)
	}
}

// closed says that the leg is over.
func (l *Leg) closed() {
	if l.roam.Closed != nil {
		l.roam.Closed()
	}
}
