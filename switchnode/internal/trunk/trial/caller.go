package trial

import (
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// listen is how long who answered is heard, and once more if nothing has come by then: as call finds one-way audio.
const listen = 2 * time.Second

// Caller is the leg of a call that tests a trunk: it plays a tone to who answers, hears whether audio comes, and hangs up. It has no
// media of its own.
type Caller struct {
	report  *Report
	talk    *Talk
	player  call.Player
	post    func(any) bool
	company *media.Port // of the leg to the phone company
	before  media.Sound // what had come when it answered
	timer   *time.Timer // nil before that
	waited  bool
}

// NewCaller returns the leg; post is that of its session.
func NewCaller(r *Report, t *Talk, player call.Player, post func(any) bool) *Caller {
	return &Caller{report: r, talk: t, player: player, post: post}
}

// Offer is what the company is offered: what this switch speaks itself.
func Offer() sdp.Description {
	return sdp.Description{Direction: sdp.SendRecv, Codecs: []sdp.Codec{
		{Name: "PCMA", Clock: 8000, Channels: 1}, {Name: "PCMU", Clock: 8000, Channels: 1}, {Name: "G722", Clock: 8000, Channels: 1},
		{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1},
	}}
}

// The inputs of the leg.
type (
	due     struct{}                     // it has listened
	gone    struct{}                     // the call is over
	changed struct{ to sdp.Description } // what the company wants now is agreed to
)

// Port is its media: none.
func (c *Caller) Port() *media.Port { return nil }

// Do carries out an action of the call.
func (c *Caller) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Preview:
		c.report.Found("it plays something before the answer, in %s", codec(a.Description))
	case call.Accept:
		c.answered(a.Description)
	case call.Offer:
		c.post(changed{a.Description})
	case call.Refuse:
		c.talk.ended(a.Cause)
		c.post(gone{})
	case call.HangUp:
		c.hungUp(a.Cause)
		c.post(gone{})
	}
}

// answered begins to play and to listen.
func (c *Caller) answered(d sdp.Description) {
	c.report.Found("audio is %s", codec(d))
	c.before = c.company.Sound()
	c.player.Play(c.company, call.Sound{Kind: call.RingingTone})
	c.timer = time.AfterFunc(listen, func() { c.post(due{}) })
}

func codec(d sdp.Description) string {
	if speech, ok := d.Speech(); ok {
		return speech.Name
	}
	return "no codec that this switch knows"
}

// hungUp is the end of the call by another.
func (c *Caller) hungUp(why ledger.Cause) {
	if c.timer == nil {
		return
	}
	c.timer.Stop()
	c.heard()
	c.report.Found("the call is over: %s", why.Words)
}

// Handle turns an input into events of the call.
func (c *Caller) Handle(input any) []call.Event {
	switch in := input.(type) {
	case changed:
		return []call.Event{call.OfferAccepted{Leg: call.Caller, Description: in.to}}
	case gone:
		return []call.Event{call.Closed{Leg: call.Caller}}
	case due:
		if c.company.Sound().Packets == c.before.Packets && !c.waited {
			c.waited = true
			c.timer = time.AfterFunc(listen, func() { c.post(due{}) })
			return nil
		}
		c.heard()
		return []call.Event{call.HungUp{Leg: call.Caller, Cause: call.CauseOf(call.Normal, "")}, call.Closed{Leg: call.Caller}}
	}
	return nil
}

// heard tells what audio there was, both ways.
func (c *Caller) heard() {
	c.player.Play(c.company, call.Sound{})
	local, remote := c.company.Addresses()
	now := c.company.Sound()
	switch came := now.Packets - c.before.Packets; {
	case came > 0:
		c.report.Found("audio comes from %s: %d packets", remote, came)
	case now.Strangers > c.before.Strangers:
		c.report.Failed("the company has to send from the address that it names in its SDP, or from that of its SIP: ask it; a NAT or a media proxy between may "+
			"change it", "audio comes from elsewhere than the company said, and is not taken: %d packets", now.Strangers-c.before.Strangers)
	default:
		c.report.Failed("let UDP to "+local+", and to all media ports of the switch (--rtp), through every firewall between; if the company cannot reach that address, "+
			"start the switch with --host ADDRESS that it can", "no audio comes from the company at %s", local)
	}
	switch sent := c.company.Stats().PacketsSent; {
	case remote == "":
		c.report.Failed("tell the company that its SDP names no address for audio", "no audio was sent: the company does not say where to")
	case sent == 0:
		c.report.Failed("ask the company why its SDP wants none", "no audio was sent: the company wants none, or in no codec that this switch plays")
	default:
		c.report.Found("a tone was sent to %s: %d packets", remote, sent)
	}
}

// Watch has the leg know the one to the phone company, which another target makes.
func (c *Caller) Watch(t call.Target) call.Target { return watched{t, c} }

type watched struct {
	call.Target
	caller *Caller
}

// Dial makes the leg. Who has the line tested is nothing that the company is told.
func (w watched) Dial(s call.Setup) (call.Leg, error) {
	s.From.Name = ""
	l, err := w.Target.Dial(s)
	if err == nil {
		w.caller.company = l.Port()
	}
	return l, err
}
