package broker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/fabric"
)

// relays has a bridge say of its relay so many URLs of so many bytes.
func (w *world) relays(urls, length int) {
	l := fabric.Lease{Face: &fabric.Face{}}
	if urls > 0 {
		u := "turn:" + strings.Repeat("h", length-len("turn:?transport=udp")) + "?transport=udp"
		l.Face.Relay = &fabric.Relay{URLs: slices.Repeat([]string{u}, urls), Secret: []byte(strings.Repeat("s", 32))}
	}
	w.broker.ObserveBridge(w.org, "br_1", l)
}

// A relay is handed out while its bridge lives, to legs of its organization, and each gets what is of use to itself alone.
func TestRelays(t *testing.T) {
	w := newWorld(t)
	ring := w.clock().Add(time.Minute)
	if r := w.broker.relayFor(w.org, "lg_1", ring); r != nil {
		t.Errorf("no bridge relays, and yet %+v", r)
	}
	w.relays(2, 40)
	one, other := w.broker.relayFor(w.org, "lg_1", ring), w.broker.relayFor(w.org, "lg_2", ring)
	if one == nil || other == nil || one.Credential == other.Credential || len(one.URLs) != 2 {
		t.Fatalf("%+v and %+v", one, other)
	}
	credential, leg, until, err := designation.OpenRelay([]byte(strings.Repeat("s", 32)), one.Username)
	if err != nil || credential != one.Credential || leg != "lg_1" || until.Sub(ring).Abs() < designation.RelayLifetime-time.Second {
		t.Errorf("%s opens as %q of %s until %v, %v", one.Username, credential, leg, until, err)
	}
	if r := w.broker.relayFor("org_other", "lg_1", ring); r != nil {
		t.Errorf("another organization gets %+v", r)
	}
	w.relays(0, 0) // it relays no more
	if r := w.broker.relayFor(w.org, "lg_1", ring); r != nil {
		t.Errorf("a relay that is gone: %+v", r)
	}
	// A bridge that relays nothing tells apps where they are seen, as long as no other one relays.
	w.broker.ObserveBridge(w.org, "br_2", fabric.Lease{Face: &fabric.Face{STUN: "stun:192.0.2.1:3478"}})
	if r := w.broker.relayFor(w.org, "lg_1", ring); r == nil || r.Relays() || !slices.Equal(r.URLs, []string{"stun:192.0.2.1:3478"}) {
		t.Errorf("of STUN a leg is told %+v", r)
	}
	w.relays(2, 40)
	if r := w.broker.relayFor(w.org, "lg_1", ring); !r.Relays() {
		t.Errorf("STUN is preferred to a relay: %+v", r)
	}
	for _, bad := range []string{"http://192.0.2.1", "turn:192.0.2.1", "stun:" + strings.Repeat("h", maxRelayURL)} {
		if CheckSTUN(bad) == nil {
			t.Errorf("STUN at %q is handed out", bad)
		}
	}
	for name, r := range map[string]fabric.Relay{
		"no URL":          {Secret: make([]byte, 32)},
		"a long URL":      {URLs: []string{"turn:" + strings.Repeat("h", maxRelayURL)}, Secret: make([]byte, 32)},
		"too many URLs":   {URLs: make([]string, maxRelayURLs+1), Secret: make([]byte, 32)},
		"a short secret":  {URLs: []string{"turn:x"}, Secret: make([]byte, 8)},
		"a secret of 1 k": {URLs: []string{"turn:x"}, Secret: make([]byte, 1024)},
	} {
		if CheckRelay(r) == nil {
			t.Errorf("a relay with %s is handed out", name)
		}
	}
}
