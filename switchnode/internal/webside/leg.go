package webside

import (
	"cmp"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/alarm"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/sipleg"
)

// epoch is the number of the ring attempt: there is one for each plan.
const epoch = 1

// Target is a device that sleeps, of a plan.
func (w *Web) Target(b designation.Branch, p designation.Plan) call.Target { return target{w, b, p} }

type target struct {
	web    *Web
	branch designation.Branch
	plan   designation.Plan
}

// Dial makes the leg. Start wakes the device.
func (t target) Dial(s call.Setup) (call.Leg, error) {
	switch {
	case t.branch.App == nil || t.plan.Node == nil:
		return nil, errs.New(errs.Internal, "the plan of the call does not say how to wake the device %s", t.branch.Device)
	case t.plan.Node.ID != t.web.cfg.Node:
		return nil, errs.New(errs.WrongNode, "the plan of the call sends the device %s to another switch", t.branch.Device)
	}
	l := &leg{web: t.web, setup: s, branch: t.branch, plan: t.plan}
	l.summons.leg = l
	return l, nil
}

// leg is the leg of a device: first its wake, then its connection, then a dialog with its media. It belongs to the goroutine
// of the call's session.
type leg struct {
	web      *Web
	setup    call.Setup
	branch   designation.Branch
	plan     designation.Plan
	formats  []sdp.Format     // offered, or answered with
	left     *sdp.Description // of the session, as the app is offered it now; nil: it is offered nothing
	summons  summons
	declined bool // by a report: the device is not at the call
	passing

	here    *joined // the device's connection, nil while there is none
	round   int     // of connections: what an earlier one brings is dropped
	port    *media.Port
	carrier carrier
	dialog  *sip.Dialog // nil until the INVITE
	state   legState
	cause   ledger.Cause    // of the end
	agreed  sdp.Description // the app's side of the session
	offered sdp.Session     // by the app, waiting for the other side

	watch watch // once it talks
}

// watch is the presence of a device with its timer.
type watch struct {
	presence
	timer *time.Timer
	armed int // times that it was set or stopped: an old one that rings is not heard
}

type legState uint8

const (
	waking   legState = iota // until the device is there, or is there again
	inviting                 // it is there: making an offer, or ringing
	talking
	ending // over for the call; the dialog is not closed yet
	closed
)

// Inputs of a leg besides those of its device and its wake.
type (
	// ofDialog is an input of one of the leg's dialogs.
	ofDialog struct {
		dialog *sip.Dialog
		in     sip.Input
	}
	// prepared is an offer to the device.
	prepared struct {
		round int
		peer  *peer
		body  []byte
		err   error
	}
	// way says whether ICE has one to the device.
	way struct {
		round int
		ok    bool
	}
	// alone says that the device was away for too long.
	alone struct{ armed int }
	// restarted is what came of an ICE restart, which the device offered.
	restarted struct {
		round   int
		offered sdp.Session
		err     error
	}
	// begun says that the leg is to ring, with this to offer.
	begun struct{ offer sdp.Description }
	// told is what came of an action at once.
	told struct{ ev call.Event }
	// finished closes a leg that has no dialog.
	finished struct{}
)

// Port is the leg's media, nil until the device is there.
func (l *leg) Port() *media.Port { return l.port }

// Do carries out an action of the call.
func (l *leg) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Start:
		l.setup.Post(begun{a.Offer})
	case call.Cancel:
		l.end(a.Cause)
	case call.HangUp:
		l.end(a.Cause)
	case call.Offer:
		if l.direct {
			l.pass(a)
			return
		}
		l.offer(a)
	case call.AcceptOffer:
		if l.direct {
			l.dialog.AcceptOffer(a.Description.Body)
			return
		}
		l.accept()
	case call.RefuseOffer:
		if l.dialog != nil {
			l.dialog.RefuseOffer(a.Status, sipleg.Phrase(a.Status))
		}
	case call.AcceptRefer, call.RefuseRefer, call.Report:
		l.refer(a)
	case call.Press:
		if l.state == talking {
			l.dialog.SendDTMF(a.Digit, a.Duration)
		}
	}
}

// begin wakes the device, unless there is nothing that it could talk with.
func (l *leg) begin(offer sdp.Description) []call.Event {
	if l.state != waking { // taken back already
		return nil
	}
	var err error
	if l.direct, l.raw = offer.Body != nil, offer.Body; !l.direct {
		l.formats, err = formats(offer)
	}
	if err == nil {
		err = l.web.legs.wait(l.branch.App.Leg, epoch, l.web.thumbprintOf(l.branch.App.Key), l.setup.Post)
	}
	if err != nil {
		return l.refused(call.CauseOfError(err))
	}
	l.web.legs.lend(l.branch.App.Leg, l.branch.App.Relay)
	return l.summons.begin()
}

// end takes the leg back: from here on its device hears why when it comes.
func (l *leg) end(why ledger.Cause) {
	if l.state >= ending {
		return
	}
	dialog := l.dialog
	l.over(why)
	if dialog == nil {
		l.setup.Post(finished{})
		return
	}
	dialog.Bye(sipleg.Reason(why)) // a CANCEL where there is no answer yet
}

// over ends all but the dialog.
func (l *leg) over(why ledger.Cause) {
	if l.state >= ending {
		return
	}
	l.state, l.cause = ending, why
	l.web.legs.end(l.branch.App.Leg, why)
	l.web.cfg.Verifier.Done(l.branch.App.Leg)
	l.summons.over()
	l.decide(l.watch.step(legOver))
	l.hush()
}

// hush ends the media with the device that was there.
func (l *leg) hush() {
	l.round++
	if p := l.carrier.peer.Swap(nil); p != nil {
		l.web.work.Close(p)
	}
}

// Handle turns an input into events of the call.
func (l *leg) Handle(input any) []call.Event {
	switch in := input.(type) {
	case asked:
		return l.summons.alarm.Asked(in.reply, in.err)
	case alarm.Rang:
		return l.summons.alarm.Rang(in)
	case reported:
		return l.reported(in)
	case joined:
		return l.joined(in)
	case prepared:
		return l.prepared(in)
	case dropped:
		return l.dropped(in)
	case ofDialog:
		return l.heard(in)
	case way:
		if in.round == l.round && l.state == talking {
			l.decide(l.watch.step(map[bool]happening{true: mediaBack, false: mediaFailed}[in.ok]))
		}
	case alone:
		if in.armed == l.watch.armed && l.state == talking && l.watch.step(timeIsUp) == giveUp {
			return l.lost(l.watch.why())
		}
	case restarted:
		return l.restarted(in)
	case begun:
		return l.begin(in.offer)
	case told:
		return []call.Event{in.ev}
	case finished:
		return l.close()
	}
	return nil
}

// close says the last word of the leg.
func (l *leg) close() []call.Event {
	if l.state == closed {
		return nil
	}
	l.state = closed
	if l.here != nil {
		l.here.close()
		l.here = nil
	}
	return []call.Event{call.Closed{Leg: l.setup.Leg}}
}

// refused ends a leg that did not come to talk.
func (l *leg) refused(c ledger.Cause) []call.Event {
	l.over(c)
	evs := []call.Event{call.Refused{Leg: l.setup.Leg, Cause: c}}
	if l.dialog == nil {
		evs = append(evs, l.close()...)
	}
	return evs
}

// lost ends a leg whose device is gone in the call.
func (l *leg) lost(code errs.Code, words string) []call.Event {
	c := call.CauseOf(code, words)
	l.dialog.Bye(sipleg.Reason(c)) // who may still be there hears why
	l.over(c)
	return []call.Event{call.Lost{Leg: l.setup.Leg, Cause: c}}
}

// joined takes a device that has come, or has come back.
func (l *leg) joined(j joined) []call.Event {
	switch {
	case l.state == talking && j.resumed:
		l.resumed(j)
		return nil
	case l.state >= talking || j.resumed:
		j.close()
		return nil
	}
	l.part()
	l.here, l.state = &j, inviting
	if l.direct {
		l.invite(l.raw)
		return l.summons.connected()
	}
	round := l.round
	l.web.work.Go(func() { l.web.prepare(l, round) })
	return l.summons.connected()
}

// cameBack is how the ladder tells of a device on another connection.
const cameBack = "WebTransport: back on another connection"

// device is what the ladder calls it.
func (l *leg) device() string { return cmp.Or(l.branch.Name, l.branch.Device) }

// resumed goes on with the dialog on another connection; media do so by themselves, or by an ICE restart of the app's.
func (l *leg) resumed(j joined) {
	old := l.here
	l.here = &j
	l.dialog.Redirect(j.at)
	old.close()
	l.setup.Trace(call.Arrow{Sender: l.device(), Receiver: l.web.cfg.Name, Text: cameBack, At: l.web.cfg.Now()})
	l.decide(l.watch.step(streamBack))
}

// part forgets the connection that there was, and what was said on it.
func (l *leg) part() {
	if l.here == nil {
		return
	}
	if l.dialog != nil {
		l.dialog.Abandon()
		l.dialog = nil
	}
	l.here.close()
	l.here = nil
	l.hush()
}

// prepare makes an offer for a leg and posts it.
func (w *Web) prepare(l *leg, round int) {
	post := l.setup.Post
	p, body, err := w.cfg.RTC.newPeer(w.ctx, l.formats, &l.carrier, func(ok bool) { post(way{round, ok}) })
	if !post(prepared{round, p, body, err}) && p != nil {
		p.close()
	}
}

// prepared sends the INVITE.
func (l *leg) prepared(in prepared) []call.Event {
	if in.err == nil && l.port == nil && in.round == l.round {
		l.port, in.err = l.web.cfg.Relay.OpenEnd(&l.carrier, media.WebRTC)
	}
	switch {
	case in.round != l.round || l.state != inviting:
		if in.peer != nil {
			l.web.work.Close(in.peer)
		}
		return nil
	case in.err != nil:
		l.web.cfg.Logger.Error("no WebRTC for an app", "call", l.setup.Call, "error", in.err)
		if in.peer != nil {
			l.web.work.Close(in.peer)
		}
		return l.refused(call.CauseOfError(in.err))
	}
	l.carrier.peer.Store(in.peer)
	l.carrier.port.Store(l.port)
	l.port.SetLocal(l.formats)
	l.invite(in.body)
	return nil
}

// invite calls the app.
func (l *leg) invite(body []byte) {
	s := l.setup
	l.dialog = l.web.sip.NewDialog(sip.InviteParams{
		To:   sip.URI{Scheme: "sip", User: l.branch.Device, Host: l.web.cfg.Org},
		From: sip.Party{Name: s.From.Name, User: s.From.Number, Host: l.web.cfg.Org},
		Peer: l.here.at, Hops: s.Hops, SessionID: sip.SessionID{Local: s.SessionID},
		Owner: func(d *sip.Dialog, in sip.Input) bool { return s.Post(ofDialog{d, in}) },
	})
	l.dialog.SetTrace(sipleg.Tracer(l.web.cfg.Name, l.device(), s.Trace))
	l.dialog.Invite(body)
}

// dropped takes the end of the device's stream. The device may come back; in the call for Times.Away.
func (l *leg) dropped(in dropped) []call.Event {
	if l.here == nil || l.here.at != in.at {
		return nil
	}
	switch l.state {
	case inviting:
		l.part()
		l.state = waking
	case talking:
		l.decide(l.watch.step(streamEnded))
	case ending:
		if l.dialog != nil {
			l.dialog.Abandon() // its Closed follows
		}
	}
	return nil
}
