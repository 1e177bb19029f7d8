package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A packet of G.711: 20 ms (RFC 3551, 4.5.14).
const (
	rtpHeader  = 12
	rtpPayload = 160
	pcma       = 8
)

// talk is the audio of all phones: a socket for all callers, and one for all callees.
type talk struct {
	conns [2]*net.UDPConn
}

func newTalk() (t *talk, err error) {
	t = &talk{}
	for side := range t.conns {
		if t.conns[side], err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			t.close()
			return nil, err
		}
		if err := t.conns[side].SetReadBuffer(readBuffer); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

func (t *talk) close() {
	for _, c := range t.conns {
		if c != nil {
			_ = c.Close() // a UDP socket holds nothing back
		}
	}
}

// ports are those of the sockets.
func (t *talk) ports() (ports [2]uint16) {
	for side, c := range t.conns {
		if a, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil {
			ports[side] = a.Port()
		}
	}
	return ports
}

// run sends packets on both sides of calls, rate a second in all, and counts those that come out at the other side.
func (t *talk) run(ctx context.Context, to [2][]netip.AddrPort, rate float64, length time.Duration) (outcome, error) {
	var received atomic.Int64
	var errRead [2]error
	var reading sync.WaitGroup
	for side, c := range t.conns {
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			return outcome{}, err
		}
		reading.Go(func() { errRead[side] = count(c, &received) })
	}
	sent, err := t.send(ctx, to, rate, length)
	last := int64(-1)
	for n := received.Load(); err == nil && n != last && n < int64(sent); n = received.Load() {
		last = n
		err = pause(ctx, 200*time.Millisecond) // what is under way comes in
	}
	for _, c := range t.conns {
		err = errors.Join(err, c.SetReadDeadline(time.Now()))
	}
	reading.Wait()
	return outcome{units: sent, lost: max(0, sent-int(received.Load()))}, errors.Join(err, errRead[0], errRead[1])
}

// count reads until the deadline.
func count(c *net.UDPConn, received *atomic.Int64) error {
	buffer := make([]byte, 2048)
	for {
		n, _, err := c.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		case n == rtpHeader+rtpPayload:
			received.Add(1)
		}
	}
}

// send sends as much as is due each millisecond: call by call, then the other side.
func (t *talk) send(ctx context.Context, to [2][]netip.AddrPort, rate float64, length time.Duration) (sent int, err error) {
	calls := len(to[0])
	packet := make([]byte, rtpHeader+rtpPayload)
	packet[0], packet[1] = 2<<6, pcma
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	began := time.Now()
	for {
		elapsed := min(time.Since(began), length)
		for due := int(elapsed.Seconds() * rate); sent < due; sent++ {
			n, side, turn := sent%calls, sent/calls%2, sent/calls/2
			binary.BigEndian.PutUint16(packet[2:], uint16(turn))
			binary.BigEndian.PutUint32(packet[4:], uint32(turn*rtpPayload))
			binary.BigEndian.PutUint32(packet[8:], uint32(2*n+side+1))
			if _, err := t.conns[side].WriteToUDPAddrPort(packet, to[side][n]); err != nil {
				return sent, err
			}
		}
		if elapsed == length {
			return sent, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return sent, ctx.Err()
		}
	}
}
