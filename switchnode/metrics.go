package switchnode

import (
	"maps"
	"sync"
)

// outcomes is what is counted of calls.
type outcomes struct {
	tally  tally
	silent tally // sides that no audio came from
}

// tally counts outcomes by name.
type tally struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]uint64{}
	}
	t.n[name]++
}

func (t *tally) snapshot() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

// publish makes the figures of this switch readable at /metrics.
func (n *node) publish() {
	n.health.Gauge("calls", "Calls under way.", func() float64 { return float64(n.calls.len()) })
	n.health.Gauge("registered_devices", "Phones with a live registration.", func() float64 { return float64(len(n.registrar.Registered())) })
	n.health.Gauge("links", "Links to other nodes.", func() float64 { return float64(n.endpoint.Counters().Links) })
	n.health.Counts("link_events_total", "What happened to links to other nodes.", "event", n.linkEvents)
	n.health.Counts("link_media_dropped_total", "Media packets that a link dropped or lost, by reason.", "reason", n.linkDrops)
	n.health.Gauge("voicemail_bytes", "Bytes on disk of the messages of all mailboxes.", func() float64 { return float64(n.mailboxes.Store.Bytes()) })
	n.health.Gauge("voicemail_undelivered", "Messages that are still to be sent by e-mail or to webhooks.", func() float64 { return float64(n.mailboxes.Store.Undelivered()) })
	n.health.Counts("voicemail_deliveries_total", "Messages that were to be sent by e-mail or to webhooks, by what became of the try.", "outcome", n.courier.Counts)
	n.health.Check(n.diskTrouble)
	n.health.Gauge("ledger_undelivered", "Call events that the cloud has not stored yet.", func() float64 { return float64(n.spool.Outstanding()) })
	n.health.Counts("ledger_failures_total", "Call events that were not kept, by reason, and writes that failed.", "reason", func() map[string]uint64 {
		c := n.spool.Counts()
		return map[string]uint64{"dropped": c.Dropped, "refused": c.Refused, "lost": c.Lost, "write": c.WriteErrors}
	})
	n.health.Counts("call_unexpected_total", "Events that the state of a call did not expect.", "event", n.calls.tally.snapshot)
	n.health.Counts("call_silent_total", "Sides of answered calls that no audio came from.", "side", n.calls.silent.snapshot)
	n.health.Counts("session_keys_total", "Session keys shown, by outcome; empty is admitted.", "code", func() map[string]uint64 {
		all := map[string]uint64{}
		for code, count := range n.keys.Counts() {
			all[string(code)] = count
		}
		return all
	})
	n.health.Counts("sip_dropped_total", "SIP messages dropped, by reason.", "reason", n.phones.Drops)
	n.health.Counts("sign_ins_refused_total", "Sign-ins of phones that were refused, by reason.", "reason", n.phones.SignIns)
	n.health.Gauge("trunk_servers_unregistered", "Servers of phone companies where this switch is not registered and should be.", n.unregistered)
	n.health.Gauge("trunk_servers_down", "Servers of phone companies that do not answer, or say that they cannot take calls.", n.down)
	n.publishApps()
	n.publishLamps()
	n.health.Counts("media_refused_total", "Legs of calls for which there was no media port, by reason.", "reason", func() map[string]uint64 {
		return n.relay.Counters().Refused
	})
	n.health.Counts("media_dropped_total", "Media packets dropped, by reason.", "reason", func() map[string]uint64 {
		all := map[string]uint64{}
		for reason, count := range n.relay.Counters().Dropped {
			all[reason.String()] = count
		}
		return all
	})
}

// linkEvents are by name.
func (n *node) linkEvents() map[string]uint64 {
	c := n.endpoint.Counters()
	return map[string]uint64{
		"dialled": c.Dialled, "accepted": c.Accepted, "refused": c.Refused, "web": c.Web, "migrated": c.Migrated, "asked": c.Asked,
		"stream-refused": c.StreamsRefused,
	}
}

// linkDrops are by reason.
func (n *node) linkDrops() map[string]uint64 {
	c := n.endpoint.Counters()
	return map[string]uint64{
		"full": c.DroppedFull, "stale": c.DroppedStale, "large": c.DroppedLarge, "unknown": c.DroppedUnknown, "malformed": c.DroppedMalformed,
		"lost": c.Lost,
	}
}
