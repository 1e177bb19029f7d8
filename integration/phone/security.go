package phone

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"strowger/pkg/sdp"
	"strowger/pkg/srtp"
)

// Security is how a phone's audio is encrypted.
type Security int

// The ways.
const (
	Open   Security = iota // not at all
	SDES                   // with keys in SDP (RFC 4568), or there is no call
	DTLS                   // with keys by a handshake (RFC 5763), or there is no call
	OSRTP                  // by either, if the other side can (RFC 8643)
	Strict                 // by keys in the description, and it refuses an offer that is not RTP/SAVP
)

func (s Security) ways() sdp.Ways {
	return sdp.Ways{Plain: s == Open || s == OSRTP, SDES: s.keys(), DTLS: s == DTLS || s == OSRTP}
}

// keys says that keys may stand in descriptions.
func (s Security) keys() bool { return s == SDES || s == OSRTP || s == Strict }

// profile is that of its offers.
func (s Security) profile() string {
	switch s {
	case SDES, Strict:
		return sdp.SAVP
	case DTLS:
		return sdp.DTLS
	}
	return sdp.AVP
}

// guardian has the audio of one call encrypted. It belongs to the call's goroutine.
type guardian struct {
	security Security
	media    *media
	crypto   srtp.Agreement
	identity *srtp.Identity
	setup    sdp.Setup // that we said last
	how      string    // "": not encrypted
}

func newGuardian(s Security, m *media) (*guardian, error) {
	g := &guardian{security: s, media: m}
	var err error
	if s == DTLS || s == OSRTP {
		g.identity, err = srtp.NewIdentity()
	}
	m.guard(s)
	return g, err
}

// offer writes our keys.
func (g *guardian) offer(w *sdp.Writer) {
	var k sdp.Keys
	if g.security.keys() {
		k.Crypto = g.crypto.Offer()
	}
	if g.identity != nil {
		k.Fingerprint, k.Setup = g.identity.Fingerprint(), sdp.ActPass
	}
	g.setup = k.Setup
	w.Secure(g.security.profile(), k)
}

// answer writes those for an offer of theirs.
func (g *guardian) answer(w *sdp.Writer, theirs sdp.Session) error {
	var k sdp.Keys
	switch {
	case len(theirs.Crypto) > 0 && (g.security.keys()):
		ours, err := g.crypto.Answer(theirs.Crypto)
		if err != nil {
			return err
		}
		k.Crypto = []string{ours}
		if err := g.unlock(); err != nil {
			return err
		}
	case len(theirs.Fingerprints) > 0 && g.identity != nil:
		k.Fingerprint, k.Setup = g.identity.Fingerprint(), sdp.Active // RFC 5763, 5
		if theirs.Setup == sdp.Active {
			k.Setup = sdp.Passive
		}
		g.shake(theirs, k.Setup == sdp.Active)
	default:
		g.clear()
	}
	g.setup = k.Setup
	w.Secure("", k)
	return nil
}

// answered takes those of their answer.
func (g *guardian) answered(theirs sdp.Session) error {
	switch {
	case len(theirs.Crypto) > 0 && (g.security.keys()):
		if err := g.crypto.Answered(theirs.Crypto); err != nil {
			return err
		}
		return g.unlock()
	case len(theirs.Fingerprints) > 0 && g.identity != nil:
		g.shake(theirs, g.setup == sdp.Active || g.setup == sdp.ActPass && theirs.Setup == sdp.Passive)
	case !g.security.ways().Plain:
		return fmt.Errorf("their answer has no keys")
	default:
		g.clear()
	}
	return nil
}

// clear goes on without keys, if that may be.
func (g *guardian) clear() {
	if g.security.ways().Plain {
		g.how = ""
		g.media.guard(Open)
	}
}

// unlock has the audio use the keys that descriptions agree on.
func (g *guardian) unlock() error {
	mine, theirs := g.crypto.Keys()
	g.how = "SDES"
	g.media.guard(SDES)
	return g.media.keys(mine, theirs)
}

// shake shakes hands with who wrote a description.
func (g *guardian) shake(theirs sdp.Session, begins bool) {
	g.how = "DTLS"
	g.media.shake(srtp.Shaking{Identity: g.identity, Fingerprints: srtp.Known(theirs.Fingerprints), Begins: begins}, theirs)
}

// half is what one of the two sockets of a call's audio is encrypted with. Guarded by media.mu.
type half struct {
	mine, theirs srtp.Key
	sealer       *srtp.Sealer // nil: no keys yet
	opener       *srtp.Opener
	association  *srtp.Association // nil: no handshake
}

func (h *half) keys(mine, theirs srtp.Key) error {
	if h.mine != mine {
		s, err := srtp.NewSealer(mine)
		if err != nil {
			return err
		}
		h.mine, h.sealer = mine, &s
	}
	if h.theirs != theirs {
		o, err := srtp.NewOpener(theirs)
		if err != nil {
			return err
		}
		h.theirs, h.opener = theirs, &o
	}
	return nil
}

// guard sets whether audio passes without keys.
func (m *media) guard(s Security) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.encrypts = s != Open
}

// keys sets those of what we send and get; those in use go on.
func (m *media) keys(mine, theirs srtp.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.halves[0].keys(mine, theirs); err != nil {
		return err
	}
	m.halves[1] = m.halves[0]
	return nil
}

// shake begins the handshakes on both sockets, unless there were some with who wrote the description.
func (m *media) shake(s srtp.Shaking, theirs sdp.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.encrypts = true
	if slices.Equal(m.shaken, s.Fingerprints) {
		return
	}
	m.shaken = s.Fingerprints
	for i, to := range [2]netip.AddrPort{theirs.Audio, theirs.RTCP} {
		h := &m.halves[i]
		if h.association != nil {
			h.association.Close()
		}
		*h = half{}
		one := s
		one.Send = func(packet []byte) error {
			at := m.sockets()
			_, err := [2]*net.UDPConn{at.rtp, at.control}[i].WriteToUDPAddrPort(packet, to)
			return err
		}
		one.Done = func(mine, theirs srtp.Key, err error) {
			if err == nil {
				m.mu.Lock()
				defer m.mu.Unlock()
				_ = m.halves[i].keys(mine, theirs) // without them nothing is heard
			}
		}
		h.association, _ = srtp.Shake(one)
	}
}

// seal is a packet as it is sent, nil if it cannot be. It is called with mu held.
func (m *media) seal(packet []byte, control bool) (sealed []byte) {
	h := m.half(control)
	switch {
	case !m.encrypts || packet == nil:
		return packet
	case h.sealer == nil:
	case control:
		sealed, _ = h.sealer.RTCP(packet)
	default:
		sealed, _ = h.sealer.RTP(packet)
	}
	return sealed
}

// open is a packet as it was before it was sent, nil if it is not theirs, or no audio.
func (m *media) open(packet []byte, control bool) (opened []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.half(control)
	var err error
	switch {
	case h.association != nil && srtp.IsHandshake(packet):
		h.association.Take(packet)
		return nil
	case !m.encrypts:
		return packet
	case h.opener == nil:
		return nil
	case control:
		opened, err = h.opener.RTCP(packet)
	default:
		opened, err = h.opener.RTP(packet)
	}
	if err != nil {
		return nil
	}
	return opened
}

func (m *media) half(control bool) *half {
	if control {
		return &m.halves[1]
	}
	return &m.halves[0]
}

// part ends the handshakes.
func (m *media) part() {
	m.mu.Lock()
	all := [2]*srtp.Association{m.halves[0].association, m.halves[1].association}
	m.mu.Unlock()
	for _, a := range all {
		if a != nil {
			a.Close()
		}
	}
}
