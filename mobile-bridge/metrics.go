package mobilebridge

import (
	"maps"
	"sync"

	"strowger/mobile-bridge/internal/push"
)

// tally counts what came of pushes.
type tally struct {
	mu sync.Mutex
	n  map[push.Tried]uint64
}

func (t *tally) pushed(p push.Tried) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[push.Tried]uint64{}
	}
	t.n[p]++
}

func (t *tally) snapshot() map[push.Tried]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

// publish makes the figures of this bridge readable at /metrics.
func (b *bridge) publish() {
	if b.links.splice != nil {
		b.health.Gauge("spliced", "Apps that are connected to a switch by way of this bridge.", func() float64 { return float64(b.links.splice.Counters().Calls) })
		b.health.Counts("splices_total", "Apps that wanted to a switch by way of this bridge, by outcome; empty is let in.", "code", func() map[string]uint64 {
			all := map[string]uint64{}
			for code, n := range b.links.splice.Counters().Outcomes {
				all[string(code)] = n
			}
			return all
		})
	}
	if b.face != nil {
		b.health.Counts("public_refused_total", "Connections and requests at the public port that were one too many.", "what", func() map[string]uint64 {
			connections, requests := b.face.Refused()
			return map[string]uint64{"connections": connections, "requests": requests}
		})
	}
	b.health.Gauge("wakes", "Wakes under way.", func() float64 { return float64(b.wakes.Len()) })
	b.health.Gauge("pushes", "Pushes under way, those that are to be tried again included.", func() float64 { return float64(b.pusher.Len()) })
	b.health.Gauge("channels", "Channels of devices, those between two connections included.", func() float64 { return float64(b.channels.Counters().Open) })
	b.health.Gauge("channel_connections", "Connections of devices that have a channel, or ask for one.", func() float64 { return float64(b.channels.Counters().Attached) })
	b.health.Counts("channel_ends_total", "Channels that ended or were refused, by code.", "code", func() map[string]uint64 {
		all := map[string]uint64{}
		for code, n := range b.channels.Counters().Refused {
			all[string(code)] = n
		}
		return all
	})
	b.health.Counts("wakes_total", "Wakes that anchors asked for, by outcome; empty is taken.", "code", b.wakes.Counts)
	b.health.Table("push_tries_total", "Tries to hand a push to a push service: accepted, again (tried once more) or refused, and why.",
		[]string{"provider", "outcome", "reason"}, func(row func(n uint64, labels ...string)) {
			for t, n := range b.tally.snapshot() {
				row(n, string(t.Provider), t.Outcome, t.Reason)
			}
		})
}
