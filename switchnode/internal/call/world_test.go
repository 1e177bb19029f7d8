package call

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
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
	handedOver       // to another call: only Closed is due
	silent           // Closed was delivered
)

func (p phase) String() string {
	return []string{"idle", "inviting", "talking", "takingBack", "leaving", "handedOver", "silent"}[p]
}

// budget is what a leg may still do of what it could do without end.
type budget struct {
	offers  int // re-INVITEs
	settles int // changes without asking
	digits  int
	wakes   int // steps of its wake
	sent    int // times that the switch at its other end sends the call on
	moves   int // times that it can be reached elsewhere
}

// maxOffers is more than what all legs together may ask for and settle can cause, each with the way back.
const maxOffers = 3 * 2 * (2 + 2)

// peer is the model of one leg as its dialog behaves.
type peer struct {
	phase phase
	rang  bool
	early bool // what it plays is its ringing
	asked bool // our Offer waits for its answer
	waits bool // its own offer waits for our answer
	music bool // it is on hold
	budget
	ended   int // LegEnded notes
	started bool

	codecs string          // of its session
	says   string          // its direction
	hears  string          // the other's, as it was told
	told   sdp.Description // what it was offered last
	asks   sdp.Direction   // what it offered last
	way
}

// way is where a party's media go in the model.
type way struct {
	reach Reach
	sends netip.AddrPort // the zero value: here
	to    netip.AddrPort // where it is asked to send
	stays bool           // it has refused that once
}

func (w way) key(b []byte) []byte {
	for _, at := range []netip.AddrPort{w.reach.At, w.sends, w.to} {
		b = append(at.AppendTo(b), 0)
	}
	return append(b, flags(w.stays))
}

// reachOf is where a leg's media can be sent to, one of two places, or none.
func reachOf(id LegID, place int) Reach {
	if place == 0 {
		return Reach{}
	}
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id + 1)}), uint16(4000+place))
	return Reach{At: at, Formats: []sdp.Format{{Codec: pcma, PT: 8}, {Codec: other.Codecs[0], PT: 0}}}
}

// asked asks a party to send somewhere; who has refused that once is not asked again.
func (w *way) asked(to netip.AddrPort) error {
	if w.to = to; to.IsValid() && w.stays {
		return fmt.Errorf("asked to send to %v, and has refused that", to)
	}
	return nil
}

// refused notes that it does not.
func (w *way) refused() { w.stays = w.stays || w.to.IsValid() }

// places are the events of a leg that can be reached elsewhere than it is.
func (w way) places(id LegID) (evs []Event) {
	for place := range 3 {
		if r := reachOf(id, place); !r.Same(w.reach) {
			evs = append(evs, Reached{Leg: id, Reach: r})
		}
	}
	return evs
}

// straight says what is wrong with where two who talk, and are asked nothing, send their media.
func straight(a, b way, may bool) error {
	switch {
	case a.sends.IsValid() != b.sends.IsValid():
		return fmt.Errorf("one sends to %v, the other to %v", a.sends, b.sends)
	case a.sends.IsValid() && (a.sends != b.reach.At || b.sends != a.reach.At):
		return fmt.Errorf("one sends to %v, the other to %v, and they are at %v and %v", a.sends, b.sends, a.reach.At, b.reach.At)
	case may && !a.sends.IsValid() && a.reach.At.IsValid() && b.reach.At.IsValid():
		return fmt.Errorf("two who reach each other send here")
	}
	return nil
}

// world is the machine and everything around it.
type world struct {
	call     *Call
	peers    []peer
	asking   bool // admission under way
	stopped  bool
	armed    timers
	branches []Branch
	sent     int // offers
	moved    int // times that somebody could be reached elsewhere
	rung     int // the caller was told Ring
	woke     int // the caller was told Wake
	finals   int // final responses to the caller
	endings  int // Ended notes
	answers  int // Answered notes
	finished bool
	glares
	wait
}

// wait is the model of the call's queue.
type wait struct {
	queue    string // "": none, "open", "joined", "turn", "left"
	diverted bool   // Diverted is due
	turns    int    // that the queue may give
	crowded  bool   // the queue is for room at the switch
	back     bool   // the caller is called back

	listens
}

// glares is the model of calls that cross this one.
type glares struct {
	crosses int // times that the caller may be wanted elsewhere
	joins   int // guests that may come
	spurned int
	picks   int // that may come
}

// listens is the model of what the caller hears before the answer.
type listens struct {
	earlies int // times that a branch may be heard
	hearing
	apart bool // the two hear each other no more
}

// bench is a Queue, which the exploration plays itself.
type bench struct{}

func (bench) Join(*Session)         {}
func (bench) Return()               {}
func (bench) Leave(Leaving, string) {}

var _ model[Event, *world] = &world{}

func newWorld(caller, callee budget, delays ...time.Duration) *world {
	w := &world{
		call:   New("caller", "dv_a", speech),
		peers:  []peer{{phase: inviting, budget: caller, started: true}},
		asking: true, wait: wait{listens: listens{hearing: hearing{from: nobody}}},
	}
	for i, d := range delays {
		w.branches = append(w.branches, Branch{Leg: fmt.Sprintf("b%d", i+1), Delay: d})
		w.peers = append(w.peers, peer{budget: callee})
	}
	return w
}

var (
	pcma     = sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}
	speech   = sdp.Description{Codecs: []sdp.Codec{{Name: "PCMA", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	foreign  = sdp.Description{Codecs: []sdp.Codec{{Name: "G722", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	holding  = sdp.Description{Codecs: speech.Codecs, Direction: sdp.SendOnly}
	other    = sdp.Description{Codecs: []sdp.Codec{{Name: "PCMU", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	wide     = sdp.Description{Codecs: []sdp.Codec{pcma, {Name: "PCMU", Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
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
	return &v
}

func (w *world) key(b []byte) []byte {
	b = w.call.key(b)
	for _, p := range w.peers {
		b = append(b, byte(p.phase), flags(p.rang, p.early, p.asked, p.waits, p.started, p.music), byte(p.offers), byte(p.settles), byte(p.digits), byte(p.wakes), byte(p.sent), byte(p.ended))
		b = append(append(append(b, p.codecs...), p.says...), p.hears...)
		b = p.way.key(append(b, byte(p.moves)))
		b = append(describe(b, p.told), p.asks...)
	}
	b = append(describe(b, w.preview), flags(w.previewed), byte(w.playing), byte(w.from+1), byte(w.earlies), flags(w.apart))
	b = append(append(b, w.queue...), flags(w.diverted, w.crowded), byte(w.turns), byte(len(w.peers)))
	b = append(b, flags(w.asking, w.stopped, w.finished), byte(w.crosses), byte(w.joins), byte(w.picks), byte(w.spurned), byte(w.rung), byte(w.woke), byte(w.finals), byte(w.endings), byte(w.answers))
	return binary.BigEndian.AppendUint16(b, uint16(w.armed))
}

func (w *world) over() bool { return w.finished }

// possible lists every event that the world can produce now.
func (w *world) possible() []Event {
	var evs []Event
	evs = append(evs, w.queued()...)
	switch {
	case !w.asking:
	case w.back:
		evs = append(evs, Recalled{Within: time.Minute}, Refusal{Cause: CauseOf(errs.CloudAway, "")})
	case w.crowded && w.queue == "open":
		evs = append(evs, Crowded{bench{}})
	case w.crowded && (w.queue == "joined" || w.queue == "turn"):
	case w.queue == "open":
		evs = append(evs, Planned{From: designation.Party{User: "us_a", Device: "dv_a"}, Branches: w.branches, Ring: time.Minute, Queue: bench{}})
	default:
		evs = append(evs, Planned{Branches: w.branches, Ring: time.Minute}, Planned{}, Refusal{Cause: CauseOf(errs.Unknown, "")})
	}
	if !w.stopped && !w.finished {
		evs = append(evs, Stop{CauseOf(errs.NodeStopped, "")})
	}
	if w.crosses > 0 && !w.finished {
		evs = append(evs, Crossed{&Guest{}, CauseOf(errs.Crossing, "")})
	}
	if w.joins > 0 && !w.finished {
		evs = append(evs, Joined{Branch{Leg: "guest"}})
	}
	if w.picks > 0 && !w.finished {
		evs = append(evs, Picked{Branch{Leg: fmt.Sprint("picker", w.picks), User: "us_p", Name: "Pat"}, &Guest{}})
	}
	for t := range w.armed.all() {
		evs = append(evs, Fired{t})
	}
	for i, p := range w.peers {
		evs = append(evs, p.possible(LegID(i), w.back)...)
		if w.earlies > 0 && i > 0 && p.phase == inviting {
			evs = append(evs, Early{LegID(i), other, true}, Early{LegID(i), foreign, true})
		}
	}
	return evs
}

// queued is what a queue may say now.
func (w *world) queued() (evs []Event) {
	if w.queue == "joined" {
		evs = append(evs, Placed{Standing{Position: 1}}, Expelled{busy})
		if w.turns > 0 {
			evs = append(evs, Turn{})
		}
		if w.peers[Caller].phase == inviting {
			evs = append(evs, Key{Caller, keyBack})
		}
	}
	if w.diverted {
		evs = append(evs, Diverted{Branches: []Branch{{Leg: fmt.Sprint("turn", w.turns)}}}, Diverted{Cause: lost})
	}
	if w.queue == "left" && w.turns > 0 && !w.finished { // too late
		evs = append(evs, Turn{})
	}
	return evs
}

func (p peer) possible(id LegID, back bool) []Event {
	var evs []Event
	switch p.phase {
	case inviting:
		evs = append(evs, Lost{id, lost})
		if id == Caller && !back {
			return append(evs, Cancelled{}, Cancelled{Keep: true}, HungUp{id, normal})
		}
		if !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		if p.sent > 0 {
			evs = append(evs, Forwarded{Leg: id})
		}
		evs = append(evs, p.wake(id)...)
		if id == Caller {
			evs = append(evs, Answered{id, wide, "", nil})
		}
		return append(evs, Answered{id, speech, "", nil}, Answered{id, foreign, "", nil}, Refused{id, busy}, Refused{id, declined})
	case talking:
		evs = append(evs, HungUp{id, normal}, Lost{id, lost})
		if p.offers > 0 && !p.waits {
			evs = append(evs, Offered{Leg: id, Description: holding})
		}
		if p.settles > 0 {
			evs = append(evs, Offered{Leg: id, Description: holding, Settled: true}, Offered{Leg: id, Description: wide, Settled: true})
		}
		if p.waits {
			evs = append(evs, OfferWithdrawn{id})
		}
		if p.moves > 0 {
			evs = append(evs, p.places(id)...)
		}
		if p.asked {
			evs = append(evs, OfferAccepted{id, speech}, OfferRefused{id, 488})
			if p.to.IsValid() {
				evs = append(evs, OfferAccepted{id, holding})
			}
			if len(p.told.Codecs) > 1 {
				evs = append(evs, OfferAccepted{id, wide})
			}
		}
		if p.digits > 0 {
			evs = append(evs, Pressed{id, '5', 0})
		}
		evs = append(evs, p.wake(id)...)
	case takingBack: // a provisional may still arrive, and the final may be the 487, a refusal that crossed or nothing
		if !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		evs = append(evs, Refused{id, CauseOf(errs.CallerLeft, "")}, Lost{id, lost}, Closed{id})
		evs = append(evs, p.wake(id)...)
	case leaving:
		evs = append(evs, HungUp{id, normal}, Lost{id, lost}, Closed{id})
		if id != Caller && !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		evs = append(evs, p.wake(id)...)
	case handedOver:
		evs = append(evs, Closed{id})
	}
	return evs
}

// wake is a word of a provider, which may come at any time.
func (p peer) wake(id LegID) []Event {
	if p.wakes == 0 {
		return nil
	}
	return []Event{Waking{Leg: id, Step: "requested"}}
}

// deliver runs an event through the machine and the model, and returns what broke, if anything did.
func (w *world) deliver(ev Event) error {
	before, over := w.call.State(), w.call.State() == Over
	peers := len(w.peers)
	w.spend(ev)
	hope := w.hopeful()
	for _, a := range w.call.Step(ev) {
		if err := w.perform(a, over); err != nil {
			return err
		}
	}
	if p, ok := ev.(Picked); ok && (len(w.peers) > peers) == p.By.told() {
		return fmt.Errorf("a picker is let in and told %t that it is not", p.By.told())
	}
	if !over && w.call.State() == Over && !w.mayEnd(before, ev, hope) {
		return fmt.Errorf("%T ended a call in state %d", ev, before)
	}
	return w.check()
}

// mayEnd says whether an event is a reason for a call to end; hope, that a branch may still answer.
func (w *world) mayEnd(before State, ev Event, hope bool) bool {
	switch ev := ev.(type) {
	case Stop, Cancelled, Refusal, Key:
		return true
	case Answered:
		return ev.Leg == Caller || before == Trying && !hope // of foreign codecs
	case Planned:
		return len(ev.Branches) == 0 && ev.Queue == nil
	case Expelled:
		return true
	case Diverted:
		return len(ev.Branches) == 0
	case Fired:
		return ev.Timer == RingTimer
	case Crossed:
		return w.peers[Caller].phase == handedOver
	case Refused:
		return ev.Leg == Caller || before == Trying && (ev.Cause.SIP >= 600 || !hope)
	}
	id, _ := legOf(ev)
	return id == Caller || (before == Up && id == w.call.winner) || (before == Trying && !hope)
}

// hopeful says that a branch may still answer.
func (w *world) hopeful() bool {
	for i, p := range w.peers[1:] {
		if p.phase == inviting || w.armed.has(Timer(i+1)) {
			return true
		}
	}
	return false
}

// spend is what the event itself does to the model.
func (w *world) spend(ev Event) {
	switch ev := ev.(type) {
	case Planned, Recalled, Refusal:
		w.asking = false
	case Turn:
		if w.turns--; w.queue == "joined" {
			w.queue = "turn"
		}
	case Expelled:
		w.queue = "left"
	case Diverted:
		if w.diverted = false; w.call.State() == Trying {
			for range ev.Branches {
				w.peers = append(w.peers, peer{})
			}
		}
	case Stop:
		w.stopped = true
	case Fired:
		w.armed.stop(ev.Timer)
	case Crossed:
		w.crosses--
	case Joined:
		if w.joins--; w.call.State() == Trying || w.call.State() == Queued {
			w.peers = append(w.peers, peer{})
		}
	case Picked:
		if w.picks--; w.call.State() == Trying && !w.call.diverting {
			w.peers = append(w.peers, peer{})
		}
	case Cancelled:
		w.peers[Caller].phase = leaving
		w.finals++ // 487
	case Early:
		w.earlies--
		w.peers[ev.Leg].early = ev.Rings
	case Ringing:
		w.peers[ev.Leg].rang = true
	case Waking:
		w.peers[ev.Leg].wakes--
	case Forwarded:
		w.peers[ev.Leg].sent--
		w.peers[ev.Leg].rang, w.peers[ev.Leg].early = false, false
	case Answered:
		p := &w.peers[ev.Leg]
		p.phase, p.codecs, p.says, p.hears = talking, codecs(speech), string(sdp.SendRecv), string(sdp.SendRecv)
		if ev.Leg == Caller {
			p.codecs, w.previewed, w.preview = codecs(ev.Description), true, ev.Description
		}
	case Refused:
		w.peers[ev.Leg].phase = leaving
	case HungUp:
		w.peers[ev.Leg].phase = leaving
	case Lost:
		w.peers[ev.Leg].phase = leaving
	case Closed:
		w.peers[ev.Leg].phase = silent
	case Offered:
		p := &w.peers[ev.Leg]
		if ev.Settled {
			p.settles--
			p.codecs, p.says = codecs(ev.Description), string(ev.Description.Direction)
			return
		}
		p.offers--
		p.waits, p.asks = true, ev.Description.Direction
	case OfferWithdrawn:
		w.peers[ev.Leg].waits = false
	case Reached:
		w.peers[ev.Leg].moves--
		w.peers[ev.Leg].reach = ev.Reach
		w.moved++
	case OfferAccepted:
		p := &w.peers[ev.Leg]
		p.sends = p.to
		p.asked, p.codecs, p.says, p.hears = false, codecs(ev.Description), string(ev.Description.Direction), string(p.told.Direction)
		if id := w.call.other(ev.Leg); id != nobody && !w.peers[id].waits {
			w.peers[id].hears = p.says // who settled its own direction need not be told how the other answers to that
		}
	case OfferRefused:
		w.peers[ev.Leg].asked = false
		w.peers[ev.Leg].refused()
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
		w.rung++
	case Wake:
		if over || w.peers[Caller].phase != inviting || w.rung > 0 {
			return fmt.Errorf("told of a wake a caller in phase %v, over %t, rung %d", w.peers[Caller].phase, over, w.rung)
		}
		w.woke++
	case Forward:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("sent on a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
		w.rung, w.woke = 0, 0 // it is told anew
	case Accept:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("accepted a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
		p := &w.peers[Caller]
		p.phase, p.codecs, p.says, p.hears = talking, codecs(a.Description), string(sdp.SendRecv), string(a.Description.Direction)
		if first, ok := w.preview.Speech(); ok && !strings.Contains(p.codecs, first.Name) {
			p.codecs = codecs(w.preview) // what it was told first stays
		}
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
		if w.sent++; w.sent > maxOffers+8*w.moved {
			return fmt.Errorf("%d offers: they go on and on", w.sent)
		}
		w.peers[a.Leg].asked, w.peers[a.Leg].told = true, a.Description
		return w.peers[a.Leg].way.asked(a.To)
	case AcceptOffer:
		p := &w.peers[a.Leg]
		p.codecs, p.says, p.hears, p.sends = codecs(a.Description), string(p.asks), string(a.Description.Direction), netip.AddrPort{}
		return w.replied(a.Leg)
	case RefuseOffer:
		return w.replied(a.Leg)
	case HandOver:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("handed over a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
		w.peers[Caller].phase = handedOver
	case TurnAway, Spurn:
		return w.sentAway(a)
	case Enqueue:
		return w.moves("open", "joined")
	case Requeue:
		return w.moves("turn", "joined")
	case Dequeue:
		if w.queue == "turn" || w.back && w.queue == "open" {
			w.queue = "joined"
		}
		return w.moves("joined", "left")
	case Divert:
		w.diverted = true
	case Stand:
		if over || w.peers[Caller].phase != inviting {
			return fmt.Errorf("told of its place a caller in phase %v, over %t", w.peers[Caller].phase, over)
		}
		w.rung, w.woke = 0, 0
	case Preview, Play, Connect, Disconnect:
		return w.sounds(a, over)
	case Arm:
		w.armed.start(a.Timer)
	case Disarm:
		w.armed.stop(a.Timer)
	case Finish:
		w.finished = true
	case Note:
		return w.noted(a.Event)
	}
	return nil
}

// sentAway follows guests that are not let in, or get no leg.
func (w *world) sentAway(a Action) error {
	if away, ok := a.(TurnAway); ok {
		away.Guest.spurned = true
		return nil
	}
	if w.spurned++; w.peers[Caller].phase == inviting {
		return fmt.Errorf("kept a caller in phase %v from a guest", w.peers[Caller].phase)
	}
	return nil
}

// sounds follows what the caller hears.
func (w *world) sounds(a Action, over bool) error {
	switch a := a.(type) {
	case Preview:
		if over || w.peers[Caller].phase != inviting || w.previewed {
			return fmt.Errorf("previewed to a caller in phase %v, over %t, again %t", w.peers[Caller].phase, over, w.previewed)
		}
		w.previewed, w.preview = true, a.Description
	case Play:
		if w.peers[a.Leg].music != (a.Sound.Kind == Music) {
			w.peers[a.Leg].music, w.apart = a.Sound.Kind == Music, true
			return nil
		}
		if w.playing = a.Sound.Kind; w.playing != Silence && (!w.previewed || w.from != nobody) {
			return fmt.Errorf("plays to a caller who hears leg %d, previewed %t", w.from, w.previewed)
		}
	case Disconnect:
		w.from, w.apart = nobody, true
	case Connect:
		if w.playing != Silence {
			return fmt.Errorf("connected with leg %d while we play", a.B)
		}
		w.apart = false
		if w.from = a.B; w.call.State() == Trying && !w.alone(a.B) {
			return fmt.Errorf("leg %d is heard, and others ring", a.B)
		}
	}
	return nil
}

// alone says whether no other branch may answer.
func (w *world) alone(id LegID) bool {
	for i, p := range w.peers {
		if i > 0 && LegID(i) != id && (p.phase == inviting || w.armed.has(Timer(i))) {
			return false
		}
	}
	return true
}

// moves follows the call in its queue.
func (w *world) moves(from, to string) error {
	if w.queue != from {
		return fmt.Errorf("%s from the queue, wanted from %q, is %q", to, from, w.queue)
	}
	w.queue = to
	return nil
}

func (w *world) replied(id LegID) error {
	if !w.peers[id].waits {
		return fmt.Errorf("answered no offer of leg %d", id)
	}
	w.peers[id].waits = false
	return nil
}

func codecs(d sdp.Description) (names string) {
	for _, c := range d.Codecs {
		names += c.Name + " "
	}
	return names
}

// agrees holds when nothing is under way: both legs of the conversation have one session, and each knows whether the
// other holds it.
func (w *world) agrees() error {
	if w.call.State() != Up {
		return nil
	}
	a, b := w.peers[Caller], w.peers[w.call.winner]
	if a.asked || b.asked || a.waits || b.waits {
		return nil
	}
	if a.codecs != b.codecs || a.says != b.hears || b.says != a.hears {
		return fmt.Errorf("the legs differ: %+v, %+v", a, b)
	}
	l, m := w.call.legs[Caller], w.call.legs[w.call.winner]
	may := a.codecs == codecs(speech) && a.says == string(sdp.SendRecv) && b.says == a.says && !l.stays && !m.stays && !l.held && !m.held && !w.call.queued && !w.call.back
	if err := straight(a.way, b.way, may); err != nil {
		return err
	}
	if held := w.call.plays(Caller) && b.says == string(sdp.SendRecv); b.music != held || a.music || w.apart != held {
		return fmt.Errorf("the callee is on hold %t, hears music %t, and is apart %t", held, b.music, w.apart)
	}
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
		if p.music && over {
			return fmt.Errorf("leg %d hears music after the end", i)
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
	if err := w.agrees(); err != nil {
		return err
	}
	if err := w.lamps(); err != nil {
		return err
	}
	switch {
	case talkers > 1:
		return fmt.Errorf("%d branches are answered", talkers)
	case w.rung > 1 || w.woke > 1:
		return fmt.Errorf("the caller was told %d times of ringing, %d times of waking", w.rung, w.woke)
	case w.finals > 1 || w.answers > 1 || w.endings > 1:
		return fmt.Errorf("%d final responses, %d answers, %d ends", w.finals, w.answers, w.endings)
	case over != (w.endings == 1):
		return fmt.Errorf("over %t with %d ends", over, w.endings)
	case over && (w.queue == "joined" || w.queue == "turn"):
		return fmt.Errorf("%s in the queue after the end", w.queue)
	case w.playing != Silence && (over || w.call.State() == Up):
		return fmt.Errorf("plays in state %d", w.call.State())
	case w.from != nobody && w.call.State() == Trying && !w.alone(w.from):
		return fmt.Errorf("leg %d is heard while others ring", w.from)
	case over && w.armed != 0:
		return fmt.Errorf("timers %b run after the end", w.armed)
	case !w.finished && !w.asking && len(w.possible()) == 0:
		return fmt.Errorf("stuck in state %d", w.call.State())
	}
	return nil
}
