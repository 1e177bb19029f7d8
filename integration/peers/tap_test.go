//go:build peers

package peers

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
)

// tap listens on the wire to the G.711 audio that reaches one machine: baresip stops to record when a call was on hold, and drops the
// audio of a second source of a call whose sequence numbers are lower than those of the first.
type tap struct {
	mu      sync.Mutex
	samples []int16
	from    netip.Addr    // of the last packet
	last    time.Time     // of the last packet
	gap     time.Duration // the longest between two
}

// listen taps a machine until the test ends.
func listen(t *testing.T, h host) *tap {
	t.Helper()
	port, err := net.InterfaceByName(h.name)
	if err != nil {
		t.Fatal(err)
	}
	w := &tap{}
	packetSocket(t, port, func(socket *os.File) {
		for frame := make([]byte, 2048); ; {
			n, err := socket.Read(frame)
			if err != nil {
				return // closed
			}
			w.take(frame[:n], h)
		}
	})
	return w
}

// take keeps the audio of a frame, if it is RTP of PCMU or PCMA to the machine.
func (w *tap) take(frame []byte, h host) {
	const ethernet, header6, udp = 14, 40, 8
	if len(frame) < ethernet+header6 {
		return
	}
	ip := frame[ethernet:]
	var from, to netip.Addr
	var protocol byte
	var header int
	switch binary.BigEndian.Uint16(frame[12:]) {
	case syscall.ETH_P_IP:
		from, to, protocol, header = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), ip[9], int(ip[0]&0x0f)*4
	case syscall.ETH_P_IPV6:
		from, to, protocol, header = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:])), ip[6], header6
	}
	if protocol != syscall.IPPROTO_UDP || to != h.addr || len(ip) < header+udp {
		return
	}
	length := int(binary.BigEndian.Uint16(ip[header+4:])) // of UDP; the frame may be padded
	if len(ip) < header+length || length < udp {
		return
	}
	packet, payload, err := rtp.Parse(ip[header+udp : header+length])
	if err != nil || packet.PT != 0 && packet.PT != 8 || rtp.IsControl(ip[header+udp:]) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.last.IsZero() {
		w.gap = max(w.gap, now.Sub(w.last))
	}
	w.last, w.from = now, from
	law := g711.Mu
	if packet.PT == 8 {
		law = g711.A
	}
	w.samples = law.Decode(w.samples, payload)
}

// begin forgets the gaps so far.
func (w *tap) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gap = 0
}

// longest is the longest time between two packets since the tap began.
func (w *tap) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gap.Round(time.Millisecond)
}

// forget drops what was heard.
func (w *tap) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples = nil
}

// heard is what came since the last forget, one sample in 8000 of a second each.
func (w *tap) heard() []int16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]int16(nil), w.samples...)
}
