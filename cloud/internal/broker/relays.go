package broker

import (
	"math/rand/v2"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// Limits of what a bridge says of its relay.
const (
	maxRelayURLs = 4
	maxRelayURL  = 128 // bytes
	maxSecret    = 64
)

// relayLease is a bridge's relay of media, and until when it counts. Its secret is kept in memory only.
type relayLease struct {
	org   string
	relay fabric.Relay
	until time.Time
}

// ObserveBridge remembers the relay of a bridge, by its lease.
func (b *Broker) ObserveBridge(org, bridge string, l fabric.Lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.Leaving || l.Face == nil || l.Face.Relay == nil || CheckRelay(*l.Face.Relay) != nil {
		delete(b.relays, bridge)
		return
	}
	b.relays[bridge] = relayLease{org, *l.Face.Relay, b.cfg.Now().Add(fabric.LeaseLifetime)}
}

// CheckRelay says why a relay cannot be handed out: what is told of it goes into designations and verdicts (proof.MaxVerdict).
func CheckRelay(r fabric.Relay) error {
	if n := len(r.URLs); n == 0 || n > maxRelayURLs {
		return errs.New(errs.Invalid, "relay: %d URLs are not 1 to %d", n, maxRelayURLs)
	}
	for _, u := range r.URLs {
		if len(u) > maxRelayURL {
			return errs.New(errs.Invalid, "relay: URL %.40q has more than %d bytes", u, maxRelayURL)
		}
	}
	if n := len(r.Secret); n < maxSecret/4 || n > maxSecret {
		return errs.New(errs.Invalid, "relay: a secret of %d bytes, want %d to %d", n, maxSecret/4, maxSecret)
	}
	return nil
}

// relayFor lets a leg, whose ring ends at a time, use a relay of its organization; nil if there is none.
func (b *Broker) relayFor(org, leg string, ringEnds time.Time) *designation.Relay {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []fabric.Relay
	for bridge, l := range b.relays {
		switch {
		case b.cfg.Now().After(l.until):
			delete(b.relays, bridge)
		case l.org == org:
			all = append(all, l.relay)
		}
	}
	if len(all) == 0 {
		return nil
	}
	r := all[rand.N(len(all))]
	return designation.NewRelay(r.URLs, r.Secret, leg, ringEnds.Add(designation.RelayLifetime))
}
