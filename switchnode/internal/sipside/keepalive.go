package sipside

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

// A phone on UDP behind a NAT is reached as long as the NAT remembers it, which may be no more than 30 s. Many phones do nothing for that: the switch
// asks each of them something (OPTIONS) at an interval, since it is the answer that goes out through the NAT, and what goes out is what
// the NAT remembers (RFC 4787, 4.3).

// keepPhones asks until ctx ends.
func (p *Phones) keepPhones(ctx context.Context) {
	if p.cfg.KeepAlive == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due []sip.Peer // in this round
	pause := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if len(due) == 0 {
			interval := p.cfg.KeepAlive()
			due, pause = p.behindNAT(), interval
			if interval <= 0 { // a change is noticed
				due, pause = nil, time.Minute
			} else if len(due) > 1 { // not all at once
				pause = interval / time.Duration(len(due))
			}
		}
		if len(due) > 0 {
			to := due[0]
			due = due[1:]
			p.work.Go(func() { p.keep(ctx, to) })
		}
		timer.Reset(pause)
	}
}

// keep asks one phone. Whatever it answers, it has answered.
func (p *Phones) keep(ctx context.Context, to sip.Peer) {
	ctx, cancel := context.WithTimeout(ctx, oneServer)
	defer cancel()
	host := sip.URI{Scheme: "sip", Host: hostOf(to.Addr.Addr()), Port: int(to.Addr.Port())}
	if _, err := p.sip.Request(ctx, sip.RequestParams{
		Method: "OPTIONS", CallID: ident.New(ident.Request), Seq: 1, Peer: to, To: host, From: sip.Party{User: "strowger", Host: p.cfg.to(to.Addr.Addr())},
	}); err != nil {
		p.cfg.Logger.Debug("a phone behind a NAT answers no OPTIONS", "phone", to, "error", err)
	}
}

// behindNAT is where the phones are that say to be elsewhere.
func (p *Phones) behindNAT() (all []sip.Peer) {
	for _, device := range p.cfg.Registrar.Registered() {
		for _, b := range p.cfg.Registrar.Lookup(device) {
			if natted(b) {
				all = append(all, peerOf(b.Source))
			}
		}
	}
	return all
}

// natted says whether a phone on UDP registered from another address than its contact's. A name is that of a gateway or a proxy, which
// are no phones behind a NAT; another port alone is enough, for NATs change ports.
func natted(b registrar.Binding) bool {
	uri, err := sip.ParseURI(b.URI)
	if err != nil || b.Source.Transport != "udp" || len(b.Path) > 0 {
		return false
	}
	at, err := netip.ParseAddr(strings.Trim(uri.Host, "[]"))
	port := uint16(uri.Port)
	if port == 0 {
		port = 5060 // RFC 3261, 19.1.2
	}
	return err == nil && netip.AddrPortFrom(at.Unmap(), port) != b.Source.Addr
}

// hostOf is an address as a URI has it (RFC 3261, 25.1), empty if it is none.
func hostOf(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
