package relay

import (
	"net"
	"time"
)

// firstWord is how long a client over TCP may take to show a credential, a TLS handshake included. pion leaves it all time, and
// forgets to close a connection whose handshake fails.
const firstWord = 10 * time.Second

// listener takes clients over TCP.
type listener struct {
	net.Listener
	relay *Relay
}

// Accept returns the next client.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, relay: l.relay}
	l.relay.mu.Lock()
	defer l.relay.mu.Unlock()
	l.relay.clients[pathOf(conn.RemoteAddr(), conn.LocalAddr())] = c
	c.late = time.AfterFunc(l.relay.cfg.FirstWord, func() { _ = c.Close() }) // it is closed either way
	return c, nil
}

// path is the addresses of the two ends of a connection.
type path struct{ from, to string }

func pathOf(from, to net.Addr) path { return path{from.String(), to.String()} }

// client is a connection.
type client struct {
	net.Conn
	relay *Relay
	late  *time.Timer // runs until it has shown a credential
}

// Close closes the connection.
func (c *client) Close() error {
	at := pathOf(c.RemoteAddr(), c.LocalAddr())
	c.relay.mu.Lock()
	c.late.Stop()
	if c.relay.clients[at] == c {
		delete(c.relay.clients, at)
	}
	c.relay.mu.Unlock()
	return c.Conn.Close()
}

// stays says that who comes from an address to one of ours has shown a credential. r.mu is held.
func (r *Relay) stays(from, to net.Addr) {
	if c := r.clients[pathOf(from, to)]; c != nil {
		c.late.Stop()
	}
}

// part closes what clients have, when no more come.
func (r *Relay) part() {
	r.mu.Lock()
	all := make([]*client, 0, len(r.clients))
	for _, c := range r.clients {
		all = append(all, c)
	}
	r.mu.Unlock()
	for _, c := range all {
		_ = c.Close() // it is closed either way
	}
}
