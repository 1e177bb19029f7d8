package switchnode

import (
	"net/netip"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/hostaddr"
)

// addresses are where apps and other switches may reach this one, told with each lease, since the machine may move. That of a NAT
// is the first: who has one expects most of them outside.
func (n *node) addresses() []string {
	host := n.host
	if n.Host == "" {
		if a, err := hostaddr.Outward(); err == nil {
			host = a
		}
	}
	all, err := hostaddr.Candidates(host, n.endpoint.Addr())
	if err != nil {
		n.log.Warn("the addresses of this machine cannot be read; other switches are told of one only", "host", host, "error", err)
	}
	if !n.public.IsValid() {
		return all
	}
	all = slices.Insert(all, 0, netip.AddrPortFrom(n.public, n.endpoint.Addr().Port()).String())
	return all[:min(len(all), designation.MaxAddresses)]
}
