package media

import (
	"time"

	"strowger/pkg/rtp"
)

// keyGap is the least time between two keys that count: RFC 4733, 2.5.1.1 has senders repeat the end of each, and nobody presses
// faster.
const keyGap = 50 * time.Millisecond

// keys is who is told of keys that are pressed while the leg has no other side.
type keys struct {
	told      func(digit byte) // nil: nobody
	timestamp uint32           // of the last one
	at        time.Time
}

// OnKey has f told each key that the leg's user presses, as a telephone event, while the leg has no other side; nil ends that. f must
// not block.
func (p *Port) OnKey(f func(digit byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quality.keys.told = f
}

// pressed tells a key once, when its event ends.
func (p *Port) pressed(h rtp.Header, payload []byte, at time.Time) {
	e, err := rtp.ParseEvent(payload)
	digit, ok := e.Digit()
	if err != nil || !ok || !e.End {
		return
	}
	p.mu.Lock()
	k := &p.quality.keys
	again := h.Timestamp == k.timestamp && !k.at.IsZero() || at.Sub(k.at) < keyGap
	told := k.told
	if !again {
		k.timestamp, k.at = h.Timestamp, at
	}
	p.mu.Unlock()
	if told != nil && !again {
		told(digit)
	}
}
