package media

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"strowger/pkg/srtp"
)

// Shake is how a leg agrees on keys by a handshake on its own ports (RFC 5763).
type Shake struct {
	Identity     *srtp.Identity
	Fingerprints []string // of the leg's description: those that are srtp.Known
	Begins       bool     // we begin
}

// shakes are the handshakes of a leg: RTP and RTCP have one each (RFC 5764, 4.1), since each has a port. The first packets may overtake the description
// that says who sends them: they wait for it.
type shakes struct {
	port *Port

	mu      sync.Mutex // guards what follows
	shake   *Shake     // nil: the leg's description has not come
	halves  [kinds]half
	failure error // the last
	closed  bool
}

// half is the handshake on one port.
type half struct {
	association *srtp.Association // nil: not begun
	to          netip.AddrPort    // where the last packet came from that was the leg's; invalid: none came
	elsewhere   bool              // that is not where the leg's media may come from: who it is, only the certificate shows
	since       time.Time         // the association began
	tries       int               // associations, with this one
	agreed      bool              // there are keys
	failed      bool
	early       []early
}

// Bounds on associations that come to nothing.
const (
	maxTries  = 16              // of one half, with a description; four times as many with who is where media may come from
	hurryTime = 2 * time.Second // that one with somebody elsewhere has, while others want one
)

// early is a packet that came before its time.
type early struct {
	packet []byte
	from   netip.AddrPort
}

// maxEarly is how many packets of a handshake wait for the leg's description.
const maxEarly = 8

// Expect keeps what comes of handshakes until the leg's description has come. Nothing else passes before.
func (p *Port) Expect() { p.encrypt(&secrets{shakes: &shakes{port: p}}) }

// Shake agrees on keys with the leg whose description was set (SetRemote). With the certificate and the roles that there were before, the keys that
// there are go on (RFC 8842, 5.5); other roles are another association (RFC 8842, 3.1), and so is the next after one that failed.
func (p *Port) Shake(s Shake) {
	was := p.secrets.Load()
	if was == nil || was.shakes == nil {
		p.Expect()
		was = p.secrets.Load()
	} else if !was.shakes.serves(s) {
		p.Expect()
		was = p.secrets.Load()
	}
	was.shakes.begin(s)
}

// serves says whether the handshakes that there are, are those of a description.
func (s *shakes) serves(with Shake) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shake == nil ||
		slices.Equal(s.shake.Fingerprints, with.Fingerprints) && s.shake.Begins == with.Begins && !s.halves[media].failed
}

// begin goes on with the leg's description.
func (s *shakes) begin(with Shake) {
	s.mu.Lock()
	if s.shake != nil || s.closed {
		s.mu.Unlock()
		return
	}
	s.shake = &with
	waiting := [kinds][]early{media: s.halves[media].early, control: s.halves[control].early}
	for k := range kinds {
		s.halves[k].early = nil
		if with.Begins {
			s.start(k)
		}
	}
	s.mu.Unlock()
	for k := range kinds {
		for _, e := range waiting[k] {
			s.take(k, e.packet, e.from)
		}
	}
}

// take takes a packet of a handshake.
func (s *shakes) take(k kind, packet []byte, from netip.AddrPort) {
	s.mu.Lock()
	over := s.admit(k, packet, from)
	s.mu.Unlock()
	if over != nil {
		over.Close()
	}
}

// admit hands a packet to the association that it is of, and returns one that is to be closed. Who may send it is who may send media and, as the
// certificate is the proof of who it is, whoever begins, as long as nobody does from where media may come: the leg may be behind a NAT with several
// addresses. It is called with mu held.
func (s *shakes) admit(k kind, packet []byte, from netip.AddrPort) (over *srtp.Association) {
	h, now := &s.halves[k], s.port.relay.cfg.Now()
	switch {
	case s.closed:
		return nil
	case s.shake == nil:
		if len(h.early) < maxEarly {
			h.early = append(h.early, early{slices.Clone(packet), from})
		}
		return nil
	}
	known, under := s.port.knows(k, from), h.association != nil && !h.failed
	if !known && from != h.to && (s.shake.Begins || h.agreed || under && (!h.elsewhere || now.Sub(h.since) < hurryTime)) {
		s.port.dropped.add(Stranger)
		return nil
	}
	if h.failed || under && h.elsewhere && !h.agreed && from != h.to { // the next, whose first word this is to be
		if s.shake.Begins || !hello(packet) || !known && h.tries >= maxTries || h.tries >= 4*maxTries {
			return nil
		}
		over, h.association, h.failed = h.association, nil, false
	}
	h.to = from
	if h.association == nil {
		h.elsewhere = !known
		s.start(k)
	}
	if h.association != nil {
		h.association.Take(packet)
	}
	return over
}

// hello says whether a packet begins a handshake: a record of type 22, whose head has 13 bytes, with a message of type 1 (RFC 6347, 4.1).
func hello(packet []byte) bool { return len(packet) > 13 && packet[0] == 22 && packet[13] == 1 }

// start begins a handshake. It is called with mu held.
func (s *shakes) start(k kind) {
	h := &s.halves[k]
	h.tries++
	h.since = s.port.relay.cfg.Now()
	try := h.tries
	a, err := srtp.Shake(srtp.Shaking{
		Identity: s.shake.Identity, Fingerprints: s.shake.Fingerprints, Begins: s.shake.Begins,
		Send: func(packet []byte) error { return s.send(k, try, packet) },
		Done: func(mine, theirs srtp.Key, err error) { s.done(k, try, mine, theirs, err) },
	})
	if err != nil {
		s.failure = err
		return
	}
	h.association = a
}

// send sends a packet to where the leg's came from, else to where its media go.
func (s *shakes) send(k kind, try int, packet []byte) error {
	s.mu.Lock()
	to, over := s.halves[k].to, s.halves[k].tries != try
	s.mu.Unlock()
	if over { // another has taken its place
		return errNoKey
	}
	p := s.port
	t := p.targets[k].Load()
	switch {
	case to.IsValid():
		return p.carrier.send(k, target{addr: to}, packet, false)
	case t == nil:
		return errNoKey
	case t.claimed && p.claims.Add(1) > maxClaims:
		p.dropped.add(Claimed)
		return errNoKey
	}
	return p.carrier.send(k, *t, packet, false)
}

// done takes the keys. Who has shown the certificate is the leg: its media go there.
func (s *shakes) done(k kind, try int, mine, theirs srtp.Key, err error) {
	p := s.port
	s.mu.Lock()
	h := &s.halves[k]
	if h.tries != try {
		s.mu.Unlock()
		return
	}
	to := h.to
	h.agreed = err == nil
	if h.failed = err != nil; h.failed {
		s.failure = err
	}
	s.mu.Unlock()
	if err != nil {
		p.relay.cfg.Logger.Info("a handshake for media failed", "port", p.Local().Addr, "error", err)
		return
	}
	c, err := cipher{}.change(mine, theirs)
	if err != nil {
		return
	}
	p.relay.mu.Lock()
	if was := p.secrets.Load(); was != nil && was.shakes == s {
		next := *was
		next.halves[k] = c
		p.secrets.Store(&next)
	}
	p.relay.mu.Unlock()
	if to.IsValid() {
		p.shownAt(k, to)
	}
}

// close ends the handshakes, and returns when they have.
func (s *shakes) close() {
	s.mu.Lock()
	s.closed = true
	all := [kinds]*srtp.Association{s.halves[media].association, s.halves[control].association}
	s.mu.Unlock()
	for _, a := range all {
		if a != nil {
			a.Close()
		}
	}
}

// words say how far it came.
func (s *shakes) words(mine srtp.Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case mine.Suite() != "":
		return byHandshake + " " + mine.Suite()
	case s.failure != nil:
		return byHandshake + ": no keys: " + s.failure.Error()
	}
	return byHandshake + ": no keys"
}

// knows says whether packets from somewhere may be the leg's.
func (p *Port) knows(k kind, from netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.latches[k]
	return from == l.source || from == l.signalled || from.Addr() == l.sip
}

// shownAt has the leg's media go where it has shown to be, and come from there.
func (p *Port) shownAt(k kind, from netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latches[k].proven = from.Addr()
	if p.latches[k].judge(from, p.relay.cfg.Now()) == moved {
		p.shown = from.Addr()
		for k := range kinds {
			p.aim(k)
		}
	}
}
