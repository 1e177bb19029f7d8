package sipleg

import (
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// Line is how a phone company is spoken to. A leg without one, nil, takes what comes.
type Line struct {
	Codecs []string // names of those that may be used, the preferred first; none: all
	// Info has keys go and come by SIP INFO: the company hears of no telephone events, and the other leg has them all the same.
	Info bool
	// Tones has keys go and come as tones in the speech, likewise. Only G.711 carries them.
	Tones bool
	// Secure has the company's media be encrypted (SRTP), with keys in the descriptions; one without is refused.
	Secure bool
}

// Offered is a description as the company is offered it, or answered. It has no speech codec if none may be used.
func (v *Line) Offered(d sdp.Description) sdp.Description {
	if v == nil {
		return d
	}
	d.Codecs = slices.DeleteFunc(slices.Clone(d.Codecs), v.forbids)
	slices.SortStableFunc(d.Codecs, func(a, b sdp.Codec) int { return v.rank(a) - v.rank(b) })
	return d
}

// Parse reads a description of the company's, without what it may not use. One that has no speech codec then is errs.NoCommonCodec.
func (v *Line) Parse(body []byte, ways sdp.Ways) (sdp.Session, error) {
	s, err := sdp.ParseMedia(body, ways)
	if err != nil || v == nil {
		return s, err
	}
	offered := s.Description()
	s.Formats = slices.DeleteFunc(slices.Clone(s.Formats), func(f sdp.Format) bool { return v.forbids(f.Codec) })
	slices.SortStableFunc(s.Formats, func(a, b sdp.Format) int { return v.rank(a.Codec) - v.rank(b.Codec) })
	if _, ok := s.Description().Speech(); !ok {
		return s, errs.New(errs.NoCommonCodec, "no codec of the trunk: %s, may be used are %v", sdp.Names(offered.Codecs), v.Codecs)
	}
	return s, nil
}

// Description is what the other leg is told of the company, or of a phone: keys can be sent to it, in whatever form it gets them.
func (v *Line) Description(s sdp.Session) sdp.Description {
	d := s.Description()
	if v != nil && v.Info || v.sings(s) {
		d.Codecs = append(d.Codecs, sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1, Fmtp: "0-15"})
	}
	return d
}

// sings says whether who wrote a description has keys as tones in the speech: there are no telephone events in it, no other form was agreed with
// the phone company, and the speech is of a codec that leaves tones as they are.
func (v *Line) sings(s sdp.Session) bool {
	speech, _ := s.Description().Speech()
	_, events := sdp.Match(s.Formats, sdp.Codec{Name: sdp.TelephoneEvent})
	return !events && (v == nil || v.Tones) && (speech.Name == "PCMU" || speech.Name == "PCMA")
}

// describe is the description of this leg for the other. A link's is that of the switch at its other end, which has said all of it.
func (l *Leg) describe(s sdp.Session) sdp.Description {
	if l.flows {
		return s.Description()
	}
	return l.line.Description(s)
}

func (v *Line) forbids(c sdp.Codec) bool {
	if !c.Speech() {
		return (v.Info || v.Tones) && c.Name == sdp.TelephoneEvent
	}
	return len(v.Codecs) > 0 && !slices.Contains(v.Codecs, c.Name)
}

// rank orders speech as the line wants it; what is no speech comes last.
func (v *Line) rank(c sdp.Codec) int {
	switch i := slices.Index(v.Codecs, c.Name); {
	case !c.Speech():
		return len(v.Codecs) + 1
	case i < 0:
		return len(v.Codecs)
	default:
		return i
	}
}

// Keyed is an input of the leg: the other side pressed a key, which the company gets by INFO.
type Keyed struct {
	Digit  byte
	Length time.Duration
}

// Security is how the company's media are encrypted.
func (v *Line) Security() Security {
	if v == nil || !v.Secure {
		return Security{}
	}
	return Security{Need: Required, SDES: true}
}

// begin sets the leg up for its line.
func (l *Leg) begin(post func(any) bool) {
	if !l.flows {
		l.cipher.begin(l.port)
	}
	if l.line == nil {
		return
	}
	l.port.OnPeerKey(nil) // of the company that was tried before
	if l.line.Info {
		l.port.OnPeerKey(func(digit byte, length time.Duration) { post(Keyed{digit, length}) })
	}
}

// propose writes an offer of media at a place, with our keys if there are to be any.
func (l *Leg) propose(d sdp.Description, at sdp.Local) ([]byte, []sdp.Format) {
	l.cipher.offer(l.writer, l.port)
	return l.writer.Offer(d, at)
}

// respond writes the answer to the peer's offer, with a key for the one that it offers.
func (l *Leg) respond(d sdp.Description) ([]byte, []sdp.Format, error) {
	if err := l.cipher.answer(l.writer, l.offer); err != nil {
		return nil, nil, err
	}
	return l.writer.Answer(l.offer, d, l.port.Local())
}

// answered takes the keys of the peer's answer to our offer.
func (l *Leg) answered(s sdp.Session) error { return l.cipher.answered(s) }

// keys turns a key that came by INFO into telephone events for the other side, if it has any.
func (l *Leg) keys(digit byte, length time.Duration) bool {
	return l.line != nil && l.line.Info && l.port.Press(digit, length)
}

// press sends a key that came by INFO on the other side: as events, where the company wants those.
func (l *Leg) press(digit byte, length time.Duration) {
	if l.line == nil || l.line.Info || !l.port.Hear(digit, length) {
		l.dialog.SendDTMF(digit, length)
	}
}
