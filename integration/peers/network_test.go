//go:build peers

package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// network is one Ethernet segment, 10.99.N.0/24. The test itself is on it as well, at .254.
type network struct {
	number int
	router netip.Addr // to other networks; zero: the test, which passes nothing on
	mu     sync.Mutex
	hosts  int
}

// newNetwork makes the network of a number, which no other of this run may have.
func newNetwork(t *testing.T, number int) *network {
	t.Helper()
	n := &network{number: number}
	// An address of its own: else it has that of one of its ports, another one whenever machines come and go, and who knows the old one waits for many seconds.
	n.ip(t, "link add %s address 02:99:00:00:00:%02x type bridge", n.bridge(), number)
	n.ip(t, "addr add 10.99.%d.254/24 dev %s", number, n.bridge())
	n.ip(t, "link set %s up", n.bridge())
	t.Cleanup(func() { n.remove(t, "link del "+n.bridge()) })
	return n
}

func (n *network) gateway() netip.Addr {
	if n.router.IsValid() {
		return n.router
	}
	return netip.AddrFrom4([4]byte{10, 99, byte(n.number), 254})
}

func (n *network) bridge() string { return fmt.Sprintf("lan%d", n.number) }

func (n *network) ip(t *testing.T, format string, args ...any) {
	t.Helper()
	if err := ip(t.Context(), fmt.Sprintf(format, args...)); err != nil {
		t.Fatal(err)
	}
}

// remove runs when the test's own context is over.
func (n *network) remove(t *testing.T, line string) {
	if err := ip(context.Background(), line); err != nil {
		t.Error(err)
	}
}

// host is a machine of its own on a network: a namespace with one Ethernet port.
type host struct {
	name string
	addr netip.Addr
}

// host adds a machine; it goes when the test ends.
func (n *network) host(t *testing.T) host {
	t.Helper()
	number, addr := n.next()
	h := host{name: fmt.Sprintf("n%dh%d", n.number, number), addr: addr}
	n.ip(t, "netns add %s", h.name)
	t.Cleanup(func() { n.remove(t, "netns del "+h.name) })
	n.ip(t, "-n %s link set lo up", h.name)
	n.plug(t, h, "eth0")
	t.Cleanup(func() { n.remove(t, "link del "+h.name) }) // which the end of the machine does, but some time later
	return h
}

// next is what no other machine has.
func (n *network) next() (number int, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts++
	return n.hosts, netip.AddrFrom4([4]byte{10, 99, byte(n.number), byte(n.hosts)})
}

// plug connects a port of a machine, which gets the machine's address, to the network.
func (n *network) plug(t *testing.T, h host, port string) {
	t.Helper()
	n.ip(t, "link add %s type veth peer name %s netns %s", h.name, port, h.name)
	n.ip(t, "link set %s master %s up", h.name, n.bridge())
	n.ip(t, "-n %s link set %s addrgenmode none", h.name, port) // an address that comes by itself later is a change of the network
	n.ip(t, "-n %s addr add %s/24 dev %s", h.name, h.addr, port)
	n.ip(t, "-n %s link set %s up", h.name, port)
	n.ip(t, "-n %s route add default via %s", h.name, n.gateway())
}

// six makes the network one of IPv6 too, fd99:N::/64.
func (n *network) six(t *testing.T) {
	t.Helper()
	n.ip(t, "-6 addr add fd99:%x::fe/64 dev %s nodad", n.number, n.bridge())
}

// also6 gives a machine an address of IPv6 beside its own, of the same number.
func (n *network) also6(t *testing.T, h host) netip.Addr {
	t.Helper()
	addr := netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x99, 2: 0, 3: byte(n.number), 15: h.addr.As4()[3]})
	n.ip(t, "-n %s -6 addr add %s/64 dev eth0 nodad", h.name, addr)
	n.ip(t, "-n %s -6 route add default via fd99:%x::fe", h.name, n.number)
	return addr
}

// only6 gives a machine an address of IPv6 in place of its own.
func (n *network) only6(t *testing.T, h host) host {
	t.Helper()
	addr := n.also6(t, h)
	n.ip(t, "-n %s -4 addr flush dev eth0", h.name)
	h.addr = addr
	return h
}

// move has a machine lose its port and get another one, with another address.
func (n *network) move(t *testing.T, h host) host {
	t.Helper()
	n.unplug(t, h)
	return n.replug(t, h)
}

// unplug has a machine lose its port.
func (n *network) unplug(t *testing.T, h host) {
	t.Helper()
	n.ip(t, "link del %s", h.name)
}

// replug gives a machine another port, with another address.
func (n *network) replug(t *testing.T, h host) host {
	t.Helper()
	_, h.addr = n.next()
	n.plug(t, h, "eth1")
	return h
}

// command is a program on this machine.
func (h host) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.name, name}, args...)...)
}

// inside runs f on this machine: the sockets that f itself opens and the programs that it starts are there.
func (h host) inside(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = home.Close() }() // was only read
	there, err := os.Open(filepath.Join(names, h.name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = there.Close() }() // was only read
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatalf("enter %s: %v", h.name, err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Errorf("leave %s: %v", h.name, err) // the thread ends with its goroutine
			return
		}
		runtime.UnlockOSThread()
	}()
	f()
}
