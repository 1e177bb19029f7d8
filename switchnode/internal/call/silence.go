package call

import (
	"cmp"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/media"
)

// soundGuard looks whether audio comes from both sides of a call that was answered.
const soundGuard Timer = -2

// firstSound is how long a side may take for its first packet of audio: what is missing is found within 5 s.
const firstSound = 4 * time.Second

// audio is what the session knows of the media of its call.
type audio struct {
	bridged bool
	before  map[LegID]media.Sound // of each side that has not been found to send; nil until the call is answered
}

// listen begins to look, when the call is answered.
func (s *Session) listen() {
	if s.audio.before != nil || !s.audio.bridged || s.call.State() != Up {
		return
	}
	s.audio.before = map[LegID]media.Sound{}
	for _, id := range s.call.talk.both() {
		if l := s.legs[id]; l != nil && l.Port() != nil && !l.Port().Linked() { // the switch at the other end of a link looks itself
			s.audio.before[id] = l.Port().Sound()
		}
	}
	s.due[soundGuard] = time.Now().Add(firstSound)
}

// hear notes which side nothing has come from. One that is on hold is looked at when it is not.
func (s *Session) hear() {
	if s.call.State() != Up {
		return
	}
	for _, id := range s.call.talk.both() {
		before, look := s.audio.before[id]
		if !look || s.call.quiet(id) {
			continue
		}
		delete(s.audio.before, id)
		l := s.call.legs[id]
		now := s.legs[id].Port().Sound()
		if now.Packets > before.Packets {
			continue
		}
		words := "no audio from " + s.voice(id)
		if now.Strangers > before.Strangers {
			words = "audio from elsewhere than " + s.voice(id) + " said, and so not taken"
		}
		s.cfg.Logger.Warn("one-way audio", "call", s.cfg.ID, "leg", l.id, "words", words)
		s.note(ledger.Event{Kind: ledger.Silent, Leg: l.id, Device: l.device, By: side(id), Text: words})
	}
	if len(s.audio.before) > 0 {
		s.due[soundGuard] = time.Now().Add(firstSound)
	}
}

// quiet says that a leg need not send here: one of the two is on hold, or it sends to the other.
func (c *Call) quiet(id LegID) bool {
	l, other := &c.legs[id], &c.legs[c.other(id)]
	return l.told.IsValid() || l.held || other.held || !l.agreed.Direction.Sends() || !other.agreed.Direction.Receives()
}

// side is a leg as By has it.
func side(id LegID) string {
	if id == Caller {
		return "caller"
	}
	return "callee"
}

// voice is whose audio a leg carries, in words.
func (s *Session) voice(id LegID) string {
	party, known := s.parties[id]
	if !known {
		party = s.to
	}
	if party.Trunk != "" || s.call.legs[id].device == "" {
		return "the phone company"
	}
	return whose(party) + " phone"
}

func whose(p designation.Party) string { return cmp.Or(p.Name, p.Number) + "'s" }
