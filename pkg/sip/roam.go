package sip

import (
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Guard says whether a request within a dialog, which comes from elsewhere than the peer, is the peer's: nil, or the answer that it gets
// instead. It must be quick.
type Guard func(req *Request, from, peer Peer) *Denial

// Denial is the answer to a request that is not served.
type Denial struct {
	Code    int
	Reason  string
	Headers []Header
}

// comeBack is how long a peer whose connection is gone has to come back by another, before what waits for it is lost.
const comeBack = 10 * time.Second

// roaming is how a dialog follows a peer that comes by other addresses, as a phone does whose network changes. The zero value stays where it is, but
// for streams that are replaced.
type roaming struct {
	guard Guard
	// stranded are requests of ours whose stream was gone; they go to the next.
	stranded []stranded
}

type stranded struct {
	failed
	timer *timer
}

// SetGuard has the dialog follow its peer to wherever a request comes from that the guard lets pass, and keeps requests for a while that find no
// connection.
func (d *Dialog) SetGuard(g Guard) { d.roaming.guard = g }

// elsewhere handles where a request of the peer came from, and says whether it is to be served.
func (d *Dialog) elsewhere(in arrived) bool {
	from := peerOf(in.req)
	switch {
	case from == d.path.peer:
		return true
	case d.roaming.guard == nil:
		if from.reliable() {
			d.path.peer = from // the peer replaced its stream
		}
		return true
	}
	if no := d.roaming.guard(in.req, from, d.path.peer); no != nil {
		d.deny(in, no.Code, no.Reason, no.Headers...)
		return false
	}
	if from.reliable() || from.Addr.Addr() != d.path.peer.Addr.Addr() || in.req.Via().Params.Has("rport") { // else it sends from any port, and listens on one
		d.Redirect(from)
	}
	return true
}

// strand keeps a request that found no connection, and says whether it did.
func (d *Dialog) strand(in failed) bool {
	if d.roaming.guard == nil || !errors.Is(in.err, errNoDial) || len(d.roaming.stranded) == maxDigits {
		return false
	}
	switch in.req.Method {
	case sip.INVITE:
		if d.state != up || d.out == nil || d.out.req != in.req {
			return false
		}
	case sip.BYE, sip.UPDATE, sip.INFO, sip.NOTIFY:
	default:
		return false
	}
	d.roaming.stranded = append(d.roaming.stranded, stranded{in, d.after(comeBack)})
	if peerTo(in.req) != d.path.peer { // it is back already
		d.resume()
	}
	return true
}

// resume sends what waited for the peer. A request that reached it before its connection broke is a copy to it.
func (d *Dialog) resume() {
	all := d.roaming.stranded
	d.roaming.stranded = nil
	for _, s := range all {
		s.timer.stop()
		if m := s.req.Method; (m == sip.INVITE || m == sip.UPDATE) && (d.out == nil || d.out.req != s.req) {
			continue // another has taken its place
		}
		s.req.SetTransport(d.path.peer.Transport)
		s.req.SetDestination(d.path.peer.Addr.String())
		abandon := d.send(s.req)
		if d.out != nil && d.out.req == s.req {
			d.out.abandon = abandon
		}
	}
}

// missed says whether a timer is that of a request that waited for too long, and loses it.
func (d *Dialog) missed(tm *timer) bool {
	for i, s := range d.roaming.stranded {
		if s.timer == tm {
			d.roaming.stranded = append(d.roaming.stranded[:i:i], d.roaming.stranded[i+1:]...)
			d.gaveUp(s.failed)
			return true
		}
	}
	return false
}

// toReturned has the ACK of a 2xx that comes again go where that comes from: the peer may have come back by another connection, and says nothing of its
// own there before it has the ACK.
func (d *Dialog) toReturned(res *Response) {
	if from := peerOf(res); d.roaming.guard != nil && from.reliable() && from != d.path.peer {
		d.terms.acked.SetTransport(from.Transport)
		d.terms.acked.SetDestination(from.Addr.String())
	}
}

func (d *Dialog) unstrand() {
	for _, s := range d.roaming.stranded {
		s.timer.stop()
	}
	d.roaming.stranded = nil
}
