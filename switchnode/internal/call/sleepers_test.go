package call

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/wake"
)

// The exploration of calls to devices that sleep: the machine of the call and those of the wakes, with a model of all that is
// between them and people: the leg of an app as webside has it, the bridge, the pushes on their way, and the devices.

// night is such a call. Where nobody answers it goes to a desk phone.
type night struct {
	call     *Call
	delays   []time.Duration
	caller   phase
	devices  []sleeper
	desk     phase // of the fall-back
	deskRang bool
	ended    []int // LegEnded notes, by leg
	armed    timers
	asking   bool // admission under way
	going    bool // a Diverted is due
	restarts int  // that may come
	dead     bool // the switch was killed
	finals   int  // responses to the caller
	endings  int
	answers  int
	diverts  int
	rung     bool
	finished bool
	broken   error
}

// sleeper is a device, the leg to it, and its wake.
type sleeper struct {
	wake      wake.Wake
	leg       legPhase
	questions int // to a bridge that has not answered
	patient   int // times that a wake's patience may end
	begun     bool
	ends      int // of the wake
	revoked   int // times that it was told so
	armed     bool
	pushes    int  // on their way
	twins     int  // pushes that may come twice
	drops     int  // times that its connection may end
	back      bool // it may dial once more
	here      bool // its connection is there
	rings     bool
}

// legPhase is how far the leg of an app is (webside/leg.go).
type legPhase uint8

const (
	unstarted legPhase = iota
	dialled            // its wake is about to begin
	woken              // the device is awaited
	invited            // and there
	connected
	going // over for the call, and not closed
	gone
)

func (p legPhase) live() bool { return p == dialled || p == woken || p == invited }

// happening is something that happens: to a device, if one is named.
type happening struct {
	what
	device int
}

type what uint8

const (
	plans what = iota
	refuses
	ringTime
	turn
	begins
	accepts
	tokenDead
	bridgeAway
	patience
	pushLost
	pushTwice
	pushArrives
	comesBack
	drops
	alerts
	answers
	declines
	engaged
	hangsUp
	closes
	callerCancels
	callerHangsUp
	callerCloses
	diverts
	divertsNowhere
	deskRings
	deskAnswers
	deskEngaged
	deskHangsUp
	deskCloses
	killed
)

func (w what) String() string {
	return [...]string{
		"the plan", "a refusal", "the ring time is over", "the turn of", "the wake begins of", "a push is accepted for", "the token is dead of",
		"no bridge for", "no patience more with", "a push is lost to", "a push comes twice to", "a push arrives at", "it comes back:", "the connection ends of",
		"it rings:", "it answers:", "it declines:", "it is engaged:", "it hangs up:", "its dialog closes:", "the caller cancels", "the caller hangs up",
		"the caller closes", "there is a fall-back", "there is no fall-back", "the desk phone rings", "it answers", "it is engaged", "it hangs up", "it closes",
		"the switch is killed",
	}[w]
}

// budget of a night: how often a push may come twice, a connection end, patience pass for each device, and the switch be killed.
type chances struct{ twins, drops, patience, kills int }

var _ model[happening, *night] = &night{}

func newNight(c chances, delays ...time.Duration) *night {
	n := &night{call: New("caller", "dv_a", speech), caller: inviting, asking: true, restarts: c.kills, delays: delays, ended: make([]int, len(delays)+2)}
	for range delays {
		n.devices = append(n.devices, sleeper{twins: c.twins, drops: c.drops, patient: c.patience})
	}
	return n
}

var nightLegs = [...]string{"caller", "one", "two", "three", "desk"}

// deskLeg is the leg that comes after those of the devices.
func (n *night) deskLeg() LegID { return LegID(len(n.devices) + 1) }

func (n *night) plan() Planned {
	p := Planned{Ring: time.Minute, Fallback: []Fallback{{
		On: []designation.Occasion{designation.NoAnswer, designation.Busy, designation.Unreachable}, Ring: time.Minute,
	}}}
	for i, d := range n.delays {
		p.Branches = append(p.Branches, Branch{Leg: nightLegs[i+1], Device: nightLegs[i+1], Delay: d, Lead: time.Second})
	}
	return p
}

func (n *night) over() bool { return n.finished || n.dead && len(n.possible()) == 0 }

func (n *night) clone() *night {
	v, c := *n, *n.call
	c.legs = slices.Clone(c.legs)
	v.call, v.devices, v.ended = &c, slices.Clone(n.devices), slices.Clone(n.ended)
	return &v
}

func (n *night) key(b []byte) []byte {
	if n.dead { // what the switch knew is gone
		for i := range n.devices {
			s := &n.devices[i]
			b = append(b, byte(s.pushes), byte(s.twins), flags(s.back))
		}
		return b
	}
	b = n.call.key(b)
	b = append(b, byte(n.caller), byte(n.desk), byte(n.armed>>8), byte(n.armed), byte(n.restarts))
	b = append(b, flags(n.deskRang, n.asking, n.going, n.dead, n.rung, n.finished), byte(n.finals), byte(n.endings), byte(n.answers), byte(n.diverts))
	for _, e := range n.ended {
		b = append(b, byte(e))
	}
	for i := range n.devices {
		s := &n.devices[i]
		b = append(b, byte(s.leg), byte(s.questions), byte(s.patient), byte(s.ends), byte(s.revoked), byte(s.pushes), byte(s.twins), byte(s.drops))
		b = append(b, flags(s.armed, s.back, s.here, s.rings, s.begun))
		for _, v := range reflect.ValueOf(s.wake).Fields() {
			switch v.Kind() {
			case reflect.Bool:
				b = append(b, flags(v.Bool()))
			case reflect.Int:
				b = append(b, byte(v.Int()))
			case reflect.Uint8:
				b = append(b, byte(v.Uint()))
			} // the error is words
		}
	}
	return b
}

// rare says of what ends a night early that it is.
func (h happening) rare() bool {
	switch h.what {
	case refuses, callerCancels, killed, ringTime, declines, tokenDead:
		return true
	}
	return false
}

// possible is all that can happen now.
func (n *night) possible() []happening {
	all := make([]happening, 0, 16)
	can := func(what what, when bool) {
		if when {
			all = append(all, happening{what: what})
		}
	}
	if !n.dead && !n.finished {
		can(plans, n.asking)
		can(refuses, n.asking)
		can(killed, n.restarts > 0)
		can(callerCancels, n.caller == inviting)
		can(callerHangsUp, n.caller == talking)
		can(callerCloses, n.caller == leaving)
		can(diverts, n.going)
		can(divertsNowhere, n.going)
		can(deskRings, (n.desk == inviting || n.desk == takingBack) && !n.deskRang)
		can(deskAnswers, n.desk == inviting)
		can(deskEngaged, n.desk == inviting || n.desk == takingBack)
		can(deskHangsUp, n.desk == talking)
		can(deskCloses, n.desk == takingBack || n.desk == leaving)
		for t := range n.armed.all() {
			if t == RingTimer {
				can(ringTime, true)
			} else {
				all = append(all, happening{turn, int(t) - 1})
			}
		}
	}
	for i := range n.devices {
		all = n.devices[i].possible(all, i, n.dead)
	}
	return all
}

func (s *sleeper) possible(all []happening, i int, dead bool) []happening {
	can := func(what what, when bool) {
		if when {
			all = append(all, happening{what, i})
		}
	}
	can(pushLost, s.pushes > 0)
	can(pushArrives, s.pushes > 0)
	can(pushTwice, s.pushes > 0 && s.twins > 0)
	can(comesBack, s.back)
	if dead {
		return all
	}
	can(begins, s.leg == dialled)
	can(accepts, s.questions > 0)
	can(tokenDead, s.questions > 0)
	can(bridgeAway, s.questions > 0)
	can(patience, s.armed && s.patient > 0)
	can(drops, s.leg == invited && s.drops > 0)
	can(alerts, (s.leg == invited || s.leg == going && s.here) && !s.rings)
	can(answers, s.leg == invited)
	can(declines, s.leg == invited)
	can(engaged, s.leg == invited)
	can(hangsUp, s.leg == connected)
	can(closes, s.leg == going)
	return all
}

// deliver lets something happen, and returns what broke.
func (n *night) deliver(h happening) error {
	before, hope := n.call.State(), n.hope(h)
	if h.what <= turn || h.what >= callerCancels {
		n.happen(h)
	} else {
		n.befall(h.what, h.device)
	}
	if n.broken == nil && before == Trying && n.call.State() == Over && hope {
		n.broken = fmt.Errorf("%v %d ended a call that somebody may answer", h.what, h.device)
	}
	if n.broken == nil && before == Trying && h.what == declines && n.call.State() != Over {
		n.broken = fmt.Errorf("the call goes on although its callee declined")
	}
	if n.broken == nil {
		n.broken = n.check()
	}
	return n.broken
}

// hope says that somebody may still answer, whatever becomes of the device that something happens to.
func (n *night) hope(h happening) bool {
	switch h.what {
	case ringTime, declines, callerCancels, killed, divertsNowhere:
		return false
	}
	for i := range n.devices {
		if s := &n.devices[i]; i != h.device && (s.leg.live() || n.armed.has(Timer(i+1))) {
			return true
		}
	}
	return false
}

// happen is of the call as a whole, the caller and the desk phone.
func (n *night) happen(h happening) {
	desk := n.deskLeg()
	switch h.what {
	case plans:
		n.asking = false
		n.step(n.plan())
	case refuses:
		n.asking = false
		n.step(Refusal{Cause: CauseOf(errs.Unknown, "")})
	case ringTime:
		n.armed.stop(RingTimer)
		n.step(Fired{RingTimer})
	case turn:
		n.armed.stop(Timer(h.device + 1))
		n.step(Fired{Timer(h.device + 1)})
	case callerCancels:
		n.caller = leaving
		n.finals++ // 487
		n.step(Cancelled{})
	case callerHangsUp:
		n.caller = leaving
		n.step(HungUp{Caller, normal})
	case callerCloses:
		n.caller = silent
		n.step(Closed{Caller})
	case diverts:
		n.going = false
		n.step(Diverted{Branches: []Branch{{Leg: "desk", Device: "desk"}}})
	case divertsNowhere:
		n.going = false
		n.step(Diverted{Cause: CauseOf(errs.Offline, "")})
	case deskRings:
		n.deskRang = true
		n.step(Ringing{Leg: desk})
	case deskAnswers:
		n.desk = talking
		n.step(Answered{desk, speech, "", nil})
	case deskEngaged:
		n.desk = leaving
		n.step(Refused{desk, busy})
	case deskHangsUp:
		n.desk = leaving
		n.step(HungUp{desk, normal})
	case deskCloses:
		n.desk = silent
		n.step(Closed{desk})
	case killed:
		n.kill()
	}
}

// befall is of a device, its leg and its wake.
func (n *night) befall(what what, i int) {
	s, id := &n.devices[i], LegID(i+1)
	switch what {
	case begins:
		s.leg, s.begun = woken, true
		n.wake(i, wake.Begin{})
	case accepts:
		s.questions--
		s.pushes++
		n.wake(i, wake.Replied{Pushes: []fabric.PushResult{{Provider: fabric.APNs, Accepted: true}}})
	case tokenDead:
		s.questions--
		n.wake(i, wake.Replied{Pushes: []fabric.PushResult{{Provider: fabric.APNs, Reason: "BadDeviceToken", Dead: true}}})
	case bridgeAway:
		s.questions--
		n.wake(i, wake.Failed{Err: noBridge})
	case patience:
		s.patient--
		s.armed = false
		n.wake(i, wake.Fired{})
	case pushLost:
		s.pushes--
	case pushTwice:
		s.twins--
		s.pushes++
	case pushArrives:
		s.pushes--
		n.comes(i)
	case comesBack:
		s.back = false
		n.comes(i)
	case drops:
		s.drops--
		s.leg, s.here, s.rings, s.back = woken, false, false, true
	case alerts:
		s.rings = true
		n.step(Ringing{Leg: id})
	case answers:
		s.leg, s.rings = connected, false
		n.step(Answered{id, speech, "", nil})
	case declines:
		n.end(i)
		n.step(Refused{id, declined})
	case engaged:
		n.end(i)
		n.step(Refused{id, busy})
	case hangsUp:
		n.end(i)
		n.step(HungUp{id, normal})
	case closes:
		s.leg, s.here, s.rings = gone, false, false
		n.step(Closed{id})
	}
}

var noBridge = errs.New(errs.CloudAway, "no bridge")

// comes has a device come to the switch. It is let in while its leg waits for it; else it shows a missed call.
func (n *night) comes(i int) {
	if s := &n.devices[i]; !n.dead && s.leg == woken {
		s.leg, s.here = invited, true
		n.wake(i, wake.Connected{})
	}
}

// end is the end of a leg that has its dialog, or its wake, to close.
func (n *night) end(i int) {
	away := !n.devices[i].here
	n.devices[i].leg = going
	n.wake(i, wake.Over{Away: away})
}

// kill ends the switch with all that it knew. Its next run writes the end of the call; who comes from now on is a stranger.
func (n *night) kill() {
	n.dead = true
	n.armed = 0
	if n.endings == 0 {
		n.endings++
	}
	for i := range n.devices {
		s := &n.devices[i]
		s.back = s.here
		s.here, s.rings, s.armed, s.questions, s.leg = false, false, false, 0, gone
	}
}

// wake tells a wake what happened, and does what it wants.
func (n *night) wake(i int, ev wake.Event) {
	s, id := &n.devices[i], LegID(i+1)
	var evs []Event
	for _, a := range s.wake.Step(ev) {
		switch a := a.(type) {
		case wake.Ask:
			if !s.leg.live() {
				n.fault("a bridge was asked for device %d in phase %d", i, s.leg)
			}
			s.questions++
		case wake.Arm:
			s.armed = true
		case wake.Disarm:
			s.armed = false
		case wake.Tell:
			evs = append(evs, Waking{Leg: id, Step: a.Step})
		case wake.Stall:
			evs = append(evs, Stalled{id})
		case wake.GiveUp:
			s.leg = gone
			n.wake(i, wake.Over{Away: true})
			evs = append(evs, Refused{id, CauseOfError(a.Err)}, Closed{id})
		case wake.Revoke:
			if s.revoked++; s.leg.live() || s.here {
				n.fault("device %d in phase %d was told of an end by another way, here %t", i, s.leg, s.here)
			}
		case wake.Finish:
			s.ends++
		}
	}
	for _, ev := range evs {
		n.step(ev)
	}
}

func (n *night) fault(format string, args ...any) {
	if n.broken == nil {
		n.broken = fmt.Errorf(format, args...)
	}
}

// step tells the call an event, and does what it wants.
func (n *night) step(ev Event) {
	for _, a := range n.call.Step(ev) {
		n.perform(a, n.endings > 0)
	}
}

func (n *night) perform(a Action, over bool) {
	switch a := a.(type) {
	case Start:
		n.start(a.Leg, over)
	case Ring:
		n.tell(a, over)
		n.rung = true
	case Wake:
		n.tell(a, over || n.rung)
	case Forward:
		n.tell(a, over)
		n.rung = false
	case Accept:
		n.tell(a, over)
		n.caller = talking
		n.finals++
	case Refuse:
		n.tell(a, false)
		n.caller = leaving
		n.finals++
	case Cancel:
		n.cancel(a.Leg)
	case HangUp:
		n.hangUp(a.Leg)
	case Divert:
		n.going = true
		n.diverts++
	case Arm:
		n.armed.start(a.Timer)
	case Disarm:
		n.armed.stop(a.Timer)
	case Finish:
		n.finished = true
	case Note:
		n.note(a.Event)
	}
}

// tell checks a word to the caller.
func (n *night) tell(a Action, late bool) {
	if late || n.caller != inviting {
		n.fault("%T to a caller in phase %v, late %t", a, n.caller, late)
	}
}

func (n *night) start(id LegID, over bool) {
	if id == n.deskLeg() {
		if over || n.desk != idle {
			n.fault("the desk phone was started in phase %v, over %t", n.desk, over)
		}
		n.desk = inviting
		return
	}
	s := &n.devices[id-1]
	if over || s.leg != unstarted {
		n.fault("device %d was started in phase %d, over %t", id, s.leg, over)
	}
	s.leg = dialled
}

func (n *night) cancel(id LegID) {
	if id == n.deskLeg() {
		if n.desk != inviting {
			n.fault("the desk phone was cancelled in phase %v", n.desk)
		}
		n.desk = takingBack
		return
	}
	if !n.devices[id-1].leg.live() {
		n.fault("device %d was cancelled in phase %d", id, n.devices[id-1].leg)
	}
	n.end(int(id) - 1)
}

func (n *night) hangUp(id LegID) {
	at := &n.caller
	switch {
	case id == n.deskLeg():
		at = &n.desk
	case id != Caller:
		if n.devices[id-1].leg != connected {
			n.fault("device %d was hung up in phase %d", id, n.devices[id-1].leg)
		}
		n.end(int(id) - 1)
		return
	}
	if *at != talking {
		n.fault("leg %d was hung up in phase %v", id, *at)
	}
	*at = leaving
}

func (n *night) note(e ledger.Event) {
	switch e.Kind {
	case ledger.Ended:
		n.endings++
	case ledger.Answered:
		n.answers++
	case ledger.LegEnded:
		id := slices.Index(nightLegs[:], e.Leg)
		if e.Leg == "desk" {
			id = int(n.deskLeg())
		}
		n.ended[id]++
	default:
		return
	}
	if e.Kind != ledger.Answered && (e.Cause == nil || e.Cause.Code == "" || e.Cause.Q850 == 0) {
		n.fault("%s of %q without a cause", e.Kind, e.Leg)
	}
}

// check holds in every state.
func (n *night) check() error {
	talkers, tried := 0, n.desk == inviting
	if n.desk == talking {
		talkers++
	}
	for i := range n.devices {
		s := &n.devices[i]
		tried = tried || s.leg.live()
		if s.leg == connected {
			talkers++
		}
		switch {
		case s.ends > 1 || s.revoked > 1:
			return fmt.Errorf("the wake of device %d has %d ends, and was revoked %d times", i, s.ends, s.revoked)
		case (s.leg == gone || s.leg == going) && s.armed:
			return fmt.Errorf("the wake of device %d goes on after its leg", i)
		case s.rings && s.leg != invited && s.leg != going || n.dead && s.rings:
			return fmt.Errorf("device %d rings in phase %d", i, s.leg)
		}
	}
	state := n.call.State()
	if n.dead {
		return nil
	}
	switch {
	case talkers > 1 || n.finals > 1 || n.answers > 1 || n.endings > 1:
		return fmt.Errorf("%d talk, %d final responses, %d answers, %d ends", talkers, n.finals, n.answers, n.endings)
	case n.diverts > 1:
		return fmt.Errorf("the fall-back was tried %d times", n.diverts)
	case n.going && tried:
		return fmt.Errorf("the call goes to the fall-back while a device may answer")
	case state == Trying && !n.going && !tried:
		return fmt.Errorf("nobody is tried")
	case (state == Over) != (n.endings == 1):
		return fmt.Errorf("in state %d with %d ends", state, n.endings)
	case state == Over && (tried || talkers > 0 || n.armed != 0 || n.caller == inviting || n.caller == talking):
		return fmt.Errorf("after the end: tried %t, %d talk, timers %b, the caller %v", tried, talkers, n.armed, n.caller)
	}
	for i := range n.call.legs {
		if n.call.legs[i].state == waiting && !n.armed.has(Timer(i)) {
			return fmt.Errorf("the turn of leg %d never comes", i)
		}
	}
	if !n.finished && len(n.possible()) == 0 {
		return fmt.Errorf("stuck in state %d", state)
	}
	return n.checkEnd()
}

// checkEnd holds when all legs are closed.
func (n *night) checkEnd() error {
	if !n.finished {
		return nil
	}
	for id := range n.call.legs {
		if n.ended[id] != 1 {
			return fmt.Errorf("leg %d has %d ends", id, n.ended[id])
		}
	}
	for i := range n.devices {
		s := &n.devices[i]
		if s.rings || s.begun && s.ends != 1 {
			return fmt.Errorf("after the end device %d rings %t, its wake begun %t has %d ends", i, s.rings, s.begun, s.ends)
		}
	}
	return nil
}

// TestExploreTwoSleepers has two devices wake early, late and never, ring, answer, decline and be cancelled, and pushes be lost,
// in every order; with -explore.deep pushes come twice, wakes are repeated, connections end and the switch is killed as well.
func TestExploreTwoSleepers(t *testing.T) {
	t.Parallel()
	explored := func(what string, c chances, delays ...time.Duration) {
		t.Logf("%s, delays %v: %+v", what, delays, explore[happening](t, newNight(c, delays...)))
	}
	if !*deep {
		explored("pushes are lost", chances{}, 0, 5*time.Second)
		explored("one device, everything", chances{twins: 1, drops: 1, patience: 2, kills: 1}, 3*time.Second)
		return
	}
	explored("pushes come twice, and the switch is killed", chances{twins: 1, kills: 1}, 0, 5*time.Second)
	explored("both ring at once", chances{twins: 1, kills: 1}, 0, 0)
	explored("none rings at once", chances{kills: 1}, 3*time.Second, 5*time.Second)
	explored("wakes are repeated", chances{patience: 1}, 0, 5*time.Second)
	explored("connections end", chances{drops: 1, kills: 1}, 0, 5*time.Second)
	explored("all of it, to one device", chances{twins: 1, drops: 2, patience: 3, kills: 1}, 0)
}

func TestRandomThreeSleepers(t *testing.T) {
	t.Parallel()
	all := chances{twins: 2, drops: 2, patience: 4, kills: 1}
	random(t, *rounds, happening.rare, func() *night { return newNight(all, 0, 3*time.Second, 3*time.Second) })
}
