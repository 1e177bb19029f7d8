package voice

import (
	"context"
	"sync"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// Service is something that the switch answers itself. It is a call.Target, for any number of calls.
type Service struct {
	Clock *Clock
	Relay *media.Relay
	Ring  time.Duration // how long it rings before it answers; 0: not at all
	// Early says that the script is heard before the answer, as far as the caller can hear that, and that the call is refused with what it
	// returns, a cause other than Done.
	Early bool
	// Run is the script of one call. What it returns is why the switch hangs up: Done, or a cause with words. When ctx ends the leg has
	// gone, and what Run returns counts no more.
	Run func(ctx context.Context, c *Conversation) ledger.Cause
}

// Done is the cause of a script that came to its end.
func Done() ledger.Cause { return call.CauseOf(call.Normal, "") }

// Dial makes a leg.
func (s *Service) Dial(setup call.Setup) (call.Leg, error) {
	end, err := Open(s.Relay)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(setup.Context)
	return &leg{service: s, setup: setup, end: end, ctx: ctx, cancel: cancel}, nil
}

// stage is how far a leg is.
type stage uint8

const (
	idle     stage = iota
	inviting       // until Handle has the answer
	running        // the script
	hungUp         // the script has been told
	over
)

// leg is the switch's own end of a call. All but what the script's goroutine does belongs to that of the session.
type leg struct {
	service *Service
	setup   call.Setup
	end     *End
	ctx     context.Context // of the script
	cancel  context.CancelFunc
	stage   stage
	answer  sdp.Description
	ringing *time.Timer
	waiting sync.WaitGroup
}

// Inputs that the leg posts to its session.
type (
	answers struct{}                     // it is time to
	refuses struct{ cause ledger.Cause } // the offer, or what was taken back
	tells   struct{ event call.Event }   // what was asked for
	returns struct{ cause ledger.Cause } // the script
)

// Port is the leg's media.
func (l *leg) Port() *media.Port { return l.end.Port() }

// Do carries out an action of the call.
func (l *leg) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		l.start(a.Offer)
	case call.Cancel:
		l.stop(a.Cause)
	case call.HangUp:
		l.stop(a.Cause)
	case call.Offer:
		l.offer(a)
	case call.Press:
		l.end.Press(a.Digit)
	}
}

func (l *leg) start(offer sdp.Description) {
	answer, err := Answer(offer)
	if err != nil {
		l.setup.Post(refuses{call.CauseOfError(err)})
		return
	}
	l.stage, l.answer = inviting, answer
	if l.service.Ring == 0 {
		l.setup.Post(answers{})
		return
	}
	l.setup.Post(tells{call.Ringing{Leg: l.setup.Leg}})
	l.ringing = time.AfterFunc(l.service.Ring, func() { l.setup.Post(answers{}) })
}

// stop ends the leg from outside. A script that runs is told, and the leg is closed when it has returned.
func (l *leg) stop(cause ledger.Cause) {
	l.cancel()
	switch l.stage {
	case inviting:
		l.stage = hungUp
		l.setup.Post(refuses{cause})
	case running:
		l.stage = hungUp
	}
}

// offer takes an offer of the other side: a hold, say.
func (l *leg) offer(o call.Offer) {
	answer, err := Answer(o.Description)
	if err != nil {
		l.setup.Post(tells{call.OfferRefused{Leg: l.setup.Leg, Status: 488}})
		return
	}
	l.setup.Post(tells{call.OfferAccepted{Leg: l.setup.Leg, Description: answer}})
}

// Handle turns what the leg posted into events.
func (l *leg) Handle(input any) []call.Event {
	id := l.setup.Leg
	switch in := input.(type) {
	case tells:
		return []call.Event{in.event}
	case answers:
		if l.stage != inviting {
			return nil
		}
		l.stage = running
		l.run()
		if l.service.Early {
			return []call.Event{call.Early{Leg: id, Description: l.answer}}
		}
		return []call.Event{call.Answered{Leg: id, Description: l.answer}}
	case refuses:
		if l.stage == over {
			return nil
		}
		l.finish()
		return []call.Event{call.Refused{Leg: id, Cause: in.cause}, call.Closed{Leg: id}}
	case returns:
		before := l.stage
		l.finish()
		if l.service.Early {
			return []call.Event{call.Refused{Leg: id, Cause: in.cause}, call.Closed{Leg: id}}
		}
		if before == running {
			return []call.Event{call.HungUp{Leg: id, Cause: in.cause}, call.Closed{Leg: id}}
		}
		return []call.Event{call.Closed{Leg: id}}
	}
	return nil
}

// run begins the script.
func (l *leg) run() {
	c := &Conversation{
		Call: l.setup.Call, Leg: l.setup.ID, From: l.setup.From, To: l.setup.To, Note: l.setup.Note, end: l.end, notice: make(chan struct{}, 1),
	}
	l.service.Clock.Add(c)
	l.waiting.Go(func() {
		cause := l.service.Run(l.ctx, c)
		l.service.Clock.Remove(c)
		l.setup.Post(returns{cause})
	})
}

// finish frees what the leg has. No goroutine of it goes on.
func (l *leg) finish() {
	l.stage = over
	if l.ringing != nil {
		l.ringing.Stop()
	}
	l.cancel()
	l.waiting.Wait()
	l.end.Close()
}
