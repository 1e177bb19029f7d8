package face

import (
	"crypto/tls"
	"net"
)

// Patient is a connection beneath TLS that is waited for where that takes little stack: a reader of TLS waits at the end of many
// calls, which hold several kB.
type Patient struct {
	net.Conn
	first [1]byte
	came  bool // first did, and nobody has read it
}

// Beneath is the connection that the server accepted, of one that a handler took over; nil if another server did.
func Beneath(c net.Conn) *Patient {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	p, _ := c.(*Patient)
	return p
}

// Wait returns when there is something to read, or nothing will come any more. Nobody reads meanwhile.
func (p *Patient) Wait() error {
	if p.came {
		return nil
	}
	n, err := p.Conn.Read(p.first[:])
	if p.came = n > 0; p.came {
		return nil
	}
	return err
}

// Read reads what was waited for, and what follows.
func (p *Patient) Read(b []byte) (int, error) {
	if !p.came || len(b) == 0 {
		return p.Conn.Read(b)
	}
	p.came = false
	return copy(b, p.first[:]), nil
}

// patients accepts them.
type patients struct{ net.Listener }

func (l patients) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Patient{Conn: c}, nil
}
