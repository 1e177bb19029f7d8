package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lamps measures what it costs the switch to tell phones who is on the phone: the calls of some users, whom many phones watch, beside the
// same calls while nobody watches. As many datagrams of that size, written and sent and their answers read by a program that does nothing
// else, are what it could cost at least.
func (b *bench) lamps(ctx context.Context) error {
	s, err := b.strowger(ctx, 1, 2*b.plan.lamps.each, b.plan.lamps.phones)
	if err != nil {
		return err
	}
	l, err := newLoad()
	if err != nil {
		return err
	}
	defer l.close()
	if err := warmUp(ctx, l, s); err != nil {
		return err
	}
	watchers := s.offices[0].phones
	if got, err := l.run(ctx, register{phones: watchers}, len(watchers), 200); err != nil || got.lost > 0 {
		return fmt.Errorf("%d of %d watchers could not register: %v, %w", got.lost, got.units, got.refused, err)
	}
	from, to := parties(s)
	const rate = 2
	calls := max(2, int(rate*b.plan.each.Seconds()))
	run := func(name string) (sample, error) {
		one, err := b.take(ctx, s, func() (outcome, error) { return l.run(ctx, call{callers: from, callees: to, token: name}, calls, rate) })
		told(s, name, one)
		return one, err
	}
	all := len(watchers) * len(to)
	load := fmt.Sprintf("%d lamps of %d phones", all, len(watchers))
	cpu := row{Part: "lamps", Name: "a NOTIFY", Load: load, Unit: "µs", Peer: "sending alone"}
	messages := row{Part: "lamps", Name: "a call to somebody whom all these phones watch", Load: load, Unit: "NOTIFYs"}
	dark := make([]sample, b.plan.runs)
	for i := range dark {
		if dark[i], err = run(fmt.Sprint("dark", i)); err != nil {
			return err
		}
	}
	grown, err := b.grown(ctx, s, all, func() error {
		got, err := l.run(ctx, watch{watchers: watchers, watched: to}, all, 500)
		if err == nil && got.lost > 0 {
			err = fmt.Errorf("%d of %d lamps were refused: %v", got.lost, all, got.refused)
		}
		return err
	})
	if err != nil {
		return err
	}
	var notified int
	var last message
	l.notified = func(m message) { notified, last = notified+1, bytes.Clone(m) }
	for i := range dark {
		notified = 0
		lit, err := run(fmt.Sprint("lit", i))
		if err != nil {
			return err
		}
		if notified == 0 {
			return fmt.Errorf("nobody was told of %d calls", lit.units)
		}
		done := lit.units - lit.lost
		cpu.Ours = append(cpu.Ours, max(0, lit.microseconds(1)-dark[i].microseconds(1))*float64(done)/float64(notified))
		messages.Ours = append(messages.Ours, float64(notified)/float64(done))
		cpu.Lost, cpu.Again, cpu.Others = cpu.Lost+lit.lost, cpu.Again+total(lit.repeated), max(cpu.Others, lit.others)
		least, err := sending(last, notified)
		if err != nil {
			return err
		}
		cpu.Their = append(cpu.Their, least)
	}
	b.rows = append(b.rows, cpu, messages,
		row{Part: "lamps", Name: "a lamp: heap and stacks", Load: load, Unit: "kB", Ours: []float64{kB(grown.live, all)}})
	return nil
}

// sending is the CPU time that it takes to write and send a message and to read an answer, in microseconds, of n of them.
func sending(m message, n int) (float64, error) {
	ends := [2]*net.UDPConn{}
	for i := range ends {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return 0, err
		}
		defer func() { _ = c.Close() }() // it holds nothing back
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return 0, err
		}
		ends[i] = c
	}
	at := func(i int) (to netip.AddrPort) {
		to, _ = netip.ParseAddrPort(ends[i].LocalAddr().String()) // which it wrote itself
		return to
	}
	head, body, _ := bytes.Cut(m, []byte("\r\n\r\n"))
	lines := bytes.Split(head, []byte("\r\n"))
	answer, buffer, out := []byte("SIP/2.0 200 OK\r\n"+m.echo()+empty), make([]byte, 64<<10), make([]byte, 0, len(m))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var spent time.Duration
	for i := range n {
		before, err := threadTime()
		if err != nil {
			return 0, err
		}
		out = out[:0]
		for _, line := range lines {
			out = append(append(out, line...), "\r\n"...)
		}
		out = append(append(append(out, strconv.Itoa(i)...), "\r\n"...), body...)
		if _, err := ends[0].WriteToUDPAddrPort(out, at(1)); err != nil {
			return 0, err
		}
		after, err := threadTime()
		if err != nil {
			return 0, err
		}
		spent += after - before
		if _, _, err := ends[1].ReadFromUDPAddrPort(buffer); err != nil {
			return 0, err
		}
		if _, err := ends[1].WriteToUDPAddrPort(answer, at(0)); err != nil {
			return 0, err
		}
		if before, err = threadTime(); err != nil {
			return 0, err
		}
		if _, _, err := ends[0].ReadFromUDPAddrPort(buffer); err != nil {
			return 0, err
		}
		if after, err = threadTime(); err != nil {
			return 0, err
		}
		spent += after - before
	}
	return float64(spent.Nanoseconds()) / 1000 / float64(n), nil
}

// threadTime is the CPU time of this thread.
func threadTime() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano()), err
}

// watch has every watcher watch every one who is watched.
type watch struct{ watchers, watched []phone }

func (w watch) name() string { return "watch" }

func (w watch) begin(l *load, i int) { w.send(l, i, 1, "") }

// uri is what a unit watches.
func (w watch) uri(i int) string {
	return fmt.Sprintf("sip:%s@%s", w.watched[i%len(w.watched)].number, w.watchers[0].at)
}

func (w watch) send(l *load, i, seq int, authorization string) {
	p := w.watchers[i/len(w.watched)]
	l.send(p.at, "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%d-watch-%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=w%d\r\nTo: <%s>\r\nCall-ID: %d-watch\r\nCSeq: %d SUBSCRIBE\r\nContact: <sip:%s@%s>\r\n"+
		"Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 900\r\n%sContent-Length: 0\r\n\r\n",
		w.uri(i), l.own, i, seq, p.user, p.at, i, w.uri(i), i, seq, p.user, l.own, authorization)
}

func (w watch) response(l *load, i int, m message) {
	switch code := m.code(); {
	case l.units[i] == done, code == "401" && l.units[i] != sent:
		l.repeated(m)
	case code == "401":
		l.units[i] = authorized
		w.send(l, i, 2, m.authorization(w.watchers[i/len(w.watched)], "SUBSCRIBE", w.uri(i)))
	case code == "200":
		l.finish(i)
	case code[0] != '1':
		l.refused(m)
	}
}
