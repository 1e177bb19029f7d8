package switchnode

import (
	"net"
	"net/url"
	"strings"
)

// isBridge says whether an origin is that of a bridge of the organization.
func (n *node) isBridge(origin string) bool {
	for _, b := range n.copy.Snapshot().Bridges() {
		if b.URL != "" && originOf(b.URL) == originOf(origin) {
			return true
		}
	}
	return false
}

// originOf is the origin of a URL (RFC 6454, 4 and 6.2), "" if it has none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = ""
	}
	host := strings.ToLower(u.Hostname())
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}
