//go:build peers

package peers

import (
	"encoding/binary"
	"net"
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
	const ethernet, udp, mostReserved = 14, 8, 1024
	if len(frame) < ethernet+20 || binary.BigEndian.Uint16(frame[12:]) != syscall.ETH_P_IP {
		return
	}
	ip := frame[ethernet:]
	header := int(ip[0]&0x0f) * 4
	if ip[9] != syscall.IPPROTO_UDP || [4]byte(ip[16:20]) != h.addr.As4() || len(ip) < header+udp {
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
	w.last = now
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
