package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// Bounds of a run.
const (
	readBuffer = 8 << 20                // of the socket
	turn       = 2 * time.Millisecond   // how long the load reads before it looks whether something is due
	patience   = 3 * time.Second        // of a load on loopback
	quiet      = 200 * time.Millisecond // after the last message of a run whose units are done: callees hear the end later
	ringTime   = 50 * time.Millisecond  // of a callee
)

// state is how far a unit is.
type state uint8

const (
	idle state = iota
	sent
	authorized
	rang
	ending
	done
)

// scenario is one kind of unit of work.
type scenario interface {
	// begin sends the first message of a unit.
	begin(l *load, i int)
	// response handles an answer to a unit's request; units of another run are told apart by the token of the Call-ID.
	response(l *load, i int, m message)
	name() string
}

// load is every phone of a run at one socket. It belongs to one goroutine.
type load struct {
	conn     *net.UDPConn
	own      netip.AddrPort
	audio    audio // of every call
	units    []state
	done     int
	got      outcome
	asked    map[string]bool // requests to callees, by branch
	answers  []answer        // that callees will give, the next first
	called   func()          // a callee is; may be nil
	notified func(message)   // a lamp is told; may be nil
	patience time.Duration   // without any progress, when all is sent: what is not done is lost
	err      error           // the first of the socket
	out      []byte
}

func newLoad() (*load, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(readBuffer); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	own, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return &load{conn: conn, own: own, audio: audio{here: own.Addr()}, patience: patience, out: make([]byte, 0, 4096)}, err
}

func (l *load) close() { _ = l.conn.Close() } // a UDP socket holds nothing back

// run begins n units at a rate and returns when all are done or nothing more happens.
func (l *load) run(ctx context.Context, s scenario, n int, rate float64) (outcome, error) {
	l.answers = nil
	l.units, l.done, l.asked = make([]state, n), 0, map[string]bool{}
	l.got = outcome{units: n, repeated: map[string]int{}, refused: map[string]int{}}
	buffer := make([]byte, 64<<10)
	began, next := time.Now(), 0
	last, lastDone, heard := began, 0, began
	for l.err == nil {
		now := time.Now()
		for due := min(n, 1+int(now.Sub(began).Seconds()*rate)); next < due; next++ {
			l.units[next] = sent
			s.begin(l, next)
			last = now
		}
		if l.done != lastDone {
			last, lastDone = now, l.done
		}
		if ctx.Err() != nil {
			return outcome{}, ctx.Err()
		}
		if next == n && (now.Sub(last) > l.patience || l.done == n && now.Sub(heard) > quiet) {
			break
		}
		l.answer(now)
		if err := l.conn.SetReadDeadline(now.Add(turn)); err != nil {
			return outcome{}, err
		}
		size, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return outcome{}, err
		default:
			heard = now
			l.handle(s, message(buffer[:size]), from)
		}
	}
	l.got.lost = n - l.done
	return l.got, l.err
}

// handle takes one message: an answer to the caller, or a request to the callee.
func (l *load) handle(s scenario, m message, from netip.AddrPort) {
	if !m.response() {
		l.callee(m, from)
		return
	}
	unit, token, _ := bytes.Cut(m.header("Call-ID"), []byte("-"))
	i, err := strconv.Atoi(string(unit))
	if err != nil || string(token) != s.name() || i >= len(l.units) {
		return // of an earlier run
	}
	s.response(l, i, m)
}

// finish counts a unit that is done.
func (l *load) finish(i int) {
	if l.units[i] != done {
		l.units[i] = done
		l.done++
	}
}

// refused notes an answer that ends a unit badly.
func (l *load) refused(m message) { l.got.refused[string(m.firstLine())]++ }

// repeated counts a message that a server sent again.
func (l *load) repeated(m message) { l.got.repeated[m.kind()]++ }

// send sends one message to an address.
func (l *load) send(to netip.AddrPort, format string, args ...any) {
	l.out = fmt.Appendf(l.out[:0], format, args...)
	if _, err := l.conn.WriteToUDPAddrPort(l.out, to); err != nil && l.err == nil {
		l.err = err
	}
}
