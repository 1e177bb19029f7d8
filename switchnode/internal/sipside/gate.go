package sipside

import (
	"bytes"
	"net/netip"
	"time"

	"strowger/pkg/limit"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/barring"
)

// Strangers is how those are treated who have not shown a password.
type Strangers struct {
	Rate   float64        // messages a second that one address may send; 0: no limit
	Points int            // that shut a source out; 0: nobody is (package barring)
	First  time.Duration  // for so long the first time
	Spared []netip.Prefix // never shut out
	Alarm  func(barring.Alarm)
}

// gate decides who is heard.
type gate struct {
	phones *Phones
	*barring.Table
	knocks  *limit.Buckets[netip.Prefix] // connections of who is shut out: it might be an emergency call
	refused barring.Lately[Refused]
}

// Who is shut out may open a connection every ten seconds, and two at once.
const (
	knockRefill = 10 * time.Second
	knockBurst  = 2
)

func newGate(p *Phones) *gate {
	s := p.cfg.Strangers
	return &gate{
		phones: p,
		Table:  barring.New(barring.Config{Points: s.Points, First: s.First, Spared: s.Spared, Server: p.isServer, Alarm: s.Alarm, Now: p.cfg.Now}),
		knocks: limit.New[netip.Prefix](limit.Config{Rate: 1 / knockRefill.Seconds(), Burst: knockBurst, Max: maxGuessed, Now: p.cfg.Now}),
	}
}

func stream(p sip.Peer) bool { return p.Transport != sip.UDP }

// Shut says whether something is dropped unread. A call for help never is, from wherever it comes: who knows the password gets
// through, and is heard from then on.
func (g *gate) Shut(from sip.Peer, message []byte) bool {
	if !g.Table.Shut(from.Addr.Addr(), stream(from)) {
		return false
	}
	if message == nil {
		return !g.knocks.Take(limit.Source(from.Addr.Addr()))
	}
	method, rest, _ := bytes.Cut(message, []byte(" "))
	switch string(method) {
	case "ACK": // of what such a call was answered with
		return false
	case "INVITE":
		to, _, _ := bytes.Cut(rest, []byte(" "))
		u, err := sip.ParseURI(string(to))
		if err != nil {
			return true
		}
		_, ok := g.phones.cfg.Dialling().Emergency(wanted(u))
		return !ok
	}
	return true
}

// Offends notes what the SIP stack saw.
func (g *gate) Offends(from sip.Peer, o sip.Offence) {
	offence := barring.Unreadable
	switch o {
	case sip.TooFast:
		offence = barring.Flood
	case sip.Probes:
		offence = barring.Probe
	}
	g.Offend(from.Addr.Addr(), stream(from), offence)
}

// isServer says whether an address is that of a phone company, whatever it speaks.
func (p *Phones) isServer(a netip.Addr) bool {
	return p.anyServer(func(at netip.AddrPort) bool { return at.Addr() == a })
}

// Barred is who is shut out now, the last first.
func (p *Phones) Barred() []barring.Entry { return p.gate.List() }

// Unbar lets an address in again, and says whether it was shut out.
func (p *Phones) Unbar(a netip.Addr) bool { return p.gate.Lift(a) }

// Refused is which sign-ins were refused last, the latest first.
func (p *Phones) Refused() []Refused { return p.gate.refused.List() }

// Refused is a sign-in that was refused.
type Refused struct {
	At     time.Time
	Source netip.AddrPort
	User   string
	Words  string
}
