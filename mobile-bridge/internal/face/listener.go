package face

import (
	"net"
	"net/netip"
	"sync"

	"strowger/pkg/limit"
)

// listener takes no more connections than there may be, of all and of one source. What is one too many is closed at once.
type listener struct {
	net.Listener
	trusted   func(netip.Addr) bool
	perSource int

	mu       sync.Mutex
	all      int
	bySource map[netip.Prefix]int
}

// Accept waits for a connection that may be.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		source := limit.Source(from)
		if l.trusted(from) {
			source = netip.Prefix{} // of many
		}
		if l.enter(source) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(source) })}, nil
		}
		_ = c.Close() // it is closed either way
	}
}

func (l *listener) enter(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConnections || source.IsValid() && l.bySource[source] >= l.perSource {
		return false
	}
	l.all++
	l.bySource[source]++
	return true
}

func (l *listener) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.bySource[source]--; l.bySource[source] == 0 {
		delete(l.bySource, source)
	}
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
