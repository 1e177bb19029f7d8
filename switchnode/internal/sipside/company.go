package sipside

import (
	"net/netip"
	"slices"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

// A phone company knows a switch by its address, and connects what it is sent. Who has a phone's password writes into its contact what they
// like: where such a contact led to a company, its user part would be a number that no guard has seen. So no phone is rung at a company, and
// none that is found by a name has a phone number for its contact.

// isCompany says whether something is a server of a phone company. Of one in a network of our own, such as a gateway with lines and with phones,
// it is the port that tells.
func (p *Phones) isCompany(at netip.AddrPort) bool {
	a := netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return p.anyServer(func(server netip.AddrPort) bool {
		own := server.Addr().IsPrivate() || server.Addr().IsLoopback() || server.Addr().IsLinkLocalUnicast()
		return server.Addr().IsValid() && server.Addr().Unmap() == a.Addr() && (!own || server.Port() == a.Port() || server.Port() == 0 && (a.Port() == 5060 || a.Port() == 5061))
	})
}

// anyServer says whether something is true of a server of the trunks, as it is given or as DNS has it. Its port is 0 if none was given.
func (p *Phones) anyServer(is func(netip.AddrPort) bool) bool {
	for _, t := range p.cfg.Trunks() {
		for _, server := range t.Servers {
			if at, _ := addressOf(server); is(at) || slices.ContainsFunc((*p.resolved.Load())[wayTo(t, server)], is) {
				return true
			}
		}
	}
	return false
}

// phonesAt is where a device is registered, but for companies: a trunk may be newer than the registration.
func (p *Phones) phonesAt(device string) []registrar.Binding {
	return slices.DeleteFunc(p.cfg.Registrar.Lookup(device), func(b registrar.Binding) bool { return p.isCompany(b.Source.Addr) })
}

// reaches says why an account may not register what leads elsewhere than to a phone.
func (p *Phones) reaches(a Account, q registrar.Register, from sip.Peer) *denial {
	if p.isCompany(from.Addr) {
		return deny(errs.Forbidden, "A phone company is no phone")
	}
	path := target{binding: registrar.Binding{Path: q.Path}}.path()
	for _, c := range q.Contacts {
		uri, err := sip.ParseURI(c.URI)
		if err != nil {
			continue // the registrar says so
		}
		if _, byName := named(uri, path); byName && !isNoNumber(uri.User) && p.registers(a, uri.User) != nil {
			return deny(errs.Forbidden, "A contact with a name has the phone's own user name, or a word without anything that could be dialled")
		}
	}
	return nil
}

// isNoNumber says whether nobody takes the user part of a URI for a phone number (RFC 3261, 19.1.6), however lenient: it is empty, or a word.
func isNoNumber(user string) bool {
	for i, c := range []byte(user) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9') && !strings.ContainsRune("-._~", rune(c))) {
			return false
		}
	}
	return true
}
