package crossing

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var speech = sdp.Description{Codecs: []sdp.Codec{{Name: "PCMA", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}

// phone is a leg that is played by the test: it notes what it is told, and closes when it is over.
type phone struct {
	mu   sync.Mutex
	id   call.LegID
	told []string
	post func(any) bool
}

// saying makes events of the phone's leg, whichever that is now.
type saying func(call.LegID) []call.Event

func (p *phone) Port() *media.Port             { return nil }
func (p *phone) Handle(input any) []call.Event { return input.(saying)(p.id) }

func (p *phone) Do(a call.LegAction) {
	name, over := "", false
	switch a := a.(type) {
	case call.Start:
		name = "start"
	case call.Accept:
		name = "accept"
	case call.Refuse:
		name, over = "refuse "+a.Cause.Code, true
	case call.Cancel:
		name, over = "cancel", true
	case call.HangUp:
		name, over = "hang up", true
	}
	p.mu.Lock()
	p.told = append(p.told, name)
	p.mu.Unlock()
	if over {
		p.post(saying(func(id call.LegID) []call.Event { return []call.Event{call.Closed{Leg: id}} }))
	}
}

func (p *phone) hangsUp() {
	p.post(saying(func(id call.LegID) []call.Event {
		return []call.Event{call.HungUp{Leg: id, Cause: call.CauseOf(call.Normal, "")}, call.Closed{Leg: id}}
	}))
}

func (p *phone) cancels() {
	p.post(saying(func(id call.LegID) []call.Event { return []call.Event{call.Cancelled{}, call.Closed{Leg: id}} }))
}

func (p *phone) answers() {
	p.post(saying(func(id call.LegID) []call.Event { return []call.Event{call.Answered{Leg: id, Description: speech}} }))
}

func (p *phone) says(evs ...call.Event) {
	p.post(saying(func(call.LegID) []call.Event { return evs }))
}

// was compares what the phone was told.
func (p *phone) was(t *testing.T, want ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.told, want) {
		t.Errorf("told %q, want %q", p.told, want)
	}
}

// dialled makes the phone ring.
type dialled struct{ *phone }

func (d dialled) Dial(s call.Setup) (call.Leg, error) {
	d.id, d.post = s.Leg, s.Post
	return d.phone, nil
}

// node is a switch with its calls.
type node struct {
	t        *testing.T
	calls    *Calls
	mu       sync.Mutex
	expected string
	counts   []string
}

func newNode(t *testing.T, id string) *node {
	n := &node{t: t}
	n.calls = New(Config{Node: id, Expected: func(call string) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.expected == call
	}, Count: func(name string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.counts = append(n.counts, name)
	}})
	return n
}

// placed is a call at a node: its caller's leg, what it rings, and its ledger.
type placed struct {
	*call.Session
	caller, callee *phone
	stop           context.CancelFunc
	mu             sync.Mutex
	ledger         []string
}

// ask is a call that is to be placed: who calls whom, where it is anchored, and when it is planned.
type ask struct {
	id, from, to, anchor string
	by                   Origin
	after                time.Duration
	hint                 string
}

func (n *node) place(q ask) *placed {
	p := &placed{caller: &phone{}, callee: &phone{}}
	p.Session = call.NewSession(call.SessionConfig{
		ID: q.id, CallerLeg: "caller", Device: "phone of " + q.from, Breadth: 1, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Count: func(string) {}, Record: func(e ledger.Event) { n.record(p, e) },
	}, call.New("caller", "phone of "+q.from, speech), designation.Party{User: q.from})
	p.caller.post = p.PosterOf(call.Caller)
	admit := n.calls.Admission(p.Session, q.by, func(ctx context.Context) call.Event {
		select {
		case <-time.After(q.after):
		case <-ctx.Done():
		}
		return call.Planned{
			From: designation.Party{User: q.from}, To: designation.Party{User: q.to}, Anchor: q.anchor, Crossing: q.hint, Ring: time.Minute,
			Branches: []call.Branch{{Leg: "branch", Device: "phone of " + q.to, Target: dialled{p.callee}}},
		}
	})
	var ctx context.Context
	ctx, p.stop = context.WithCancel(n.t.Context())
	go func() {
		p.Run(ctx, p.caller, admit)
		n.calls.Settled(q.id, false)
	}()
	return p
}

func (n *node) record(p *placed, e ledger.Event) {
	if e.Kind == ledger.Answered || e.Kind == ledger.Ended {
		n.calls.Settled(e.Call, e.Kind == ledger.Answered)
	}
	line := string(e.Kind)
	if e.Cause != nil {
		line += " " + e.Cause.Code
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger = append(p.ledger, line)
}

// ended checks how a call ended.
func (p *placed) ended(t *testing.T, code string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.ledger, "ended "+code) {
		t.Errorf("the ledger of %s has %q, want that it ended with %s", p.ID(), p.ledger, code)
	}
}

// empty waits for the end of calls, and checks that nothing is left of them.
func (n *node) empty(all ...*placed) {
	n.t.Helper()
	for _, p := range all {
		<-p.Done()
		p.stop()
	}
	synctest.Wait()
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	if len(n.calls.byID)+len(n.calls.ringing)+len(n.calls.expected) != 0 {
		n.t.Errorf("left: %+v %+v %+v", n.calls.byID, n.calls.ringing, n.calls.expected)
	}
}

// pass lets time pass, and all that it brings happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
