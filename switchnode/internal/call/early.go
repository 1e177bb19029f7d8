package call

import (
	"slices"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// A caller may hear something before the answer (RFC 3960): while they wait in a queue what this switch plays, else what the
// switch at the other end of a link, or a phone company, plays. The first of these answers the caller's offer, and that answer
// stays: the callee is offered what it has, and what they agree on beyond that is a re-INVITE after the answer (2-call-flows,
// "Offers and answers").

// Early says that a branch plays media before its answer.
type Early struct {
	Leg         LegID
	Description sdp.Description
	Rings       bool // for a caller who cannot hear it, the callee rings
}

// Preview answers the caller's offer before the call is answered: 183 with a description. Accept follows with the same one.
type Preview struct {
	Leg         LegID
	Description sdp.Description
}

// Play has a leg hear a sound of ours, in place of the one before.
type Play struct {
	Leg   LegID
	Sound Sound
}

// Disconnect ends what Connect began.
type Disconnect struct{ Leg LegID }

// Sound is what this switch plays.
type Sound struct {
	Kind     SoundKind
	Language string // of words, as in "en"
	Standing        // of OnHold
	Crowded  bool   // OnHold for room at the switch, not for a callee
	Keeps    bool   // OnHold, and a key has the caller called back
}

// Key is a key that the caller pressed while they wait, whether it came as a telephone event or by INFO.
type Key struct {
	Leg   LegID
	Digit byte
}

// SoundKind names a sound.
type SoundKind uint8

// The sounds.
const (
	Silence     SoundKind = iota // nothing is sent
	OnHold                       // music, and from time to time where the caller stands
	RingingTone                  // the callee is alerted
	Music                        // nothing but music, for who is on hold
)

func (Early) event()       {}
func (Key) event()         {}
func (Preview) action()    {}
func (Play) action()       {}
func (Disconnect) action() {}

func (a Preview) leg() LegID { return a.Leg }

// hearing is what the caller hears before the answer.
type hearing struct {
	hears     bool            // their leg can take media before the answer
	previewed bool            // their offer has its answer
	preview   sdp.Description // that one
	playing   SoundKind       // of ours
	from      LegID           // the branch that they hear, nobody if they hear none
	language  string
	toApps    bool // the callee has nothing but apps
}

// TakeEarly says that the caller's leg can take media before the answer. It is called before the first Step.
func (c *Call) TakeEarly() { c.hears = c.offer.Direction.Receives() }

// passes says that the media of the caller may go to another app, and not here (2-call-flows, "C1'"): whoever hears us first stays with
// us for the whole call.
func (c *Call) passes() bool { return c.offer.Body != nil && (c.toApps || c.outside()) }

// playable are the codecs that this switch speaks itself.
func playable(codec sdp.Codec) bool {
	return codec.Clock == 8000 && codec.Channels == 1 && (codec.Name == "PCMU" || codec.Name == "PCMA" || codec.Name == "G722")
}

// asks is what callees are offered: what the caller's leg has answered with already, else all that the caller offers.
func (c *Call) asks() sdp.Description {
	if !c.previewed {
		return c.offer
	}
	offer := c.offer
	offer.Codecs = c.preview.Codecs
	return offer
}

// announce has a caller who waits hear music and where they stand.
func (c *Call) announce(at Standing) (acts []Action) {
	if !c.previewed {
		d := c.offer
		d.Direction, d.Body, d.Proof = sdp.SendRecv, nil, ""
		d.Codecs = slices.DeleteFunc(slices.Clone(d.Codecs), func(codec sdp.Codec) bool {
			return codec.Speech() && !playable(codec) || codec.Name == sdp.ComfortNoise || codec.Name == sdp.TelephoneEvent && codec.Clock != 8000
		})
		if _, ok := d.Speech(); !ok || !c.hears || c.passes() {
			return nil
		}
		acts = c.show(d)
	}
	if first, _ := c.preview.Speech(); !playable(first) { // a callee that was heard before chose it
		return nil
	}
	c.playing = OnHold
	return append(append(acts, c.separate()...), Play{c.asker, Sound{OnHold, c.language, at, c.callee.To.Number == "", c.offersBack()}})
}

// show answers the caller's offer. What an app offered passes to no other one from here on.
func (c *Call) show(d sdp.Description) []Action {
	c.previewed, c.preview = true, d
	c.offer.Body, c.offer.Proof = nil, ""
	return []Action{Preview{c.asker, d}}
}

// ringback has a caller who hears us hear that the callee is alerted.
func (c *Call) ringback() []Action {
	if c.playing != OnHold && c.playing != Music {
		return nil
	}
	c.playing = RingingTone
	return []Action{Play{c.asker, Sound{Kind: RingingTone}}}
}

// hush ends what the caller hears of ours.
func (c *Call) hush() []Action {
	if c.playing == Silence {
		return nil
	}
	c.playing = Silence
	return []Action{Play{c.asker, Sound{}}}
}

// separate ends what the caller hears of a branch.
func (c *Call) separate() []Action {
	if c.from == nobody {
		return nil
	}
	c.from = nobody
	return []Action{Disconnect{c.asker}}
}

// early lets the caller hear a branch, unless others are tried beside it: whose tones these would be nobody could tell. An app which
// hears nothing yet is told that it rings, as by an app.
func (c *Call) early(e Early) []Action {
	l := &c.legs[e.Leg]
	if c.state != Trying || e.Leg == Caller || l.state != trying && l.state != ringing {
		return []Action{Count{"early media of a leg that is over"}}
	}
	d, err := sdp.Common(c.asks(), e.Description)
	if err != nil || !c.hears || c.bereft() || c.offer.Body != nil || !c.alone(e.Leg) {
		if e.Rings && l.state == trying {
			return c.alerting(Ringing{Leg: e.Leg})
		}
		return nil
	}
	var acts []Action
	if e.Rings && l.state == trying {
		l.state, c.rang = ringing, true
		acts = append(acts, note(ledger.Event{Kind: ledger.Ringing, Leg: l.id, Device: l.device}))
	}
	acts = append(acts, c.hush()...)
	if !c.previewed {
		acts = append(acts, c.show(d)...)
	}
	c.from = e.Leg
	return append(acts, Connect{c.asker, e.Leg})
}

// alone says whether no other branch may ring.
func (c *Call) alone(id LegID) bool {
	for i, l := range c.legs {
		if LegID(i) != c.asker && LegID(i) != id && l.state <= ringing {
			return false
		}
	}
	return true
}

// differs says whether the caller has to be told of what was agreed with the callee: it is not what the early answer said.
func (c *Call) differs(agreed sdp.Description) bool {
	switch {
	case !c.previewed:
		return false
	case c.back || c.transferring(): // they answered us, and may send whatever they answered
		return agreed.Direction != c.preview.Direction || !sameCodecs(agreed, c.preview)
	}
	first, _ := c.preview.Speech()
	named := func(d sdp.Description, name string) bool {
		return slices.ContainsFunc(d.Codecs, func(codec sdp.Codec) bool { return codec.Name == name })
	}
	return agreed.Direction != c.preview.Direction || !slices.ContainsFunc(agreed.Codecs, first.Same) ||
		named(c.preview, sdp.TelephoneEvent) && !named(agreed, sdp.TelephoneEvent)
}
