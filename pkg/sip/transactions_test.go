package sip

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// A request that nobody answers is given up after 64*T1, and nothing of it is left.
func TestClockGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := endpoint(t, nil, nil)
		near, far := link("[100::1]:1", "[100::2]:2")
		s, err := e.ServeStream(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		go drain(far)
		if _, err := far.Write([]byte(message("OPTIONS", "sip:x@h"))); err != nil { // else the stream itself must go
			t.Fatal(err)
		}
		start := time.Now()
		for n := range uint32(3) { // each a second later than the one before
			d := newOutgoing(e, e, "h", InviteParams{To: URI{Scheme: "sip", Host: "h"}, Peer: s.Peer()})
			if _, err := e.exchange(t.Context(), d.build("OPTIONS", n+1)); !errors.Is(err, ErrTimeout) {
				t.Errorf("ended by %v", err)
			}
			if took := time.Since(start); took != time.Duration(n+1)*giveUp {
				t.Errorf("%d gave up after %v", n, took)
			}
		}
		if x := e.transactions; len(x.table) != 0 || len(x.open) != 0 || len(x.agenda) != 0 {
			t.Errorf("left: %d in the table, %d peers, %d in the agenda", len(x.table), len(x.open), len(x.agenda))
		}
		_ = far.Close()
	})
}

func drain(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// TestAgenda moves transactions at random: the next is always the first, and each knows its place.
func TestAgenda(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a agenda
	all := make([]*txn, 50)
	for i := range all {
		all[i] = &txn{}
	}
	for range 5000 {
		x := all[r.IntN(len(all))]
		x.machine.end = time.Time{}
		if r.IntN(3) > 0 {
			x.machine.end = time.Unix(r.Int64N(1000)+1, 0)
		}
		a.put(x)
		waiting := 0
		for _, x := range all {
			if due := x.machine.next(); !due.IsZero() {
				if waiting++; due.Before(a[0].due) || a[x.place-1] != x || !x.due.Equal(due) {
					t.Fatalf("%v comes before %v, or is in the wrong place", due, a[0].due)
				}
			}
		}
		if waiting != len(a) {
			t.Fatalf("%d wait, %d are in the agenda", waiting, len(a))
		}
	}
	for len(a) > 0 {
		heap.Pop(&a)
	}
}

// A stream that ends takes with it what waits for its peer, in both directions, and nothing else (RFC 3261, 17.1.4).
func TestLostPeerEndsWhatWaits(t *testing.T) {
	x := newTransactions()
	one, two := Peer{TCP, netip.MustParseAddrPort("192.0.2.1:1")}, Peer{TCP, netip.MustParseAddrPort("192.0.2.2:2")}
	told := map[string]error{}
	enter := func(name string, p Peer, m machine) *txn {
		y := &txn{slot: slot{name: name}, peer: p, machine: m, tell: func(_ *Response, err error) { told[name] = err }}
		if _, ok := x.enter(y); !ok {
			t.Fatal(name)
		}
		return y
	}
	enter("request", one, machine{client: true, reliable: true})
	enter("call", one, machine{invite: true, reliable: true})
	done := enter("answered", one, machine{invite: true, reliable: true})
	done.machine.respond(time.Now(), 200)
	x.settle(done)
	enter("other", two, machine{client: true, reliable: true})
	x.lose(one, errNoDial, (*machine).open)
	if len(told) != 2 || !errors.Is(told["request"], errNoDial) || !errors.Is(told["call"], errNoDial) {
		t.Errorf("told %v", told)
	}
	x.close()
	if !errors.Is(told["other"], errClosed) || len(x.table) != 0 || len(x.open) != 0 || len(x.agenda) != 0 {
		t.Errorf("told %v; left: %v", told, x.table)
	}
	if _, ok := x.enter(&txn{}); ok {
		t.Error("a closed table takes transactions")
	}
}

// The ACK of a refusal ends in its transaction; of a branch that is not unique (RFC 2543), the call tells.
func TestAckOfRefusal(t *testing.T) {
	refuse := func(d *Dialog) {
		d.SetOwner(func(d *Dialog, in Input) bool { d.Handle(in); return true })
		d.Refuse(486, "Busy Here", Cause{})
	}
	e, udp, _ := entry(t, handler{invite: refuse})
	for i, via := range []string{"SIP/2.0/UDP h;rport;branch=z9hG4bK1", "SIP/2.0/UDP h;rport", "SIP/2.0/UDP h;rport", "SIP/2.0/UDP h;rport;branch=1"} {
		own := []string{"Via: " + via, fmt.Sprintf("Call-ID: %d", i), "CSeq: 1 INVITE"}
		code, text := udp.ask(message("INVITE", "sip:x@h", own...))
		if code != 486 || !strings.Contains(text, own[1]) {
			t.Fatalf("%s: answered %q", via, text)
		}
		own[2] = "CSeq: 1 CANCEL"
		if code, text := udp.ask(message("CANCEL", "sip:x@h", own...)); code != 200 || !strings.Contains(text, "CANCEL") {
			t.Errorf("RFC 3261, 9.2: a CANCEL after the final response was answered %q", text)
		}
		own[2] = "CSeq: 1 ACK"
		if _, err := udp.Write([]byte(message("ACK", "sip:x@h", own...))); err != nil {
			t.Fatal(err)
		}
		udp.ask(message("OPTIONS", "sip:x@h", fmt.Sprintf("Via: SIP/2.0/UDP h;rport;branch=z9hG4bKo%d", i))) // the ACK is through
		acked := 0
		e.transactions.mu.Lock()
		for _, x := range e.transactions.table {
			if x.machine.stage == confirmed {
				acked++
			}
		}
		e.transactions.mu.Unlock()
		if acked != i+1 {
			t.Errorf("%s: %d transactions have their ACK, want %d", via, acked, i+1)
		}
	}
}

// A callee that is slow at each step, to the CANCEL, in its 200 and to the BYE, keeps no dialog for longer than its owner
// stays (call.Session, lastClose).
func TestSlowCalleeKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		start := time.Now()
		b.d.Cancel(Cause{})
		b.ticks(giveUp - 2*time.Second)
		b.want("", replyTo(invite, 180, "theirs", ""))
		b.wantSent("CANCEL")
		b.ticks(giveUp - 2*time.Second)
		b.want("", replyTo(invite, 200, "theirs", "answer"))
		b.wantSent("ACK BYE")
		if got := b.ticks(5 * time.Second); got != "Closed" || time.Since(start) > 70*time.Second {
			t.Errorf("events %q after %v", got, time.Since(start))
		}
	})
}

// Whoever is in a call cannot have us keep answers, PRACKs or BYEs without end.
func TestFloodsWithinADialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		kept := 0
		for seq := range uint32(2 * maxBurst) {
			update, x := b.theirs(sip.UPDATE, seq+1, "")
			if b.want("", update); !x.dropped {
				kept++
				x.want(200)
			} else {
				x.want(503)
			}
		}
		if kept != maxBurst {
			t.Errorf("the answers to %d requests are kept", kept)
		}
		b.ticks(giveUp + time.Second)
		update, x := b.theirs(sip.UPDATE, 2*maxBurst+1, "")
		b.want("", update)
		x.want(200)
		for range 2 * maxBurst {
			update, _ = b.theirs(sip.UPDATE, 1, "")
			b.take(update)
		}
		bye, x := b.theirs(sip.BYE, 2*maxBurst+2, "")
		b.want("HungUp Closed", bye)
		x.want(200)

		b, invite := outgoingCall(t)
		for rseq := range 2 * maxPracks {
			b.take(reliably(invite, 180, "theirs", rseq+1, ""))
		}
		if len(b.sent) != maxPracks {
			t.Errorf("%d PRACKs", len(b.sent))
		}
		b.sent = nil
		b.want("Answered", replyTo(invite, 200, "theirs", "answer"))
		for i := range 100 {
			b.take(replyTo(invite, 200, fmt.Sprint("other", i), "answer"))
		}
		if len(b.sent) != 1+2*maxEarly {
			t.Errorf("%d ACKs and BYEs", len(b.sent))
		}
		b.d.Abandon()
	})
}
