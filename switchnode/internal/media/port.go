package media

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

// Port is where one leg's media come in and go out. It is safe for concurrent use.
type Port struct {
	relay   *Relay
	trusted bool   // a link: what comes is authenticated
	end     string // what carries the media of a leg whose RTCP ends here, "" for any other
	carrier carrier
	local   sdp.Local
	once    sync.Once

	// Settings, guarded by relay.mu.
	sends, gets []sdp.Format // payload types that the leg sends, and those it wants to get
	peer        *Port

	// What the packets' goroutines read without a lock.
	route    atomic.Pointer[route]
	targets  [kinds]atomic.Pointer[target]
	receives atomic.Bool   // the leg wants to hear
	outgoing atomic.Uint64 // SSRC and clock of the last packet sent to the leg, see pack

	secrets atomic.Pointer[secrets] // nil: its media are not encrypted

	traffic

	dropped drops

	mu sync.Mutex // guards what follows, for no longer than a few instructions
	gate
	quality quality
}

// gate is whose packets are taken.
type gate struct {
	latches [kinds]latch
	shown   netip.Addr // whence the last source that was latched sends, RTP or RTCP
	pace    pace
}

// traffic is what packets there were.
type traffic struct {
	received, sent atomic.Uint64
	claims         atomic.Uint64  // sent to claimed targets
	joined         rtp.Continuity // what the leg hears is one source: of a phone, or a phone company
	wayless        atomic.Bool    // there is no way to the leg yet
}

// quality is what is measured on a leg.
type quality struct {
	receiver   rtp.Receiver
	last       time.Time // of the last packet taken
	trips      rtp.RoundTrip
	trip       time.Duration
	reported   rtp.Block // the leg's last report on what we sent
	lostBefore int64     // reported of earlier sources
	jitter     time.Duration
	keys       keys
}

// route is what happens to the packets of a leg. It is replaced as a whole.
type route struct {
	peer     *Port // nil: not bridged
	passages []passage
	events   []sdp.Format // telephone events that the other side wants to get
	hears    []sdp.Format // what it wants to get, was agreed with it, and comes from here, in its order
}

// passage is what happens to one payload type that the leg sends.
type passage struct {
	from           uint8 // the payload type
	passes         bool
	to             uint8  // on the other side
	clock          uint32 // Hz; 0 if the timestamps do not tell when a packet was sent
	digits         bool   // telephone events: a digit that comes late counts
	event, eventTo int    // of telephone events: the clocks here and on the other side, in Hz
	g711           bool   // speech in which tones can be found and made
	law            g711.Law
}

// of finds what happens to a payload type, nil if it was not negotiated. There are a handful, so none is far.
func (r *route) of(pt uint8) *passage {
	for i := range r.passages {
		if r.passages[i].from == pt {
			return &r.passages[i]
		}
	}
	return nil
}

// Local is where the leg has to send to, for its SDP.
func (p *Port) Local() sdp.Local {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	return p.local
}

// Towards has Local be the address of the relay that is of the same family of IP as that of a leg's SIP.
func (p *Port) Towards(sip netip.Addr) {
	cfg, at := &p.relay.cfg, p.Local().Addr
	if !at.IsValid() || !sip.IsValid() { // a flow
		return
	}
	told := cfg.Advertise
	if cfg.Other.IsValid() && cfg.Other.Is6() == sip.Unmap().Is6() {
		told = cfg.Other
	}
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.local.Addr = netip.AddrPortFrom(told, at.Port())
}

// SetLocal sets the payload types that we told the leg to send.
func (p *Port) SetLocal(formats []sdp.Format) {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.sends = formats
	p.reroute()
	if p.peer != nil {
		p.peer.reroute()
	}
}

// SetRemote sets what the leg told us: where to send, what to send, whether to send at all. sip is where its SIP comes
// from, the zero value on a link.
func (p *Port) SetRemote(s sdp.Session, sip netip.Addr) {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.gets = s.Formats
	p.receives.Store(s.Direction.Receives())
	if p.trusted {
		p.setFlow(s.Flow)
	} else {
		p.setAddresses([kinds]netip.AddrPort{s.Audio, s.RTCP}, sip.Unmap())
	}
	if p.peer != nil {
		p.peer.reroute()
	}
}

func (p *Port) setFlow(flow uint64) {
	for k := range p.targets {
		if flow == 0 {
			p.targets[k].Store(nil) // the other side named no flow
			continue
		}
		p.targets[k].Store(&target{flow: flow})
	}
}

func (p *Port) setAddresses(signalled [kinds]netip.AddrPort, sip netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range kinds {
		if signalled[k].Addr().IsUnspecified() { // the hold of RFC 2543 names no address: the last one stays
			signalled[k] = p.latches[k].signalled
		}
		p.latches[k].allow(signalled[k], sip)
		p.aim(k)
	}
}

// Moved has the leg's media be taken from another IP: its SIP comes from there now. Where they go is as it was until some come, or until the leg says.
func (p *Port) Moved(sip netip.Addr) {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.setAddresses([kinds]netip.AddrPort{p.latches[media].signalled, p.latches[control].signalled}, sip.Unmap())
}

// Returned says that the leg sends here again, after it sent straight to another one. What was not seen meanwhile is no loss; and who hears
// it, and what it hears itself, need not go on where that stopped here: the numbers since are not known.
func (p *Port) Returned() {
	p.joined.Restart()
	if r := p.route.Load(); r != nil && r.peer != nil {
		r.peer.joined.Restart()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quality.receiver.Pause()
}

// aim sets where the leg's packets go, after a change of its latch. It is called with p.mu held.
func (p *Port) aim(k kind) {
	if addr, ok := p.latches[k].target(); ok {
		ip := addr.Addr()
		p.targets[k].Store(&target{addr: addr, claimed: ip != p.latches[k].sip && ip != p.shown})
	} else {
		p.targets[k].Store(nil)
	}
}

// Bridge lets two ports of one relay hear each other. What either was bridged to before, it no longer is.
func Bridge(a, b *Port) {
	a.relay.mu.Lock()
	defer a.relay.mu.Unlock()
	a.unbridge()
	b.unbridge()
	a.peer, b.peer = b, a
	a.reroute()
	b.reroute()
}

// Unbridge separates the port from its other side.
func (p *Port) Unbridge() {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.unbridge()
}

func (p *Port) unbridge() {
	other := p.peer
	if other == nil {
		return
	}
	p.peer, other.peer = nil, nil
	p.reroute()
	other.reroute()
}

// reroute makes the route anew. It is called with relay.mu held.
func (p *Port) reroute() {
	r := &route{peer: p.peer, passages: make([]passage, 0, len(p.sends))}
	for _, f := range p.sends {
		passage := passage{from: f.PT, clock: uint32(f.Clock)}
		passage.law, passage.g711 = lawOf(f.Codec)
		if f.Name == sdp.TelephoneEvent {
			passage.clock = 0 // RFC 4733, 2.2: its packets repeat the timestamp of the event's beginning
			passage.digits, passage.event, passage.eventTo = true, f.Clock, f.Clock
		}
		if p.peer != nil {
			var other sdp.Format
			other, passage.passes = sdp.Match(p.peer.gets, f.Codec)
			passage.to = other.PT
			if passage.passes && passage.digits {
				passage.eventTo = other.Clock
			}
		}
		r.passages = append(r.passages, passage)
	}
	if p.peer != nil {
		for _, f := range p.peer.gets {
			// RFC 3264, 6.1 and 7: what is in the offer and not in the answer is not sent.
			_, agreed := sdp.Match(p.peer.sends, f.Codec)
			if _, ours := sdp.Match(p.sends, f.Codec); agreed && ours {
				r.hears = append(r.hears, f)
			}
			if f.Name == sdp.TelephoneEvent {
				r.events = append(r.events, f)
			}
		}
	}
	p.route.Store(r)
}

// Close ends receiving and frees the ports. It returns when no packet from a socket is in work any more; a link may be
// about to deliver one more, which then goes nowhere.
func (p *Port) Close() {
	p.once.Do(func() {
		p.Unbridge()
		if s := p.secrets.Load(); s != nil && s.shakes != nil {
			s.shakes.close()
		}
		p.carrier.close()
		p.relay.remove(p)
	})
}

// LastReceived is when the leg's last packet came, RTP or RTCP; the zero time before the first.
func (p *Port) LastReceived() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.quality.last
}

// Measured takes the round trip to a leg whose RTCP ends here, as what carries its media measures it.
func (p *Port) Measured(trip time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quality.trip = trip
}

// Addresses are where the leg's RTP comes in and goes to, in the words of the ledger; remote is "" if unknown.
func (p *Port) Addresses() (local, remote string) {
	if p.end != "" {
		return p.end, p.end
	}
	t := p.targets[media].Load()
	if p.trusted {
		if local = flowWords(p.local.Flow); t != nil {
			remote = flowWords(t.flow)
		}
		return local, remote
	}
	if local = p.Local().Addr.String(); t != nil {
		remote = t.addr.String()
	}
	return local, remote
}

func flowWords(flow uint64) string { return fmt.Sprintf("link flow %d", flow) }

// Stats is what was measured on the leg so far.
func (p *Port) Stats() ledger.QualityFigures {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.quality
	f := ledger.QualityFigures{
		PacketsReceived: p.received.Load(),
		PacketsSent:     p.sent.Load(),
		LostReceived:    q.receiver.Lost(),
		JitterReceived:  milliseconds(q.receiver.Jitter()),
		LostSent:        q.lostBefore + int64(q.reported.Lost),
		JitterSent:      milliseconds(q.jitter),
		RoundTrip:       milliseconds(q.trip),
		Encryption:      p.Encryption(),
	}
	for r := Malformed; r <= Unauthentic; r++ {
		f.PacketsDropped += p.dropped[r].Load()
	}
	return f
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
