package switchnode

import (
	"net"
	"net/netip"
	"slices"

	"strowger/pkg/designation"
)

// addresses are where other switches may reach this one, told with each lease, since the machine may move.
func (n *node) addresses() []string {
	host := n.host
	if n.Host == "" {
		if a, err := outward(); err == nil {
			host = a
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		n.log.Warn("the addresses of this machine cannot be read; other switches are told of one only", "host", host, "error", err)
	}
	var own []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return candidates(host, n.endpoint.Addr(), own)
}

// candidates are the addresses to be tried, the host's first, then those of the machine's that the bound socket serves. On a
// machine that is known by its loopback address, everything is.
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
