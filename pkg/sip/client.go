package sip

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// again is how long a full mailbox is left alone.
const again = 100 * time.Millisecond

// NewDialog makes an outgoing dialog; [Dialog.Invite] starts the call.
func (e *Endpoint) NewDialog(p InviteParams) *Dialog {
	host := e.advertised(p.Peer)
	if host == "" {
		host, _ = e.local(p.Peer)
	}
	d := newOutgoing(e, e, host, p)
	d.terms.replaces = e.cfg.Replaces
	e.enter(d) // never taken: the tag is random
	return d
}

// request sends a request of a dialog.
func (e *Endpoint) request(d *Dialog, req *Request) (abandon func()) {
	t, err := e.transact(req, func(res *Response, err error) {
		if err != nil {
			e.post(d, failed{req: req, err: err})
			return
		}
		e.post(d, answered{res: res, at: time.Now()})
	})
	if err != nil {
		e.post(d, failed{req: req, err: err})
		return func() {}
	}
	return t.drop
}

// transact addresses a request and starts its transaction, which tells each response but copies, and an error if no final
// one comes. If it does not start, nothing is told.
func (e *Endpoint) transact(req *Request, tell func(*Response, error)) (*txn, error) {
	select {
	case <-e.running:
	default:
		return nil, errClosed
	}
	e.address(req)
	peer, bytes := peerTo(req), encode(req)
	t := &txn{
		endpoint: e, slot: slot{name: branch(req), method: req.Method}, peer: peer, bytes: bytes, request: req, tell: tell,
		machine: machine{client: true, invite: req.IsInvite(), reliable: peer.reliable()},
	}
	t.machine.begin(time.Now())
	if _, ok := e.transactions.enter(t); !ok { // never taken: the branch is random
		return nil, errClosed
	}
	if err := e.send(peer, bytes); err != nil {
		t.drop()
		return nil, fmt.Errorf("send %s to %s: %w", req.Method, peer, err)
	}
	return t, nil
}

// address completes a request: Via with rport (RFC 3581, 3) and User-Agent.
func (e *Endpoint) address(req *Request) {
	req.AppendHeader(NewHeader("User-Agent", e.cfg.Name))
	if !addressed(req) {
		host, port := e.local(peerTo(req))
		via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: req.Transport(), Host: host, Port: port}
		via.Params.Add("branch", sip.GenerateBranch())
		via.Params.Add("rport", "")
		req.PrependHeader(via)
	}
}

// addressed says whether a request of ours has its Via, which is the first header. Those of sipgo would look for it in each.
func addressed(req *Request) bool {
	_, ok := req.Headers()[0].(*sip.ViaHeader)
	return ok
}

// peerTo returns where a request goes.
func peerTo(req *Request) Peer {
	addr, _ := netip.ParseAddrPort(req.Destination())
	return Peer{Transport: req.Transport(), Addr: addr}
}

// write sends an ACK.
func (e *Endpoint) write(ack *Request) error {
	if !addressed(ack) {
		e.address(ack)
	}
	return e.send(peerTo(ack), encode(ack))
}

// stray takes responses that belong to no transaction: copies of a 2xx whose ACK was lost, and those of other devices that
// a proxy forked to (RFC 3261, 13.2.2.4).
func (e *Endpoint) stray(res *Response) {
	if !res.IsSuccess() || res.CSeq() == nil || res.CSeq().MethodName != sip.INVITE || res.From() == nil || res.CallID() == nil {
		return
	}
	if d := e.find(res.CallID().Value(), tag(res.From().Params)); d != nil {
		e.post(d, answered{res: res, at: time.Now()})
	}
}

// enter puts a dialog into the table, unless there is one of that name.
func (e *Endpoint) enter(d *Dialog) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := key{d.callID, d.local.tag}
	if e.dialogs[k] != nil {
		return false
	}
	e.dialogs[k] = d
	return true
}

func (e *Endpoint) find(callID, tag string) *Dialog {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dialogs[key{callID, tag}]
}

func (e *Endpoint) forget(d *Dialog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if k := (key{d.callID, d.local.tag}); e.dialogs[k] == d {
		delete(e.dialogs, k)
	}
}

// offer puts an input into the owner's mailbox. While the handler still looks at an INVITE, it waits.
func (e *Endpoint) offer(d *Dialog, in Input) bool {
	<-d.owned
	return d.owner != nil && d.owner(d, in)
}

// post offers an input until it is taken, the dialog is closed or Run is over. What the network repeats by itself is
// offered once.
func (e *Endpoint) post(d *Dialog, in Input) {
	if e.find(d.callID, d.local.tag) != d || e.offer(d, in) {
		return
	}
	e.tally.add(dropMailbox)
	switch in := in.(type) {
	case arrived: // an ACK
		return
	case answered:
		if in.res.IsProvisional() || in.res.IsSuccess() && in.res.CSeq().MethodName == sip.INVITE {
			return
		}
	}
	if !e.over() {
		time.AfterFunc(again, func() { e.post(d, in) })
	}
}

// RequestParams is a request outside of dialogs, a REGISTER above all.
type RequestParams struct {
	Method      string
	To          URI   // the Request-URI
	From        Party // also To: who is registered
	Peer        Peer
	CallID      string
	Seq         uint32 // CSeq of the first try; each challenge takes one more
	Routes      []URI
	Headers     []Header
	Type        string // of the body, "" for none
	Body        []byte
	Credentials *Credentials
}

// Request sends a request outside of dialogs, answers a challenge, and a second one that says the first nonce was stale, and returns
// the final response.
func (e *Endpoint) Request(ctx context.Context, p RequestParams) (*Response, error) {
	// A dialog of nobody's builds the request; it is in no table.
	d := newOutgoing(e, e, p.To.Host, InviteParams{To: p.To, ToParty: p.From, From: p.From, Peer: p.Peer, CallID: p.CallID, Routes: p.Routes})
	d.remote.tag, d.seq.local = "", p.Seq-1
	var credentials Header
	for again := false; ; again = true {
		req := d.next(sip.RequestMethod(p.Method))
		for _, h := range p.Headers {
			req.AppendHeader(h)
		}
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		if p.Type != "" {
			kind, length := sip.ContentTypeHeader(p.Type), sip.ContentLengthHeader(len(p.Body))
			req.AppendHeader(&kind)
			req.AppendHeader(&length)
			req.SetBody(p.Body)
		}
		res, err := e.exchange(ctx, req)
		if err != nil {
			return nil, err
		}
		if p.Credentials == nil || d.seq.local >= p.Seq+challenges {
			return res, nil
		}
		if credentials = p.Credentials.answer(req, res, again); credentials == nil {
			return res, nil
		}
	}
}

// exchange sends a request and waits for its final response.
func (e *Endpoint) exchange(ctx context.Context, req *Request) (*Response, error) {
	type outcome struct {
		res *Response
		err error
	}
	final := make(chan outcome, 1)
	t, err := e.transact(req, func(res *Response, err error) {
		if err != nil || !res.IsProvisional() {
			final <- outcome{res, err}
		}
	})
	if err != nil {
		return nil, err
	}
	defer t.drop()
	select {
	case o := <-final:
		err = o.err
		if err == nil {
			return o.res, nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, fmt.Errorf("%s to %s: %w", req.Method, t.peer, err)
}
