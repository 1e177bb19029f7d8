package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// ports chooses addresses to listen on: usual ports where they are free, else whatever is.
type ports struct {
	usual bool
	next  *int // to be looked at
	moved *[]string
	err   error
}

func (s *Stack) ports() *ports {
	return &ports{usual: s.cfg.UsualPorts, next: &s.nextPort, moved: &s.Moved}
}

func (p *ports) tcp(what string, wanted ...int) string { return p.choose(what, tcpFree, wanted) }

func (p *ports) udp(what string, wanted ...int) string { return p.choose(what, udpFree, wanted) }

// both is a port that is free for UDP and TCP.
func (p *ports) both(what string, wanted ...int) string {
	return p.choose(what, func(port int) error { return errors.Join(udpFree(port), tcpFree(port)) }, wanted)
}

// Ports that are chosen are below those that systems give to outgoing connections (Linux: from 32768; RFC 6335, 6: from
// 49152), so that nothing takes the port of a role that is stopped for a moment, and below those of RTP.
const firstPort, lastPort = 10000, 19999

// randomPort is where to begin, so that two stacks of a machine do not find the same ports free.
func randomPort() int { return firstPort + rand.IntN(lastPort-firstPort+1) }

// tries is how often a free port is looked for.
const tries = 50

func (p *ports) choose(what string, free func(int) error, wanted []int) string {
	if p.err != nil {
		return ""
	}
	if p.usual {
		for _, port := range wanted {
			if free(port) == nil {
				return ":" + strconv.Itoa(port)
			}
			*p.moved = append(*p.moved, fmt.Sprintf("port %d for %s is taken", port, what))
		}
	}
	var err error
	for range tries {
		port := *p.next
		if *p.next++; *p.next > lastPort {
			*p.next = firstPort
		}
		if err = free(port); err == nil {
			return ":" + strconv.Itoa(port)
		}
	}
	p.err = fmt.Errorf("find a free port for %s: %w", what, err)
	return ""
}

func tcpFree(port int) error {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return l.Close()
}

func udpFree(port int) error {
	c, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return c.Close()
}
