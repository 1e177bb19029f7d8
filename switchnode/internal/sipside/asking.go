package sipside

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/trunk/upkeep"
)

// How long one server may take to answer, and how many requests one question may take.
const (
	oneServer  = 8 * time.Second
	maxTries   = 8
	triesOfOne = 3 // with the challenges
)

var errNoServer = errors.New("no server has this name in DNS")

// ask does a duty once, at the servers that a name has: the next one when one does not answer or says 503 (RFC 3263, 4.3).
func (p *Phones) ask(d duty, q sip.RequestParams, expires time.Duration) upkeep.Event {
	peers, uri, err := p.servers(p.ctx, d.way)
	if d.domain != "" {
		uri = sip.URI{Scheme: "sip", Host: d.domain}
	}
	q.To, q.From = sip.URI{Scheme: uri.Scheme, Host: uri.Host}, sip.Party{User: d.user, Host: uri.Host}
	var ev upkeep.Event = upkeep.Silence{Words: errText(err, errNoServer)}
	for _, peer := range peers[:min(len(peers), maxTries)] {
		q.Peer = peer
		contact := p.sip.Contact(p.token(d.trunk), peer)
		if d.every > 0 { // RFC 3261, 11.1
			q.Method, q.From.Host, q.Headers = "OPTIONS", p.cfg.to(peer.Addr.Addr()), []sip.Header{sip.NewHeader("Accept", "application/sdp")}
		} else {
			q.Credentials = &sip.Credentials{User: d.user, Password: d.password}
			q.Headers = []sip.Header{
				sip.NewHeader("Contact", "<"+contact.String()+">"), sip.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))),
			}
		}
		res, err := p.request(d.way, q)
		q.Seq += triesOfOne
		if err != nil {
			ev = upkeep.Silence{Words: errText(err, nil)}
			continue
		}
		if ev = answerOf(res, contact, expires); res.StatusCode != 503 {
			break
		}
	}
	return ev
}

func (p *Phones) request(w way, q sip.RequestParams) (*sip.Response, error) {
	ctx, cancel := context.WithTimeout(p.ctx, oneServer)
	defer cancel()
	if err := p.reach(ctx, w, q.Peer); err != nil {
		return nil, err
	}
	return p.sip.Request(ctx, q)
}

func errText(err, other error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case err != nil:
		return err.Error()
	case other != nil:
		return other.Error()
	}
	return ""
}

// answerOf reads the final response to a REGISTER for a contact, or to an OPTIONS.
func answerOf(res *sip.Response, contact sip.URI, asked time.Duration) upkeep.Answer {
	a := upkeep.Answer{Code: res.StatusCode, Words: res.Reason}
	if v, ok := firstOf(res, "Min-Expires"); ok {
		a.Least = time.Duration(seconds(v)) * time.Second
	}
	if v, ok := firstOf(res, "Retry-After"); ok {
		digits, _, _ := strings.Cut(v, ";")
		digits, _, _ = strings.Cut(digits, "(") // RFC 3261, 20.33: a comment and parameters may follow
		a.RetryAfter = time.Duration(seconds(digits)) * time.Second
	}
	if res.IsSuccess() {
		a.Granted = granted(res, contact, asked)
	}
	return a
}

// granted is how long a registrar keeps our contact (RFC 3261, 10.2.4), which it may list at the address that it sees. 0: it is not
// among those that it lists.
func granted(res *sip.Response, contact sip.URI, asked time.Duration) time.Duration {
	if v, ok := firstOf(res, "Expires"); ok {
		asked = time.Duration(seconds(v)) * time.Second
	}
	listed := false
	for h := range sip.Named(res, "Contact") {
		for _, one := range sip.SplitAddresses(h.Value()) {
			listed = true
			if _, u, params, err := sip.ParseAddress(one); err == nil && u.User == contact.User {
				if v, ok := params["expires"]; ok {
					return time.Duration(seconds(v)) * time.Second
				}
				return asked
			}
		}
	}
	if listed {
		return 0
	}
	return asked
}

func firstOf(res *sip.Response, name string) (string, bool) {
	for h := range sip.Named(res, name) {
		return h.Value(), true
	}
	return "", false
}

// token is the user of the contact that is registered by a trunk: who knows it is the phone company, wherever its calls come from.
// It is the same after a restart, so that no registrar has two.
func (p *Phones) token(trunk string) string {
	h := hmac.New(sha256.New, p.cfg.Stations.Secret)
	h.Write([]byte(trunk))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// registeredAs finds the trunk as whose contact an INVITE comes.
func (p *Phones) registeredAs(user string) (sitecopy.Trunk, bool) {
	for _, t := range p.cfg.Trunks() {
		if t.Register && hmac.Equal([]byte(user), []byte(p.token(t.ID))) {
			return t, true
		}
	}
	return sitecopy.Trunk{}, false
}

// calledBy is the number that a phone company calls by a registration: the Request-URI has only our contact.
func calledBy(d *sip.Dialog) string {
	for h := range sip.Named(d.Request(), "P-Called-Party-ID") { // RFC 7315, 4.2
		if _, u, _, err := sip.ParseAddress(h.Value()); err == nil && u.User != "" {
			return u.User
		}
	}
	return d.Request().To().Address.User
}
