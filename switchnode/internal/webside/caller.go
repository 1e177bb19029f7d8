package webside

import (
	"bytes"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/sipleg"
)

// calling makes the leg of an app that calls.
func (w *Web) calling(s *call.Session, d *sip.Dialog, v *visitor, offer sdp.Session) (call.Leg, error) {
	post, claims := s.PosterOf(call.Caller), v.claims
	c := &caller{offer: offer, body: d.SDP(), leg: leg{
		web: w, state: inviting, dialog: d, here: &v.here,
		setup:  call.Setup{Call: claims.Call, Leg: call.Caller, ID: claims.ID, From: claims.From, To: claims.To, Post: post, Trace: s.Trace},
		branch: designation.Branch{Device: claims.Subject, App: &designation.App{Leg: claims.ID, Key: v.key}},
	}}
	var err error
	if c.port, err = w.cfg.Relay.OpenEnd(&c.carrier, media.WebRTC); err != nil {
		return nil, err
	}
	c.carrier.port.Store(c.port)
	c.trace()
	d.SetOwner(func(d *sip.Dialog, in sip.Input) bool { return post(ofDialog{d, in}) })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leg = post
	return c, nil
}

// caller is the leg of an app that calls. Once it is answered it is a leg like that of an app that was called.
type caller struct {
	leg
	offer    sdp.Session
	body     []byte         // the same, as the app wrote it
	accepted bool           // the call is answered: our answer is being made, or was sent
	shown    []byte         // our answer, once it is made: the app has it before the call is answered, or with that
	reply    *reply         // the 200, until the app has it
	told     call.LegAction // the state that the app was told last
}

// reply is a 200.
type reply struct {
	session string // UUID of the callee
	body    []byte
	headers []sip.Header
}

// Inputs of a caller besides those of a leg.
type (
	// answering is our answer to the app's offer.
	answering struct {
		round int
		peer  *peer
		body  []byte
		err   error
	}
	// repeated is the INVITE of an app that came back before it had the answer to its first one.
	repeated struct {
		dialog *sip.Dialog
		here   *joined
	}
)

// Do carries out an action of the call.
func (c *caller) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Ring, call.Wake, call.Forward, call.Stand:
		c.told = a
		c.tell()
	case call.Preview:
		if c.state == inviting {
			c.port.SetWay(false)
			c.make(a.Description)
		}
	case call.Accept:
		c.accept(a)
	case call.Refuse:
		c.refuse(a.Cause)
	case call.HangUp:
		if c.state == inviting { // our answer is being made
			c.refuse(a.Cause)
			return
		}
		c.leg.Do(a)
	case call.Press:
		if c.dialog != nil {
			c.leg.Do(a)
		}
	default:
		c.leg.Do(a)
	}
}

// tell tells the app, if it is there, the state of the call.
func (c *caller) tell() {
	if c.dialog == nil {
		return
	}
	if c.shown != nil {
		c.dialog.Preview(c.shown)
	}
	switch a := c.told.(type) {
	case call.Ring:
		c.dialog.SetSessionID(a.SessionID)
		c.dialog.Progress(180, "Ringing")
	case call.Wake: // 2-call-flows, "Honest ring-back"
		c.dialog.Progress(183, "Session Progress", sip.NewHeader(sip.HeaderState, sip.StateWaking))
	case call.Forward:
		sipleg.Forward(c.dialog, a)
	case call.Stand:
		sipleg.Stand(c.dialog, a)
	}
}

func (c *caller) refuse(why ledger.Cause) {
	if c.state != inviting {
		return
	}
	if c.dialog == nil { // it is away, and hears why when it comes back
		c.over(why)
		c.setup.Post(finished{})
		return
	}
	sipleg.RefuseWith(c.dialog, why) // its Closed follows
	leave := c.here.close
	c.here = &joined{at: c.here.at, close: func() { time.AfterFunc(c.web.cfg.Times.Last, leave) }} // the app has to read why
	c.over(why)
}

// accept passes the answer of the callee's app on, or makes one of our own to what the callee's phone took.
func (c *caller) accept(a call.Accept) {
	if c.state != inviting {
		return
	}
	c.accepted = true
	c.reply = &reply{session: a.SessionID}
	switch {
	case a.Description.Body != nil:
		c.direct, c.state, c.agreed = true, talking, c.offer.Description()
		c.reply.body, c.reply.headers = a.Description.Body, []sip.Header{sip.NewHeader(sip.HeaderProof, a.Description.Proof)}
		c.send()
	case c.shown != nil:
		c.talk()
	case c.formats == nil: // else it is being made already
		c.make(a.Description)
	}
}

// make makes our answer to the app's offer, beside the call.
func (c *caller) make(d sdp.Description) {
	c.formats = taken(c.offer.Formats, d)
	c.offer.Formats, c.offer.Flow = c.formats, theFlow
	c.port.SetLocal(c.formats)
	c.port.SetRemote(c.offer, c.here.at.Addr.Addr())
	w, round, body, formats, post := c.web, c.round, c.body, c.formats, c.setup.Post
	to := &c.carrier
	w.work.Go(func() {
		p, answer, err := w.cfg.RTC.answerPeer(w.ctx, body, formats, to, func(ok bool) { post(way{round, ok}) })
		if !post(answering{round, p, answer, err}) && p != nil {
			p.close()
		}
	})
}

// answer sends the answer that was made: as soon as the call is answered, and if it is not yet, before that.
func (c *caller) answer(in answering) []call.Event {
	switch {
	case in.round != c.round || c.state != inviting:
		if in.peer != nil {
			c.web.work.Close(in.peer)
		}
		return nil
	case in.err != nil:
		c.web.cfg.Logger.Warn("the offer of an app is refused", "call", c.setup.Call, "device", c.branch.Device, "error", in.err)
		why := call.CauseOfError(in.err)
		c.refuse(why)
		return []call.Event{call.Lost{Leg: call.Caller, Cause: why}}
	}
	c.carrier.peer.Store(in.peer)
	if c.shown = in.body; c.accepted {
		c.talk()
	} else if c.dialog != nil {
		c.dialog.Preview(c.shown)
	}
	return nil
}

// talk answers the app with what was made, and shown perhaps (RFC 3261, 13.2.1: that same exact answer).
func (c *caller) talk() {
	c.state, c.agreed = talking, c.offer.Description()
	c.reply.body = c.shown
	c.send()
	if !c.port.Ready() { // the way was lost, or is not found yet
		c.decide(c.watch.step(mediaFailed))
	}
}

// send sends our answer, if the app is there.
func (c *caller) send() {
	if c.dialog != nil {
		c.dialog.SetSessionID(c.reply.session)
		c.dialog.Answer(c.reply.body, c.reply.headers...)
	}
}

// unanswered says that the app does not have our answer, or that there is none: its dialog does not outlive its connection.
func (c *caller) unanswered() bool {
	return c.state == inviting || c.state == talking && c.reply != nil
}

// away goes on without the app, which may come back with its INVITE.
func (c *caller) away() {
	if c.dialog != nil {
		c.dialog.Abandon()
		c.dialog = nil
	}
	c.here.close()
	c.decide(c.watch.step(streamEnded))
}

// repeated takes the INVITE of an app that has come back, and says how far the call is.
func (c *caller) repeated(in repeated) {
	switch {
	case !c.unanswered():
		sipleg.Refuse(in.dialog, errs.New(errs.Gone, "the call is not waiting for its answer"))
		return
	case !bytes.Equal(in.dialog.SDP(), c.body):
		sipleg.Refuse(in.dialog, errs.New(errs.Invalid, "an app that comes back repeats the offer that it made"))
		return
	}
	c.away()
	c.here, c.dialog = in.here, in.dialog
	c.trace()
	c.setup.Trace(call.Arrow{Sender: c.device(), Receiver: c.web.cfg.Name, Text: cameBack, At: c.web.cfg.Now()})
	c.decide(c.watch.step(streamBack))
	if c.reply != nil && c.state == talking {
		c.send()
		return
	}
	c.tell()
}

// trace has the messages of the dialog on record.
func (c *caller) trace() {
	c.dialog.SetTrace(sipleg.Tracer(c.web.cfg.Name, "app "+c.setup.From.Number, c.setup.Trace))
}

// Handle turns an input into events of the call.
func (c *caller) Handle(input any) []call.Event {
	switch in := input.(type) {
	case answering:
		return c.answer(in)
	case repeated:
		c.repeated(in)
		return nil
	case dropped:
		if c.unanswered() {
			if c.here.at == in.at {
				c.away()
			}
			return nil
		}
	case way:
		if in.round == c.round {
			c.port.SetWay(in.ok)
		}
	case alone:
		if c.unanswered() {
			return c.gone(in)
		}
	case ofDialog:
		return c.heard(in)
	}
	return c.leg.Handle(input)
}

// heard takes an input of a dialog. One that was given up only closes.
func (c *caller) heard(in ofDialog) (evs []call.Event) {
	for _, ev := range in.dialog.Handle(in.in) {
		if in.dialog != c.dialog {
			continue
		}
		if _, acked := ev.(sip.Acked); acked && c.reply != nil {
			c.reply = nil
			c.web.legs.answered(c.branch.App.Leg, c.here.dtls)
		}
		if c.state == inviting {
			evs = append(evs, c.before(ev)...)
		} else {
			evs = append(evs, c.translate(ev)...)
		}
	}
	return evs
}

// before takes an event of the dialog before it is answered.
func (c *caller) before(ev sip.Event) []call.Event {
	switch ev := ev.(type) {
	case sip.Lost:
		c.away()
	case sip.DTMF:
		return []call.Event{call.Pressed{Leg: call.Caller, Digit: ev.Digit, Duration: ev.Duration}}
	case sip.Sought:
		return c.sought(ev)
	case sip.Cancelled:
		return c.left(ev.Keep)
	case sip.HungUp:
		return c.left(false)
	case sip.Closed:
		return append(c.left(false), c.dialogClosed()...)
	}
	return nil
}

// left ends the leg of an app that has given up; keeps, that it wants to keep its place in a queue.
func (c *caller) left(keeps bool) []call.Event {
	why := call.CauseOf(errs.CallerLeft, "")
	c.over(why)
	if c.accepted { // for the call it was answered already
		return []call.Event{call.HungUp{Leg: call.Caller, Cause: why}}
	}
	return []call.Event{call.Cancelled{Keep: keeps}}
}

// gone ends the leg of an app that did not come back in time.
func (c *caller) gone(in alone) []call.Event {
	if in.armed != c.watch.armed || c.watch.step(timeIsUp) != giveUp {
		return nil
	}
	code, words := c.watch.why()
	why := call.CauseOf(code, words)
	if c.over(why); c.dialog == nil {
		c.setup.Post(finished{})
	} else {
		c.dialog.Bye(sipleg.Reason(why))
	}
	return []call.Event{call.Lost{Leg: call.Caller, Cause: why}}
}
