package call

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// The exploration of transfers begins with two who talk. Either may refer, hold and hang up; whom they are transferred to may ring,
// answer, refuse and vanish, and the transferor's phone as well, when the call comes back to it.

// party is the model of one leg in it.
type party struct {
	phase  phase
	asked  bool   // our Offer waits for its answer
	waits  bool   // its own offer waits for ours
	refers int    // that it may ask for
	offers int    // re-INVITEs that it may send
	open   bool   // its REFER was accepted, and it was not told how that ended
	asks   bool   // its REFER waits for an answer
	hears  string // "", "music", "tone" or "speech"
	with   LegID  // who speaks
	rang   bool
	ended  int
	caller bool // who waits for an answer
	coming bool // from another call
	moves  int  // times that it can be reached elsewhere
	way
}

// parties is the machine and the parties around it.
type parties struct {
	call     *Call
	peers    []party
	consult  bool
	diverted bool
	armed    timers
	stopped  bool
	finished bool
	endings  int
	between  []Action // for another call
	takes    int      // times that another phone may take the place of a leg
	moves    int      // of those who come later
}

var _ model[Event, *parties] = &parties{}

func newParties(refers, offers int) *parties {
	w := &parties{call: New("caller", "dv_a", speech)}
	w.call.Step(Planned{From: designation.Party{Number: "20"}, Branches: []Branch{{Leg: "b1", Device: "dv_b"}}, Ring: time.Minute})
	w.call.Step(Answered{Leg: 1, Description: speech})
	for i := range 2 {
		w.peers = append(w.peers, party{phase: talking, refers: refers, offers: offers, hears: "speech", with: LegID(1 - i)})
	}
	return w
}

func (w *parties) clone() *parties {
	v := *w
	c := *w.call
	c.legs = slices.Clone(w.call.legs)
	v.call, v.peers = &c, slices.Clone(w.peers)
	return &v
}

func (w *parties) over() bool { return w.finished }

func (w *parties) key(b []byte) []byte {
	b = w.call.key(b)
	for _, p := range w.peers {
		b = append(b, byte(p.phase), flags(p.asked, p.waits, p.open, p.asks, p.rang, p.caller, p.coming), byte(p.refers), byte(p.offers), byte(p.with+1), byte(p.ended))
		b = p.way.key(append(append(b, p.hears...), 0, byte(p.moves)))
	}
	return append(b, flags(w.consult, w.diverted, w.stopped, w.finished), byte(w.takes), byte(w.armed), byte(w.endings))
}

func (w *parties) possible() (evs []Event) {
	if w.finished {
		return nil
	}
	home := Fallback{To: designation.Party{Number: "20"}, Branches: func() []Branch { return nil }}
	if w.consult {
		leg := fmt.Sprint("to", len(w.peers))
		evs = append(evs, Onward{Planned{Branches: []Branch{{Leg: leg}}, Ring: time.Minute}, home}, Onward{Home: home}, Stuck{CauseOf(errs.Unknown, ""), home})
	}
	if w.diverted {
		evs = append(evs, Diverted{Branches: []Branch{{Leg: fmt.Sprint("back", len(w.peers)), Device: "dv_a"}}}, Diverted{Cause: CauseOf(errs.Offline, "")})
	}
	for t := range w.armed.all() {
		evs = append(evs, Fired{t})
	}
	if !w.stopped {
		evs = append(evs, Stop{CauseOf(errs.NodeStopped, "")})
	}
	for i, p := range w.peers {
		if w.takes > 0 {
			evs = append(evs, Succeeds{LegID(i), Branch{Leg: fmt.Sprint("taker", w.takes), Device: "dv_t", Target: taker}, taker})
		}
		if p.coming && w.call.legs[i].branch.Target == taker && p.phase != leaving {
			evs = append(evs, Arrived{LegID(i), speech}, Refused{LegID(i), CauseOf(errs.Gone, "")})
		}
		evs = append(evs, p.possible(LegID(i))...)
	}
	return evs
}

func (p party) possible(id LegID) (evs []Event) {
	switch p.phase {
	case inviting:
		if p.coming {
			return nil
		}
		if p.caller {
			return append(evs, Cancelled{}, Lost{id, lost})
		}
		if !p.rang {
			evs = append(evs, Ringing{Leg: id})
		}
		evs = append(evs, Answered{id, speech, "", nil}, Answered{id, foreign, "", nil}, Refused{id, busy}, Refused{id, declined}, Lost{id, lost})
	case talking:
		evs = append(evs, HungUp{id, normal}, Lost{id, lost})
		if p.refers > 0 && !p.asks {
			evs = append(evs, Referred{Leg: id, To: "30"})
		}
		if p.moves > 0 {
			evs = append(evs, p.places(id)...)
		}
		if p.offers > 0 && !p.waits {
			evs = append(evs, Offered{Leg: id, Description: holding}, Offered{Leg: id, Description: speech})
		}
		if p.asked {
			evs = append(evs, OfferAccepted{id, speech}, OfferRefused{id, 488})
		}
	case takingBack:
		if p.coming {
			return nil
		}
		evs = append(evs, Refused{id, CauseOf(errs.CallerLeft, "")}, Closed{id})
	case leaving:
		evs = append(evs, Closed{id})
	}
	return evs
}

func (w *parties) deliver(ev Event) error {
	w.between = nil
	w.spend(ev)
	acts := w.call.Step(ev)
	for len(w.peers) < len(w.call.legs) {
		w.peers = append(w.peers, party{moves: w.moves})
	}
	for _, a := range acts {
		if err := w.perform(a); err != nil {
			return err
		}
	}
	return w.check()
}

func (w *parties) spend(ev Event) {
	switch ev := ev.(type) {
	case Onward:
		w.consult = false
	case Stuck:
		w.consult = false
	case Diverted:
		w.diverted = false
	case Fired:
		w.armed.stop(ev.Timer)
	case Stop:
		w.stopped = true
	case Ringing:
		w.peers[ev.Leg].rang = true
	case Succeeds:
		w.takes--
	case Arrived:
		p := &w.peers[ev.Leg]
		switch {
		case p.phase == takingBack: // it came, and is hung up
			p.phase = leaving
		case p.phase == inviting:
			p.phase, p.coming = talking, false
		}
	case Cancelled:
		w.peers[Caller].phase = leaving
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
	case Referred:
		w.peers[ev.Leg].refers--
		w.peers[ev.Leg].asks = true
	case Offered:
		w.peers[ev.Leg].offers--
		w.peers[ev.Leg].waits = true
	case Reached:
		w.peers[ev.Leg].moves--
		w.peers[ev.Leg].reach = ev.Reach
	case OfferAccepted:
		w.peers[ev.Leg].asked, w.peers[ev.Leg].sends = false, w.peers[ev.Leg].to
	case OfferRefused:
		w.peers[ev.Leg].asked = false
		w.peers[ev.Leg].refused()
	}
}

func (w *parties) perform(a Action) error {
	if l, ok := a.(LegAction); ok {
		return w.performLeg(l)
	}
	switch a := a.(type) {
	case HandOver, Spurn, TurnAway:
		if h, ok := a.(HandOver); ok && w.peers[h.Leg].sends.IsValid() {
			return fmt.Errorf("leg %d goes to another call, and sends to %v", h.Leg, w.peers[h.Leg].sends)
		}
		w.between = append(w.between, a)
	case Consult:
		if a.With != nil {
			w.between = append(w.between, a)
			return nil
		}
		if w.consult {
			return fmt.Errorf("asked twice at once")
		}
		w.consult = true
	case Divert:
		w.diverted = true
	case Arm:
		w.armed.start(a.Timer)
	case Disarm:
		w.armed.stop(a.Timer)
	case Finish:
		w.finished = true
	case Play:
		p := &w.peers[a.Leg]
		if p.hears == "speech" && a.Sound.Kind != Silence {
			return fmt.Errorf("plays to leg %d, which hears another", a.Leg)
		}
		if by := w.call.transfer.by; a.Sound.Kind != Silence && p.sends.IsValid() && (by == nobody || w.peers[by].phase == talking) { // else it is called back at once
			return fmt.Errorf("plays to leg %d, which sends to %v", a.Leg, p.sends)
		}
		p.hears = map[SoundKind]string{Silence: "", Music: "music", RingingTone: "tone"}[a.Sound.Kind]
	case Connect:
		w.part(a.A)
		w.part(a.B)
		for _, ends := range [][2]LegID{{a.A, a.B}, {a.B, a.A}} {
			p := &w.peers[ends[0]]
			if p.hears != "" {
				return fmt.Errorf("leg %d is connected, and hears %s", ends[0], p.hears)
			}
			if p.with != ends[1] && p.sends.IsValid() && !p.asked {
				return fmt.Errorf("leg %d is connected to another, and sends to %v", ends[0], p.sends)
			}
			p.hears, p.with = "speech", ends[1]
		}
	case Disconnect:
		w.part(a.Leg)
	case Note:
		return w.noted(a.Event)
	}
	return nil
}

// part ends what two say to each other.
func (w *parties) part(id LegID) {
	if p := &w.peers[id]; p.hears == "speech" {
		w.peers[p.with].hears, p.hears = "", ""
	}
}

func (w *parties) performLeg(a LegAction) error {
	p := &w.peers[a.leg()]
	wrong := fmt.Errorf("%T to leg %d in phase %v: %+v", a, a.leg(), p.phase, *p)
	switch a := a.(type) {
	case Start:
		if p.phase != idle {
			return wrong
		}
		p.phase = inviting
		if g, ok := a.Branch.Target.(*Guest); ok && w.call.legs[a.Leg].state == coming {
			if p.coming = true; g.up {
				w.between = append(w.between, a)
			}
		}
	case Cancel:
		if p.phase != inviting {
			return wrong
		}
		if p.phase = takingBack; p.coming {
			w.between = append(w.between, a)
		}
	case Ring, Wake, Forward:
		if !p.caller || p.phase != inviting {
			return wrong
		}
	case Accept:
		if !p.caller || p.phase != inviting {
			return wrong
		}
		p.phase = talking
	case Refuse:
		if !p.caller || p.phase != inviting {
			return wrong
		}
		p.phase = leaving
	case HangUp:
		if p.phase != talking || p.open {
			return wrong
		}
		p.phase = leaving
	case Offer:
		if p.phase != talking || p.asked {
			return wrong
		}
		p.asked = true
		return p.way.asked(a.To)
	case AcceptOffer, RefuseOffer:
		if p.phase == talking && !p.waits {
			return wrong
		}
		p.waits = false
		if _, ok := a.(AcceptOffer); ok {
			p.sends = netip.AddrPort{}
		}
	case AcceptRefer:
		if !p.asks || p.open {
			return wrong
		}
		p.asks, p.open = false, true
	case RefuseRefer:
		if !p.asks {
			return wrong
		}
		p.asks = false
	case Report:
		if !p.open || p.phase != talking {
			return wrong
		}
		p.open = a.Code < 200
	default:
		return wrong // Ring, Accept and the like are for callers who wait for an answer
	}
	return nil
}

func (w *parties) noted(e ledger.Event) error {
	switch e.Kind {
	case ledger.Ended:
		w.endings++
	case ledger.LegEnded:
		i := slices.IndexFunc(w.call.legs, func(l leg) bool { return l.id == e.Leg })
		w.part(LegID(i)) // its port is closed
		w.peers[i].ended++
	}
	if (e.Kind == ledger.Ended || e.Kind == ledger.LegEnded) && (e.Cause == nil || e.Cause.Code == "") {
		return fmt.Errorf("%s without a cause", e.Kind)
	}
	return nil
}

// check holds in every state: nobody is left alone.
func (w *parties) check() error {
	over := w.call.State() == Over
	speaking := 0
	for i, p := range w.peers {
		l := w.call.legs[i]
		switch {
		case over && (p.phase == talking || p.phase == inviting):
			return fmt.Errorf("leg %d is %v after the end", i, p.phase)
		case p.phase == talking && p.asks:
			return fmt.Errorf("the REFER of leg %d has no answer", i)
		case p.phase != talking && p.hears != "":
			return fmt.Errorf("leg %d hears %s when it is %v", i, p.hears, p.phase)
		case p.ended > 1 || w.finished && p.phase != idle && p.ended != 1:
			return fmt.Errorf("leg %d has %d ends", i, p.ended)
		case p.phase == talking && p.hears == "" && w.call.succession.of == nobody && LegID(i) != w.call.transfer.by && !w.call.plays(w.call.other(LegID(i))) && !l.held:
			return fmt.Errorf("leg %d is left alone", i)
		case p.phase == talking && p.open && w.call.transfer.by != LegID(i):
			return fmt.Errorf("leg %d waits to be told how its transfer ended", i)
		case !over && p.phase == talking && p.waits && (w.call.exchange.from != LegID(i)):
			return fmt.Errorf("the offer of leg %d has no answer", i)
		}
		if p.hears == "speech" {
			speaking++
		}
	}
	if err := errors.Join(w.ways(), w.lamps()); err != nil {
		return err
	}
	switch {
	case speaking != 0 && speaking != 2:
		return fmt.Errorf("%d hear each other", speaking)
	case over != (w.endings == 1):
		return fmt.Errorf("over %t with %d ends", over, w.endings)
	case over && w.armed != 0:
		return fmt.Errorf("timers run after the end")
	case !w.finished && len(w.possible()) == 0 && !slices.ContainsFunc(w.peers, func(p party) bool { return p.coming || p.phase == handedOver }):
		return fmt.Errorf("stuck in state %d", w.call.State())
	case w.call.State() == Trying && !w.consult && !w.diverted && w.armed == 0 && w.call.transfer.then == nil: // which waits for an answer
		return fmt.Errorf("nothing ends the attempt")
	}
	return nil
}

// lamps holds in every state: who watches a party sees what the party does, and, of two who talk, with whom.
func (w *parties) lamps() error {
	var talk []LegID
	for i, p := range w.peers {
		var want Phase
		got := w.call.stage(LegID(i))
		switch {
		case p.phase == talking:
			want, talk = PhaseConfirmed, append(talk, LegID(i))
		case p.phase == inviting && p.coming: // they are seen in the call from which they come
		case p.phase == inviting && p.caller && (got == PhaseTrying || got == PhaseEarly), p.phase == inviting && p.rang:
			want = PhaseEarly
			if p.caller {
				want = got
			}
		}
		if got != want {
			return fmt.Errorf("the lamp of leg %d (%+v) shows %q, want %q", i, p, got, want)
		}
	}
	if w.call.State() == Up && w.call.transfer.by == nobody && w.call.succession.of == nobody &&
		(len(talk) != 2 || w.call.peer(talk[0]) != talk[1] || w.call.peer(talk[1]) != talk[0]) {
		return fmt.Errorf("the lamps show that legs %v talk", talk)
	}
	return nil
}

// ways holds when nobody is asked anything: two who talk send to each other, or both here, as does everybody else.
func (w *parties) ways() error {
	for _, p := range w.peers {
		if p.asked && p.phase == talking {
			return nil
		}
	}
	for i, p := range w.peers {
		if p.phase != talking {
			continue
		}
		far := w.call.other(LegID(i))
		if far == nobody || w.peers[far].phase != talking || w.call.State() != Up {
			if p.sends.IsValid() {
				return fmt.Errorf("leg %d sends to %v, and talks to nobody", i, p.sends)
			}
			continue
		}
		l, m := w.call.legs[i], w.call.legs[far]
		may := w.call.transfer.by == nobody && w.call.succession.of == nobody && !l.stays && !m.stays && !l.held && !m.held &&
			l.agreed.Direction == sdp.SendRecv && m.agreed.Direction == sdp.SendRecv
		if err := straight(p.way, w.peers[far].way, may); err != nil {
			return fmt.Errorf("legs %d and %d: %w", i, far, err)
		}
	}
	return nil
}

// reached has the two be where they are.
func (w *parties) reached(t *testing.T) {
	t.Helper()
	for id := range LegID(2) {
		if err := w.deliver(Reached{Leg: id, Reach: reachOf(id, 1)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExploreStraightTransfer has two who send to each other transfer, at any moment of the way there and back.
func TestExploreStraightTransfer(t *testing.T) {
	t.Parallel()
	for by := range LegID(2) {
		w := newParties(0, 0)
		w.peers[by].refers = 1
		if w.peers[0].moves, w.peers[1].moves = 1, 1; *deep {
			w.moves = 1
		} else {
			w.reached(t)
		}
		t.Logf("%+v", explore[Event](t, w))
	}
}

func TestExploreTransfer(t *testing.T) {
	t.Parallel()
	for by := range LegID(2) {
		w := newParties(0, 0)
		w.peers[by].refers, w.peers[by].offers = 1, 1
		t.Logf("%+v", explore[Event](t, w))
	}
}

func TestRandomTransfers(t *testing.T) {
	t.Parallel()
	random(t, *rounds/2, func(ev Event) bool {
		switch ev.(type) {
		case HungUp, Lost, Stop:
			return true
		}
		return false
	}, func() *parties {
		w := newParties(3, 4)
		w.peers[0].moves, w.peers[1].moves, w.moves = 2, 2, 2
		return w
	})
}
