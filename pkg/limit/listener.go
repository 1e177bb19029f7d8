package limit

import (
	"net"
	"net/netip"
	"sync"
)

// Listener takes no more connections than there may be at a time, of all and of one source. What is one too many is closed at
// once.
type Listener struct {
	net.Listener
	// Trusted, if set, says which sources stand for many, such as a balancer: only the bound of all counts for them.
	Trusted func(netip.Addr) bool

	all, perSource int

	mu       sync.Mutex
	refused  uint64
	open     int
	bySource map[netip.Prefix]int
}

// Connections bounds a TCP listener.
func Connections(l net.Listener, all, perSource int) *Listener {
	return &Listener{Listener: l, all: all, perSource: perSource, bySource: map[netip.Prefix]int{}}
}

// Refused is how many connections were one too many.
func (l *Listener) Refused() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// Accept waits for a connection that may be.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var source netip.Prefix
		if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			if from := at.AddrPort().Addr(); l.Trusted == nil || !l.Trusted(from) {
				source = Source(from)
			}
		}
		if l.enter(source) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(source) })}, nil
		}
		_ = c.Close() // it is closed either way
	}
}

func (l *Listener) enter(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.all || source.IsValid() && l.bySource[source] >= l.perSource {
		l.refused++
		return false
	}
	l.open++
	l.bySource[source]++
	return true
}

func (l *Listener) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
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
