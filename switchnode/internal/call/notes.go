package call

import (
	"strowger/pkg/ledger"
)

// record writes an event to the ledger, unless it is one too many of those that a phone may cause at will.
func (s *Session) record(e ledger.Event) {
	if e.Kind.Chatter() {
		if s.chatter.Add(1) > ledger.MaxChatter {
			s.cfg.Count("ladder full")
			return
		}
	}
	s.cfg.Record(e)
}

// note stamps an event and records it. With the end of a leg go its figures and its port.
func (s *Session) note(e ledger.Event) {
	e.Call, e.At = s.cfg.ID, s.cfg.Now().UnixMicro()
	switch e.Kind {
	case ledger.LegEnded:
		s.closeMedia(e)
		s.leaves(e.Leg)
	case ledger.Refused:
		from := s.from
		e.From = &from // without it the cloud could not tell whose call the anchor refused
	case ledger.Answered:
		if s.cfg.Answered != nil {
			s.cfg.Answered(s.call.answerer())
		}
	}
	if e.Kind == ledger.Ended && e.Cause != nil {
		s.cfg.Logger.Info("call ended", "call", s.cfg.ID, "by", e.By, "code", e.Cause.Code, "sip", e.Cause.SIP, "words", e.Cause.Words)
	}
	s.record(e)
}

// leaves tells of who was in a call that goes on without them.
func (s *Session) leaves(leg string) {
	if s.call.State() == Over {
		return
	}
	if leg == s.cfg.CallerLeg && s.cfg.Departed != nil {
		s.cfg.Departed()
	}
	if s.cfg.Left == nil {
		return
	}
	for i, l := range s.call.legs {
		if g, _ := l.branch.Target.(*Guest); l.id == leg && (l.talked || g != nil && g.up) {
			s.cfg.Left(s.parties[LegID(i)].User)
		}
	}
}

// closeMedia ends the media of the leg whose end is being noted.
func (s *Session) closeMedia(end ledger.Event) {
	for i, l := range s.legs {
		if l == nil || l.Port() == nil || s.call.legs[i].id != end.Leg {
			continue
		}
		if s.audio.bridged && s.call.legs[i].talked {
			q := l.Port().Stats()
			local, remote := l.Port().Addresses()
			if to := s.call.legs[i].told; to.IsValid() {
				local, remote = Straight, to.String()
			}
			e := ledger.Event{Call: end.Call, At: end.At, Leg: end.Leg, Device: end.Device}
			e.Kind, e.Codec, e.Local, e.Remote = ledger.Media, s.call.codec, local, remote
			s.cfg.Record(e)
			s.cfg.Record(ledger.Event{Call: end.Call, At: end.At, Kind: ledger.Quality, Leg: end.Leg, Device: end.Device, Quality: &q})
		}
		l.Port().Close()
	}
}

func (s *Session) closePorts() {
	for _, l := range s.legs {
		if l != nil && l.Port() != nil {
			l.Port().Close() // idempotent: what an abandoned leg left
		}
	}
}
