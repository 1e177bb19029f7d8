package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// again is how long a full mailbox is left alone.
const again = 100 * time.Millisecond

// NewDialog makes an outgoing dialog; [Dialog.Invite] starts the call.
func (e *Endpoint) NewDialog(p InviteParams) *Dialog {
	host := e.cfg.AdvertiseHost
	if host == "" {
		host, _ = e.local(p.Peer)
	}
	d := newOutgoing(e, e, host, p)
	e.enter(d) // never taken: the tag is random
	return d
}

// request sends a request of a dialog.
func (e *Endpoint) request(d *Dialog, req *Request) (abandon func()) {
	tx, err := e.transaction(req)
	if err != nil {
		e.post(d, failed{req: req, err: err})
		return func() {}
	}
	if !e.spawn(func() { e.follow(d, req, tx) }) {
		tx.Terminate()
		e.post(d, failed{req: req, err: errClosed})
	}
	return tx.Terminate
}

// follow tells a dialog what comes of its request.
func (e *Endpoint) follow(d *Dialog, req *Request, tx *sip.ClientTx) {
	for {
		select {
		case res := <-tx.Responses():
			e.post(d, answered{res: res, at: time.Now()})
			if res.IsProvisional() {
				continue
			}
			if req.IsInvite() && res.IsSuccess() {
				tx.Terminate() // copies of the 2xx, and those of other devices, come to stray
			}
			return
		case <-tx.Done():
			e.post(d, failed{req: req, err: outcome(tx.Err())})
			return
		}
	}
}

// outcome is the error of a transaction in our words.
func outcome(err error) error {
	switch {
	case errors.Is(err, sip.ErrTransactionTimeout):
		return ErrTimeout
	case err == nil:
		return errClosed
	}
	return err
}

// transaction addresses a request and starts its transaction.
func (e *Endpoint) transaction(req *Request) (*sip.ClientTx, error) {
	select {
	case <-e.running:
	default:
		return nil, errClosed
	}
	e.address(req)
	tx, err := e.layer.Request(e.ctx, req)
	if err != nil {
		return nil, fmt.Errorf("send %s to %s: %w", req.Method, req.Destination(), err)
	}
	return tx, nil
}

// address completes a request: Via with rport (RFC 3581, 3), User-Agent, and for UDP the socket that it leaves from.
func (e *Endpoint) address(req *Request) {
	if req.Via() == nil {
		host, port := e.local(peerTo(req))
		via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: req.Transport(), Host: host, Port: port}
		via.Params.Add("branch", sip.GenerateBranch())
		via.Params.Add("rport", "")
		req.PrependHeader(via)
	}
	req.AppendHeader(NewHeader("User-Agent", e.cfg.Name))
	if req.Transport() == UDP && e.udp != nil {
		a := e.udp.LocalAddr().(*net.UDPAddr).AddrPort()
		req.Laddr = sip.Addr{IP: a.Addr().AsSlice(), Port: int(a.Port())}
	}
}

// peerTo returns where a request goes.
func peerTo(req *Request) Peer {
	addr, _ := netip.ParseAddrPort(req.Destination())
	return Peer{Transport: req.Transport(), Addr: addr}
}

// write sends an ACK.
func (e *Endpoint) write(ack *Request) error {
	if ack.Via() == nil {
		e.address(ack)
	}
	return e.transport.WriteMsg(ack)
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
	Headers     []Header
	Credentials *Credentials
}

// Request sends a request outside of dialogs, answers a challenge, and returns the final response.
func (e *Endpoint) Request(ctx context.Context, p RequestParams) (*Response, error) {
	// A dialog of nobody's builds the request; it is in no table.
	d := newOutgoing(e, e, p.To.Host, InviteParams{To: p.To, ToParty: p.From, From: p.From, Peer: p.Peer, CallID: p.CallID})
	d.remote.tag, d.seq.local = "", p.Seq-1
	var credentials Header
	for {
		req := d.next(sip.RequestMethod(p.Method))
		for _, h := range p.Headers {
			req.AppendHeader(h)
		}
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		res, err := e.exchange(ctx, req)
		if err != nil {
			return nil, err
		}
		if credentials != nil || p.Credentials == nil {
			return res, nil
		}
		if credentials = p.Credentials.answer(req, res); credentials == nil {
			return res, nil
		}
	}
}

// exchange sends a request and waits for its final response.
func (e *Endpoint) exchange(ctx context.Context, req *Request) (*Response, error) {
	tx, err := e.transaction(req)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("%s to %s: %w", req.Method, req.Destination(), outcome(tx.Err()))
		case <-ctx.Done():
			return nil, fmt.Errorf("%s to %s: %w", req.Method, req.Destination(), ctx.Err())
		}
	}
}
