package stack

import (
	"fmt"
	"net"
	"strconv"
)

// ports chooses addresses to listen on: usual ports where they are free, else whatever is.
type ports struct {
	usual bool
	moved *[]string
	err   error
}

func (s *Stack) ports() *ports { return &ports{usual: s.cfg.UsualPorts, moved: &s.Moved} }

func (p *ports) tcp(what string, wanted ...int) string { return p.choose(what, tcpFree, wanted) }

func (p *ports) udp(what string, wanted ...int) string { return p.choose(what, udpFree, wanted) }

// both is a port that is free for UDP and TCP.
func (p *ports) both(what string, wanted ...int) string {
	return p.choose(what, func(port int) (int, error) {
		got, err := udpFree(port)
		if err != nil {
			return 0, err
		}
		return tcpFree(got)
	}, wanted)
}

// tries is how often a free port is looked for that both protocols have.
const tries = 20

func (p *ports) choose(what string, free func(int) (int, error), wanted []int) string {
	if p.err != nil {
		return ""
	}
	if p.usual {
		for _, port := range wanted {
			if _, err := free(port); err == nil {
				return ":" + strconv.Itoa(port)
			}
			*p.moved = append(*p.moved, fmt.Sprintf("port %d for %s is taken", port, what))
		}
	}
	var err error
	for range tries {
		var port int
		if port, err = free(0); err == nil {
			return ":" + strconv.Itoa(port)
		}
	}
	p.err = fmt.Errorf("find a free port for %s: %w", what, err)
	return ""
}

func tcpFree(port int) (int, error) {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func udpFree(port int) (int, error) {
	c, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
	if err != nil {
		return 0, err
	}
	return c.LocalAddr().(*net.UDPAddr).Port, c.Close()
}
