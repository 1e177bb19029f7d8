package link

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
)

// Limits of unfinished handshakes, which hold about 60 kB each for 5 s. Beyond the first a source address must be proven
// (RFC 9000, 8.1.2), and a proven one has its share: who sends from many forged addresses shuts nobody out, nor does who
// sends from one of his own.
const (
	maxUnproven   = 64
	maxPerSource  = 16
	maxHandshakes = 512
)

// handshakes counts the incoming ones that are not finished.
type handshakes struct {
	mu       sync.Mutex
	all      int
	bySource map[netip.Addr]int // proven
}

// busy says whether a new source must prove its address.
func (h *handshakes) busy(net.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all >= maxUnproven
}

// begin counts a handshake until finished is called.
func (h *handshakes) begin(info *quic.ClientInfo) (finished func(), err error) {
	var source netip.Addr
	if a, ok := info.RemoteAddr.(*net.UDPAddr); ok && info.AddrVerified {
		source = a.AddrPort().Addr().Unmap()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= maxHandshakes || source.IsValid() && h.bySource[source] >= maxPerSource {
		return nil, errs.New(errs.Congested, "too many unfinished handshakes, of %v above all", info.RemoteAddr)
	}
	h.all++
	if source.IsValid() {
		if h.bySource == nil {
			h.bySource = map[netip.Addr]int{}
		}
		h.bySource[source]++
	}
	return sync.OnceFunc(func() { h.end(source) }), nil
}

func (h *handshakes) end(source netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if source.IsValid() {
		if h.bySource[source]--; h.bySource[source] == 0 {
			delete(h.bySource, source)
		}
	}
}

// handshakeKey finds in a connection's context the function that counts its handshake as finished.
type handshakeKey struct{}

func (e *Endpoint) countHandshake(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	finished, err := e.handshakes.begin(info)
	if err != nil {
		e.counters.refused.Add(1)
		return nil, err
	}
	context.AfterFunc(ctx, finished)
	return context.WithValue(ctx, handshakeKey{}, finished), nil
}

// finish waits for the end of an incoming handshake, and says whether it is complete. A node is known from then on only: its
// certificate comes last.
func finish(qc *quic.Conn) bool {
	select {
	case <-qc.HandshakeComplete():
	case <-qc.Context().Done():
		return false
	}
	if finished, ok := qc.Context().Value(handshakeKey{}).(func()); ok {
		finished()
	}
	return true
}
