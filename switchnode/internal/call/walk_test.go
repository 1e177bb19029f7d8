package call

import (
	"flag"
	"fmt"
	"hash/maphash"
	"iter"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"strowger/pkg/sdp"
)

var (
	rounds = flag.Int("explore.rounds", 10_000, "random calls of three devices; ./test explore makes a million")
	deep   = flag.Bool("explore.deep", false, "explore all that can happen to two devices")
	seed   = flag.Uint64("explore.seed", 1, "where the random calls begin")
)

// living is the machine and all that is around it. Events are what can happen to it.
type living[E any] interface {
	possible() []E
	deliver(E) error // what broke
	over() bool
}

// model is one that can be explored.
type model[E, M any] interface {
	living[E]
	clone() M
	key([]byte) []byte // equal for equal states
}

// step is one event on the way to a state.
type step[E any] struct {
	before *step[E]
	event  E
}

func (s *step[E]) String() string {
	var lines []string
	for ; s != nil; s = s.before {
		lines = append(lines, fmt.Sprintf("  %T%+v", s.event, s.event))
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// found is what an exploration came to.
type found struct{ states, transitions, finished int }

// explore visits every state that can be reached from start, breadth first.
func explore[E any, M model[E, M]](t *testing.T, start M) (f found) {
	t.Helper()
	type node struct {
		at  M
		way *step[E]
	}
	hash := maphash.MakeSeed()
	var key []byte
	seen := map[uint64]struct{}{maphash.Bytes(hash, start.key(nil)): {}}
	for frontier := []node{{at: start}}; len(frontier) > 0; frontier = frontier[1:] {
		n := frontier[0]
		for _, ev := range n.at.possible() {
			v, way := n.at.clone(), &step[E]{n.way, ev}
			if err := v.deliver(ev); err != nil {
				t.Fatalf("%v after\n%v", err, way)
			}
			f.transitions++
			key = v.key(key[:0])
			k := maphash.Bytes(hash, key)
			if _, been := seen[k]; been {
				continue
			}
			seen[k] = struct{}{}
			if v.over() {
				f.finished++
				continue
			}
			frontier = append(frontier, node{v, way})
		}
	}
	f.states = len(seen)
	if f.finished == 0 || f.states < 1000 {
		t.Fatalf("explored %+v: the model is not driving the machine", f)
	}
	return f
}

// random makes calls in which anything that can happen happens at random, on all cores; what is rare, as calls would be short
// otherwise, less often. Each call has a seed of its own.
func random[E any, M living[E]](t *testing.T, rounds int, rare func(E) bool, begin func() M) {
	t.Helper()
	var work sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	steps, finished, broke := make([]int, workers), make([]int, workers), make([]string, workers)
	for i := range workers {
		work.Go(func() {
			for n := i; n < rounds && broke[i] == ""; n += workers {
				w, s := begin(), *seed+uint64(n)
				rng := rand.New(rand.NewPCG(s, 2))
				var way *step[E]
				for range 500 {
					evs := w.possible()
					if len(evs) == 0 || w.over() {
						break
					}
					ev := evs[rng.IntN(len(evs))]
					for again := 3; again > 0 && rare(ev); again-- {
						ev = evs[rng.IntN(len(evs))]
					}
					way = &step[E]{way, ev}
					steps[i]++
					if err := w.deliver(ev); err != nil {
						broke[i] = fmt.Sprintf("%v (-explore.seed %d -explore.rounds 1) after\n%v", err, s, way)
						break
					}
				}
				if w.over() {
					finished[i]++
				}
			}
		})
	}
	work.Wait()
	all, ended := 0, 0
	for i := range workers {
		all, ended = all+steps[i], ended+finished[i]
		if broke[i] != "" {
			t.Error(broke[i])
		}
	}
	t.Logf("%d of %d random calls finished, in %d events", ended, rounds, all)
	if !t.Failed() && ended < rounds*9/10 {
		t.Errorf("%d of %d random calls finished", ended, rounds)
	}
}

// timers is the timers of a call that run, a bit for each.
type timers uint16

func (t *timers) start(n Timer)   { *t |= 1 << n }
func (t *timers) stop(n Timer)    { *t &^= 1 << n }
func (t timers) has(n Timer) bool { return t>>n&1 == 1 }
func (t timers) all() iter.Seq[Timer] {
	return func(yield func(Timer) bool) {
		for n := Timer(0); n < 16; n++ {
			if t.has(n) && !yield(n) {
				return
			}
		}
	}
}

func flags(all ...bool) (b byte) {
	for _, v := range all {
		b <<= 1
		if v {
			b |= 1
		}
	}
	return b
}

func describe(b []byte, d sdp.Description) []byte {
	b = append(b, d.Direction...)
	for _, c := range d.Codecs {
		b = append(append(b, c.Name...), ' ')
	}
	return append(b, 0)
}

// key is all that the machine remembers. Ids, what branches are made of and who was called never change in an exploration.
func (c *Call) key(b []byte) []byte {
	b = append(b, byte(c.state), byte(c.winner+1), byte(c.asker), byte(c.talk.near+1), byte(c.talk.far+1), flags(c.rung, c.woke, c.rang, c.diverting, c.queue != nil, c.more, c.direct), byte(c.noted), byte(c.first), byte(len(c.fallback)))
	b = append(b, byte(c.exchange.from+1), byte(c.exchange.kind), flags(c.queued), byte(c.turns), byte(c.all))
	b = append(c.exchange.to.AppendTo(b), 0)
	b = append(describe(describe(b, c.exchange.offer), c.offer), c.codec...)
	b = append(describe(b, c.preview), flags(c.hears, c.previewed), byte(c.playing), byte(c.from+1))
	b = append(append(append(b, c.best.Code...), ' '), c.to...)
	b = append(b, byte(c.transfer.by+1), byte(c.transfer.phase), flags(c.transfer.then != nil, c.transfer.home.Branches != nil, c.transfer.joins, c.transfer.claim != nil, c.succession.here), byte(c.succession.of+1), byte(c.succession.heir+1))
	for i := range c.legs {
		l := &c.legs[i]
		b = append(b, byte(l.state), flags(l.held, l.unfollowed, l.woken, l.talked, l.music, l.picks, l.asked != nil, l.stays))
		b = append(l.told.AppendTo(append(l.reach.At.AppendTo(b), ' ')), ' ')
		b = append(describe(b, l.agreed), l.cause.Code...)
	}
	return b
}

// A field that key does not know would make different states one.
func TestKeyKnowsEveryField(t *testing.T) {
	for _, known := range []struct {
		of     any
		fields string
	}{
		{Call{}, "state offer legs winner asker talk rung woke back callable exchange codec direct transfer succession attempt place hearing course"},
		{attempt{}, "to first best rang ring fallback diverting"},
		{leg{}, "id device branch state woken held talked music picks cause agreed unfollowed asked reach told stays"},
		{exchange{}, "from kind offer to"},
		{course{}, "queued turns all"},
		{place{}, "queue callee more noted"},
		{transfer{}, "by phase then home joins claim"},
		{succession{}, "of heir by here"},
		{hearing{}, "hears previewed preview playing from language toApps"},
	} {
		var have []string
		for f := range reflect.TypeOf(known.of).Fields() {
			have = append(have, f.Name)
		}
		if got := strings.Join(have, " "); got != known.fields {
			t.Errorf("%T has the fields %q, key was written for %q", known.of, got, known.fields)
		}
	}
}
