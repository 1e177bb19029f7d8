package sdp

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/errs"
)

// Limits of what Parse takes.
const (
	MaxBody     = 16 << 10 // bytes
	maxSections = 16
	maxFormats  = 64 // of one section
)

// flowAttribute names the flow of a link on which the writer wants to receive.
const flowAttribute = "strowger-flow"

// Session is a description that a peer wrote: the audio that it wants, and the media to be refused.
type Session struct {
	ID, Version uint64 // of o=
	Formats     []Format
	Direction   Direction // Receives is false for c=0.0.0.0 too, the hold of RFC 2543
	Ptime       int       // ms, 0 if not given
	Audio       netip.AddrPort
	RTCP        netip.AddrPort // a=rtcp (RFC 3605), else the next port (RFC 3550, 11); invalid if there is none
	Flow        uint64         // on a link: the flow to send to; then Audio and RTCP mean nothing

	Crypto       []string // the keys of the writer, as after a=crypto (RFC 4568)
	Fingerprints []string // the certificates of the writer, as after a=fingerprint (RFC 8122, 5)
	Setup        Setup    // with Fingerprints: who begins the handshake
	Video        Video    // of ParseSecure

	sections []section // all media, in order
	audio    int       // index of the one that Formats describe
}

// section is a media section as the m= line gives it.
type section struct {
	media, proto string
	port         int
	formats      []string
}

// Held says that the peer does not want to hear us.
func (s Session) Held() bool { return !s.Direction.Receives() }

// Description is what the other legs need to know of the session.
func (s Session) Description() Description {
	d := Description{Direction: s.Direction, Ptime: s.Ptime}
	for _, f := range s.Formats {
		d.Codecs = append(d.Codecs, f.Codec)
	}
	return d
}

// Parse reads an offer or an answer of audio that is not encrypted. A malformed body is errs.Invalid; a body without usable audio
// (none at all, refused with port 0, SRTP only, no speech codec) is errs.NoCommonCodec. Line ends may be CRLF, LF or CR.
func Parse(b []byte) (Session, error) { return ParseMedia(b, Ways{Plain: true}) }

// ParseSecure reads the description of a WebRTC peer in the same way. Where its media go is ICE's business: address and port
// mean nothing (RFC 8829, 5.2.1), and Audio, RTCP and Flow stay empty.
func ParseSecure(b []byte) (Session, error) {
	s, r, err := parse(b, "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")
	if err != nil {
		return Session{}, err
	}
	m := r.media[s.audio]
	s.Direction, s.Ptime = directionOf(m, r.session), m.ptime()
	s.Video = r.video(s.sections)
	s.Fingerprints = fingerprints(r.session, m)
	return s, nil
}

// parse reads a body and the formats of its first audio over one of the protocols.
func parse(b []byte, protocols ...string) (Session, reader, error) {
	return choose(b, protocols[0], func(_, l level) int {
		if slices.Contains(protocols, l.proto) {
			return 1
		}
		return 0
	})
}

// choose reads a body and the formats of the audio that is rated highest, of several the first; 0 is of no use.
func choose(b []byte, wanted string, rate func(session, media level) int) (Session, reader, error) {
	r, err := read(b)
	if err != nil {
		return Session{}, r, err
	}
	s := Session{ID: r.id, Version: r.version, audio: -1}
	best := 0
	for i, m := range r.media {
		s.sections = append(s.sections, m.section)
		if m.media != "audio" || m.port == 0 {
			continue
		}
		if n := rate(r.session, m); n > best {
			best, s.audio = n, i
		}
	}
	if s.audio < 0 {
		return Session{}, r, errs.New(errs.NoCommonCodec, "the description has no audio over %s, only: %s", wanted, list(s.sections))
	}
	if s.Formats, err = r.media[s.audio].parseFormats(); err != nil {
		return Session{}, r, err
	}
	if _, ok := s.Description().Speech(); !ok {
		return Session{}, r, errs.New(errs.NoCommonCodec, "the audio has no speech codec, only: %s", Names(s.Description().Codecs))
	}
	return s, r, nil
}

// ptime is the packet time that a section asks for, in ms, 0 if it does not.
func (l level) ptime() int {
	v, _ := l.attribute("ptime")
	if ms, err := strconv.Atoi(v); err == nil && ms > 0 && ms <= 1000 {
		return ms
	}
	return 0
}

func list(sections []section) string {
	if len(sections) == 0 {
		return "nothing"
	}
	words := make([]string, len(sections))
	for i, s := range sections {
		words[i] = s.media + " " + strconv.Itoa(s.port) + " " + s.proto
	}
	return strings.Join(words, ", ")
}

// place fills in where the media go to and in which direction.
func (s *Session) place(session, media level) error {
	s.Direction, s.Ptime = directionOf(media, session), media.ptime()
	if v, ok := media.attribute(flowAttribute); ok {
		flow, err := strconv.ParseUint(v, 10, 62)
		if err != nil || flow == 0 {
			return errs.New(errs.Invalid, "a=%s: want a number from 1 to 2^62-1, got %q", flowAttribute, v)
		}
		s.Flow = flow
	}
	connection := cmp.Or(media.connection, session.connection)
	if connection == "" {
		return errs.New(errs.Invalid, "the audio has no c= line")
	}
	addr, err := parseConnection(connection)
	if err != nil {
		return err
	}
	s.Audio = netip.AddrPortFrom(addr, uint16(media.port))
	if err := s.placeRTCP(media); err != nil {
		return err
	}
	if addr.IsUnspecified() {
		// RFC 3264, 8.4: the old way to hold; still to be understood.
		s.Direction = direction(s.Direction.Sends(), false)
	}
	return nil
}

func (s *Session) placeRTCP(media level) error {
	if s.Audio.Port() < 65535 {
		s.RTCP = netip.AddrPortFrom(s.Audio.Addr(), s.Audio.Port()+1) // RFC 3550, 11
	}
	v, ok := media.attribute("rtcp")
	if !ok {
		return nil
	}
	word, rest, _ := strings.Cut(v, " ") // RFC 3605, 2.1: port [nettype addrtype address]
	port, err := strconv.ParseUint(word, 10, 16)
	if err != nil || port == 0 {
		return errs.New(errs.Invalid, "a=rtcp: want a port, got %q", word)
	}
	addr := s.Audio.Addr()
	if rest = strings.TrimSpace(rest); rest != "" {
		if addr, err = parseConnection(rest); err != nil {
			return err
		}
	}
	s.RTCP = netip.AddrPortFrom(addr, uint16(port))
	return nil
}

// directionOf: the attribute of the section, else that of the session, else sendrecv (RFC 8866, 6.7).
func directionOf(levels ...level) Direction {
	for _, l := range levels {
		for _, a := range l.attributes {
			switch d := Direction(a.name); d {
			case SendRecv, SendOnly, RecvOnly, Inactive:
				return d
			}
		}
	}
	return SendRecv
}

// parseFormats resolves the payload types of the section, speech first. A dynamic one without a=rtpmap means nothing
// and is left out.
func (l level) parseFormats() ([]Format, error) {
	maps, params := map[uint8]Codec{}, map[uint8]string{}
	for _, a := range l.attributes {
		if a.name != "rtpmap" && a.name != "fmtp" {
			continue
		}
		word, rest, _ := strings.Cut(a.value, " ")
		pt, err := parsePT(word)
		if err != nil {
			return nil, err
		}
		if a.name == "fmtp" {
			params[pt] = strings.TrimSpace(rest)
			continue
		}
		c, ok := parseCodec(rest)
		if !ok {
			return nil, errs.New(errs.Invalid, "a=rtpmap:%s is not payload type, name/clock", a.value)
		}
		maps[pt] = c
	}
	var formats []Format
	seen := map[uint8]bool{}
	for _, word := range l.formats {
		pt, err := parsePT(word)
		if err != nil {
			return nil, err
		}
		c, ok := maps[pt]
		if !ok {
			c, ok = staticFormats[pt]
		}
		if !ok || seen[pt] || refersToOthers[strings.ToLower(c.Name)] {
			continue
		}
		seen[pt] = true
		c.Fmtp = params[pt]
		formats = append(formats, Format{Codec: c, PT: pt})
	}
	slices.SortStableFunc(formats, func(a, b Format) int { return rank(a) - rank(b) })
	return formats, nil
}

func rank(f Format) int {
	if f.Speech() {
		return 0
	}
	return 1
}

func parsePT(s string) (uint8, error) {
	pt, err := strconv.ParseUint(s, 10, 7)
	if err != nil {
		return 0, errs.New(errs.Invalid, "payload type %q is not a number from 0 to 127", s)
	}
	return uint8(pt), nil
}
