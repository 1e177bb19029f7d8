package sdp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/errs"
)

// Local is where a leg receives.
type Local struct {
	Addr netip.AddrPort // RTP, with RTCP on the next port; ignored on a link
	Flow uint64         // on a link: the flow, 0 elsewhere
}

// discard is the address of audio that travels on a link: no packet ever goes there (RFC 6666; port of RFC 863).
func discard() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x01, 15: 0x01}), 9) // 100::1
}

// firstDynamic to lastDynamic are the payload types that RFC 3551, 3 leaves to be assigned by a description.
const (
	firstDynamic, lastDynamic = 96, 127
	usualTelephoneEvent       = 101 // what phones without negotiation of their own expect
)

// Writer writes the descriptions of one leg: it keeps the session id, the version, the payload types and the order of
// the media sections from one offer or answer to the next. It belongs to the goroutine that owns the call.
type Writer struct {
	id, version uint64
	origin      netip.Addr // of the first; those that follow differ from it in the version only
	last        []byte     // body of version, nil before the first
	known       []Format   // RFC 3264, 8.3.2: a payload type keeps its codec as long as the session lives
	sections    []section  // as they stand; the audio one has no port and no formats here
	audio       int
	keys        Keys // of the audio
}

// Secure has the audio be encrypted by keys. What is offered first goes by the profile; an answer goes by that of its offer, and what
// comes later by that of the session.
func (w *Writer) Secure(profile string, k Keys) {
	w.keys = k
	if w.last == nil {
		w.sections[w.audio].proto = profile
	}
}

// NewWriter returns the writer of a new leg.
func NewWriter() *Writer {
	// A random id of 31 bits: unique enough beside the address, and no phone's parser is too narrow for it.
	return &Writer{id: uint64(rand.Uint32() >> 1), sections: []section{{media: "audio", proto: "RTP/AVP"}}}
}

// Offer writes an offer of d to be received at a place. The formats are the payload types that the peer will send.
func (w *Writer) Offer(d Description, at Local) ([]byte, []Format) {
	formats := make([]Format, 0, len(d.Codecs))
	for _, c := range d.Codecs {
		if pt, ok := w.payloadType(c, formats); ok {
			formats = append(formats, Format{Codec: c, PT: pt})
		}
	}
	for _, f := range formats {
		w.remember(f)
	}
	return w.write(d, formats, at), formats
}

// Answer writes the answer d to an offer. The formats are the payload types that the peer will send: those of the
// offer (RFC 3264, 6.1). Codecs of d that were not offered are left out; without a speech codec it is
// errs.NoCommonCodec, and the writer stays as it was.
func (w *Writer) Answer(offer Session, d Description, at Local) ([]byte, []Format, error) {
	var formats []Format
	for _, c := range d.Codecs {
		f, ok := Find(offer.Formats, c)
		if ok && !slices.ContainsFunc(formats, func(o Format) bool { return o.PT == f.PT }) {
			formats = append(formats, Format{Codec: c, PT: f.PT})
		}
	}
	if !slices.ContainsFunc(formats, func(f Format) bool { return f.Speech() }) {
		return nil, nil, errs.New(errs.NoCommonCodec, "no common codec: offered %s, can answer %s",
			Names(offer.Description().Codecs), Names(d.Codecs))
	}
	for _, f := range offer.Formats {
		w.remember(f)
	}
	// RFC 3264, 6: the answer has a section for each of the offer's, in its order.
	w.sections, w.audio = slices.Clone(offer.sections), offer.audio
	// RFC 3264, 6.1: only what the offerer wants to get is sent, only what it wants to send is received.
	d.Direction = direction(d.Direction.Sends() && offer.Direction.Receives(),
		d.Direction.Receives() && offer.Direction.Sends())
	return w.write(d, formats, at), formats, nil
}

// Restore writes a body of this writer once more, under a new version: the peer refused what was offered since, and
// the version that it saw last is never gone behind (RFC 3264, 8).
func (w *Writer) Restore(body []byte) []byte {
	if len(body) == 0 || bytes.Equal(body, w.last) {
		return body
	}
	w.version++
	lines := bytes.SplitAfterN(body, []byte("\r\n"), 3) // v=, o=, and the rest
	origin := bytes.Fields(lines[1])
	origin[2] = strconv.AppendUint(nil, w.version, 10)
	lines[1] = append(bytes.Join(origin, []byte(" ")), "\r\n"...)
	w.last = bytes.Join(lines, nil)
	return bytes.Clone(w.last)
}

// payloadType finds the payload type of c that this leg used before and that is not taken in the same offer, else the
// static one, else a free dynamic one.
func (w *Writer) payloadType(c Codec, taken []Format) (uint8, bool) {
	free := slices.DeleteFunc(slices.Clone(w.known), func(f Format) bool { return hasPT(taken, f.PT) })
	if f, ok := Find(free, c); ok {
		return f.PT, true
	}
	used := func(pt uint8) bool { return hasPT(w.known, pt) || hasPT(taken, pt) }
	for pt, s := range staticFormats {
		if s.Same(c) && !used(pt) {
			return pt, true
		}
	}
	if c.Name == TelephoneEvent && !used(usualTelephoneEvent) {
		return usualTelephoneEvent, true
	}
	for pt := uint8(firstDynamic); pt <= lastDynamic; pt++ {
		if pt != usualTelephoneEvent && !used(pt) {
			return pt, true
		}
	}
	return 0, false
}

func hasPT(formats []Format, pt uint8) bool {
	return slices.ContainsFunc(formats, func(f Format) bool { return f.PT == pt })
}

func (w *Writer) remember(f Format) {
	w.known = slices.DeleteFunc(w.known, func(o Format) bool { return o.PT == f.PT })
	w.known = append(w.known, f)
}

// write raises the version if, and only if, the body differs from the last (RFC 3264, 8).
func (w *Writer) write(d Description, formats []Format, at Local) []byte {
	body := w.body(d, formats, at)
	if w.last != nil && !bytes.Equal(body, w.last) {
		w.version++
		body = w.body(d, formats, at)
	}
	w.last = body
	return bytes.Clone(body)
}

func (w *Writer) body(d Description, formats []Format, at Local) []byte {
	addr := at.Addr
	if at.Flow != 0 {
		addr = discard()
	}
	ip := addr.Addr().Unmap()
	kind := "IP4"
	if ip.Is6() {
		kind = "IP6"
	}
	if !w.origin.IsValid() { // RFC 3264, 8: of the line only the version changes
		w.origin = ip
	}
	origin := "IP4"
	if w.origin.Is6() {
		origin = "IP6"
	}
	b := fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", w.id, w.version, origin, w.origin, kind, ip)
	for i, s := range w.sections {
		if i != w.audio {
			// RFC 3264, 6 and 8.2: a refused section keeps its place with port 0.
			b = fmt.Appendf(b, "m=%s 0 %s %s\r\n", s.media, s.proto, strings.Join(s.formats, " "))
			continue
		}
		b = fmt.Appendf(b, "m=audio %d %s", addr.Port(), s.proto)
		for _, f := range formats {
			b = fmt.Appendf(b, " %d", f.PT)
		}
		b = append(b, "\r\n"...)
		b = w.keys.append(b)
		b = appendAudio(b, d, formats, at.Flow)
	}
	return b
}

func appendAudio(b []byte, d Description, formats []Format, flow uint64) []byte {
	for _, f := range formats {
		b = fmt.Appendf(b, "a=rtpmap:%d %s\r\n", f.PT, f.Codec)
		if f.Fmtp != "" {
			b = fmt.Appendf(b, "a=fmtp:%d %s\r\n", f.PT, f.Fmtp)
		}
	}
	if d.Ptime > 0 {
		b = fmt.Appendf(b, "a=ptime:%d\r\n", d.Ptime)
	}
	if flow != 0 {
		b = fmt.Appendf(b, "a=%s:%d\r\n", flowAttribute, flow)
	}
	return fmt.Appendf(b, "a=%s\r\n", d.Direction)
}
