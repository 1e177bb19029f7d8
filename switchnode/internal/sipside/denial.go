package sipside

import (
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// denial is the answer to a request that is not served.
type denial struct {
	code    int
	cause   ledger.Cause
	headers []sip.Header
}

func deny(code errs.Code, words string) *denial {
	c := call.CauseOf(code, words)
	return &denial{code: c.SIP, cause: c}
}

// challenge asks for digest credentials: 401, since to its phones a registrar is a user agent server (RFC 3261, 22.2).
func (p *Phones) challenge(stale bool, from sip.Peer) *denial {
	d := &denial{code: 401, cause: ledger.Cause{Words: "Unauthorized"}}
	for _, c := range p.digest.Challenges(stale, from.Addr.Addr()) {
		d.headers = append(d.headers, sip.NewHeader("WWW-Authenticate", c))
	}
	return d
}

// held asks for patience, of a blameless phone too that shares the address of somebody who guesses: it tries again (RFC
// 3261, 21.5.4), as it would not after 403.
func held() *denial {
	d := deny(errs.Congested, "Too many wrong passwords from this address, wait a minute")
	d.headers = append(d.headers, sip.NewHeader("Retry-After", "60"))
	return d
}

// all returns the headers with the code in our own words.
func (d *denial) all() []sip.Header {
	if d.cause.Code == "" {
		return d.headers
	}
	return append(d.headers, sip.NewHeader(sip.HeaderRefusal, d.cause.Code))
}

func (d *denial) reason() sip.Cause {
	if d.cause.Code == "" {
		return sip.Cause{}
	}
	return sip.Cause{SIP: d.code, Q850: d.cause.Q850, Text: d.cause.Words}
}
