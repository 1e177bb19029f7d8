package webside

import (
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// offer takes an offer of the other side. The app's own session stays as it is, and the offer is answered in its place (2-call-flows,
// "Offers and answers": hold is not renegotiated), unless it speaks what the other side does not take: who was answered before the call
// was may, and so may who calls a phone that changes its mind. It is offered what is left then.
func (l *leg) offer(o call.Offer) {
	d, err := sdp.Common(o.Description, l.agreed)
	if l.state != talking || err != nil {
		l.setup.Post(told{call.OfferRefused{Leg: l.setup.Leg, Status: 488}})
		return
	}
	d.Direction = mirror(o.Description.Direction)
	p := l.carrier.peer.Load()
	if speech, _ := l.agreed.Speech(); slices.ContainsFunc(d.Codecs, speech.Same) || l.dialog == nil || p == nil {
		l.setup.Post(told{call.OfferAccepted{Leg: l.setup.Leg, Description: d}})
		return
	}
	l.left = &d
	body := p.described(sdp.SendRecv, "actpass", among(l.formats, d.Codecs)) // RFC 8842, 5.5
	if o.Insist {
		l.dialog.Reoffer(body)
	} else {
		l.dialog.PassOffer(body)
	}
}

// narrowed takes what the app says of that.
func (l *leg) narrowed(ev sip.Event) []call.Event {
	left, id := l.left, l.setup.Leg
	if l.left = nil; left == nil || l.state != talking {
		return nil
	}
	refused := call.OfferRefused{Leg: id, Status: 488}
	switch ev := ev.(type) {
	case sip.OfferRefused:
		refused.Status = ev.Code
	case sip.OfferAccepted:
		s, err := l.read(ev.SDP)
		if err != nil {
			break
		}
		l.formats = among(l.formats, left.Codecs)
		s.Formats, s.Flow = l.formats, theFlow
		l.agreed = s.Description()
		l.carrier.peer.Load().left = l.formats
		l.port.SetLocal(l.formats)
		l.port.SetRemote(s, l.here.at.Addr.Addr())
		return []call.Event{call.OfferAccepted{Leg: id, Description: *left}}
	}
	return []call.Event{refused}
}

// among are the formats that are of these codecs.
func among(formats []sdp.Format, codecs []sdp.Codec) []sdp.Format {
	return slices.DeleteFunc(slices.Clone(formats), func(f sdp.Format) bool { return !slices.ContainsFunc(codecs, f.Codec.Same) })
}

// only is a line of a description with these formats, "" if it is about others.
func only(line string, formats []sdp.Format) string {
	kept := func(pt string) bool {
		n, err := strconv.Atoi(pt)
		return err == nil && slices.ContainsFunc(formats, func(f sdp.Format) bool { return int(f.PT) == n })
	}
	const head = 3 // of "m=audio 9 UDP/TLS/RTP/SAVPF 9 0 8"
	if f := strings.Fields(line); strings.HasPrefix(line, "m=audio ") && len(f) > head {
		return strings.Join(append(f[:head], slices.DeleteFunc(f[head:], func(pt string) bool { return !kept(pt) })...), " ")
	}
	for _, name := range []string{"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"} {
		if about, ok := strings.CutPrefix(line, name); ok {
			if pt, _, _ := strings.Cut(about, " "); pt != "*" && !kept(pt) {
				return ""
			}
		}
	}
	return line
}
