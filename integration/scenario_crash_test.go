package integration

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestKill repeats what it did with the seed that it prints when it fails, as far as chance is its own.
var (
	seedFlag   = flag.Uint64("kill.seed", 0, "seed of the rounds of TestKill; 0: another one each time")
	roundsFlag = flag.Int("kill.rounds", 20, "how often TestKill kills something, on each ground")
)

// TestKill kills the cloud, switches, the NATS server and PostgreSQL at random moments while calls run, on two grounds.
// After each round every number can be called, without its phone having registered again. At the end every call is over
// at the phones and at the switches, every event that reached a disk is in the cloud once, and every call on record ended
// for a reason.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, on := range []struct{ store, fabric string }{{sqlite, embedded}, {postgres, server}} {
		t.Run(on.store, func(t *testing.T) {
			t.Parallel()
			seed := cmp.Or(*seedFlag, rand.Uint64())
			s := brew(t, deploy(t, on.store, on.fabric), rand.New(rand.NewPCG(seed, 0)))
			rounds := 0
			defer func() {
				if t.Failed() {
					t.Logf("round %d of %d; repeat with -kill.seed %d", rounds, *roundsFlag, seed)
				}
			}()
			for ; rounds < *roundsFlag; rounds++ {
				s.round(t)
			}
			s.settled(t)
		})
	}
}

// storm is a deployment in which things are killed.
type storm struct {
	*deployment
	random  *rand.Rand
	victims []victim
	callers []*party // they only call
	callees []*party // they answer by themselves
	mover   *party   // answers too, and changes its phone
}

// victim is something to kill; those that others need to start come first.
type victim struct {
	name                  string
	kill, launch, started func(t *testing.T)
	office                int // whose switch it is; -1
}

func brew(t *testing.T, d *deployment, random *rand.Rand) *storm {
	t.Helper()
	s := &storm{deployment: d, random: random}
	for i, name := range []string{"Ann", "Bob"} {
		s.callers = append(s.callers, s.party(t, d.subscriber(t, i, name)))
	}
	for i, name := range []string{"Cleo", "Dora"} {
		s.callees = append(s.callees, s.party(t, d.subscriber(t, i, name)))
	}
	s.mover = s.party(t, d.subscriber(t, 0, "Mona"))
	d.peerDocuments(t)
	add := func(name string, office int, kill, launch, started func(*testing.T)) {
		s.victims = append(s.victims, victim{name, kill, launch, started, office})
	}
	at := func(*testing.T) {} // those that wait for it when they are launched
	if d.postgres != nil {
		add("PostgreSQL", -1, must(d.postgres.Kill), must(d.postgres.Start), at)
	}
	for _, m := range d.ground.nats {
		add("NATS", -1, must(m.kill), must(func() error { return m.start(t.Context()) }), at)
	}
	add("the cloud", -1, d.cloud.kill, func(t *testing.T) { d.cloud.launch(t, d.dir, d.log) },
		func(t *testing.T) { d.cloud.started(t, &struct{}{}) })
	for i, o := range d.Offices {
		add(o.Switch.Name, i, d.switches[i].kill, func(t *testing.T) { d.switches[i].launch(t, d.dir, d.log) },
			func(t *testing.T) { d.switchStarted(t, i) })
	}
	return s
}

func must(f func() error) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
}

// party is a subscriber at a phone that answers, and what rang there.
type party struct {
	subscriber
	phone   *phone.Phone
	quit    func() // ends the phone
	dialled []*phone.Call

	mu    sync.Mutex
	away  bool // its switch is killed
	rang  []*phone.Call
	alone map[*phone.Call]bool // their switch was killed: nobody may end them but their phone's timers, in half a minute
}

func (s *storm) party(t *testing.T, u subscriber) *party {
	t.Helper()
	p := &party{subscriber: u, alone: map[*phone.Call]bool{}}
	s.pickUp(t, p)
	t.Cleanup(func() { p.quit() })
	register(t, p.phone)
	return p
}

// pickUp gives a party a new phone, which does not register again during the test.
func (s *storm) pickUp(t *testing.T, p *party) {
	t.Helper()
	next, err := phone.New(s.account(p.subscriber, func(c *phone.Config) {
		c.Policy, c.After, c.Expires = phone.Answer, 50*time.Millisecond, time.Hour
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := next.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for {
			select {
			case c := <-next.Incoming():
				p.mu.Lock()
				p.rang = append(p.rang, c)
				p.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	})
	p.phone, p.quit = next, func() {
		cancel()
		running.Wait()
	}
}

func (p *party) dial(t *testing.T, number string) *phone.Call {
	t.Helper()
	c := dial(t, p.phone, number)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialled = append(p.dialled, c)
	p.alone[c] = p.away
	return c
}

// abandon notes that the switch of a party's office is killed: the calls that it has are nobody's.
func (p *party) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = true
	for _, c := range slices.Concat(p.rang, p.dialled) {
		select {
		case <-c.Done():
		default:
			p.alone[c] = true
		}
	}
}

// back notes that the switch is back.
func (p *party) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = false
}

// step is something that happens in a round.
type step struct {
	at time.Duration // since the round's beginning
	do func(t *testing.T)
}

// span is how long a round's calls and kills may begin.
const span = 250 * time.Millisecond

// round makes calls, kills one or two victims among them, starts them again, and waits until everybody can be called.
func (s *storm) round(t *testing.T) {
	t.Helper()
	some := func(d time.Duration) time.Duration { return time.Duration(s.random.Int64N(int64(d))) }
	var steps []step
	for range 3 {
		from, to := s.callers[s.random.IntN(len(s.callers))], s.callees[s.random.IntN(len(s.callees))]
		number, at, hangUp := to.number.Dial, some(span), some(span)
		var c *phone.Call
		steps = append(steps, step{at, func(t *testing.T) {
			c = from.dial(t, number)
		}}, step{at + hangUp, func(*testing.T) { c.HangUp() }})
	}
	victims := s.random.Perm(len(s.victims))[:1+s.random.IntN(10)/9]
	at := some(span)
	if s.random.IntN(4) == 0 { // a phone is replaced, and its switch is killed just after it said yes to that
		steps = append(steps, step{at, s.move})
		victims = []int{len(s.victims) - len(s.Offices) + s.mover.office}
	}
	slices.Sort(victims)
	for _, v := range victims {
		steps = append(steps, step{at, s.strike(s.victims[v])})
		at += some(20 * time.Millisecond)
	}
	for _, v := range victims {
		steps = append(steps, step{at, s.victims[v].launch})
		at += some(20 * time.Millisecond)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	begin := time.Now()
	for _, step := range steps {
		<-time.After(time.Until(begin.Add(step.at)))
		step.do(t)
	}
	for _, v := range victims {
		s.victims[v].started(t)
		for p := range s.parties(s.victims[v].office) {
			p.back()
		}
	}
	for _, p := range append(s.callees, s.mover) {
		s.reaches(t, p)
	}
}

// strike kills.
func (s *storm) strike(v victim) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		v.kill(t)
		for p := range s.parties(v.office) {
			p.abandon()
		}
	}
}

// parties is those of an office.
func (s *storm) parties(office int) iter.Seq[*party] {
	return func(yield func(*party) bool) {
		for _, p := range slices.Concat(s.callers, s.callees, []*party{s.mover}) {
			if p.office == office && !yield(p) {
				return
			}
		}
	}
}

// move has the mover take another phone. Nothing is away now, so both REGISTERs succeed.
func (s *storm) move(t *testing.T) {
	t.Helper()
	if err := s.mover.phone.Unregister(soon(t)); err != nil {
		t.Fatal(err)
	}
	s.mover.quit()
	s.pickUp(t, s.mover)
	if err := s.mover.phone.Register(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// reaches calls a party until it answers: what was killed may still be on its way.
func (s *storm) reaches(t *testing.T, p *party) {
	t.Helper()
	from := s.callers[1-p.office]
	until(t, func() string {
		c := from.dial(t, p.number.Dial)
		_, err := c.Wait(soon(t), phone.Answered)
		if c.HangUp(); err != nil {
			return fmt.Sprintf("%s cannot be called: %v", p.user.Name, err)
		}
		over(t, c)
		return ""
	})
}

// settled checks what must be so after all.
func (s *storm) settled(t *testing.T) {
	t.Helper()
	for _, p := range s.callers {
		for _, c := range p.dialled {
			c.HangUp()
		}
	}
	for _, p := range s.callers {
		for _, c := range p.dialled {
			if !p.alone[c] {
				over(t, c)
			}
		}
	}
	for _, p := range append(s.callees, s.mover) {
		s.registered(t, p.subscriber, true)
		p.mu.Lock()
		for _, c := range p.rang {
			if p.alone[c] {
				c.HangUp()
			} else {
				over(t, c)
			}
		}
		p.mu.Unlock()
	}
	for office := range s.Offices {
		until(t, func() string {
			if n := s.figure(t, office, "calls"); n > 0 {
				return fmt.Sprintf("the switch of office %d has %v calls that nobody owns", office, n)
			}
			return ""
		})
	}
	for _, p := range s.callers {
		s.onRecord(t, p)
	}
	s.checkLedger(t)
}

// onRecord waits until no call that was answered is missing: its record says that it was answered, or that it was cut off
// before that was known.
func (s *storm) onRecord(t *testing.T, p *party) {
	t.Helper()
	answered := 0
	for _, c := range p.dialled {
		if slices.ContainsFunc(c.Events(), func(e phone.Event) bool { return e.Kind == phone.Answered }) {
			answered++
		}
	}
	ctx := soon(t)
	until(t, func() string {
		recorded := 0
		for c, err := range s.Client.Calls().All(ctx, rest.Filter{"user": p.user.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			if c.AnsweredAt != nil || c.Cause != nil && (c.Cause.Code == string(errs.NodeStopped) || c.Cause.Code == string(errs.LinkLost)) {
				recorded++
			}
		}
		if recorded < answered { // a switch may still be on its way back to the cloud
			return fmt.Sprintf("%s had %d calls answered; %d are on record", p.user.Name, answered, recorded)
		}
		return ""
	})
}

// checkLedger waits until every call is over and every spool is in the cloud without a gap, each event once.
func (w *world) checkLedger(t *testing.T) {
	t.Helper()
	ctx := soon(t)
	type spool struct{ node, id string }
	missing := "nothing yet"
	until(t, func() string {
		spools := map[spool]map[uint64]bool{}
		for c, err := range w.Client.Calls().All(ctx, nil) {
			if err == nil {
				c, err = w.Client.Calls().Get(ctx, c.ID)
			}
			if err != nil {
				t.Fatalf("%v; missing before: %s", err, missing)
			}
			if c.State != "ended" || c.Cause == nil || c.Cause.Q850 == 0 || c.Cause.Code == "" || c.EndedBy == "" {
				missing = fmt.Sprintf("call %s is %s, by %q, cause %+v", c.ID, c.State, c.EndedBy, c.Cause)
				return missing
			}
			for _, e := range c.Ladder {
				s := spool{e.Node, e.Spool}
				if spools[s] == nil {
					spools[s] = map[uint64]bool{}
				}
				if spools[s][e.Seq] {
					t.Fatalf("event %d of spool %s is there twice", e.Seq, e.Spool)
				}
				spools[s][e.Seq] = true
			}
		}
		for s, seen := range spools {
			for seq := range uint64(len(seen)) {
				if !seen[seq+1] {
					missing = fmt.Sprintf("event %d of spool %s of node %s is missing, of %d", seq+1, s.id, s.node, len(seen))
					return missing
				}
			}
		}
		return ""
	})
}
