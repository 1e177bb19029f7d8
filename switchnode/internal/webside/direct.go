package webside

import (
	"slices"
	"strings"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// Between apps descriptions pass through (2-call-flows, "C1'"): their media go from one to the other. What is seen to here is that
// each describes the certificate which it has proved to have.

// passing is what a leg has of that.
type passing struct {
	direct bool   // the media go to another app, not here
	raw    []byte // that app's offer
	pairs  int    // of addresses that the app told
}

// answeredDirectly takes the answer of an app to the offer of an app.
func (l *leg) answeredDirectly(body []byte) []call.Event {
	d, err := l.direction(body)
	if err != nil {
		l.web.cfg.Logger.Warn("the answer of an app is refused", "call", l.setup.Call, "device", l.branch.Device, "error", err)
		c := call.CauseOfError(err)
		l.dialog.Bye(sipleg.Reason(c))
		return l.refused(c)
	}
	l.state, l.agreed = talking, d
	l.web.legs.answered(l.branch.App.Leg, l.here.dtls)
	l.web.cfg.Verifier.Done(l.branch.App.Leg)
	return []call.Event{call.Answered{Leg: l.setup.Leg, Description: d, SessionID: l.dialog.SessionID().Remote}}
}

// direction reads a description that passes through.
func (l *leg) direction(body []byte) (sdp.Description, error) {
	s, err := sdp.ParseSecure(body)
	if err == nil {
		err = proven(s, l.here.dtls)
	}
	d := s.Description()
	d.Body, d.Proof = body, l.here.proof
	return d, err
}

// offeredDirectly takes an offer within the call.
func (l *leg) offeredDirectly(body []byte) []call.Event {
	d, err := l.direction(body)
	if err != nil || l.state != talking {
		l.dialog.RefuseOffer(488, "Not Acceptable Here")
		return nil
	}
	return []call.Event{call.Offered{Leg: l.setup.Leg, Description: d}}
}

// passed takes what the app says of an offer that was passed on to it.
func (l *leg) passed(ev sip.Event) []call.Event {
	id := l.setup.Leg
	switch ev := ev.(type) {
	case sip.OfferAccepted:
		d, err := l.direction(ev.SDP)
		if err != nil {
			return []call.Event{call.OfferRefused{Leg: id, Status: 488}}
		}
		return []call.Event{call.OfferAccepted{Leg: id, Description: d}}
	case sip.OfferRefused:
		return []call.Event{call.OfferRefused{Leg: id, Status: ev.Code}}
	}
	return nil
}

// pass offers the app what another one offers. One without a description of its own is of a call whose legs do not agree any
// more on how their media go.
func (l *leg) pass(o call.Offer) {
	switch {
	case l.dialog == nil || o.Description.Body == nil:
		l.setup.Post(told{call.OfferRefused{Leg: l.setup.Leg, Status: 488}})
	case o.Insist:
		l.dialog.Reoffer(o.Description.Body)
	default:
		l.dialog.PassOffer(o.Description.Body)
	}
}

// maxPairs is how many changes of the way of its media an app may have on record.
const maxPairs = 8

// routed takes what the app says of the way of its media.
func (l *leg) routed(kinds string) []call.Event {
	local, remote, _ := strings.Cut(kinds, "/")
	known := []string{"host", "srflx", "prflx", "relay"}
	if !l.direct || l.pairs == maxPairs || !slices.Contains(known, local) || !slices.Contains(known, remote) {
		return nil
	}
	l.pairs++
	return []call.Event{call.Routed{Leg: l.setup.Leg, Local: local, Remote: remote}}
}
