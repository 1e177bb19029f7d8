package sip

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// errOver says that a transaction takes no such response any more.
var errOver = errors.New("the SIP transaction has had its final response")

// slot names a transaction: a client's by its branch, which is ours, and its method (RFC 3261, 17.1.3), a server's by the
// sent-by of the topmost Via too (17.2.3). The ACK of a refusal is of its INVITE's transaction.
type slot struct {
	name   string
	method sip.RequestMethod
	server bool
}

// serverSlot names the transaction of a request, in memory of its own. A branch of RFC 2543 need not be unique: what that
// standard compares takes its place, but for the Request-URI and the To tag, which no two calls with all else in common
// differ in.
func serverSlot(req *Request, method sip.RequestMethod) slot {
	via := req.Via()
	name := make([]byte, 0, 96)
	if unique, ok := strings.CutPrefix(branch(req), sip.RFC3261BranchMagicCookie); ok && unique != "" {
		name = append(append(name, unique...), '\n')
	} else {
		name = append(append(name, req.CallID().Value()...), '\n')
		name = append(append(name, tag(req.From().Params)...), '\n')
		name = strconv.AppendUint(name, uint64(req.CSeq().SeqNo), 10)
	}
	return slot{name: string(appendHost(name, via.Host, via.Port)), method: method, server: true}
}

// txn is one transaction of the table. A finished one keeps its slot and the bytes that may be asked for again.
type txn struct {
	endpoint *Endpoint
	slot     slot
	peer     Peer // where it sends to

	// The table's lock guards what follows.
	machine machine
	bytes   []byte // what was sent last
	due     time.Time
	place   int // in the agenda, from 1; 0 is nowhere
	listed  bool
	before  *txn // among those that wait for the peer
	after   *txn
	request *Request               // of a client, until its final response
	tell    func(*Response, error) // the user of a client, or of the server of an INVITE, who hears errors only
	lost    error                  // the peer is gone
}

// transactions is the table of an endpoint.
type transactions struct {
	mu     sync.Mutex
	closed bool
	table  map[slot]*txn
	open   map[Peer]*txn // lists of those that a lost peer ends
	agenda agenda
	alarm  time.Time     // when the clock looks next, zero if never
	wake   chan struct{} // tells it to look earlier
}

func newTransactions() *transactions {
	return &transactions{table: map[slot]*txn{}, open: map[Peer]*txn{}, wake: make(chan struct{}, 1)}
}

// enter puts a transaction into the table, unless one of its name is there or the table is closed.
func (x *transactions) enter(t *txn) (had *txn, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if had := x.table[t.slot]; had != nil || x.closed {
		return had, false
	}
	x.table[t.slot] = t
	x.settle(t)
	return nil, true
}

func (x *transactions) find(s slot) *txn {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.table[s]
}

// settle puts a transaction where its machine's last step leads. x.mu is held.
func (x *transactions) settle(t *txn) {
	x.agenda.put(t)
	if len(x.agenda) > 0 && (x.alarm.IsZero() || x.agenda[0].due.Before(x.alarm)) {
		x.alarm = x.agenda[0].due
		select {
		case x.wake <- struct{}{}:
		default: // it has not looked since it was told
		}
	}
	if open := t.machine.open(); open != t.listed {
		x.list(t, open)
	}
	if !t.machine.open() {
		t.request, t.tell = nil, nil
	}
	switch t.machine.stage {
	case accepted, confirmed: // the dialog repeats its 2xx, and after the ACK nothing is
		t.bytes = nil
	case terminated:
		t.bytes = nil
		if x.table[t.slot] == t {
			delete(x.table, t.slot)
		}
	}
}

// list enters a transaction among those of its peer that a loss ends, or takes it out. x.mu is held.
func (x *transactions) list(t *txn, in bool) {
	if t.listed = in; in {
		if t.after = x.open[t.peer]; t.after != nil {
			t.after.before = t
		}
		x.open[t.peer] = t
		return
	}
	switch {
	case t.before != nil:
		t.before.after = t.after
	case t.after != nil:
		x.open[t.peer] = t.after
	default:
		delete(x.open, t.peer)
	}
	if t.after != nil {
		t.after.before = t.before
	}
	t.before, t.after = nil, nil
}

// end takes a transaction out of the table.
func (x *transactions) end(t *txn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t.machine.finish()
	x.settle(t)
}

// fail ends a transaction and tells its user why (RFC 3261, 17.1.4).
func (x *transactions) fail(t *txn, err error) {
	x.mu.Lock()
	tell := t.tell
	t.lost = err
	t.machine.finish()
	x.settle(t)
	x.mu.Unlock()
	if tell != nil {
		tell(nil, err)
	}
}

// lose fails the transactions that wait for a peer and that which approves.
func (x *transactions) lose(p Peer, err error, which func(*machine) bool) {
	var all []*txn
	x.mu.Lock()
	for t := x.open[p]; t != nil; t = t.after {
		if which(&t.machine) {
			all = append(all, t)
		}
	}
	x.mu.Unlock()
	for _, t := range all {
		x.fail(t, err)
	}
}

// close fails every transaction and takes no more.
func (x *transactions) close() {
	x.mu.Lock()
	x.closed = true
	var all []*txn
	for _, t := range x.table {
		all = append(all, t)
	}
	x.mu.Unlock()
	for _, t := range all {
		x.fail(t, errClosed)
	}
}

// onLoss sets who hears that the INVITE of a server can no longer be answered.
func (x *transactions) onLoss(t *txn, tell func(error)) {
	x.mu.Lock()
	lost := t.lost
	if lost == nil && t.machine.open() {
		t.tell = func(_ *Response, err error) { tell(err) }
	}
	x.mu.Unlock()
	if lost != nil {
		tell(lost)
	}
}
