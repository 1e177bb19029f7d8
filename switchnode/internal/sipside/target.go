package sipside

import (
	"strconv"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
)

// Targets returns the contacts at which a desk phone can be rung now.
func (p *Phones) Targets(b designation.Branch) []call.Target {
	var targets []call.Target
	for _, binding := range p.cfg.Registrar.Lookup(b.Device) {
		if t := (target{p, b, binding}); p.sip.Connected(t.peer()) {
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
}

// peer is where the REGISTER came from.
func (t target) peer() sip.Peer { return peerOf(t.binding.Source) }

func peerOf(s registrar.Source) sip.Peer {
	return sip.Peer{Transport: strings.ToUpper(s.Transport), Addr: s.Addr}
}

// Dial makes the leg. Its requests go to where the REGISTER came from: behind a NAT no other address leads to the phone.
func (t target) Dial(s call.Setup) (call.Leg, error) {
	p := t.phones
	uri, err := sip.ParseURI(t.binding.URI)
	if err != nil {
		return nil, errs.New(errs.Offline, "the phone registered the contact %q: %w", t.binding.URI, err)
	}
	port, err := p.cfg.Relay.Open()
	if err != nil {
		return nil, err
	}
	d := p.sip.NewDialog(sip.InviteParams{
		To:        uri,
		ToParty:   sip.Party{Name: s.To.Name, User: s.To.Number, Host: p.cfg.Host},
		From:      sip.Party{Name: s.From.Name, User: s.From.Number, Host: p.cfg.Host},
		Peer:      t.peer(),
		Hops:      s.Hops,
		Headers:   []sip.Header{sip.NewHeader("Max-Breadth", strconv.Itoa(s.Breadth))}, // RFC 7332: carried on, the phone may be a proxy
		SessionID: sip.SessionID{Local: s.SessionID},
		Owner:     func(_ *sip.Dialog, in sip.Input) bool { return s.Post(in) },
	})
	d.SetTrace(sipleg.Tracer(p.cfg.Node, "phone "+t.branch.Number, s.Trace))
	return sipleg.Calling(sipleg.Config{ID: s.Leg, Dialog: d, Port: port, Lost: errs.LegLost}), nil
}
