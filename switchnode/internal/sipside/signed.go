package sipside

import (
	"strowger/pkg/designation"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/pkg/stir"
	"strowger/switchnode/internal/call"
)

// signed returns the Identity header of a call that goes out by a trunk and shows a number (RFC 8224, 4): none from a switch that
// signs nothing, and none for a number that its certificate does not cover.
func (p *Phones) signed(s call.Setup, b designation.Branch, t sitecopy.Trunk, shown string) []sip.Header {
	if p.cfg.Sign == nil {
		return nil
	}
	level := stir.Attestation(s.From.User != "", shown != "" && shown == b.Shown)
	value, err := p.cfg.Sign(stir.NameOf(shown, p.cfg.Host), stir.NameOf(b.Number, p.cfg.Host), level, stir.Origin(t.ID))
	if err != nil {
		p.cfg.Logger.Warn("a call goes out unsigned", "call", s.Call, "trunk", t.Name, "error", err)
		return nil
	}
	s.Trace(call.Arrow{Sender: p.cfg.Node, Receiver: "trunk " + t.Name, Text: "signed " + string(level), At: p.cfg.Now()})
	return []sip.Header{sip.NewHeader("Identity", value)}
}
