package sipside

import (
	"context"
	"slices"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/alarm"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
	"strowger/switchnode/internal/wake"
)

// Pushes is how the phone side has phones woken that sleep (RFC 8599). Permit gets the ticket for a bridge, Wake asks one, Services
// are those that bridges reach. All may block. Nil: no phone is woken.
type Pushes struct {
	Permit   func(context.Context, fabric.Permit) (fabric.PermitReply, error)
	Wake     func(context.Context, fabric.Wake) (fabric.WakeReply, error)
	Services func(context.Context) (fabric.PushServicesReply, error)
}

// awake is how long a phone that registered is not asked to do it again before it is rung.
const awake = 10 * time.Second

// sleeper is the leg to a phone that sleeps: it is woken, and its INVITE held until it has registered (RFC 8599, 5). The ring
// lifetime bounds that.
type sleeper struct {
	*sipleg.Leg // nil until it has
	target      target
	setup       call.Setup
	port        *media.Port
	start       call.Start
	ring        time.Duration
	until       time.Time // end of the ring
	began       time.Time
	over        bool
	straight    straight
	alarm       alarm.Alarm
	ticket      string
}

// straight is a try to ring a phone that seemed to be awake. If it is gone all the same, it is woken.
type straight struct {
	failed    bool         // its dialog is closing
	heard     bool         // the phone was reached: there is nothing to wake
	cancelled *call.Cancel // the call wants no other try
}

// Inputs of a leg whose phone sleeps.
type (
	// registered says that the phone has.
	registered struct{}
	// asked is what came of a question to a bridge.
	asked struct {
		ticket string
		reply  fabric.WakeReply
		err    error
	}
	// dropped says that the leg is over before the phone came.
	dropped struct{ event call.Event }
)

// sleepers are the legs that wait for phones, by device.
type sleepers struct {
	mu      sync.Mutex
	waiting map[string]map[*sleeper]struct{}
}

func newSleepers() sleepers { return sleepers{waiting: map[string]map[*sleeper]struct{}{}} }

func (s *sleepers) add(l *sleeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	device := l.target.branch.Device
	if s.waiting[device] == nil {
		s.waiting[device] = map[*sleeper]struct{}{}
	}
	s.waiting[device][l] = struct{}{}
}

func (s *sleepers) remove(l *sleeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	device := l.target.branch.Device
	if delete(s.waiting[device], l); len(s.waiting[device]) == 0 {
		delete(s.waiting, device)
	}
}

// registered tells the legs that wait for a device.
func (s *sleepers) registered(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.waiting[device] {
		l.setup.Post(registered{})
	}
}

// sleepy is a contact whose phone sleeps, and how long it is rung.
type sleepy struct {
	target
	ring time.Duration
}

// Dial makes the leg.
func (t sleepy) Dial(s call.Setup) (call.Leg, error) {
	port, err := t.phones.cfg.Relay.Open()
	if err != nil {
		return nil, err
	}
	l := &sleeper{target: t.target, setup: s, port: port, ring: t.ring}
	l.alarm = alarm.Alarm{Setup: s, Sleeper: l}
	return l, nil
}

// Port is the leg's media.
func (l *sleeper) Port() *media.Port { return l.port }

// Do carries out an action of the call.
func (l *sleeper) Do(a call.LegAction) {
	if c, ok := a.(call.Cancel); ok && l.Leg != nil {
		l.straight.cancelled = &c
	}
	if l.Leg != nil {
		l.Leg.Do(a)
		return
	}
	switch a := a.(type) {
	case call.Start:
		now := l.target.phones.cfg.Now()
		l.start, l.began, l.until = a, now, now.Add(l.ring)
		l.target.phones.sleepers.add(l)
		l.setup.Post(registered{}) // it may have, a moment ago
	case call.Cancel:
		l.setup.Post(dropped{call.Refused{Leg: l.setup.Leg, Cause: a.Cause}})
	}
}

// Handle turns an input into events of the call.
func (l *sleeper) Handle(input any) []call.Event {
	switch in := input.(type) {
	case registered:
		return l.registered()
	case asked:
		return l.answered(in)
	case alarm.Rang:
		return l.alarm.Rang(in)
	case dropped:
		if l.over || l.Leg != nil {
			return nil
		}
		l.alarm.Step(wake.Over{})
		return l.end(in.event)
	}
	if l.Leg == nil {
		return nil
	}
	return l.rung(l.Leg.Handle(input))
}

// rung takes what comes of a phone that is rung: who was not woken, and is not there, is woken now.
func (l *sleeper) rung(evs []call.Event) []call.Event {
	s := &l.straight
	for i, ev := range evs {
		switch ev := ev.(type) {
		case call.Ringing, call.Answered:
			s.heard = true
		case call.Lost:
			if s.heard || l.alarm.Tries() > 0 || s.cancelled != nil || s.failed {
				continue
			}
			s.failed, evs = true, slices.Delete(evs, i, i+1)
			return l.rung(evs)
		case call.Closed:
			if s.failed {
				return l.again(ev)
			}
		}
	}
	if s.failed { // nothing of a dialog that is given up
		return nil
	}
	return evs
}

// again wakes a phone that seemed to be awake, unless the call is over.
func (l *sleeper) again(closed call.Closed) []call.Event {
	l.Leg, l.straight.failed = nil, false
	if c := l.straight.cancelled; c != nil {
		l.over = true
		return []call.Event{call.Refused{Leg: l.setup.Leg, Cause: c.Cause}, closed}
	}
	l.began = l.target.phones.cfg.Now() // what it registers from now on counts
	l.target.phones.sleepers.add(l)
	return l.alarm.Step(wake.Begin{})
}

// end closes a leg whose phone did not come.
func (l *sleeper) end(ev call.Event) []call.Event {
	l.over = true
	l.alarm.Stop()
	l.target.phones.sleepers.remove(l)
	return []call.Event{ev, call.Closed{Leg: l.setup.Leg}}
}

// registered rings a phone that has just registered, and wakes one that has not.
func (l *sleeper) registered() []call.Event {
	if l.over || l.Leg != nil {
		return nil
	}
	p := l.target.phones
	b, ok := l.binding()
	since := l.began
	if l.alarm.Tries() == 0 && ok && b.Source.Transport != "udp" { // who is awake need not be woken (RFC 8599, 5); of UDP nobody knows
		since = l.began.Add(-awake)
	}
	if ok && b.Until.After(p.cfg.Now()) && b.Updated.After(since) && p.sip.Connected(peerOf(b.Source)) && !p.isCompany(b.Source.Addr) {
		var evs []call.Event
		if l.alarm.Tries() > 0 { // else it may have to be woken yet
			evs = l.alarm.Step(wake.Connected{})
		}
		l.alarm.Stop()
		p.sleepers.remove(l)
		l.target.binding = b
		l.Leg = l.target.leg(l.setup, l.port, l.target.peer())
		l.Leg.Do(l.start)
		return evs
	}
	if l.alarm.Tries() > 0 {
		return nil // it was another contact of the device
	}
	return l.alarm.Step(wake.Begin{})
}

// binding is what the contact is now: the phone may have come by another address.
func (l *sleeper) binding() (registrar.Binding, bool) {
	for _, b := range l.target.phones.cfg.Registrar.Wakeable(l.target.branch.Device) {
		if b.Push == l.target.binding.Push || b.Instance != "" && b.Instance == l.target.binding.Instance {
			return b, true
		}
	}
	return registrar.Binding{}, false
}

// answered takes what came of a question.
func (l *sleeper) answered(in asked) []call.Event {
	if in.ticket != "" {
		l.ticket = in.ticket
	}
	for _, r := range in.reply.Pushes {
		if r.Dead {
			l.target.phones.cfg.Registrar.Forget(l.target.branch.Device, l.target.binding.Push)
		}
	}
	return l.alarm.Asked(in.reply, in.err)
}

// GiveUp ends the leg.
func (l *sleeper) GiveUp(why ledger.Cause) []call.Event {
	return l.end(call.Refused{Leg: l.setup.Leg, Cause: why})
}

// Revoke tells the phone nothing: when it registers, no INVITE waits for it.
func (l *sleeper) Revoke() {}

// Ask asks a bridge beside the session, after the cloud for the ticket.
func (l *sleeper) Ask(try int) {
	p, post := l.target.phones, l.setup.Post
	permit := fabric.Permit{Device: l.target.branch.Device, Call: l.setup.Call, Leg: l.setup.ID, Until: l.until}
	q := fabric.Wake{Ticket: l.ticket, Until: l.until, Try: try, Targets: []fabric.Target{l.target.binding.Push}}
	p.work.Go(func() {
		<-p.ready
		ctx, cancel := context.WithTimeout(p.ctx, alarm.AskTime)
		defer cancel()
		a := asked{err: errs.New(errs.Offline, "This switch wakes no phones")}
		if p.cfg.Pushes.Wake != nil {
			a = p.cfg.Pushes.ask(ctx, permit, q)
		}
		post(a)
	})
}

// ask has a phone woken.
func (v Pushes) ask(ctx context.Context, permit fabric.Permit, q fabric.Wake) (a asked) {
	if q.Ticket == "" {
		r, err := v.Permit(ctx, permit)
		if err != nil {
			return asked{err: err}
		}
		q.Ticket = r.Ticket
	}
	a.ticket = q.Ticket
	a.reply, a.err = v.Wake(ctx, q)
	return a
}
