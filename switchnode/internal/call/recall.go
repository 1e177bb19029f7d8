package call

import (
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// A caller who hung up and kept their place in a queue is called back when their turn comes (2-call-flows, "Virtual hold"). The
// switch dials leg Caller, of a call of its own; once that is answered, the call goes on as if they had called, with the turn. The
// caller comes first: the line of the callee is kept free for them meanwhile, while a callee who came first would hold a silent phone for
// as long as a push takes, and be disturbed for each caller who does not answer.

// Recalled is the result of admission of such a call: whom it calls back and, with a Queue, as Planned whom they waited for.
type Recalled struct {
	Planned
	Shown  designation.Party // who calls, to the caller
	Branch Branch            // their device
	Within time.Duration     // in which it rings
}

func (Recalled) event() {}

// keptPlace is why the call of a caller ends who keeps their place.
const keptPlace = "The caller hung up and keeps the place in the queue"

// stoppedKept is what a caller is told who waits at a switch that stops.
const stoppedKept = "The switch stopped. You will be called back"

// NewRecall returns the call to a caller who is called back, whose turn in a queue it has.
func NewRecall(callerLeg, device string, turn Queue) *Call {
	c := New(callerLeg, device, sdp.Description{})
	c.back, c.callable, c.queue, c.legs[Caller].state = true, true, turn, waiting
	return c
}

// everybody is what a caller is offered who is called back: what each phone speaks, whatever the callee's will be (RFC 7874, 3).
func everybody() sdp.Description {
	return sdp.Description{Direction: sdp.SendRecv, Codecs: []sdp.Codec{
		{Name: "PCMU", Clock: 8000, Channels: 1}, {Name: "PCMA", Clock: 8000, Channels: 1}, {Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1},
	}}
}

// recalled rings the caller.
func (c *Call) recalled(r Recalled) []Action {
	if c.state != Admitting || !c.back {
		return []Action{Count{"call-back after the end"}}
	}
	c.language = r.Language
	c.state, c.callee = Recalling, Fallback{To: r.To, Ring: r.Ring, Renew: r.Renew}
	c.attempt = attempt{to: r.To.Number, ring: r.Ring, fallback: r.Fallback}
	c.legs[Caller].branch, c.offer = r.Branch, everybody()
	acts := []Action{note(ledger.Event{Kind: ledger.Admitted, From: &r.From, To: &r.To, Anchor: r.Anchor, Offline: r.Offline}), Arm{RingTimer, r.Within}}
	return append(acts, c.start(Caller)...)
}

// reached has the caller who answered take the turn. What they answered is what callees are offered, as after early media.
func (c *Call) reached(a Answered) []Action {
	l := &c.legs[Caller]
	common, err := agreed(c.offer, a.Description)
	if l.state = up; err != nil {
		return c.end("system", CauseOfError(err))
	}
	c.state, c.offer, l.agreed = Queued, common, common
	c.hears, c.previewed, c.preview, c.playing = true, true, common, RingingTone
	return []Action{Disarm{RingTimer}, Play{Caller, Sound{Kind: RingingTone}}, Enqueue{c.queue}}
}

// unreached ends the call to a caller who does not answer.
func (c *Call) unreached() []Action {
	l := &c.legs[Caller]
	if l.woken && l.state != ringing {
		return c.end("system", CauseOf(errs.Asleep, ""))
	}
	return c.end("system", CauseOf(errs.NoAnswer, ""))
}

// heard takes out what nobody is told who has answered already.
func heard(acts []Action) []Action {
	return slices.DeleteFunc(acts, func(a Action) bool {
		switch a.(type) {
		case Ring, Wake, Forward, Stand, Accept:
			return true
		}
		return false
	})
}

// missed is why a call-back leaves its turn that did not reach the caller.
func missed(cause ledger.Cause) Leaving {
	switch errs.Code(cause.Code) {
	case errs.Declined:
		return GaveUp
	case errs.NodeStopped, errs.CloudAway, errs.Congested, errs.Internal:
		return CutOff
	case errs.NoLine:
		return NoWay
	case errs.Forbidden, errs.GuardNumber, errs.GuardCountry:
		return Barred
	}
	return Unreached
}

// keep ends a call whose caller keeps the place, which is not unqueued.
func (c *Call) keep(who string, cause ledger.Cause) []Action {
	q := c.queue
	c.queue, c.noted = nil, 0
	return append([]Action{Dequeue{Queue: q, Why: Kept}}, c.end(who, cause)...)
}

// keyBack is the key by which a caller who waits hangs up and keeps the place.
const keyBack = '1'

// keyed takes a key of a caller who waits.
func (c *Call) keyed(k Key) []Action {
	switch {
	case c.state != Queued || k.Leg != c.asker:
		return []Action{Count{"digit outside the conversation"}}
	case k.Digit != keyBack || !c.keeps() || c.back:
		return []Action{Count{"digit while waiting"}}
	}
	return c.keep("caller", CauseOf(errs.CallBack, ""))
}

// keeps says that the caller was told of a place, which they may keep.
func (c *Call) keeps() bool { return c.noted > 0 && c.callable && !c.outside() }

// offersBack says that a caller who hears us is told of the key: it is of use to them, and their phone sends telephone events. Of a phone
// that does not nobody knows whether the key would come.
func (c *Call) offersBack() bool {
	return c.callable && !c.outside() && !c.back && slices.ContainsFunc(c.preview.Codecs, func(codec sdp.Codec) bool { return codec.Name == sdp.TelephoneEvent })
}

// interrupted says that a cause cuts off a caller who waits, or waited until the turn came, and can be called back.
func (c *Call) interrupted(cause ledger.Cause) bool {
	return cause.Code == string(errs.NodeStopped) && c.queue != nil && (c.keeps() || c.back && c.state > Recalling)
}
