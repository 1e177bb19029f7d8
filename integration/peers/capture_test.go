//go:build peers

package peers

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// packetSocket has read get all frames of a port of this namespace, or of all of them if that is nil, until the test ends.
func packetSocket(t *testing.T, port *net.Interface, read func(*os.File)) {
	t.Helper()
	// packet(7): the protocol is in network order; all protocols, since others are not told what a machine is sent.
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, syscall.ETH_P_ALL))
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	socket := os.NewFile(uintptr(fd), "packets")
	at := &syscall.SockaddrLinklayer{Protocol: all}
	if port != nil {
		at.Ifindex = port.Index
	}
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(errors.Join(os.NewSyscallError("bind", err), socket.Close()))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(socket)
	}()
	t.Cleanup(func() {
		_ = socket.Close() // it was only read
		<-done
	})
}

// way is from where to where a packet goes.
type way struct{ from, to netip.AddrPort }

// capture counts the media on a network: RTP and RTCP, by UDP and TCP, as they are or as TURN carries them.
type capture struct {
	mu    sync.Mutex
	media map[way]int
	fault error
	mark  []byte
	seen  chan struct{} // closed when the mark was read
}

// capture begins to count, until the test ends.
func (n *network) capture(t *testing.T) *capture {
	t.Helper()
	c := &capture{media: map[way]int{}}
	packetSocket(t, nil, c.read)
	return c
}

func (c *capture) read(socket *os.File) {
	const room = 16 << 20 // bytes that wait; what is too much would not be seen
	raw, err := socket.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			c.fault = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, room)
		})
	}
	for frame := make([]byte, 1<<16); err == nil; {
		var size int
		var from syscall.Sockaddr
		var failed error
		err = raw.Read(func(fd uintptr) bool {
			size, from, failed = syscall.Recvfrom(int(fd), frame, 0)
			return !errors.Is(failed, syscall.EAGAIN)
		})
		// Each frame comes in at the port of who sends it, and goes out at another.
		if at, ok := from.(*syscall.SockaddrLinklayer); ok && err == nil && failed == nil && at.Pkttype != syscall.PACKET_OUTGOING {
			c.take(frame[:size])
		}
	}
}

// take counts a frame, if it is media.
func (c *capture) take(frame []byte) {
	const ethernet, dns = 14, 53
	if len(frame) < ethernet+40 {
		return
	}
	ip := frame[ethernet:]
	var from, to netip.Addr
	var protocol byte
	var rest []byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case syscall.ETH_P_IP:
		end := min(len(ip), int(binary.BigEndian.Uint16(ip[2:]))) // the frame may be padded
		protocol, rest = ip[9], ip[min(end, int(ip[0]&0x0f)*4):end]
		from, to = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	case syscall.ETH_P_IPV6:
		protocol, rest = ip[6], ip[40:]
		from, to = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
	}
	if len(rest) < 8 {
		return
	}
	header := 8
	if protocol == syscall.IPPROTO_TCP && len(rest) > 12 {
		header = int(rest[12]>>4) * 4
	}
	payload := rest[min(len(rest), header):]
	c.mu.Lock()
	defer c.mu.Unlock()
	w := way{netip.AddrPortFrom(from, binary.BigEndian.Uint16(rest)), netip.AddrPortFrom(to, binary.BigEndian.Uint16(rest[2:]))}
	switch {
	case len(payload) == 0, w.to.Port() == dns, w.from.Port() == dns: // whose ids may look like media
	case bytes.Equal(payload, c.mark):
		c.mark = nil
		close(c.seen)
	case protocol == syscall.IPPROTO_UDP && isMedia(payload), protocol == syscall.IPPROTO_TCP && isFramed(payload), isRelayed(payload):
		c.media[w]++
	}
}

// isMedia says whether a datagram is RTP or RTCP, encrypted or not (RFC 7983, 7; 192 and above are QUIC's).
func isMedia(b []byte) bool { return len(b) >= 12 && b[0] >= 128 && b[0] <= 191 }

// isFramed says whether a segment is such a datagram over TCP (RFC 4571, 2).
func isFramed(b []byte) bool {
	return len(b) > 2 && int(binary.BigEndian.Uint16(b)) == len(b)-2 && isMedia(b[2:])
}

// isRelayed says whether a packet is of TURN and carries media.
func isRelayed(b []byte) bool {
	const header, cookie, data = 20, 0x2112a442, 0x0013
	switch {
	case len(b) < header:
		return false
	case b[0]&0xf0 == 0x40: // RFC 8656, 12.4: channel data, which over TCP are padded
		size := int(binary.BigEndian.Uint16(b[2:]))
		return (4+size == len(b) || 4+(size+3)&^3 == len(b)) && isMedia(b[4:])
	case b[0] != 0 || b[1] != 0x16 && b[1] != 0x17 || binary.BigEndian.Uint32(b[4:]) != cookie:
		return false // neither a Send nor a Data indication
	}
	for b = b[header:]; len(b) >= 4; {
		if binary.BigEndian.Uint16(b) == data {
			return isMedia(b[4:])
		}
		b = b[min(len(b), 4+(int(binary.BigEndian.Uint16(b[2:]))+3)&^3):]
	}
	return false
}

// counted is what was seen until now.
func (c *capture) counted(t *testing.T) map[way]int {
	t.Helper()
	mark, seen := []byte(rand.Text()+rand.Text()), make(chan struct{})
	c.mu.Lock()
	c.mark, c.seen = mark, seen
	c.mu.Unlock()
	// What comes before the mark came before we ask.
	to, err := net.Dial("udp", "127.0.0.1:9")
	if err == nil {
		_, err = to.Write(mark)
		err = errors.Join(err, to.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen:
	case <-time.After(patience):
		t.Fatal("the capture does not see what is sent")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		t.Error(c.fault)
	}
	return maps.Clone(c.media)
}

// least is how many packets of media make half a second of audio.
const least = 25

// passes waits until that much media went both ways between two machines since an earlier count.
func (c *capture) passes(t *testing.T, before map[way]int, a, b host) {
	t.Helper()
	eventually(t, "media pass", func() error {
		there, back := 0, 0
		for w, n := range c.counted(t) {
			switch [2]netip.Addr{w.from.Addr(), w.to.Addr()} {
			case [2]netip.Addr{a.addr, b.addr}:
				there += n - before[w]
			case [2]netip.Addr{b.addr, a.addr}:
				back += n - before[w]
			}
		}
		if min(there, back) < least {
			return fmt.Errorf("%d packets from %v to %v, %d back", there, a.addr, b.addr, back)
		}
		return nil
	})
}

// since checks that media went both ways between each of the pairs of machines since an earlier count, and that none went
// anywhere else: who is in no pair has had none pass. The last packets of an earlier call are no others'.
func (c *capture) since(t *testing.T, before map[way]int, pairs ...[2]host) {
	t.Helper()
	expected := map[[2]netip.Addr]int{}
	for _, p := range pairs {
		expected[[2]netip.Addr{p[0].addr, p[1].addr}] = 0
		expected[[2]netip.Addr{p[1].addr, p[0].addr}] = 0
	}
	for w, n := range c.counted(t) {
		ends := [2]netip.Addr{w.from.Addr(), w.to.Addr()}
		earlier, known := before[w]
		if _, ok := expected[ends]; ok {
			expected[ends] += n - earlier
		} else if !known {
			t.Errorf("%d packets of media from %v to %v, where none should be", n, w.from, w.to)
		}
	}
	for ends, n := range expected {
		if n < least {
			t.Errorf("%d packets of media from %v to %v, want %d at least", n, ends[0], ends[1], least)
		}
	}
}
