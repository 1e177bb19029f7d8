// Package hostaddr is where others reach this machine.
package hostaddr

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"strowger/pkg/designation"
)

// Parse reads the address that others are told: the one given, else the machine's outward one. flag is what it is set by.
func Parse(flag, host string) (netip.Addr, error) {
	if host == "" {
		return Outward()
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.IsUnspecified() || a.Zone() != "" {
		return a, fmt.Errorf("--%s %q: want the IP address of this machine that others can reach, such as 192.0.2.10", flag, host)
	}
	return a.Unmap(), nil
}

// Outward is the source address of this machine's default route, or of loopback when it has none. Connecting a UDP
// socket sends nothing (RFC 5737: 192.0.2.0/24 is nobody's).
func Outward() (netip.Addr, error) {
	c, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err = errors.Join(err, c.Close()); err != nil {
		return netip.Addr{}, fmt.Errorf("find this machine's outward address: %w; name it with --host", err)
	}
	return a.Addr().Unmap(), nil
}

// Candidates are the addresses at which a socket of this machine may be reached: that of host first, then those of the
// machine that the socket serves. On a machine that is known by its loopback address, everything is. An error says that the
// first is the only one known.
func Candidates(host netip.Addr, bound netip.AddrPort) ([]string, error) {
	all, err := net.InterfaceAddrs()
	var own []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return candidates(host, bound, own), err
}

func candidates(host netip.Addr, bound netip.AddrPort, own []netip.Addr) []string {
	found := []netip.Addr{host}
	listens := bound.Addr().Unmap()
	for _, a := range own {
		a = a.Unmap()
		served := listens == a || listens.IsUnspecified() && (listens.Is6() || a.Is4())
		if len(found) < designation.MaxAddresses && served && !host.IsLoopback() && a.IsGlobalUnicast() && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	addresses := make([]string, len(found))
	for i, a := range found {
		addresses[i] = netip.AddrPortFrom(a, bound.Port()).String()
	}
	return addresses
}
