package switchnode

import "strowger/pkg/hostaddr"

// addresses are where other switches may reach this one, told with each lease, since the machine may move.
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
	return all
}
