package sip

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"unsafe"
)

// gone returns an address that nobody listens at.
func gone(t *testing.T, network, addr string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(c.LocalAddr().String())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

// A phone that is gone is known to be gone when the network says so (RFC 3261, 18.4), not when time is up; and what goes to
// others meanwhile is not harmed.
func TestUnreachablePhoneFailsAtOnce(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(listen, func(t *testing.T) {
			e := NewEndpoint(Config{AdvertiseHost: "localhost"})
			at, err := e.ListenUDP(listen)
			if err != nil {
				t.Skipf("no IPv6 here: %v", err)
			}
			if err := e.udp.Close(); err != nil {
				t.Fatal(err)
			}
			to := gone(t, "udp", netip.AddrPortFrom(at.Addr(), 0).String())
			if at.Addr().IsUnspecified() {
				to = gone(t, "udp", "127.0.0.1:0") // an IPv4 phone at a socket of both families
			}
			e = endpoint(t, nil, func(e *Endpoint) {
				e.cfg.AdvertiseHost = "localhost"
				if _, err := e.ListenUDP(listen); err != nil {
					t.Fatal(err)
				}
			})
			for range 3 {
				p := newParty(t)
				p.d = e.NewDialog(InviteParams{To: URI{Scheme: "sip", User: "x", Host: "h"}, Peer: Peer{UDP, to}, Owner: p.own})
				p.do(func(d *Dialog) { d.Invite(nil) })
				if lost := p.expect(Lost{}).(Lost); !errors.Is(lost.Err, syscall.ECONNREFUSED) {
					t.Errorf("lost by %v", lost.Err)
				}
				p.expect(Closed{})
			}
		})
	}
}

// An ICMP error is believed only about a peer that has yet to answer: who answered is there, and anyone can send ICMP.
func TestUnreachableIsNotBelievedOfWhoAnswered(t *testing.T) {
	x := newTransactions()
	p := Peer{UDP, netip.MustParseAddrPort("192.0.2.1:1")}
	e := &Endpoint{transactions: x}
	var told error
	ringing := &txn{peer: p, machine: machine{client: true, invite: true, stage: proceeding}, tell: func(_ *Response, err error) { told = err }}
	if _, ok := x.enter(ringing); !ok {
		t.Fatal("not entered")
	}
	e.lost(p.Addr, syscall.ECONNREFUSED)
	if told != nil {
		t.Errorf("told %v", told)
	}
	ringing.machine.stage = trying
	if e.lost(p.Addr, syscall.ECONNREFUSED); !errors.Is(told, syscall.ECONNREFUSED) {
		t.Errorf("told %v", told)
	}
}

// A path that takes no packet of that size (RFC 1191) is no loss: the kernel remembers, and sends the next copy in fragments.
func TestTooLargeIsNoLoss(t *testing.T) {
	for code, want := range map[byte]error{1: syscall.EHOSTUNREACH, 3: syscall.EHOSTUNREACH, tooLarge4: nil} {
		b := make([]byte, syscall.CmsgSpace(extendedErr))
		h := (*syscall.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = syscall.IPPROTO_IP, syscall.IP_RECVERR
		h.SetLen(syscall.CmsgLen(extendedErr))
		data := b[syscall.CmsgLen(0):]
		binary.NativeEndian.PutUint32(data, uint32(syscall.EHOSTUNREACH))
		data[4], data[5], data[6] = originICMP, unreachable4, code
		if got := failureOf(b); got != want {
			t.Errorf("code %d is %v", code, got)
		}
	}
}
