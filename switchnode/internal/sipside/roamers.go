package sipside

import (
	"slices"
	"sync"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
)

// roamers are the legs to phones of this switch, by device: each follows its phone, which may come by another connection, or from another address, in the
// middle of a call.
type roamers struct {
	mu   sync.Mutex
	legs map[string]map[*roamer]struct{}
}

type roamer struct{ post func(any) bool }

func newRoamers() roamers { return roamers{legs: map[string]map[*roamer]struct{}{}} }

// roam is how a leg of a device follows its phone.
func (p *Phones) roam(device string, post func(any) bool) sipleg.Roam {
	if device == "" {
		return sipleg.Roam{}
	}
	r, all := &roamer{post}, &p.roamers
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.legs[device] == nil {
		all.legs[device] = map[*roamer]struct{}{}
	}
	all.legs[device][r] = struct{}{}
	return sipleg.Roam{
		Guard:  func(req *sip.Request, from, peer sip.Peer) *sip.Denial { return p.elsewhere(device, req, from, peer) },
		Closed: func() { all.remove(device, r) },
	}
}

func (s *roamers) remove(device string, r *roamer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.legs[device], r); len(s.legs[device]) == 0 {
		delete(s.legs, device)
	}
}

// registered tells the legs of a device that it has registered. Those that take nothing any more are over.
func (s *roamers) registered(device string, m sipleg.Moved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.legs[device] {
		if !r.post(m) {
			delete(s.legs[device], r)
		}
	}
	if len(s.legs[device]) == 0 {
		delete(s.legs, device)
	}
}

// elsewhere says whether a request of a call, which comes from elsewhere than the phone is, is its own. It is where the device is registered, for which
// it showed its password; from anywhere else it has to show that again, be it another port of the same address: others are behind the same NAT, and who
// has read the names of a call must not lead its audio away.
func (p *Phones) elsewhere(device string, req *sip.Request, from, peer sip.Peer) *sip.Denial {
	switch {
	case peer.Transport == sip.TLS && from.Transport != sip.TLS:
		return &sip.Denial{Code: 403, Reason: "This Call Is Over TLS"}
	case slices.ContainsFunc(p.cfg.Registrar.Lookup(device), func(b registrar.Binding) bool { return peerOf(b.Source) == from }):
		return nil
	}
	a, no := p.authenticate(req, from)
	if no == nil && a.Device != device {
		no = deny(errs.Forbidden, "This call is another phone's")
	}
	if no == nil {
		p.trust(from)
		return nil
	}
	c := call.CauseOf(errs.Code(no.cause.Code), no.cause.Words)
	if no.cause.Code == "" {
		c.Words = no.cause.Words
	}
	return &sip.Denial{Code: no.code, Reason: c.Words, Headers: no.all()}
}
