package sip

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// send gives bytes to a peer. It neither dials nor waits.
func (e *Endpoint) send(p Peer, b []byte) error {
	if !p.reliable() {
		return e.sendUDP(p.Addr, b)
	}
	e.mu.Lock()
	s := e.open[p]
	e.mu.Unlock()
	if s == nil {
		return errNoDial
	}
	if err := s.send(b); err != nil { // it ends
		return fmt.Errorf("%w: %w", errNoDial, err)
	}
	return nil
}

// received takes one message in the goroutine that reads its connection: messages of a peer keep the order that they came
// in. Nothing of b is kept. If its length is at fault, it can be answered, but not taken.
func (e *Endpoint) received(b []byte, from Peer, framing fault) {
	m, wrong := parse(b)
	req, isRequest := m.(*Request)
	switch {
	case framing != "":
		if isRequest { // RFC 3261, 18.3
			e.malformed(req, from, framing)
		}
		return
	case wrong != "" && isRequest && e.malformed(req, from, wrong):
		e.tally.add(dropMalformed)
		e.strangers.offends(from, NoSIP)
		return
	case wrong != "":
		e.tally.add(dropUnreadable)
		e.strangers.offends(from, NoSIP)
		return
	}
	source := from.Addr.String()
	m.SetTransport(from.Transport)
	m.SetSource(source)
	if isRequest {
		e.requested(req, from)
	} else {
		e.responded(m.(*Response))
	}
}

// malformed answers a request that cannot be read with what can be, without state (RFC 3261, 8.2 and 21.4.1), if that
// leads back to who sent it.
func (e *Endpoint) malformed(req *Request, from Peer, why fault) bool {
	top := topmost(req)
	if top == nil || value(req, "CSeq") == "" || req.IsAck() {
		return false
	}
	stamp(top, from)
	res := sip.NewResponse(400, string(why))
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		for h := range Named(req, name) {
			res.AppendHeader(h)
		}
	}
	_ = e.send(returnPath(top, from), encode(res)) // lost, it comes with the next copy
	return true
}

// topmost returns the first Via of a message, nil if it has none that can be read.
func topmost(m sip.Message) *sip.ViaHeader {
	for h := range Named(m, "Via") {
		via, _ := h.(*sip.ViaHeader)
		return via
	}
	return nil
}

// requested finds the transaction of a request, or begins it.
func (e *Endpoint) requested(req *Request, from Peer) {
	x := e.transactions
	if req.IsAck() {
		if t := x.find(serverSlot(req, sip.INVITE)); t != nil && e.acknowledged(t) {
			return
		}
		e.serve(req, nil, false)
		return
	}
	stamp(req.Via(), from)
	to := req.To()
	begins := tag(to.Params) == ""
	if begins {
		to.Params.Add("tag", e.tagOf(req))
	}
	t := &txn{
		endpoint: e, slot: serverSlot(req, req.Method), peer: returnPath(req.Via(), from),
		machine: machine{invite: req.IsInvite(), reliable: from.reliable()},
	}
	t.machine.await(time.Now())
	had, ok := x.enter(t)
	switch {
	case ok:
		e.serve(req, t, begins)
	case had != nil:
		e.copied(had, t.peer)
	}
}

// acknowledged takes an ACK for a transaction, and says whether it ends there.
func (e *Endpoint) acknowledged(t *txn) bool {
	x := e.transactions
	x.mu.Lock()
	defer x.mu.Unlock()
	act := t.machine.acked(time.Now())
	x.settle(t)
	return act&pass == 0
}

// copied answers a copy of a request with what the first was answered last, on the copy's own way: a client that lost its
// connection asks again on another.
func (e *Endpoint) copied(t *txn, to Peer) {
	e.transactions.mu.Lock()
	act, b := t.machine.copied(), t.bytes
	e.transactions.mu.Unlock()
	if act&repeat != 0 {
		_ = e.send(to, b) // lost, it comes with the next copy
	}
}

// stamp notes in a Via where it came from (RFC 3261, 18.2.1; RFC 3581, 4).
func stamp(via *sip.ViaHeader, from Peer) {
	source, asked := from.Addr.String(), via.Params.Has("rport")
	colon := strings.LastIndexByte(source, ':')
	host := strings.Trim(source[:colon], "[]")
	if asked {
		via.Params.Add("rport", source[colon+1:])
	}
	if asked || via.Host != host {
		via.Params.Add("received", host)
	}
}

// returnPath returns where the responses to a request go: back through the connection, or over UDP to the port of the topmost
// Via, unless that asks for the one that the request came from (RFC 3261, 18.2.2; RFC 3581, 4). Its host and its maddr are
// not followed: they would make us send to who never asked.
func returnPath(via *sip.ViaHeader, from Peer) Peer {
	if !from.reliable() && !via.Params.Has("rport") {
		from.Addr = netip.AddrPortFrom(from.Addr.Addr(), viaPort(via))
	}
	return from
}

// viaPort is the port of sent-by; 5060 is the default (RFC 3261, 18.2.2).
func viaPort(via *sip.ViaHeader) uint16 {
	if via.Port < 1 || via.Port > math.MaxUint16 {
		return 5060
	}
	return uint16(via.Port)
}

// respond sends a response of the user.
func (t *txn) respond(res *Response) error {
	b := encode(res)
	x := t.endpoint.transactions
	x.mu.Lock()
	act := t.machine.respond(time.Now(), res.StatusCode)
	err := errOver
	if act&repeat != 0 {
		t.bytes, err = b, nil
		x.settle(t)
	} else if t.lost != nil {
		err = t.lost
	}
	x.mu.Unlock()
	if err != nil {
		return fmt.Errorf("respond %d to %s: %w", res.StatusCode, t.peer, err)
	}
	return t.endpoint.send(t.peer, b)
}

// redirect moves an answered transaction to another peer. One that is not answered ends with its peer.
func (t *txn) redirect(p Peer) {
	x := t.endpoint.transactions
	x.mu.Lock()
	defer x.mu.Unlock()
	if !t.listed {
		t.peer = p
	}
}

// drop ends the transaction without a word.
func (t *txn) drop() { t.endpoint.transactions.end(t) }

// responded gives a response to the transaction of its request.
func (e *Endpoint) responded(res *Response) {
	vias := 0
	for range Named(res, "Via") {
		vias++
	}
	if vias > 1 { // RFC 3261, 8.1.3.3: it is not for us
		e.tally.add(dropUnreadable)
		return
	}
	b, _ := res.Via().Params.Get("branch")
	t := e.transactions.find(slot{name: b, method: res.CSeq().MethodName})
	if t == nil {
		e.stray(res)
		return
	}
	e.progress(t, res)
}

// progress steps the transaction of a client with a response.
func (e *Endpoint) progress(t *txn, res *Response) {
	x := e.transactions
	x.mu.Lock()
	request, tell := t.request, t.tell
	act := t.machine.received(time.Now(), res.StatusCode)
	if act&(pass|repeat) == pass|repeat {
		t.bytes = encode(refused(request, res))
	}
	b := t.bytes
	x.settle(t)
	x.mu.Unlock()
	if act&repeat != 0 {
		_ = e.send(t.peer, b) // lost, it comes with the next copy
	}
	if act&pass != 0 && tell != nil {
		tell(res, nil)
	}
}

// refused is the ACK of a final response that is no 2xx (RFC 3261, 17.1.1.3).
func refused(req *Request, res *Response) *Request {
	ack := sip.NewRequest(sip.ACK, req.Recipient)
	ack.AppendHeader(req.Via())
	for h := range Named(req, "Route") {
		ack.AppendHeader(h)
	}
	hops := sip.MaxForwardsHeader(maxHops)
	ack.AppendHeader(&hops)
	ack.AppendHeader(req.From())
	ack.AppendHeader(res.To())
	ack.AppendHeader(req.CallID())
	ack.AppendHeader(&sip.CSeqHeader{SeqNo: req.CSeq().SeqNo, MethodName: sip.ACK})
	return ack
}
