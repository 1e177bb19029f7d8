// Package sdp reads and writes the session descriptions of audio calls (RFC 8866, RFC 3264).
//
// A call has one description per leg and direction, and each leg writes its own: payload types, addresses and versions
// belong to one leg. What travels between legs is a Description: codecs by name, direction, packet time.
//
//	s, err := sdp.Parse(invite)               // what leg A offers; s.Formats are the payload types that A wants to get
//	body, formats := b.Offer(s.Description()) // what leg B is offered; formats are the payload types that B will send
//	answer, err := sdp.Parse(ok)              // what leg B answers
//	d, err := sdp.Common(s.Description(), answer.Description())
//	body, formats, err = a.Answer(s, d, local)
//
// Only audio over RTP/AVP and RTP/AVPF is taken. Every other medium is refused with port 0 and keeps its place
// (RFC 3264, 6). Formats whose payload names other payload types of the same leg (red, ulpfec, flexfec, rtx) are not
// taken either, since payload types change from leg to leg.
//
// On a link between switches there are no media addresses: the attribute "strowger-flow" of the audio section names the
// flow on which its writer wants to receive, a number from 1 to 2^62-1 chosen by the writer (RTP over QUIC; flow 0 is
// none). Port and address are then the discard port and the discard prefix (RFC 6666).
//
// The reader is our own and not that of pion/sdp, which refuses a whole body for things that desk phones do send:
// m=image for fax, bandwidth types that it does not know (RFC 8866, 5.8: to be ignored), lines out of order, a last line
// without its end. The tests hold what is written here against pion/sdp.
//
// Limits: MaxBody bytes, 16 media sections, 64 formats in a section; what exceeds them is errs.Invalid.
package sdp
