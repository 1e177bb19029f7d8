package sipside

import (
	"net/netip"
	"strings"
	"time"

	"strowger/pkg/limit"
	"strowger/pkg/sip"
)

// Failed sign-ins that one address may have: for one account, which a person who mistypes does not use up, and for all,
// which an office does not where a few phones of many have an old password and try for ever.
const (
	accountBurst  = 10
	accountRefill = 10 * time.Second // until one more
	sourceBurst   = 200
	sourceRefill  = 500 * time.Millisecond
	maxGuessed    = 1 << 14 // accounts, and sources, that are remembered
)

// guesses holds up whoever tries passwords. It counts by address, so that nobody locks out a phone elsewhere, and knows
// only accounts that exist: there is nothing to guess of the others.
type guesses struct {
	accounts *limit.Buckets[guess]
	sources  *limit.Buckets[netip.Prefix]
}

// guess is an account as tried from an address.
type guess struct {
	source netip.Prefix
	user   string
}

func newGuesses(now func() time.Time) guesses {
	return guesses{
		accounts: limit.New[guess](limit.Config{Rate: 1 / accountRefill.Seconds(), Burst: accountBurst, Max: maxGuessed, Now: now}),
		sources:  limit.New[netip.Prefix](limit.Config{Rate: 1 / sourceRefill.Seconds(), Burst: sourceBurst, Max: maxGuessed, Now: now}),
	}
}

func guessOf(from netip.AddrPort, user string) guess {
	return guess{limit.Source(from.Addr()), strings.Clone(user)} // not the message that it is part of
}

// wrong notes a sign-in that failed.
func (g guesses) wrong(from netip.AddrPort, user string) {
	at := guessOf(from, user)
	g.accounts.Take(at)
	g.sources.Take(at.source)
}

// held says whether a sign-in must not be answered with what came of it: there were too many wrong ones.
func (g guesses) held(from netip.AddrPort, user string) bool {
	at := guessOf(from, user)
	return !g.accounts.Has(at) || !g.sources.Has(at.source)
}

// lives says whether an account is registered from just where a request comes: its own phone is never held up by others at
// its address.
func (p *Phones) lives(a Account, from sip.Peer) bool {
	for _, b := range p.cfg.Registrar.Lookup(a.Device) {
		if b.Source.Addr == from.Addr && strings.EqualFold(b.Source.Transport, from.Transport) {
			return true
		}
	}
	return false
}
