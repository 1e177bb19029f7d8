package sipside

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/sipleg"
)

// Invite takes a call that a phone makes, or a phone company.
func (p *Phones) Invite(d *sip.Dialog) {
	if t, ok := p.registeredAs(d.Request().Recipient.User); ok {
		p.gate.Signed(d.Peer().Addr.Addr())
		p.inviteFrom(t, d, calledBy(d))
		return
	}
	if t, ok := p.trunkAt(d.Source()); ok {
		p.inviteFrom(t, d, d.Request().Recipient.User)
		return
	}
	to := wanted(d.Request().Recipient)
	account, denied := p.authenticate(d.Request(), d.Peer())
	if denied != nil && p.help(account, to) == nil {
		d.Refuse(denied.code, denied.cause.Words, denied.reason(), denied.all()...)
		return
	}
	if p.sip.Trust(d.Peer()); denied == nil {
		p.gate.Signed(d.Peer().Addr.Addr())
	}
	if err := p.begin(d, account, to, "phone "+account.Party.Number); err != nil {
		sipleg.Refuse(d, err)
	}
}

// begin starts the call of an account to what stands as user in a URI; from is what ladders call the account.
func (p *Phones) begin(d *sip.Dialog, a Account, to, from string) error {
	dialled, err := url.PathUnescape(to) // RFC 3261, 19.1.2: "#" is always escaped
	if err != nil {
		return errs.New(errs.Invalid, "the dialled number is escaped wrongly: %w", err)
	}
	if strings.ContainsFunc(dialled, unicode.IsControl) || !utf8.ValidString(dialled) { // no record could hold it
		return errs.New(errs.Invalid, "the dialled number %q is no text", dialled)
	}
	replaces, err := replaced(d)
	if err != nil {
		return err
	}
	help := p.help(a, dialled)
	security := p.secured(a, d, help != nil)
	offer, answering := a.line.Offered(sipleg.Supported()), sipleg.AnsweringLate
	var refused error // that the record is to show
	if len(d.SDP()) > 0 {
		theirs, err := security.Read(a.line, d.SDP())
		switch {
		case errs.CodeOf(err) == errs.Unencrypted:
			refused = err
		case err != nil:
			return err
		}
		offer = a.line.Description(theirs)
		answering = func(cfg sipleg.Config) *sipleg.Leg { return sipleg.Answering(cfg, theirs) }
	}
	return p.cfg.Begin(call.Incoming{
		Call: ident.New(ident.Call), Leg: ident.New(ident.Leg), Device: a.Device, From: a.Party,
		Dialled: dialled, Help: help, Offer: offer, Early: len(d.SDP()) > 0,
		Hops: d.Hops(), Breadth: d.Breadth(), SessionID: d.SessionID().Remote, Withheld: sip.Withheld(d.Request()),
		Replaces: replaces, Verify: p.verification(d, a.Party),
		Attach: func(s *call.Session) (call.Leg, error) {
			if refused != nil {
				return nil, refused
			}
			return p.answering(s, d, from, a, help != nil, func(cfg sipleg.Config) *sipleg.Leg {
				cfg.Security = security
				return answering(cfg)
			})
		},
	})
}

// secured is how the media of a caller are encrypted. Nobody is kept from calling for help.
func (p *Phones) secured(a Account, d *sip.Dialog, help bool) sipleg.Security {
	if a.line != nil {
		return a.line.Security()
	}
	s := p.security(a.Device, d.Peer())
	if help && s.Need == sipleg.Required {
		s.Need = sipleg.Preferred
	}
	return s
}

// replaced is the dialog in whose place an INVITE is to come, nil for a call of its own.
func replaced(d *sip.Dialog) (*call.Named, error) {
	r, err := d.Replaces()
	if err != nil {
		return nil, errs.New(errs.Invalid, "%w", err)
	}
	if r == nil {
		return nil, nil
	}
	return &call.Named{CallID: r.CallID, Ours: r.ToTag, Theirs: r.FromTag, Early: r.EarlyOnly}, nil
}

// wanted is what a phone dialled, as a URI has it: a number, or the name of a service (RFC 5031).
func wanted(to sip.URI) string {
	if to.Scheme == "urn" {
		return to.String()
	}
	return to.User
}

// help is what is known of an emergency call that an account of this switch dialled, nil if it did not.
func (p *Phones) help(a Account, dialled string) *designation.Help {
	if _, ok := p.cfg.Dialling().Emergency(dialled); !ok || a.Device == "" {
		return nil
	}
	return &designation.Help{Location: p.cfg.Location()}
}

// open opens the media ports of a leg.
func (p *Phones) open(help bool) (*media.Port, error) {
	if help {
		return p.cfg.Relay.OpenForHelp()
	}
	return p.cfg.Relay.Open()
}

// answering makes the caller's leg.
func (p *Phones) answering(s *call.Session, d *sip.Dialog, from string, a Account, help bool, leg func(sipleg.Config) *sipleg.Leg) (call.Leg, error) {
	port, err := p.open(help)
	if err != nil {
		return nil, err
	}
	post := s.PosterOf(call.Caller)
	d.SetTrace(sipleg.Tracer(p.cfg.Node, from, s.Trace))
	d.SetOwner(func(_ *sip.Dialog, in sip.Input) bool { return post(in) })
	l := leg(sipleg.Config{ID: call.Caller, Dialog: d, Port: port, Lost: errs.LegLost, Line: a.line, Post: post, Roam: p.roam(a.Device, post), Direct: p.direct(a.Device) && !help})
	if a.use == nil {
		return l, nil
	}
	p.channels.Bind(a.use, func() { post(leaves{}) })
	return fromCarrier{l, p, a.use}, nil
}
