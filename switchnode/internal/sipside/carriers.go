package sipside

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/sipleg"
	"strowger/switchnode/internal/trunk"
)

const (
	resolveEvery = time.Minute // names of servers, to know calls from there
	maxCaller    = 64          // bytes of what a phone company says of a caller
)

// trunkAt finds the trunk whose phone company something came from.
func (p *Phones) trunkAt(from sip.Peer) (sitecopy.Trunk, bool) {
	for _, t := range p.cfg.Trunks() {
		for _, server := range t.Servers {
			if p.isFrom(wayTo(t, server), from) {
				return t, true
			}
		}
	}
	return sitecopy.Trunk{}, false
}

// isFrom says whether something came from a server of a phone company: over UDP from its port, or from any if it was given without one;
// over TCP from its address; over TLS by the connection on which it showed its certificate.
func (p *Phones) isFrom(w way, from sip.Peer) bool {
	switch {
	case w.transport == sip.TLS:
		return p.connections.opened(from, w)
	case w.transport == sip.TCP && from.Transport == sip.UDP:
		return false
	}
	at, exact := addressOf(w.server)
	known := []netip.AddrPort{at}
	if !at.IsValid() {
		known = (*p.resolved.Load())[w]
	}
	exact = exact && w.transport == sip.UDP
	return slices.ContainsFunc(known, func(a netip.AddrPort) bool { return a == from.Addr || !exact && a.Addr() == from.Addr.Addr() })
}

// addressOf is the address of a server, not valid for one that has a name, and whether its port was given.
func addressOf(server string) (at netip.AddrPort, exact bool) {
	if at, err := netip.ParseAddrPort(server); err == nil {
		return at, true
	}
	if a, err := netip.ParseAddr(server); err == nil {
		return netip.AddrPortFrom(a, 0), false
	}
	_, _, err := net.SplitHostPort(server)
	return netip.AddrPort{}, err == nil
}

// resolve keeps the addresses of servers that have names, until ctx ends. What DNS does not know at the moment stays.
func (p *Phones) resolve(ctx context.Context) {
	tick := time.NewTicker(resolveEvery)
	defer tick.Stop()
	for {
		known := maps.Clone(*p.resolved.Load())
		for _, t := range p.cfg.Trunks() {
			for _, server := range t.Servers {
				if at, _ := addressOf(server); at.IsValid() {
					continue
				}
				w := wayTo(t, server)
				if found := p.addresses(ctx, w); len(found) > 0 {
					known[w] = found
				}
			}
		}
		p.resolved.Store(&known)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Phones) addresses(ctx context.Context, w way) (all []netip.AddrPort) {
	peers, _, err := p.servers(ctx, w)
	if err != nil {
		p.cfg.Logger.Warn("a server of a trunk cannot be found", "server", w.server, "error", err)
	}
	for _, peer := range peers {
		all = append(all, peer.Addr)
	}
	return all
}

// servers is what DNS has for a server of a trunk, and the URI that leads there.
func (p *Phones) servers(ctx context.Context, w way) ([]sip.Peer, sip.URI, error) {
	uri, err := sip.ParseURI("sip:" + w.server)
	if err != nil {
		return nil, uri, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookup)
	defer cancel()
	peers, err := p.cfg.Locate(ctx, uri, w.transport)
	return peers, uri, err
}

// lineOf is how the phone company of a trunk is spoken to.
func lineOf(t sitecopy.Trunk) *sipleg.Line {
	return &sipleg.Line{Codecs: t.Speech.Codecs, Info: t.Speech.Info, Tones: t.Speech.Tones, Secure: t.Speech.SRTP}
}

// line is how a carrier is spoken to; nil: the call has no codec for it. An emergency call is not held up by that.
func (c *toCarrier) line(i int) *sipleg.Line {
	v := lineOf(c.carriers[i].trunk)
	if _, ok := v.Offered(c.start.Offer).Speech(); !ok {
		if !c.course.Help {
			return nil
		}
		v.Codecs = nil
	}
	return v
}

// inviteFrom takes a call from outside. Who calls is what the phone company says.
func (p *Phones) inviteFrom(t sitecopy.Trunk, d *sip.Dialog, called string) {
	p.sip.Trust(d.Peer())
	number, name := callerOf(d)
	from := designation.Party{Number: dialable(shortened(number)), Name: shortened(name), Trunk: t.ID}
	if all := e164.Received(from.Number, p.cfg.Dialling().Country); len(all) > 0 {
		from.Number = all[0]
	}
	u := &trunk.Use{Trunk: t.ID}
	if p.channels.Take(u, t.Channels) != trunk.Taken {
		sipleg.Refuse(d, errs.New(errs.NoLine, "every line of trunk %s is taken", t.Name))
		return
	}
	if err := p.begin(d, Account{Party: from, use: u, line: lineOf(t)}, called, "trunk "+t.Name); err != nil {
		p.channels.Release(u)
		sipleg.Refuse(d, err)
	}
}

// dialable is the number of a caller from outside, who shows none if it has what no number and no user name has: those who are told of it
// write it into tables, addresses and commands.
func dialable(number string) string {
	if plain, err := url.PathUnescape(number); err == nil {
		number = plain
	}
	signs := "+*#-._() "
	for i, r := range number {
		if r == ';' && i > 0 {
			signs = "+*#-._() ;=" // RFC 3966, 3: parameters
		}
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(signs, r) {
			return anonymous
		}
	}
	return number
}

// shortened is what can be shown and kept of a text from outside: nothing that breaks a line, or turns about what comes after it.
func shortened(s string) string {
	s = strings.Map(func(r rune) rune {
		const nonJoiner, joiner = '\u200c', '\u200d' // of names in Persian, and of signs
		if !unicode.IsGraphic(r) && r != nonJoiner && r != joiner {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.ToValidUTF8(s[:min(len(s), maxCaller)], "")
}
