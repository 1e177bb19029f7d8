package sipside

import (
	"strconv"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
)

// Targets returns the contacts at which a desk phone can be rung now, or woken for a ring of that time.
func (p *Phones) Targets(b designation.Branch, ring time.Duration) []call.Target {
	var targets []call.Target
	for _, binding := range p.cfg.Registrar.Wakeable(b.Device) {
		targets = append(targets, sleepy{target{phones: p, branch: b, binding: binding}, ring})
	}
	for _, flows := range p.byInstance(p.phonesAt(b.Device)) {
		t := target{phones: p, branch: b, binding: flows[0], others: flows[1:]}
		if t.binding.Wakeable() {
			continue
		}
		if _, ok := t.name(); ok || p.sip.Connected(t.peer()) {
			targets = append(targets, t)
		}
	}
	return targets
}

// target is one contact of a phone.
type target struct {
	phones  *Phones
	branch  designation.Branch
	binding registrar.Binding
	others  []registrar.Binding // other flows of the phone
	strict  bool                // it takes no profile without encryption
}

// peer is where the REGISTER came from.
func (t target) peer() sip.Peer { return peerOf(t.binding.Source) }

func peerOf(s registrar.Source) sip.Peer {
	return sip.Peer{Transport: strings.ToUpper(s.Transport), Addr: s.Addr}
}

// path is the proxies between the switch and the contact, the nearest first (RFC 3327, 5.2).
func (t target) path() []sip.URI {
	var all []sip.URI
	for _, p := range t.binding.Path {
		for _, address := range sip.SplitAddresses(p) {
			if _, u, _, err := sip.ParseAddress(address); err == nil {
				all = append(all, u)
			}
		}
	}
	return all
}

// name returns what DNS is asked for if the contact cannot be reached, if there is anything to ask for.
func (t target) name() (sip.URI, bool) {
	uri, err := sip.ParseURI(t.binding.URI)
	if err != nil || t.phones.cfg.Locate == nil {
		return sip.URI{}, false
	}
	return named(uri, t.path())
}

// Dial makes the leg. Its requests go to where the REGISTER came from: behind a NAT no other address leads to the phone.
func (t target) Dial(s call.Setup) (call.Leg, error) {
	if _, err := sip.ParseURI(t.binding.URI); err != nil {
		return nil, errs.New(errs.Offline, "the phone registered the contact %q: %w", t.binding.URI, err)
	}
	port, err := t.phones.cfg.Relay.Open()
	if err != nil {
		return nil, err
	}
	name, ok := t.name()
	alone := !ok && len(t.others) == 0
	if alone && !t.security(t.peer()).Lenient() {
		return t.leg(s, port, t.peer()), nil
	}
	o := &outgoing{target: t, name: name, setup: s, port: port, located: !ok, flows: t.others}
	if alone || t.phones.sip.Connected(t.peer()) {
		o.Leg = t.leg(s, port, t.peer())
	}
	return o, nil
}

// security is how the media of the contact are to be encrypted, at one server of it.
func (t target) security(to sip.Peer) sipleg.Security {
	s := t.phones.security(t.branch.Device, to)
	if t.strict {
		s.Need = sipleg.Required
	}
	return s
}

// leg makes the leg to one server of the contact, which parses.
func (t target) leg(s call.Setup, port *media.Port, to sip.Peer) *sipleg.Leg {
	p := t.phones
	uri, _ := sip.ParseURI(t.binding.URI) // Dial has looked
	us := p.cfg.to(to.Addr.Addr())
	d := p.sip.NewDialog(sip.InviteParams{
		To:        uri,
		ToParty:   sip.Party{Name: s.To.Name, User: s.To.Number, Host: us},
		From:      sip.Party{Name: s.From.Name, User: s.From.Number, Host: us},
		Peer:      to,
		Routes:    t.path(),
		Hops:      s.Hops,
		Headers:   append(append(asserted(s.From, us), sip.NewHeader("Max-Breadth", strconv.Itoa(s.Breadth))), hints(s, us)...), // RFC 7332: carried on, the phone may be a proxy
		SessionID: sip.SessionID{Local: s.SessionID},
		Owner:     func(_ *sip.Dialog, in sip.Input) bool { return s.Post(in) },
	})
	d.SetTrace(sipleg.Tracer(p.cfg.Node, "phone "+t.branch.Number, s.Trace))
	return sipleg.Calling(sipleg.Config{
		ID: s.Leg, Dialog: d, Port: port, Lost: errs.LegLost, Security: t.security(to),
		Roam: p.roam(t.branch.Device, s.Post), Post: s.Post, Direct: p.direct(t.branch.Device) && !s.Auto,
	})
}

// Desk tells a desk phone from what else rings.
func (target) Desk() {}

// hints is how a phone is to take a call of us, which is a host.
func hints(s call.Setup, us string) []sip.Header {
	if s.Waits && !s.Auto {
		return []sip.Header{sip.NewHeader("Alert-Info", "<urn:alert:service:call-waiting>")} // RFC 7462: the phone knows what that is to sound like
	}
	return unasked(s.Auto, us)
}

// unasked has a phone answer by itself, in each of the ways that phones know. None is required: a phone that knows none rings, and
// whoever is there answers.
func unasked(auto bool, host string) []sip.Header {
	if !auto {
		return nil
	}
	us := "<sip:" + host + ">"
	return []sip.Header{
		sip.NewHeader("Answer-Mode", "Auto"), // RFC 5373, 4.1: without ";require" the phone may let its user decide
		sip.NewHeader("Call-Info", us+";answer-after=0"),
		sip.NewHeader("Alert-Info", us+";info=alert-autoanswer;delay=0"),
	}
}
