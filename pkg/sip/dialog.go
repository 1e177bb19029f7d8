package sip

import (
	"slices"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// RFC 3261, 17.1.1.1 and table 4: the default timers.
const (
	t1     = 500 * time.Millisecond
	t2     = 4 * time.Second
	giveUp = 64 * t1 // timers B, F, H and the wait for an ACK (13.3.1.4)

	maxHops    = 70 // RFC 3261, 8.1.1.6: the recommended initial Max-Forwards
	maxBreadth = 60 // RFC 5393, 5.3.3: the default Max-Breadth
)

// The methods that a dialog or the endpoint handles, and the bodies and extensions that they understand.
const (
	allow  = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER, PRACK, UPDATE, REFER, NOTIFY"
	accept = "application/sdp, application/dtmf-relay, application/dtmf"

	extensionTimer    = "timer"    // RFC 4028
	extensionReliable = "100rel"   // RFC 3262
	extensionReplaces = "replaces" // RFC 3891
	extensionOutbound = "outbound" // of the registrar; a switch sends all that is due to a phone by the flow that it came from anyway
	supported         = extensionTimer + ", " + extensionReliable
)

// state is how far a dialog has come.
type state int

const (
	fresh  state = iota // outgoing, before the INVITE
	early               // an INVITE without a final response
	up                  // a 2xx was sent or received
	ending              // over for the owner; a request of ours is still out
	over                // Closed is sent or due
)

// sender is what a dialog needs to reach its peer.
type sender interface {
	// request starts a client transaction. What becomes of it arrives as answered and failed inputs, never within the call.
	request(d *Dialog, req *Request) (abandon func())
	// write sends an ACK, which has no transaction of its own (RFC 3261, 13.2.2.4).
	write(req *Request) error
	// local returns the host and port under which a peer reaches us.
	local(peer Peer) (host string, port int)
}

// keeper is what a dialog needs to be found.
type keeper interface {
	post(d *Dialog, in Input)
	forget(d *Dialog)
}

// replier answers one incoming request.
type replier interface {
	respond(res *Response) error
	drop()           // ends the transaction without an answer
	redirect(p Peer) // a 2xx that is repeated goes here from now on
}

// side is one end of a dialog as From and To show it.
type side struct {
	name string
	uri  URI
	tag  string
}

// path is how requests get to the peer.
type path struct {
	peer   Peer
	target URI   // the remote target: the peer's Contact
	routes []URI // the route set (RFC 3261, 12.1)
	user   string
}

// Dialog is one INVITE usage. All its methods are called by the goroutine that owns it.
type Dialog struct {
	net     sender
	desk    keeper
	owner   Owner
	owned   chan struct{} // closed when owner is set for good
	trace   Trace
	uac     bool
	state   state
	request *Request // the INVITE that began it
	callID  string
	local   side
	remote  side
	path    path
	seq     struct{ local, remote uint32 }
	invited string // branch of the peer's last INVITE
	session SessionID
	extra   invitation
	underway
	terms  terms
	last   *timer // of a dialog that is ending
	events []Event
}

// underway is what waits for a word of the peer's or of the owner's.
type underway struct {
	in      *incoming
	out     *outgoing
	rel     reliable
	preview []byte // the answer that provisional responses have, see [Dialog.Preview]
	digits  []digit
	burst   burst
	refers  refers
	forks   int // of our INVITE that were hung up
	roaming roaming
}

// CallID returns the Call-ID.
func (d *Dialog) CallID() string { return d.callID }

// Tags returns our tag and the peer's, which name the dialog with its Call-ID.
func (d *Dialog) Tags() (local, remote string) { return d.local.tag, d.remote.tag }

// SetCredentials sets what answers challenges of the peer in a dialog that it began.
func (d *Dialog) SetCredentials(c *Credentials) { d.extra.creds = c }

// Request returns the INVITE that began the dialog, nil before [Dialog.Invite]. It must not be changed.
func (d *Dialog) Request() *Request { return d.request }

// Source returns where the INVITE of an incoming dialog came from.
func (d *Dialog) Source() Peer { return peerOf(d.request) }

// Peer returns where requests go now.
func (d *Dialog) Peer() Peer { return d.path.peer }

// Remote returns the peer as From or To shows it.
func (d *Dialog) Remote() Party {
	return Party{Name: unquote(`"` + d.remote.name + `"`), User: d.remote.uri.User, Host: d.remote.uri.Host}
}

// SDP returns the body of the INVITE of an incoming dialog, nil if it has no offer.
func (d *Dialog) SDP() []byte { return d.request.Body() }

// Hops returns the Max-Forwards of the INVITE.
func (d *Dialog) Hops() int {
	if h := d.request.MaxForwards(); h != nil {
		return int(h.Val())
	}
	return maxHops
}

// Breadth returns the Max-Breadth of the INVITE (RFC 5393, 5.3.3).
func (d *Dialog) Breadth() int {
	if n, err := strconv.Atoi(value(d.request, "Max-Breadth")); err == nil && n >= 0 {
		return n
	}
	return maxBreadth
}

// SessionID returns the UUIDs of both parties (RFC 7989).
func (d *Dialog) SessionID() SessionID { return d.session }

// SetSessionID makes the dialog carry a UUID that belongs to the party behind us, as a back-to-back user agent must
// (RFC 7989, 7).
func (d *Dialog) SetSessionID(local string) {
	if local != "" {
		d.session.Local = local
	}
}

// SetOwner gives an incoming dialog to its owner. It is called once, in [Handler.Invite], before that returns. The caller
// hears 100 only now: an INVITE that is refused before gets no state, and so no provisional response (RFC 3261, 8.2.7).
func (d *Dialog) SetOwner(o Owner) {
	d.owner = o
	_ = d.in.tx.respond(newResponse(d.request, 100, "Trying")) // lost, it comes with the next copy
	close(d.owned)
}

// SetTrace has each message told to t, in the owner's goroutine. The INVITE of an incoming dialog and the 100 that
// it is answered are told at once.
func (d *Dialog) SetTrace(t Trace) {
	d.trace = t
	if !d.uac && d.in != nil {
		d.told(false, d.request, d.in.at)
		t(true, d.path.peer, "100 Trying (INVITE)", d.in.at)
	}
}

// Redirect sends later requests to another peer: a stream was replaced, a phone registered anew. What is repeated until the
// peer has it, a 2xx or its ACK, goes with it to another stream.
func (d *Dialog) Redirect(p Peer) {
	d.path.peer = p
	d.resume()
	if !p.reliable() {
		return
	}
	if d.in != nil {
		d.in.tx.redirect(p)
	}
	if ack := d.terms.acked; ack != nil {
		ack.SetTransport(p.Transport)
		ack.SetDestination(p.Addr.String())
	}
}

// Handle takes one input and returns what it means to the owner, in order.
func (d *Dialog) Handle(in Input) []Event {
	switch in := in.(type) {
	case arrived:
		d.told(false, in.req, in.at)
		d.arrived(in)
	case answered:
		d.told(false, in.res, in.at)
		d.answered(in.res)
	case failed:
		d.failed(in)
	case dropped:
		d.dropped(in)
	case ticked:
		d.ticked(in.timer)
	case seeking:
		d.emit(Sought{Right: d.state <= up && d.knows(in.theirs), By: in.by})
	case done:
		d.emit(Closed{})
		d.desk.forget(d)
	}
	events := d.events
	d.events = nil
	return events
}

func (d *Dialog) emit(e Event) { d.events = append(d.events, e) }

func (d *Dialog) told(sent bool, m sip.Message, at time.Time) {
	if d.trace != nil {
		d.trace(sent, d.path.peer, line(m), at)
	}
}

// Abandon ends a dialog whose peer is known to be gone: nothing more is sent. Closed follows.
func (d *Dialog) Abandon() { d.finish() }

// lastWait is how long a dialog may take to end: for the ACK or the answer that its BYE waits for, and for that of the BYE. A
// callee that is slow at each step, to the CANCEL, in its 200 and to the BYE, would take longer than its owner stays.
const lastWait = 2 * giveUp

// end begins to end the dialog for its owner's part.
func (d *Dialog) end() {
	if d.state != ending {
		d.state, d.last = ending, d.after(lastWait)
	}
}

// finish ends the dialog. Closed follows as an input of its own, so that commands may end a dialog too.
func (d *Dialog) finish() {
	if d.state == over {
		return
	}
	d.state = over
	d.terms.timer.stop()
	d.last.stop()
	d.rel.stop()
	d.refers.timer.stop()
	d.unstrand()
	if d.in != nil {
		d.in.timer.stop()
	}
	if d.out != nil {
		d.out.timer.stop()
		d.out.abandon()
	}
	d.underway = underway{}
	if d.owner != nil {
		d.desk.post(d, done{})
	}
}

// build makes a request within the dialog (RFC 3261, 12.2.1.1), or the INVITE that begins it.
func (d *Dialog) build(m sip.RequestMethod, seq uint32) *Request {
	req := sip.NewRequest(m, *d.path.target.Clone())
	req.SetTransport(d.path.peer.Transport)
	req.SetDestination(d.path.peer.Addr.String())
	for _, r := range d.path.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *r.Clone()})
	}
	from := &sip.FromHeader{DisplayName: d.local.name, Address: d.local.uri}
	from.Params.Add("tag", d.local.tag)
	to := &sip.ToHeader{DisplayName: d.remote.name, Address: d.remote.uri}
	if d.remote.tag != "" {
		to.Params.Add("tag", d.remote.tag)
	}
	callID, hops := sip.CallIDHeader(d.callID), sip.MaxForwardsHeader(maxHops)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: m})
	req.AppendHeader(&hops)
	req.AppendHeader(d.session.header())
	return req
}

// next makes a request with the next sequence number.
func (d *Dialog) next(m sip.RequestMethod) *Request {
	d.seq.local++
	return d.build(m, d.seq.local)
}

// send starts the transaction of a request.
func (d *Dialog) send(req *Request) (abandon func()) {
	d.told(true, req, time.Now())
	return d.net.request(d, req)
}

// contact is where the peer is to send its requests.
func (d *Dialog) contact() Header {
	host, port := d.net.local(d.path.peer)
	return &sip.ContactHeader{Address: contact(d.path.user, host, port, d.path.peer)}
}

func contact(user, host string, port int, p Peer) URI {
	u := URI{Scheme: "sip", User: user, Host: host, Port: port}
	if p.Transport != UDP {
		u.UriParams.Add("transport", sip.NetworkToLower(p.Transport))
	}
	return u
}

// response answers an incoming request of the dialog.
func (d *Dialog) response(req *Request, code int, reason string, sdp []byte, extra ...Header) *Response {
	res := newResponse(req, code, oneLine(reason))
	if code > 100 && code < 300 && (req.IsInvite() || req.Method == sip.UPDATE) {
		res.AppendHeader(d.contact()) // RFC 3261, 12.1.1; RFC 3311, 5.2
		res.AppendHeader(NewHeader("Allow", allow))
	}
	if code > 100 {
		res.AppendHeader(d.session.header())
	}
	for _, h := range extra {
		res.AppendHeader(h)
	}
	setSDP(res, sdp)
	return res
}

// reply sends a response. A transport error is for the peer to notice: it repeats its request, or its stream is gone.
func (d *Dialog) reply(tx replier, res *Response) {
	d.told(true, res, time.Now())
	if err := tx.respond(res); err != nil && d.owner != nil {
		d.desk.post(d, dropped{tx: tx, err: err})
	}
}

// refresh takes the peer's new Contact (RFC 3261, 12.2.1.2 and 12.2.2: target refresh).
func (d *Dialog) refresh(m interface{ Contact() *sip.ContactHeader }) {
	if c := m.Contact(); c != nil && !c.Address.Wildcard && c.Address.Host != "" {
		d.path.target = *c.Address.Clone()
	}
}

// routes returns the Record-Route headers of a message as URIs, in its order.
func routes(m sip.Message) []URI {
	var all []URI
	for h := range Named(m, "Record-Route") {
		if r, ok := h.(*sip.RecordRouteHeader); ok {
			all = append(all, *r.Address.Clone())
		}
	}
	return all
}

// reversed is the route set of a UAC (RFC 3261, 12.1.2).
func reversed(all []URI) []URI {
	slices.Reverse(all)
	return all
}

func setSDP(m sip.Message, sdp []byte) {
	if len(sdp) == 0 {
		return
	}
	t, length := sip.ContentTypeHeader("application/sdp"), sip.ContentLengthHeader(len(sdp))
	m.AppendHeader(&t)
	m.AppendHeader(&length) // else SetBody looks for it
	m.SetBody(sdp)
}

// timer posts a ticked input once. The zero of its pointer is a timer that never started.
type timer struct{ t *time.Timer }

func (d *Dialog) after(wait time.Duration) *timer {
	tm := &timer{}
	tm.t = time.AfterFunc(wait, func() { d.desk.post(d, ticked{timer: tm}) })
	return tm
}

func (tm *timer) stop() {
	if tm != nil {
		tm.t.Stop()
	}
}
