//go:build !linux

package sip

import (
	"net"
	"net/netip"
)

// watchErrors does nothing: only Linux tells a socket that is not connected whom an ICMP error is about.
func watchErrors(*net.UDPConn) error { return nil }

func returned(*net.UDPConn) (to netip.AddrPort, failure error, ok bool) { return to, nil, false }
