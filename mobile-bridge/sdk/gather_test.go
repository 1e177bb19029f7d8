package sdk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
)

// A description waits for both kinds of addresses that lead through NATs, in whatever order they come, and not for what may never
// come.
func TestGathering(t *testing.T) {
	const host, seen, relayed = webrtc.ICECandidateTypeHost, webrtc.ICECandidateTypeSrflx, webrtc.ICECandidateTypeRelay
	const never = time.Hour
	for name, c := range map[string]struct {
		relay          bool
		seen, relayed  time.Duration // when these are found
		complete, want time.Duration
	}{
		"both, in the usual order":           {true, 40 * time.Millisecond, 120 * time.Millisecond, never, 120 * time.Millisecond},
		"both, the relay first":              {true, 300 * time.Millisecond, 100 * time.Millisecond, never, 300 * time.Millisecond},
		"UDP is blocked":                     {true, never, 100 * time.Millisecond, never, gatherWithin},
		"UDP is blocked, and the relay slow": {true, never, time.Second, never, time.Second},
		"the relay does not answer":          {true, never, never, never, relayWithin},
		"no relay":                           {false, never, never, never, gatherWithin},
		"there are no more":                  {true, never, never, time.Millisecond, time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, complete := newGathering(), make(chan struct{})
			begin := time.Now()
			g.found(host)
			for _, stop := range []*time.Timer{
				time.AfterFunc(c.seen, func() { g.found(seen); g.found(seen) }),
				time.AfterFunc(c.relayed, func() { g.found(relayed); g.found(relayed) }),
				time.AfterFunc(c.complete, func() { close(complete) }),
			} {
				defer stop.Stop()
			}
			g.wait(c.relay, complete, nil)
			if took := time.Since(begin); took != c.want {
				t.Errorf("%s: waited %v, want %v", name, took, c.want)
			}
		})
	}
}
