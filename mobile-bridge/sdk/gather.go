package sdk

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// How long a description waits for addresses of this phone: 3-protocols, "Apps". That at a relay, which may be the only one that
// leads anywhere, has more time.
const (
	gatherWithin = 500 * time.Millisecond
	relayWithin  = 2 * time.Second
)

// waitRelayed is how long a way by the relay waits for a direct one, while nobody hears anything (RFC 8445, 8.1.1): some round trips,
// as two NATs let in only what was sent to before.
const waitRelayed = time.Second

// gathering is what kinds of addresses are found for a description.
type gathering struct {
	relayed, seen         chan struct{} // closed when there is one at the relay, and one that the relay sees us at
	haveRelayed, haveSeen func()
}

func newGathering() *gathering {
	g := &gathering{relayed: make(chan struct{}), seen: make(chan struct{})}
	g.haveRelayed, g.haveSeen = sync.OnceFunc(func() { close(g.relayed) }), sync.OnceFunc(func() { close(g.seen) })
	return g
}

// found takes the kind of an address.
func (g *gathering) found(kind webrtc.ICECandidateType) {
	switch kind {
	case webrtc.ICECandidateTypeRelay:
		g.haveRelayed()
	case webrtc.ICECandidateTypeSrflx:
		g.haveSeen()
	}
}

// wait returns when there are addresses enough, or time is up. One at the relay is not enough: without where the relay sees us the
// other side may have no direct way to us.
func (g *gathering) wait(relay bool, complete, quit <-chan struct{}) {
	early, late := time.NewTimer(gatherWithin), time.NewTimer(relayWithin)
	defer early.Stop()
	defer late.Stop()
	relayed, seen := g.relayed, g.seen
	if !relay {
		relayed = nil
	}
	for relayed != nil || seen != nil {
		select {
		case <-relayed:
			relayed = nil
		case <-seen:
			seen = nil
		case <-early.C: // it does not see us: UDP may be blocked
			seen = nil
		case <-late.C:
			return
		case <-complete:
			return
		case <-quit:
			return
		}
	}
}
