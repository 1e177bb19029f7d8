package call

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// The exploration runs the real machine against a model of what the legs, the timers and the cloud can do, breadth first
// over every reachable state, and checks the invariants of the package doc at each transition.

type phase uint8

const (
	idle       phase = iota
	inviting         // INVITE under way
	talking          // answered
	takingBack       // CANCEL sent
	leaving          // the leg's own final word was said, or we ended it
	silent           // Closed was delivered
)

func (p phase) String() string {
	return []string{"idle", "inviting", "talking", "takingBack", "leaving", "silent"}[p]
}

// peer is the model of one leg as its dialog behaves.
type peer struct {
	phase   phase
	rang    bool
	asked   bool // our Offer waits for its answer
	waits   bool // its own offer waits for our answer
	offers  int  // re-INVITEs it may still send
	digits  int
	ended   int // LegEnded notes
	started bool
}

// world is the machine and everything around it.
type world struct {
	call     *Call
	peers    []peer
	asking   bool // admission under way
	stopped  bool
	armed    map[Timer]bool
	branches []Branch
	finals   int // final responses to the caller
	endings  int // Ended notes
	answers  int // Answered notes
	finished bool
}

func newWorld(delays ...time.Duration) *world {
	w := &world{
		call:   New("caller", "dv_a", speech),
		peers:  []peer{{phase: inviting, offers: 1, digits: 1, started: true}},
		asking: true, armed: map[Timer]bool{},
	}
	for i, d := range delays {
		w.branches = append(w.branches, Branch{Leg: fmt.Sprintf("b%d", i+1), Delay: d})
		w.peers = append(w.peers, peer{offers: 1, digits: 1})
	}
	return w
}

var (
	speech   = sdp.Description{Codecs: []sdp.Codec{{Name: "PCMA", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	foreign  = sdp.Description{Codecs: []sdp.Codec{{Name: "G722", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	holding  = sdp.Description{Codecs: speech.Codecs, Direction: sdp.SendOnly}
	busy     = CauseOf(errs.Busy, "")
	declined = CauseOf(errs.Declined, "")
	normal   = CauseOf(Normal, "")
	lost     = CauseOf(errs.LegLost, "")
)

func (w *world) clone() *world {
	v := *w
	c := *w.call
	c.legs = slices.Clone(w.call.legs)
	v.call, v.peers = &c, slices.Clone(w.peers)
	v.armed = map[Timer]bool{}
	for t := range w.armed {
		v.armed[t] = true
	}
	return &v
}

func (w *world) key() string {
	return fmt.Sprint(*w.call, w.peers, w.asking, w.stopped, w.armed, w.finals, w.endings, w.answers, w.finished)
}

// possible lists every event that the world can produce now.
func (w *world) possible() []Event {
	var evs []Event
	if w.asking {
		evs = append(evs, Planned{Branches: w.branches, Ring: time.Minute}, Planned{}, Refusal{CauseOf(errs.Unknown, "")})
	}
	if !w.stopped && !w.finished {
		evs = append(evs, Stop{CauseOf(errs.NodeStopped, "")})
	}
	for t := range w.armed {
		evs = append(evs, Fired{t})
	}
	for i, p := range w.peers {
		evs = append(evs, p.possible(LegID(i))...)
	}
	return evs
}

func (p peer) possible(id LegID) []Event {
	var evs []Event
	switch p.phase {
	case inviting:
		evs = append(evs, Lost{id, lost})
		if id == Caller {
			return append(evs, Cancelled{}, HungUp{id, normal})
		}
		if !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		return append(evs, Answered{id, speech, ""}, Answered{id, foreign, ""}, Refused{id, busy}, Refused{id, declined})
	case talking:
		evs = append(evs, HungUp{id, normal}, Lost{id, lost})
		if p.offers > 0 && !p.waits {
			evs = append(evs, Offered{id, holding})
		}
		if p.asked {
			evs = append(evs, OfferAccepted{id, speech}, OfferRefused{id, 488})
		}
		if p.digits > 0 {
			evs = append(evs, Pressed{id, '5', 0})
		}
	case takingBack: // a provisional may still arrive, and the final may be the 487, a refusal that crossed or nothing
		if !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		evs = append(evs, Refused{id, CauseOf(errs.CallerLeft, "")}, Lost{id, lost}, Closed{id})
	case leaving:
		evs = append(evs, HungUp{id, normal}, Lost{id, lost}, Closed{id})
		if id != Caller && !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
	}
	return evs
}

// deliver runs an event through the machine and the model, and returns what broke, if anything did.
func (w *world) deliver(ev Event) error {
	before, over := w.call.State(), w.call.State() == Over
	w.spend(ev)
	hope := w.hopeful()
	for _, a := range w.call.Step(ev) {
		if err := w.perform(a, over); err != nil {
			return err
		}
	}
	if !over && w.call.State() == Over && !w.mayEnd(before, ev, hope) {
		return fmt.Errorf("%T ended a call in state %d", ev, before)
	}
	return w.check()
}

// mayEnd says whether an event is a reason for a call to end; hope, that a branch may still answer.
func (w *world) mayEnd(before State, ev Event, hope bool) bool {
	switch ev := ev.(type) {
	case Stop, Cancelled, Refusal:
		return true
	case Planned:
		return len(ev.Branches) == 0
	case Fired:
		return ev.Timer == RingTimer
	case Refused:
		return before == Trying && (ev.Cause.SIP >= 600 || !hope)
	case Answered: // of foreign codecs
		return before == Trying && !hope
	}
	id, _ := legOf(ev)
	return id == Caller || (before == Up && id == w.call.winner) || (before == Trying && !hope)
}

// hopeful says that a branch may still answer.
func (w *world) hopeful() bool {
	for i, p := range w.peers[1:] {
		if p.phase == inviting || w.armed[Timer(i+1)] {
			return true
		}
	}
	return false
}

// spend is what the event itself does to the model.
func (w *world) spend(ev Event) {
	switch ev := ev.(type) {
	case Planned, Refusal:
		w.asking = false
	case Stop:
		w.stopped = true
	case Fired:
		delete(w.armed, ev.Timer)
	case Cancelled:
		w.peers[Caller].phase = leaving
		w.finals++ // 487
	case Ringing:
		w.peers[ev.Leg].rang = true
	case Answered:
		w.peers[ev.Leg].phase = talking
	case Refused:
		w.peers[ev.Leg].phase = leaving
	case HungUp:
		w.peers[ev.Leg].phase = leaving
	case Lost:
		w.peers[ev.Leg].phase = leaving
	case Closed:
		w.peers[ev.Leg].phase = silent
	case Offered:
		w.peers[ev.Leg].offers--
		w.peers[ev.Leg].waits = true
	case OfferAccepted:
		w.peers[ev.Leg].asked = false
	case OfferRefused:
		w.peers[ev.Leg].asked = false
	case Pressed:
		w.peers[ev.Leg].digits--
	}
}

// perform is what an action does to the model; it refuses actions that a dialog could not carry out.
func (w *world) perform(a Action, over bool) error {
	switch a := a.(type) {
	case Start:
		if over || w.peers[a.Leg].phase != idle {
			return fmt.Errorf("started in phase %v, over %t", w.peers[a.Leg].phase, over)
		}
		w.peers[a.Leg].phase, w.peers[a.Leg].started = inviting, true
	case Ring:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("rang a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
	case Accept:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("accepted a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
		w.peers[Caller].phase = talking
		w.finals++
	case Refuse:
		if w.peers[Caller].phase != inviting {
			return fmt.Errorf("refused a caller in phase %v", w.peers[Caller].phase)
		}
		w.peers[Caller].phase = leaving
		w.finals++
	case Cancel:
		if w.peers[a.Leg].phase != inviting {
			return fmt.Errorf("cancelled a branch in phase %v", w.peers[a.Leg].phase)
		}
		w.peers[a.Leg].phase = takingBack
	case HangUp:
		if w.peers[a.Leg].phase != talking {
			return fmt.Errorf("hung up a leg in phase %v", w.peers[a.Leg].phase)
		}
		w.peers[a.Leg].phase = leaving
	case Offer:
		if w.peers[a.Leg].asked {
			return fmt.Errorf("two offers to leg %d", a.Leg)
		}
		w.peers[a.Leg].asked = true
	case AcceptOffer:
		return w.replied(a.Leg)
	case RefuseOffer:
		return w.replied(a.Leg)
	case Arm:
		w.armed[a.Timer] = true
	case Disarm:
		delete(w.armed, a.Timer)
	case Finish:
		w.finished = true
	case Note:
		return w.noted(a.Event)
	}
	return nil
}

func (w *world) replied(id LegID) error {
	if !w.peers[id].waits {
		return fmt.Errorf("answered no offer of leg %d", id)
	}
	w.peers[id].waits = false
	return nil
}

func (w *world) noted(e ledger.Event) error {
	switch e.Kind {
	case ledger.Ended:
		w.endings++
	case ledger.Answered:
		w.answers++
	case ledger.LegEnded:
		for i := range w.peers {
			if w.call.legs[min(i, len(w.call.legs)-1)].id == e.Leg && i < len(w.call.legs) {
				w.peers[i].ended++
			}
		}
	}
	if (e.Kind == ledger.Ended || e.Kind == ledger.LegEnded) && (e.Cause == nil || e.Cause.Code == "" || e.Cause.Q850 == 0) {
		return fmt.Errorf("%s without a cause: %+v", e.Kind, e.Cause)
	}
	return nil
}

// check holds in every state.
func (w *world) check() error {
	over := w.call.State() == Over
	talkers := 0
	for i, p := range w.peers {
		if i > 0 && p.phase == talking {
			talkers++
		}
		if over && (p.phase == inviting || p.phase == talking) {
			return fmt.Errorf("leg %d is %v after the end", i, p.phase)
		}
		if p.ended > 1 || (w.finished && p.started && p.ended != 1) {
			return fmt.Errorf("leg %d has %d ends", i, p.ended)
		}
	}
	for i := range w.peers {
		other := w.call.other(LegID(i))
		if !over && w.peers[i].waits && (other == nobody || !w.peers[other].asked) {
			return fmt.Errorf("leg %d waits for an answer that nobody was asked for", i)
		}
	}
	switch {
	case talkers > 1:
		return fmt.Errorf("%d branches are answered", talkers)
	case w.finals > 1 || w.answers > 1 || w.endings > 1:
		return fmt.Errorf("%d final responses, %d answers, %d ends", w.finals, w.answers, w.endings)
	case over != (w.endings == 1):
		return fmt.Errorf("over %t with %d ends", over, w.endings)
	case over && len(w.armed) > 0:
		return fmt.Errorf("timers %v run after the end", w.armed)
	case !w.finished && !w.asking && len(w.possible()) == 0:
		return fmt.Errorf("stuck in state %d", w.call.State())
	}
	return nil
}

// explore visits every state that the world can reach from start.
func explore(t *testing.T, start *world) (states, transitions, finished int) {
	type node struct {
		w    *world
		path []string
	}
	seen := map[string]bool{start.key(): true}
	for frontier := []node{{w: start}}; len(frontier) > 0; frontier = frontier[1:] {
		n := frontier[0]
		for _, ev := range n.w.possible() {
			v := n.w.clone()
			path := append(slices.Clone(n.path), fmt.Sprintf("%T%+v", ev, ev))
			if err := v.deliver(ev); err != nil {
				t.Fatalf("%v after\n  %s", err, strings.Join(path, "\n  "))
			}
			transitions++
			k := v.key()
			if seen[k] {
				continue
			}
			seen[k] = true
			if v.finished {
				finished++
				continue
			}
			frontier = append(frontier, node{v, path})
		}
	}
	return len(seen), transitions, finished
}

func TestExploreOneCallee(t *testing.T) {
	for _, delay := range []time.Duration{0, 5 * time.Second} {
		states, transitions, finished := explore(t, newWorld(delay))
		t.Logf("delay %v: %d states, %d transitions, %d ways to finish", delay, states, transitions, finished)
		if finished == 0 || states < 1000 {
			t.Fatalf("explored %d states with %d finished: the model is not driving the machine", states, finished)
		}
	}
}

func TestRandomThreeBranches(t *testing.T) {
	seed := uint64(1)
	rng := rand.New(rand.NewPCG(seed, 2))
	finished := 0
	const rounds = 20_000
	for range rounds {
		w := newWorld(0, 0, 3*time.Second)
		var path []string
		for range 200 {
			evs := w.possible()
			if len(evs) == 0 || w.finished {
				break
			}
			ev := evs[rng.IntN(len(evs))]
			path = append(path, fmt.Sprintf("%T%+v", ev, ev))
			if err := w.deliver(ev); err != nil {
				t.Fatalf("%v (seed %d) after\n  %s", err, seed, strings.Join(path, "\n  "))
			}
		}
		if w.finished {
			finished++
		}
	}
	if finished < rounds*9/10 {
		t.Fatalf("%d of %d random calls finished", finished, rounds)
	}
}
