package stack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"strowger/pkg/datafolder"
)

// ports chooses addresses to listen on: usual ports where they are free, else whatever is. With usual ports, what was
// chosen once is kept: phones and switches were told.
type ports struct {
	usual bool
	kept  map[string]int // by what they are for
	next  *int           // to be looked at
	moved *[]string
	file  []byte // as it was read
	err   error
}

// portsFile keeps the ports of a stack that is for real.
const portsFile = "ports.json"

func (s *Stack) ports() *ports {
	p := &ports{usual: s.cfg.UsualPorts, kept: map[string]int{}, next: &s.nextPort, moved: &s.Moved}
	if !p.usual {
		return p
	}
	path := filepath.Join(s.cfg.Data, portsFile)
	var err error
	if p.file, err = os.ReadFile(path); err == nil {
		err = json.Unmarshal(p.file, &p.kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.err = fmt.Errorf("the ports of this office, %s: %w; restore the file, or remove it to have others chosen", path, err)
	}
	return p
}

// keep writes the ports down, before anybody is told of them.
func (s *Stack) keep(p *ports) error {
	if p.err != nil || !p.usual {
		return p.err
	}
	b, err := json.Marshal(p.kept)
	if err != nil || bytes.Equal(b, p.file) { // a full disk is no reason not to start
		return err
	}
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return err
	}
	return datafolder.Replace(filepath.Join(s.cfg.Data, portsFile), b, 0o600)
}

func (p *ports) tcp(what string, wanted ...int) string { return p.choose(what, tcpFree, wanted) }

func (p *ports) udp(what string, wanted ...int) string { return p.choose(what, udpFree, wanted) }

// movable is a port that nobody is told of for longer than a call: if what was kept is taken it is another one.
func (p *ports) movable(what string, wanted ...int) string {
	usual := wanted[0]
	if port := p.kept[what]; port != 0 && !slices.Contains(wanted, port) {
		wanted = slices.Insert(wanted, 0, port)
	}
	delete(p.kept, what)
	return p.instead(usual, what, udpFree, wanted)
}

// metrics is an address on loopback.
func (p *ports) metrics(what string, wanted int) string {
	switch {
	case p.err != nil:
		return ""
	case !p.usual: // nobody else needs to know the port
		return "127.0.0.1:0"
	}
	return p.local(what, wanted)
}

// local is an address on loopback.
func (p *ports) local(what string, wanted ...int) string { return "127.0.0.1" + p.tcp(what, wanted...) }

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
	return p.instead(wanted[0], what, free, wanted)
}

// instead chooses a port, and notes it, at every start, if it is not the usual one.
func (p *ports) instead(usual int, what string, free func(int) error, wanted []int) string {
	if p.err != nil {
		return ""
	}
	port, why := p.kept[what], ""
	switch {
	case !p.usual || port == 0:
		port, why = p.find(what, free, wanted)
	default:
		if err := free(port); err != nil {
			p.err = fmt.Errorf("port %d, which this office uses for %s: %w; end what has taken it, or does the office run already?", port, what, err)
		}
	}
	if p.err != nil {
		return ""
	}
	if p.kept[what] = port; p.usual && port != usual {
		*p.moved = append(*p.moved, fmt.Sprintf("port %d for %s %s: it is %d", usual, what, cmp.Or(why, "was not to be had once"), port))
	}
	return ":" + strconv.Itoa(port)
}

// find looks for a port that is free, and tells why it is not the first of those that are wanted.
func (p *ports) find(what string, free func(int) error, wanted []int) (port int, why string) {
	if p.usual {
		for _, port := range wanted {
			err := free(port)
			if err == nil {
				return port, why
			}
			why = cmp.Or(why, whyNot(err))
		}
	}
	var err error
	for range tries {
		port := *p.next
		if *p.next++; *p.next > lastPort {
			*p.next = firstPort
		}
		if err = free(port); err == nil {
			return port, why
		}
	}
	p.err = fmt.Errorf("find a free port for %s: %w", what, err)
	return 0, why
}

func whyNot(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "needs root"
	}
	return "is taken"
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
