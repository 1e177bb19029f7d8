package sipside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/trunk/trial"
	"strowger/switchnode/internal/trunk/upkeep"
)

// Tried is the trunk of a branch that is tested: it is called as ever, and heard is told of every message.
func (p *Phones) Tried(b designation.Branch, heard sip.Trace) call.Target {
	return toNumber{p, b, false, heard}
}

// both tells two of a message; the second may be nil.
func both(a, b sip.Trace) sip.Trace {
	if b == nil {
		return a
	}
	return func(sent bool, peer sip.Peer, line string, at time.Time) {
		a(sent, peer, line, at)
		b(sent, peer, line, at)
	}
}

// Examine looks at the servers of a trunk: their names, the connections to them, whether they answer, and whether this switch is
// registered there. It says whether any may take calls. It may block until ctx ends.
func (p *Phones) Examine(ctx context.Context, t sitecopy.Trunk, r *trial.Report) (takes bool) {
	for _, server := range t.Servers {
		w := wayTo(t, server)
		peers, uri, err := p.servers(ctx, w)
		switch {
		case err != nil:
			r.Failed(trial.Trouble(t, err), "%s: %v", server, err)
			continue
		case len(peers) == 0:
			r.Failed("look at how the name is written: strowger trunk set "+t.Name+" --server HOST", "%s: %v", server, errNoServer)
			continue
		}
		r.Found("%s is %s", server, addresses(peers))
		for _, peer := range peers[:min(len(peers), maxTries)] {
			takes = p.examine(ctx, t, examined{w, peer, uri}, r) || takes
		}
	}
	p.registered(t, r)
	return takes
}

func addresses(peers []sip.Peer) string {
	var all []string
	for _, peer := range peers {
		all = append(all, peer.String())
	}
	return strings.Join(all, ", ")
}

// examined is one address of a server.
type examined struct {
	way  way
	peer sip.Peer
	uri  sip.URI
}

// examine looks at one address.
func (p *Phones) examine(ctx context.Context, t sitecopy.Trunk, at examined, r *trial.Report) (takes bool) {
	if err := p.reach(ctx, at.way, at.peer); err != nil {
		r.Failed(trial.Trouble(t, err), "no connection to %s: %v", at.peer, err)
		return false
	}
	if words, ok := p.connections.words(at.peer); ok {
		r.Found("%s", words)
	}
	q := sip.RequestParams{ // RFC 3261, 11.1
		Method: "OPTIONS", CallID: ident.New(ident.Request), Seq: 1, Peer: at.peer, To: at.uri, From: sip.Party{User: t.User, Host: p.cfg.to(at.peer.Addr.Addr())},
		Headers: []sip.Header{sip.NewHeader("Accept", "application/sdp")},
	}
	if t.Domain != "" {
		q.To.Host, q.To.Port = t.Domain, 0
	}
	begun := time.Now()
	res, err := p.request(at.way, q)
	took := time.Since(begun).Round(time.Millisecond)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.Noted("some companies answer no OPTIONS: if calls work, strowger trunk set "+t.Name+" --probe 0s. If not: "+trial.Trouble(t, err),
			"%s answers no OPTIONS in %v", at.peer, took)
		return true
	case err != nil:
		r.Failed(trial.Trouble(t, err), "%s: %v", at.peer, err)
		return false
	case res.StatusCode == 408 || res.StatusCode == 503: // of a proxy before it
		r.Failed("the company takes no calls there at the moment: ask it", "%s answers OPTIONS with %d %s", at.peer, res.StatusCode, shortened(res.Reason))
	default:
		r.Found("%s answers OPTIONS with %d %s in %v", at.peer, res.StatusCode, shortened(res.Reason), took)
	}
	return true
}

// words says to whom the connection to a server leads, if there is one.
func (c *connections) words(peer sip.Peer) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	had, ok := c.open[peer]
	if !ok {
		return "", false
	}
	state, ok := had.stream.TLS()
	if !ok || len(state.PeerCertificates) == 0 {
		return "connected to " + peer.String(), true
	}
	leaf := state.PeerCertificates[0]
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return fmt.Sprintf("connected to %s by %s; its certificate is for %s, signed by %s, valid until %s", peer, tls.VersionName(state.Version),
		shortened(strings.Join(names, ", ")), shortened(leaf.Issuer.String()), leaf.NotAfter.UTC().Format(time.DateOnly)), true
}

// registered says how this switch is registered with the servers of a trunk.
func (p *Phones) registered(t sitecopy.Trunk, r *trial.Report) {
	if !t.Register {
		return
	}
	all := p.State()
	for _, server := range t.Servers {
		i := slices.IndexFunc(all, func(s fabric.TrunkServer) bool { return s.Trunk == t.ID && s.Server == server })
		if i < 0 {
			r.Noted("try again in a moment", "not registered at %s yet", server)
			continue
		}
		switch s := all[i]; upkeep.State(s.Registration) {
		case upkeep.Registered:
			r.Found("registered at %s as %s until %s", server, t.User, s.Until.UTC().Format("15:04:05 UTC"))
		case upkeep.Refused:
			advice := "ask the company"
			if s.Code == 401 || s.Code == 403 || s.Code == 404 || s.Code == 407 {
				advice = "look at the account: strowger trunk set " + t.Name + " --username NAME --password PASSWORD, and --domain DOMAIN if it has one; calls may fail until then"
			}
			r.Failed(advice, "%s does not register %s: %d %s", server, t.User, s.Code, s.Words)
		case upkeep.Unreachable:
			r.Failed(trial.Trouble(t, context.DeadlineExceeded), "not registered at %s: %s", server, s.Words)
		default:
			r.Noted("try again in a moment", "registering at %s", server)
		}
	}
}
