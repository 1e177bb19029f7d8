package broker

import (
	"math/rand/v2"
	"strings"
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

// relayLease is a bridge's relay of media, or where it tells apps how they are seen, and until when that counts. A secret is kept
// in memory only.
type relayLease struct {
	org   string
	relay fabric.Relay // without a secret: STUN
	until time.Time
}

// ObserveBridge remembers the relay of a bridge, or its STUN, and its push services, by its lease.
func (b *Broker) ObserveBridge(org, bridge string, l fabric.Lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.observePushes(org, bridge, l)
	var r fabric.Relay
	switch {
	case l.Leaving || l.Face == nil:
	case l.Face.Relay != nil && CheckRelay(*l.Face.Relay) == nil:
		r = *l.Face.Relay
	case l.Face.STUN != "" && CheckSTUN(l.Face.STUN) == nil:
		r.URLs = []string{l.Face.STUN}
	}
	if r.URLs == nil {
		delete(b.relays, bridge)
		return
	}
	b.relays[bridge] = relayLease{org, r, b.cfg.Now().Add(fabric.LeaseLifetime)}
}

// CheckSTUN says why a URL of STUN cannot be handed out.
func CheckSTUN(u string) error {
	if !strings.HasPrefix(u, "stun:") || len(u) > maxRelayURL {
		return errs.New(errs.Invalid, "stun: %.40q is not of the form stun:host:port, in %d bytes", u, maxRelayURL)
	}
	return nil
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

// relayFor lets a leg, whose ring ends at a time, use a relay of its organization, or if there is none STUN; nil if there is neither.
func (b *Broker) relayFor(org, leg string, ringEnds time.Time) *designation.Relay {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all, stun []fabric.Relay
	for bridge, l := range b.relays {
		switch {
		case b.cfg.Now().After(l.until):
			delete(b.relays, bridge)
		case l.org == org && l.relay.Secret != nil:
			all = append(all, l.relay)
		case l.org == org:
			stun = append(stun, l.relay)
		}
	}
	switch {
	case len(all) > 0:
	case len(stun) > 0:
		return &designation.Relay{URLs: stun[rand.N(len(stun))].URLs}
	default:
		return nil
	}
	r := all[rand.N(len(all))]
	return designation.NewRelay(r.URLs, r.Secret, leg, ringEnds.Add(designation.RelayLifetime))
}
