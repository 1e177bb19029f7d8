package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/fabric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a push service in memory: it answers by a script, or when it is let go.
type service struct {
	mu     sync.Mutex
	script []Outcome     // the last one stays
	hold   chan struct{} // nil: answers at once
	tries  int
	left   []time.Duration // of the ring, at each try
}

func (s *service) Lane(t fabric.Target) (string, bool) { return t.App, t.App != "unknown" }

func (s *service) Send(ctx context.Context, p Push) Outcome {
	s.mu.Lock()
	s.tries++
	s.left = append(s.left, p.Left)
	o := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	s.mu.Unlock()
	if s.hold == nil {
		return o
	}
	select {
	case <-s.hold:
		return o
	case <-ctx.Done():
		return Failed(ctx.Err())
	}
}

type rig struct {
	*Pusher
	mu    sync.Mutex
	tried []Tried
}

func newRig(senders map[fabric.Provider]Sender) *rig {
	r := &rig{}
	r.Pusher = New(Config{Senders: senders, Timeout: 2 * time.Minute, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Count: func(t Tried) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tried = append(r.tried, t)
	}})
	return r
}

func (r *rig) send(ctx context.Context, app string, ring time.Duration) fabric.PushResult {
	return r.Send(ctx, Push{Target: fabric.Target{Provider: fabric.APNs, App: app}, Until: time.Now().Add(ring)}, func(fabric.PushResult) {})
}

func TestTriesUntilAccepted(t *testing.T) {
	for name, tt := range map[string]struct {
		script []Outcome
		ring   time.Duration
		want   fabric.PushResult
		least  time.Duration // that it takes
		most   time.Duration
	}{
		"accepted":             {script: []Outcome{{Accepted: true}}, want: fabric.PushResult{Accepted: true, Tries: 1}},
		"refused for good":     {script: []Outcome{{Reason: "TopicDisallowed"}}, want: fabric.PushResult{Reason: "TopicDisallowed", Tries: 1}},
		"dead":                 {script: []Outcome{{Reason: "Unregistered", Dead: true}}, want: fabric.PushResult{Reason: "Unregistered", Dead: true, Tries: 1}},
		"not reached at first": {script: []Outcome{Failed(errors.New("refused")), {Accepted: true}}, want: fabric.PushResult{Accepted: true, Tries: 2}, least: firstPause / 2, most: firstPause},
		"overload, at its word": {
			script: []Outcome{Answered(http.StatusTooManyRequests, http.Header{"Retry-After": {"7"}}, "QUOTA_EXCEEDED"), {Accepted: true}},
			want:   fabric.PushResult{Accepted: true, Tries: 2}, least: 7 * time.Second, most: 7 * time.Second,
		},
		"overload past the ring": {
			script: []Outcome{Answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {"60"}}, "UNAVAILABLE")},
			want:   fabric.PushResult{Reason: "UNAVAILABLE", Tries: 1},
		},
		"ring over before it began": {script: []Outcome{{Accepted: true}}, ring: -time.Second, want: fabric.PushResult{Reason: Over}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{script: tt.script}
				r := newRig(map[fabric.Provider]Sender{fabric.APNs: s})
				ring := tt.ring
				if ring == 0 {
					ring = time.Minute
				}
				tt.want.Provider = fabric.APNs
				start := time.Now()
				if got := r.send(t.Context(), "app", ring); got != tt.want {
					t.Errorf("%+v, want %+v", got, tt.want)
				}
				if took := time.Since(start); took < tt.least || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
				}
				if r.Len() != 0 {
					t.Errorf("%d pushes are under way after the last", r.Len())
				}
			})
		})
	}
}

// TestAwayToTheEndOfTheRing: pauses double up to their most, and each try is told.
func TestAwayToTheEndOfTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{script: []Outcome{Failed(errors.New("no route"))}}
		r := newRig(map[fabric.Provider]Sender{fabric.APNs: s})
		told := 0
		start := time.Now()
		got := r.Send(t.Context(), Push{Target: fabric.Target{Provider: fabric.APNs, App: "a"}, Until: start.Add(time.Minute)}, func(p fabric.PushResult) {
			if told++; p.Tries != told || p.Reason != NotReached {
				t.Errorf("told of %+v after %d tries", p, told)
			}
		})
		// 0.25, 0.5, 1, 2 and then 4 s, each less by up to half: 16 to 33 tries in a minute.
		if got.Tries < 16 || got.Tries > 33 || got.Tries != told || got.Reason != NotReached || time.Since(start) > time.Minute {
			t.Errorf("%+v after %v, told of %d", got, time.Since(start), told)
		}
		for i := 1; i < len(s.left); i++ {
			if s.left[i] >= s.left[i-1] {
				t.Errorf("try %d has %v of the ring left, the one before had %v", i+1, s.left[i], s.left[i-1])
			}
		}
		if len(r.tried) != told || r.tried[0] != (Tried{fabric.APNs, "again", NotReached}) {
			t.Errorf("counted %d tries, the first as %+v", len(r.tried), r.tried[0])
		}
	})
}

func TestNotConfigured(t *testing.T) {
	r := newRig(map[fabric.Provider]Sender{fabric.APNs: &service{}})
	if got := r.send(t.Context(), "unknown", time.Minute); got.Reason != NotConfigured || got.Tries != 0 {
		t.Errorf("an app without credentials: %+v", got)
	}
	if got := r.Send(t.Context(), Push{Target: fabric.Target{Provider: fabric.FCM}}, nil); got.Reason != NotConfigured {
		t.Errorf("a provider without credentials: %+v", got)
	}
}

// TestSlowServiceHarmsNoOther fills a lane of a service that answers nobody: more is refused at once, tries are bounded, and
// another app and another provider are served.
func TestSlowServiceHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := &service{script: []Outcome{{Accepted: true}}, hold: make(chan struct{})}, &service{script: []Outcome{{Accepted: true}}}
		r := newRig(map[fabric.Provider]Sender{fabric.APNs: both{slow, fast}, fabric.FCM: fast})
		accepted := make(chan bool, 2*lanePushes)
		fill := func(app string, room int) {
			for range room {
				go func() { accepted <- r.send(t.Context(), app, time.Minute).Accepted }()
			}
			synctest.Wait()
			if got := r.send(t.Context(), app, time.Minute); got.Reason != Congested {
				t.Errorf("%s has room for more than %d: %+v", app, room, got)
			}
		}
		fill("slow", lanePushes)
		if slow.tries != laneTries {
			t.Errorf("%d tries at once, want %d", slow.tries, laneTries)
		}
		if got := r.send(t.Context(), "fast", time.Minute); !got.Accepted {
			t.Errorf("another app beside the slow one: %+v", got)
		}
		fill("slow too", lanePushes/2)
		fill("slow as well", lanePushes/4)
		if got := r.send(t.Context(), "fast", time.Minute); !got.Accepted {
			t.Errorf("another app beside three slow ones: %+v", got)
		}
		if got := r.Send(t.Context(), Push{Target: fabric.Target{Provider: fabric.FCM, App: "slow"}, Until: time.Now().Add(time.Minute)}, nil); !got.Accepted {
			t.Errorf("another provider beside the slow one: %+v", got)
		}
		if r.Len() != lanePushes+lanePushes/2+lanePushes/4 {
			t.Errorf("%d pushes are under way", r.Len())
		}
		close(slow.hold)
		for range lanePushes + lanePushes/2 + lanePushes/4 {
			if !<-accepted {
				t.Fatal("a push that waited was not accepted")
			}
		}
	})
}

// both serves the apps whose name begins with slow by one service, the others by another.
type both struct{ slow, fast *service }

func (b both) Lane(t fabric.Target) (string, bool) { return b.slow.Lane(t) }
func (b both) Send(ctx context.Context, p Push) Outcome {
	if len(p.Target.App) >= 4 && p.Target.App[:4] == "slow" {
		return b.slow.Send(ctx, p)
	}
	return b.fast.Send(ctx, p)
}

func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{script: []Outcome{Failed(errors.New("no route"))}}
		r := newRig(map[fabric.Provider]Sender{fabric.APNs: s})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan fabric.PushResult)
		go func() { result <- r.send(ctx, "app", time.Minute) }()
		synctest.Wait()
		cancel()
		if got := <-result; got.Reason != NotReached || got.Tries != 1 {
			t.Errorf("stopped between two tries: %+v", got)
		}
		if got := r.send(ctx, "app", time.Minute); got.Reason != Stopped || got.Tries != 0 {
			t.Errorf("stopped before the first: %+v", got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0, "99999999999999999999": 0,
		"Sun, 22 Nov 2026 07:00:09 GMT": 9 * time.Second, "Sun, 22 Nov 2026 06:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", value, got, want)
		}
	}
}

func TestFailed(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("connection refused"):                            NotReached,
		context.DeadlineExceeded:                                    Stalled,
		fmt.Errorf("read the answer: %w", context.DeadlineExceeded): Stalled,
		fmt.Errorf("round trip: %w", &http.MaxBytesError{Limit: 1}): NotReached,
	} {
		if got := Failed(err); got.Reason != want || !got.Again {
			t.Errorf("%v: %+v, want %q and again", err, got, want)
		}
	}
}
