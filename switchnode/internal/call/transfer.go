package call

import (
	"cmp"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// A phone may have the other party of its call talk to somebody else (RFC 3515, RFC 5589): a transfer. This switch acts for it: the other
// party's leg stays, hears music and then the ringing, and branches are tried on its behalf, with what the transferor may call. The
// transferor is told how it goes. If nobody answers it has its call again; if it has hung up meanwhile it is rung back, and if that
// fails too the call ends. No leg ever sees the REFER of another.

// Referred asks that the other party call somebody else.
type Referred struct {
	Leg  LegID
	To   string // as dialled
	With *Named // the call that the two calls are to become one with; nil: a new one
	App  *App   // who asks is an app; nil: a phone of this switch
}

// App is what an app shows, for which no switch may speak.
type App struct {
	Key   string // session key by which it is in the call
	Proof string // that it wants a number to be called, "" if it named none (package proof)
}

// Onward is the admission of a transfer: what there is to ring.
type Onward struct {
	Planned
	Home Fallback // the transferor's phone
}

// Stuck says that a transfer is not admitted.
type Stuck struct {
	Cause ledger.Cause
	Home  Fallback
}

// Joining says that the other call of the transferor is asked to take the leg over.
type Joining struct {
	Home Fallback // the transferor's phone
}

// AcceptRefer accepts what a leg asked for.
type AcceptRefer struct{ Leg LegID }

// RefuseRefer refuses it.
type RefuseRefer struct {
	Leg   LegID
	Cause ledger.Cause
}

// Report tells a leg how what it asked for goes.
type Report struct {
	Leg   LegID
	Code  int // SIP status; a final one is the last word
	Words string
}

// Consult asks whether a leg may have the other one call somebody: Onward or Stuck follows.
type Consult struct {
	By, For LegID
	To      string
	With    *Named
	App     *App
}

func (Referred) event()     {}
func (Onward) event()       {}
func (Stuck) event()        {}
func (Joining) event()      {}
func (AcceptRefer) action() {}
func (RefuseRefer) action() {}
func (Report) action()      {}
func (Consult) action()     {}

func (a AcceptRefer) leg() LegID { return a.Leg }
func (a RefuseRefer) leg() LegID { return a.Leg }
func (a Report) leg() LegID      { return a.Leg }

// Transferred is the code of the cause for which a call goes to whom it was transferred to.
const Transferred errs.Code = "transferred"

// returnRing is how long the phone of a transferor rings to whom the call comes back.
const returnRing = 30 * time.Second

// transfer is one under way.
type transfer struct {
	by    LegID         // the transferor's leg, nobody if there is none
	phase transferPhase // of it
	then  *Onward       // admitted while the two were changing their session
	home  Fallback      // the transferor's phone
	joins bool          // with another call of the transferor's
	claim *Claimed      // of that one, nil until it comes
}

type transferPhase uint8

const (
	asking    transferPhase = iota // whether it may be
	handing                        // the leg goes over to another call
	reaching                       // branches are tried
	returning                      // the transferor is rung back
)

// transferring says that a transfer is under way.
func (c *Call) transferring() bool { return c.transfer.by != nobody }

// established says that the leg on whose behalf branches are tried was answered before.
func (c *Call) established() bool { return c.legs[c.asker].state == up }

func (c *Call) referred(r Referred) []Action {
	l := &c.legs[r.Leg]
	switch {
	case c.talking(r.Leg) && c.direct:
		return []Action{RefuseRefer{r.Leg, CauseOf(errs.Forbidden, "The media of two apps do not pass the switch: their call cannot be transferred")}}
	case !c.talking(r.Leg):
		return []Action{RefuseRefer{r.Leg, CauseOf(errs.Forbidden, "Only a call in which two talk can be transferred")}, Count{"transfer outside the conversation"}}
	case l.device == "":
		return []Action{RefuseRefer{r.Leg, CauseOf(errs.Forbidden, "Only a phone of this office can transfer a call here")}}
	case c.transferring() || c.succession.of != nobody:
		return []Action{RefuseRefer{r.Leg, requestPending("Another transfer is under way")}}
	}
	c.transfer = transfer{by: r.Leg, joins: r.With != nil}
	acts := []Action{AcceptRefer{r.Leg}, Consult{r.Leg, c.other(r.Leg), r.To, r.With, r.App}}
	if r.With != nil {
		acts = append(acts, Arm{RingTimer, joinTime})
	}
	return acts
}

// joinTime is how long the other call may take to take a leg over.
const joinTime = 10 * time.Second

// joins keeps where the call goes if the transferor hangs up before its two calls are one, and they are not to be.
func (c *Call) joins(j Joining) []Action {
	if c.joining() {
		c.transfer.home = j.Home
	}
	return nil
}

// stuck goes on as before, or brings the call back to who has hung up meanwhile.
func (c *Call) stuck(s Stuck) []Action {
	if !c.transferring() || c.transfer.phase > handing || c.state == Over {
		return []Action{Count{"refusal of a transfer that is over"}}
	}
	if s.Home.leads() {
		c.transfer.home = s.Home
	}
	return append(c.unclaimed(), c.unreachedBy(s.Cause)...)
}

// onward rings who the call is transferred to.
func (c *Call) onward(o Onward) []Action {
	switch {
	case !c.transferring() || c.transfer.phase != asking || c.state == Over:
		return []Action{Count{"admission of a transfer that is over"}}
	case c.exchange.from != nobody: // the hold before it, as a rule
		c.transfer.then = &o
		return nil
	}
	return c.reach(o)
}

// proceed goes on with what waited for an exchange.
func (c *Call) proceed() []Action {
	acts := c.straighten()
	return append(append(acts, c.onwards()...), c.straighten()...)
}

// onwards goes on with a change of who talks, once all media come here.
func (c *Call) onwards() []Action {
	if acts := c.succeed(); acts != nil {
		return acts
	}
	if acts := c.handOn(); acts != nil {
		return acts
	}
	o := c.transfer.then
	if o == nil || c.exchange.from != nobody || c.state == Over {
		return nil
	}
	c.transfer.then = nil
	return c.reach(*o)
}

func (c *Call) reach(o Onward) []Action {
	acts := c.part()
	by := c.legs[c.transfer.by]
	cause := CauseOf(Transferred, cmp.Or(o.From.Name, o.From.Number)+" transferred the call")
	called := o.To
	if len(o.Diverted) > 0 {
		called = o.Diverted[0].From
	}
	acts = append(acts, note(ledger.Event{Kind: ledger.Diverted, Leg: by.id, Device: by.device, To: &called, Text: o.From.Number, Cause: &cause}))
	acts = append(acts, diversions(o.Diverted)...)
	c.transfer.home, c.transfer.phase, c.state = o.Home, reaching, Trying
	c.attempt = attempt{to: o.To.Number, ring: o.Ring, fallback: o.Fallback, first: LegID(len(c.legs))}
	c.language, c.callable, c.toApps = o.Language, false, o.Apps
	if o.Queue != nil {
		return append(acts, c.enqueue(o.Queue, Fallback{To: o.To, Ring: o.Ring, Renew: o.Renew})...)
	}
	if len(o.Branches) == 0 {
		return append(acts, c.giveUp("system", CauseOf(errs.Offline, ""))...)
	}
	return append(acts, c.try(o.Branches)...)
}

// part has the other party of the transferor be the one on whose behalf others are asked, and hear music.
func (c *Call) part() []Action {
	if c.asker = c.other(c.transfer.by); c.playing == Music && c.state == Trying {
		return nil // the transferor hung up before
	}
	l := &c.legs[c.asker]
	acts := append(c.silence(), Disconnect{c.asker})
	c.offer = sdp.Description{Codecs: l.agreed.Codecs, Direction: sdp.SendRecv, Ptime: l.agreed.Ptime}
	c.hears, c.previewed, c.preview, c.from, c.playing = true, true, l.agreed, nobody, Music
	c.rung, c.woke, c.best, c.rang = false, false, ledger.Cause{}, false
	return append(acts, Play{c.asker, Sound{Kind: Music}})
}

// reports tells the transferor how it goes.
func (c *Call) reports(code int, words string) []Action {
	if !c.transferring() || c.legs[c.transfer.by].state != up {
		return nil
	}
	return []Action{Report{c.transfer.by, code, words}}
}

// transferred ends the leg of who transferred the call: the two others talk.
func (c *Call) transferred() []Action {
	if !c.transferring() {
		return nil
	}
	acts, by := c.reports(200, "OK"), c.transfer.by
	c.transfer = transfer{by: nobody}
	if l := &c.legs[by]; l.state == up {
		l.state, l.cause = ending, CauseOf(Normal, "The call was transferred")
		acts = append(acts, HangUp{by, l.cause}, c.noteLegEnd(by))
	}
	return acts
}

// leaves says that a leg's end is not that of the call: a transferor may hang up.
func (c *Call) leaves(id LegID) bool {
	return c.transferring() && id == c.transfer.by && c.state < Over
}

// left goes on without the transferor, who has hung up.
func (c *Call) left() []Action {
	if c.state != Up {
		return nil
	}
	acts := c.part() // its admission is under way
	if c.exchange.from == c.asker && c.exchange.kind == asked {
		acts = append(acts, RefuseOffer{c.asker, 491})
	}
	waits := c.exchange.from == c.transfer.by // for what the other party says to its offer
	c.state, c.attempt = Trying, attempt{first: LegID(len(c.legs))}
	if !waits {
		c.exchange = exchange{from: nobody}
	}
	return append(acts, c.proceed()...)
}

// unreachedBy ends a transfer that reached nobody: the transferor has its call again, or is rung back.
func (c *Call) unreachedBy(cause ledger.Cause) []Action {
	by, home := c.transfer.by, c.transfer.home
	acts := append([]Action{Disarm{RingTimer}}, c.dropBranches(cause)...)
	acts = append(append(acts, c.separate()...), c.hush()...)
	switch {
	case c.legs[by].state == up:
		acts = append(acts, c.reports(cause.SIP, cause.Words)...)
		apart := c.state != Up
		c.transfer, c.state, c.diverting = transfer{by: nobody}, Up, false
		if apart {
			acts = append(append(acts, c.rejoin()...), c.follow()...)
		}
		return acts
	case c.transfer.phase == returning || !home.leads():
		c.transfer = transfer{by: nobody}
		return append(acts, c.end("system", cause)...)
	}
	c.transfer.phase, c.state = returning, Trying
	step := designation.Diversion{From: designation.Party{Number: c.to}, To: home.To, Code: errs.Code(cause.Code), Words: cause.Words}
	acts = append(acts, diversions([]designation.Diversion{step})...)
	c.attempt = attempt{to: home.To.Number, first: LegID(len(c.legs)), ring: returnRing, diverting: true}
	c.rung, c.woke, c.playing = false, false, Music
	return append(acts, Play{c.asker, Sound{Kind: Music}}, Divert{To: home})
}

// rejoin has the two who talked before hear each other again, or music.
func (c *Call) rejoin() []Action {
	if acts := c.tune(); len(acts) > 0 {
		return acts
	}
	return []Action{Connect{c.talk.near, c.talk.far}}
}
