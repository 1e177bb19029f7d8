package sipside

import (
	"context"
	"net/http"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/pkg/stir"
	"strowger/switchnode/internal/call"
)

// signed returns the Identity header of a call that goes out by a trunk and shows a number (RFC 8224, 4): none from a switch that
// signs nothing, none for a number that its certificate does not cover, and none of who is withheld: it would tell the number.
func (p *Phones) signed(s call.Setup, b designation.Branch, t sitecopy.Trunk, shown string) []sip.Header {
	if p.cfg.Sign == nil || s.Withheld {
		return nil
	}
	// Of a call that is forwarded it is known who had it go out, and not who began it.
	level := stir.Attestation(s.From.User != "" || b.Payer != nil, shown != "" && shown == b.Shown && s.From.Trunk == "")
	us := hostOf(p.cfg.Host)
	value, err := p.cfg.Sign(stir.NameOf(shown, us), stir.NameOf(b.Number, us), level, stir.Origin(t.ID))
	if err != nil {
		p.cfg.Logger.Warn("a call goes out unsigned", "call", s.Call, "trunk", t.Name, "error", err)
		return nil
	}
	s.Trace(call.Arrow{Sender: p.cfg.Node, Receiver: "trunk " + t.Name, Text: "signed " + string(level), At: p.cfg.Now()})
	return []sip.Header{sip.NewHeader("Identity", value)}
}

// maxSignature is how many bytes the words of a verdict may have where they are kept.
const maxSignature = 160

// verification is what looks at the signature of a call from outside (RFC 8224, 6.2), nil if nobody does. The signature of a caller
// who does not want to be known would tell the number.
func (p *Phones) verification(d *sip.Dialog, from designation.Party) func(context.Context) (designation.Party, *ledger.Cause) {
	if p.cfg.Verify == nil || from.Trunk == "" || from.Number == anonymous {
		return nil
	}
	c := p.statement(d.Request(), from)
	return func(ctx context.Context) (designation.Party, *ledger.Cause) {
		v, refused := p.cfg.Verify(ctx, c)
		words := v.String()
		from.Signature, from.Verstat = strings.ToValidUTF8(words[:min(len(words), maxSignature)], ""), v.Verstat()
		if !refused {
			return from, nil
		}
		status, reason := v.Response() // RFC 8224, 6.2.2
		cause := call.CauseOf(errs.Signature, strings.TrimSuffix(reason+": "+v.Words, ": "))
		cause.SIP = status
		return from, &cause
	}
}

// statement is what an INVITE from outside says of its call. Who is called may be written as it is dialled in the country.
func (p *Phones) statement(r *sip.Request, from designation.Party) stir.Call {
	c := stir.Call{Caller: stir.NameOf(from.Number, r.From().Address.Host), ID: r.CallID().Value()}
	for h := range sip.Named(r, "Identity") {
		c.Identity = append(c.Identity, h.Value())
	}
	for h := range sip.Named(r, "Date") {
		c.Date, _ = http.ParseTime(h.Value()) // RFC 3261, 20.17: that of HTTP; one that is none is no date
	}
	for _, to := range []sip.URI{r.To().Address, r.Recipient} {
		c.Called = append(c.Called, stir.NameOf(to.User, to.Host))
		for _, n := range e164.Received(to.User, p.cfg.Dialling().Country) {
			c.Called = append(c.Called, stir.NameOf(n, ""))
		}
	}
	return c
}

// asserted tells a phone what the signature of a caller outside is worth: verstat is a parameter of the number.
func asserted(from designation.Party, host string) []sip.Header {
	if from.Verstat == "" || !e164.Written(from.Number) {
		return nil
	}
	return []sip.Header{sip.NewHeader("P-Asserted-Identity", "<sip:"+from.Number+";verstat="+from.Verstat+"@"+host+";user=phone>")} // RFC 3325, 9.1
}
