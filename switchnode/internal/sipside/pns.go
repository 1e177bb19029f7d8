package sipside

import (
	"net/url"
	"slices"
	"strings"

	"strowger/pkg/fabric"
	"strowger/pkg/pushtarget"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

// pns is what a contact says of how its phone is woken (RFC 8599, 8.7: parameters of its URI), or asks.
type pns struct {
	provider string
	account  string // APNs: team; FCM: project
	target   pushtarget.Target
	wanted   bool // it is to be woken
	asks     bool // which services there are (RFC 8599, 4.1: a provider without a value)
}

// Providers as RFC 8599, 10 and 11 and later practice name them.
const (
	pnsAPNs    = "apns"
	pnsSandbox = "apns.dev" // of apps that their developer installed
	pnsFCM     = "fcm"
)

// maxPNS is the most bytes of a value that is looked at.
const maxPNS = 1024

// readPNS reads the parameters of a contact's URI; nil if it has none. A service that this release does not know has no target.
func readPNS(uri sip.URI) (*pns, error) {
	provider, ok := parameter(uri, "pn-provider")
	if !ok {
		return nil, nil
	}
	p := &pns{provider: strings.ToLower(provider), asks: provider == ""}
	prid, _ := parameter(uri, "pn-prid")
	param, _ := parameter(uri, "pn-param")
	if p.asks || prid == "" { // RFC 8599, 4.1: without it the phone wants no pushes any more
		return p, nil
	}
	switch p.provider {
	case pnsAPNs, pnsSandbox:
		p.readAPNs(param, prid)
	case pnsFCM:
		p.account = param
		p.target = pushtarget.Target{Provider: pushtarget.FCM, App: param, Token: prid}
	}
	if p.wanted = true; p.target == (pushtarget.Target{}) {
		return p, nil
	}
	return p, p.target.Check()
}

// readAPNs reads RFC 8599, 10: the parameter is the team and the topic, as in "ABCDE12345.com.example.phone.voip". Some apps give two
// tokens by kinds, as in "ABCDE12345.com.example.phone.remote&voip" with "00ff:remote&11ee:voip": calls go by that for calls.
func (p *pns) readAPNs(param, prid string) {
	team, topic, ok := strings.Cut(param, ".")
	if !ok || topic == "" {
		return
	}
	p.account = team
	app, kind := topic, ""
	if i := strings.LastIndexByte(topic, '.'); i >= 0 {
		kinds := strings.Split(topic[i+1:], "&")
		switch {
		case slices.Contains(kinds, "voip"):
			app, kind = topic[:i], "voip"
		case slices.Contains(kinds, "remote"):
			app, kind = topic[:i], "remote"
		}
	}
	token := prid
	for one := range strings.SplitSeq(prid, "&") {
		if t, of, named := strings.Cut(one, ":"); named && of == kind {
			token = t
		}
	}
	t := pushtarget.Target{Provider: pushtarget.APNsAlert, App: app, Token: token, Sandbox: p.provider == pnsSandbox}
	if kind == "voip" {
		t.Provider = pushtarget.APNs
	}
	p.target = t
}

// parameter is a parameter of a URI without its escapes.
func parameter(uri sip.URI, name string) (value string, ok bool) {
	for _, p := range uri.UriParams {
		if strings.EqualFold(p.K, name) {
			value, ok = p.V, true
		}
	}
	if plain, err := url.PathUnescape(value); err == nil && len(plain) <= maxPNS {
		return strings.Clone(plain), ok
	}
	return "", ok
}

// served says whether a bridge reaches the service of a contact.
func (p *pns) served(all []fabric.PushService) bool {
	return slices.ContainsFunc(all, func(s fabric.PushService) bool {
		return pnsOf(s) == strings.TrimSuffix(p.provider, ".dev") && s.Account == p.account
	})
}

// pnsOf is a service as RFC 8599 names it, "" if phones do not name it.
func pnsOf(s fabric.PushService) string {
	switch s.Provider {
	case fabric.APNs:
		return pnsAPNs
	case fabric.FCM:
		return pnsFCM
	}
	return ""
}

// wakeable notes of each contact of a REGISTER how it is woken, and returns what the contacts say of that.
func wakeable(q *registrar.Register) (all []*pns, err error) {
	for i := range q.Contacts {
		c := &q.Contacts[i]
		uri, err := sip.ParseURI(c.URI)
		if err != nil {
			return nil, err
		}
		p, err := readPNS(uri)
		if err != nil {
			return nil, err
		}
		if p != nil {
			c.Push, all = p.target, append(all, p)
		}
	}
	return all, nil
}

// unserved says whether a contact wants to be woken by a service that no bridge reaches (RFC 8599, 8.1: 555).
func unserved(all []*pns, services []fabric.PushService) bool {
	return slices.ContainsFunc(all, func(p *pns) bool { return p.wanted && !p.served(services) })
}

// capabilities are the Feature-Caps headers of the answer (RFC 8599, 8.2): the services that the contacts name, or all for who asks,
// or names another. There is no +sip.pnsreg: nobody is woken to register anew, for a call finds the phone without that.
func capabilities(all []*pns, services []fabric.PushService) (headers []sip.Header) {
	every := len(all) > 0 && (unserved(all, services) || slices.ContainsFunc(all, func(p *pns) bool { return p.asks }))
	var named []string
	for _, s := range services {
		name := pnsOf(s)
		ours := slices.ContainsFunc(all, func(p *pns) bool { return p.wanted && strings.TrimSuffix(p.provider, ".dev") == name })
		if name != "" && (every || ours) && !slices.Contains(named, name) {
			named = append(named, name)
			headers = append(headers, sip.NewHeader("Feature-Caps", `*;+sip.pns="`+name+`"`))
		}
	}
	return headers
}
