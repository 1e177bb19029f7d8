package call

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLeg does nothing by itself: a test reads what it was told, and posts what happens to it.
type fakeLeg struct {
	mu   *sync.Mutex
	told []LegAction
	port *media.Port
	post func(any) bool
}

func (l *fakeLeg) Do(a LegAction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, a)
}

func (l *fakeLeg) Handle(input any) []Event { return []Event{input.(Event)} }
func (l *fakeLeg) Port() *media.Port        { return l.port }

// fakeTarget makes a fakeLeg, or fails.
type fakeTarget struct {
	mu    *sync.Mutex
	err   error
	leg   *fakeLeg // nil until dialled
	setup Setup
	open  func() *media.Port
}

func (f *fakeTarget) Dial(s Setup) (Leg, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setup = s
	if f.err != nil {
		return nil, f.err
	}
	f.leg = &fakeLeg{mu: f.mu, port: f.open(), post: s.Post}
	return f.leg, nil
}

// fakeLink carries no media: its flows only have numbers.
type fakeLink struct{ flows uint64 }

type fakeFlow uint64

func (l *fakeLink) NewFlow(func([]byte)) (media.Flow, error) {
	l.flows++
	return fakeFlow(l.flows), nil
}
func (l *fakeLink) Send(uint64, []byte, bool) error { return nil }
func (f fakeFlow) ID() uint64                       { return uint64(f) }
func (f fakeFlow) Close()                           {}

// scene is a session in a bubble of synctest, with everything around it.
type scene struct {
	t       *testing.T
	session *Session
	caller  *fakeLeg
	targets []*fakeTarget
	relay   *media.Relay
	link    fakeLink
	breadth int // Max-Breadth of the caller
	stop    context.CancelFunc

	mu     sync.Mutex // guards what follows, and what legs and targets are told
	events []ledger.Event
	counts []string
	// transfer says what becomes of a transfer; nil: none may be.
	transfer func(context.Context, Transferring) Event
}

func (s *scene) transfers(ctx context.Context, t Transferring) Event {
	s.mu.Lock()
	f := s.transfer
	s.mu.Unlock()
	if f == nil {
		return Stuck{Cause: CauseOf(errs.Forbidden, "")}
	}
	return f(ctx, t)
}

// pass lets time pass, and all that it brings happen.
func (s *scene) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// play runs a scene with a target for each delay, whose admission is told by admit.
func play(t *testing.T, delays []time.Duration, admit func(*scene) Admission, act func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := media.NewRelay(media.Config{
			Bind: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		s := &scene{t: t, relay: relay, breadth: 60}
		for range delays {
			s.targets = append(s.targets, &fakeTarget{mu: &s.mu, open: s.port})
		}
		s.run(admit(s), act)
		if n := relay.Counters().Ports; n > 0 {
			t.Errorf("%d ports are open after the call", n)
		}
	})
}

func (s *scene) run(admit Admission, act func(*scene)) {
	s.session = NewSession(SessionConfig{
		ID: "ca_1", CallerLeg: "caller", Device: "dv_a", Hops: 69, Breadth: s.breadth, SessionID: "5e55",
		Record: func(e ledger.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
		Count: func(name string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.counts = append(s.counts, name)
		},
		Transfer: s.transfers,
		Now:      func() time.Time { return time.Now().Add(time.Hour) }, // the cloud's clock
		Logger:   slog.New(slog.DiscardHandler),
	}, New("caller", "dv_a", speech), designation.Party{Number: "201001"})
	s.caller = &fakeLeg{mu: &s.mu, port: s.port(), post: s.session.PosterOf(Caller)}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	s.stop = cancel
	go s.session.Run(ctx, s.caller, admit)
	synctest.Wait()
	act(s)
	<-s.session.Done()
	if s.session.PosterOf(Caller)(Cancelled{}) || s.session.Post(Stop{}) {
		s.t.Error("an input was taken after Done")
	}
}

func (s *scene) port() *media.Port {
	p, err := s.relay.OpenFlow(&s.link)
	if err != nil {
		s.t.Error(err)
	}
	return p
}

// plan is an admission that takes its time and then rings all targets.
func plan(takes time.Duration, delays ...time.Duration) func(*scene) Admission {
	return func(s *scene) Admission {
		return func(ctx context.Context) Event {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return Refusal{Cause: CauseOf(errs.CloudAway, ctx.Err().Error())}
			}
			p := Planned{Anchor: "sw_y", Ring: time.Minute, From: designation.Party{Number: "201001"}, To: designation.Party{Number: "301001"}}
			for i, d := range delays {
				p.Branches = append(p.Branches, Branch{Leg: fmt.Sprintf("branch%d", i+1), Device: fmt.Sprintf("dv_%d", i+1), Delay: d, Target: s.targets[i]})
			}
			return p
		}
	}
}

// perform plays a planned call with a branch for each delay.
func perform(t *testing.T, act func(*scene), delays ...time.Duration) {
	play(t, delays, plan(0, delays...), act)
}

// say posts what happened to a leg, and waits until the call has dealt with it.
func (s *scene) say(id LegID, ev Event) {
	s.t.Helper()
	if !s.leg(id).post(ev) {
		s.t.Fatalf("%T of leg %d was not taken", ev, id)
	}
	synctest.Wait()
}

func (s *scene) leg(id LegID) *fakeLeg {
	s.t.Helper()
	l := s.caller
	if id != Caller {
		l = s.dialled(id)
	}
	if l == nil {
		s.t.Fatalf("leg %d was not dialled", id)
	}
	return l
}

// dialled is the leg of a branch, nil until it was dialled.
func (s *scene) dialled(id LegID) *fakeLeg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.targets[id-1].leg
}

// setup is what a branch was dialled with.
func (s *scene) setup(id LegID) Setup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.targets[id-1].setup
}

func (s *scene) ledger() []ledger.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// counted compares what was counted so far.
func (s *scene) counted(expect ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.counts, expect) {
		s.t.Errorf("counted %q, want %q", s.counts, expect)
	}
}

// last is what a leg was told last.
func (s *scene) last(id LegID) LegAction {
	l := s.leg(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.told[len(l.told)-1]
}

// close closes legs as dialogs do once they have said their last word.
func (s *scene) close(ids ...LegID) {
	s.t.Helper()
	for _, id := range ids {
		s.say(id, Closed{id})
	}
}

// told compares all that a leg was told, in words.
func (s *scene) told(id LegID, expect ...string) {
	s.t.Helper()
	l := s.leg(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	var acts []Action
	for _, a := range l.told {
		acts = append(acts, a)
	}
	if got := kinds(acts); !slices.Equal(got, expect) {
		s.t.Errorf("leg %d was told %q, want %q", id, got, expect)
	}
}

// wrote compares the kinds of the ledger so far.
func (s *scene) wrote(expect ...string) {
	s.t.Helper()
	var got []string
	for _, e := range s.ledger() {
		line := string(e.Kind)
		if e.Leg != "" {
			line += " " + e.Leg
		}
		if e.Cause != nil {
			line += " " + e.Cause.Code
		}
		got = append(got, line)
	}
	if !slices.Equal(got, expect) {
		s.t.Errorf("ledger:\n%q, want\n%q", got, expect)
	}
}
