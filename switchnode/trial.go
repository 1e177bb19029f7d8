package switchnode

import (
	"context"
	"slices"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/limit"
	"strowger/pkg/sitecopy"
	"strowger/pkg/srtp"
	"strowger/pkg/tariff"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipside"
	"strowger/switchnode/internal/trunk/trial"
)

// trialWorkers answer who asks for tests side by side.
const trialWorkers = 2

// Tests that call somebody cost money: of one trunk there may be so many at once, and one more each time so long after.
const (
	trialBurst = 5
	trialPause = 30 * time.Second
)

// trialRing is how long a test rings.
const trialRing = 45 * time.Second

// lines is what the switch has to do with phone companies, and phones.
type lines struct {
	phones *sipside.Phones
	trials trials
	signed *signatures
	dtls   *srtp.Identity // of this run, in handshakes with phones
}

// trials is the tests of trunks: one at a time, and the last one is remembered.
type trials struct {
	calls *limit.Buckets[string] // by trunk
	next  chan test              // capacity 1: no other begins before one is done

	mu   sync.Mutex
	last *trial.Report // nil before the first
}

func newTrials() trials {
	calls := limit.New[string](limit.Config{Rate: 1 / trialPause.Seconds(), Burst: trialBurst, Max: 1 << 10, Now: time.Now})
	return trials{calls: calls, next: make(chan test, 1)}
}

// test is one that is to be done.
type test struct {
	trunk  sitecopy.Trunk
	by     string // who wants it
	call   string // id
	number string // to call, "" for none
	report *trial.Report
}

// trunkTest begins a test, or says how the last one of a trunk gets on.
func (n *node) trunkTest(_ context.Context, _ fabric.Subject, q fabric.TrunkTest) (fabric.TrunkTested, error) {
	t := &n.trials
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case q.Begin && t.last != nil && !t.last.Ended():
		return fabric.TrunkTested{}, errs.New(errs.Congested, "another test is under way at this switch: try again when it is over")
	case q.Begin:
		next, err := n.prepare(q)
		if err != nil {
			return fabric.TrunkTested{}, err
		}
		t.last = next.report
		t.next <- next // the last one is done
	case !t.last.Of(q.Trunk):
		return fabric.TrunkTested{}, errs.New(errs.NotFound, "there was no test of this trunk since its switch was started")
	}
	return t.last.State(), nil
}

// prepare checks what is to be tested.
func (n *node) prepare(q fabric.TrunkTest) (test, error) {
	s := n.copy.Snapshot()
	i := slices.IndexFunc(s.Trunks(), func(t sitecopy.Trunk) bool { return t.ID == q.Trunk })
	if i < 0 {
		return test{}, errs.New(errs.NotFound, "its switch does not know the trunk yet, or the trunk is disabled: strowger trunk set TRUNK --enable")
	}
	next := test{trunk: s.Trunks()[i], by: q.By}
	if q.Number != "" {
		number, err := testable(s.Dialling(), q.Number)
		if err != nil {
			return test{}, err
		}
		if !n.trials.calls.Take(q.Trunk) {
			return test{}, errs.New(errs.Congested, "the trunk was tested %d times in a short while, and calls cost money: try again in %v", trialBurst, trialPause)
		}
		next.number, next.call = number, ident.New(ident.Call)
	}
	next.report = trial.NewReport(q.Trunk, next.call, next.number)
	return next, nil
}

// testable reads a number that a test is to call. One that alarms somebody is refused, however it is written.
func testable(p e164.Plan, dialled string) (string, error) {
	dialled = e164.Plain(dialled)
	number := dialled
	if n, ok := p.Read(dialled); ok {
		number = n.Text
	}
	for i := range min(5, len(number)) { // with a country code of up to three digits
		if _, help := p.Emergency(number[i:]); help {
			return "", errs.New(errs.Forbidden, "%s is an emergency number: a test would alarm the police, a fire brigade or an ambulance", dialled)
		}
	}
	if _, help := p.Emergency(dialled); help || !e164.Written(number) || len(number) <= maxWide {
		return "", errs.New(errs.Invalid, "%q is no phone number: write it as it is dialled at the site of the trunk, or with + and its country code first", dialled)
	}
	return number, nil
}

// keepTrials does the tests that are asked for, until ctx ends.
func (n *node) keepTrials(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-n.trials.next:
			n.try(ctx, next)
			next.report.End()
		}
	}
}

// try does a test.
func (n *node) try(ctx context.Context, t test) {
	takes := n.phones.Examine(ctx, t.trunk, t.report)
	switch {
	case t.number == "" || ctx.Err() != nil:
	case !takes:
		t.report.Failed("", "%s is not called: no server is reached", t.number)
	default:
		n.tryCall(ctx, t)
	}
}

// tryCall calls the number of a test as anybody's call by the trunk, and returns when that is over.
func (n *node) tryCall(ctx context.Context, t test) {
	from := designation.Party{Name: "Test by " + t.by, Site: n.identity.Load().Site}
	b := designation.Branch{Kind: designation.Trunk, Number: t.number, Trunks: []string{t.trunk.ID}}
	if rate, ok := tariff.Find(t.trunk.Rates, t.number, n.now().In(n.copy.Snapshot().Zone())); ok {
		b.Rates = map[string]tariff.Rate{t.trunk.ID: rate}
	}
	talk := trial.NewTalk(t.report, t.trunk)
	var caller *trial.Caller
	var over <-chan struct{}
	err := n.calls.begin(call.Incoming{
		Call: t.call, Leg: ident.New(ident.Leg), From: from, Dialled: t.number, Offer: trial.Offer(), Early: true, Hops: recallHops, Breadth: recallBreadth,
		Admission: func(context.Context) call.Event {
			return call.Planned{
				From: from, To: designation.Party{Number: t.number}, Anchor: n.identity.Load().Node, Ring: trialRing,
				Branches: []call.Branch{{Leg: ident.New(ident.Leg), Target: caller.Watch(n.phones.Tried(b, talk.Message))}},
			}
		},
		Attach: func(s *call.Session) (call.Leg, error) {
			over = s.Done()
			caller = trial.NewCaller(t.report, talk, n.calls.player, s.PosterOf(call.Caller))
			return caller, nil
		},
	})
	if err != nil {
		t.report.Failed("", "no call can be made: %v", err)
		return
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}
