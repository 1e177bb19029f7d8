package sipside

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/trunk/upkeep"
)

// Stations is what the phone side needs to keep the lines to phone companies.
type Stations struct {
	Secret  []byte // of the contacts that are registered there: see token
	Changed func() // State says something new
}

// membership is one registration at a phone company. Another password is another one.
type membership struct{ trunk, server, domain, user, password string }

// station is a membership that is kept.
type station struct {
	cancel context.CancelFunc
	done   chan struct{}
	status upkeep.Status // guarded by stations.mu
}

// stations are the registrations of a switch at phone companies.
type stations struct {
	wake chan struct{} // capacity 1: the trunks changed

	mu      sync.Mutex
	closed  bool
	running map[membership]*station
}

func newStations() stations {
	return stations{wake: make(chan struct{}, 1), running: map[membership]*station{}}
}

// TrunksChanged has the new trunks looked at.
func (p *Phones) TrunksChanged() {
	select {
	case p.stations.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// State is how the switch gets on with the servers of its trunks.
func (p *Phones) State() []fabric.TrunkServer {
	s := &p.stations
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []fabric.TrunkServer
	for a, st := range s.running {
		all = append(all, fabric.TrunkServer{
			Trunk: a.trunk, Server: a.server, Registration: string(st.status.State), Since: st.status.Since, Until: st.status.Until,
			Retry: st.status.Retry, Code: st.status.Code, Words: shortened(st.status.Words),
		})
	}
	slices.SortFunc(all, func(a, b fabric.TrunkServer) int {
		return cmp.Or(strings.Compare(a.Trunk, b.Trunk), strings.Compare(a.Server, b.Server))
	})
	return all
}

// sound says whether calls may go to a server of a trunk before others.
func (s *stations) sound(trunk, server string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a, st := range s.running {
		if a.trunk == trunk && a.server == server {
			return st.status.State == upkeep.Registered
		}
	}
	return true
}

// keepTrunks keeps the switch registered where its trunks say, until ctx ends.
func (p *Phones) keepTrunks(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-p.sip.Running():
	}
	for {
		p.registerTrunks(ctx)
		select {
		case <-ctx.Done():
			return
		case <-p.stations.wake:
		}
	}
}

// registerTrunks starts the registrations that are wanted and are not there, and ends the others.
func (p *Phones) registerTrunks(ctx context.Context) {
	wanted := map[membership]bool{}
	for _, t := range p.cfg.Trunks() {
		for _, server := range t.Servers {
			if t.Register {
				wanted[membership{t.ID, server, t.Domain, t.User, p.cfg.Password(t.ID)}] = true
			}
		}
	}
	s := &p.stations
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for a, st := range s.running {
		if !wanted[a] {
			st.cancel()
			delete(s.running, a)
		}
	}
	for a := range wanted {
		if s.running[a] == nil {
			own, cancel := context.WithCancel(ctx)
			st := &station{cancel: cancel, done: make(chan struct{})}
			s.running[a] = st
			p.work.Go(func() { p.stay(own, a, st) })
		}
	}
}

// LeaveTrunks takes all registrations back, as far as that is possible before ctx ends.
func (p *Phones) LeaveTrunks(ctx context.Context) {
	s := &p.stations
	s.mu.Lock()
	s.closed = true
	var all []*station
	for _, st := range s.running {
		st.cancel()
		all = append(all, st)
	}
	s.mu.Unlock()
	for _, st := range all {
		select {
		case <-st.done:
		case <-ctx.Done():
			return
		}
	}
}

// stay keeps the switch registered until ctx ends.
func (p *Phones) stay(ctx context.Context, a membership, st *station) {
	defer close(st.done)
	r := upkeep.NewRegistration(time.Now(), rand.Float64)
	q := sip.RequestParams{Method: "REGISTER", CallID: ident.New(ident.Request), Seq: 1}
	timer := time.NewTimer(0)
	defer timer.Stop()
	stopped := ctx.Done()
	answers := make(chan upkeep.Event, 1)
	for {
		var ev upkeep.Event
		select {
		case <-stopped:
			stopped, ev = nil, upkeep.Stop{}
			timer.Stop()
		case <-timer.C:
			ev = upkeep.Due{}
		case ev = <-answers:
		}
		for _, act := range r.Step(time.Now(), ev) {
			switch act := act.(type) {
			case upkeep.Ended:
				return
			case upkeep.Wait:
				timer.Reset(time.Until(act.Until))
			case upkeep.Send:
				next := q
				p.work.Go(func() { answers <- p.ask(a, next, act.Expires) })
				q.Seq += maxTries * triesOfOne // it uses no more
			}
		}
		p.note(a, st, r.Status())
	}
}

// note keeps a status, and tells of a new one.
func (p *Phones) note(a membership, st *station, status upkeep.Status) {
	s := &p.stations
	s.mu.Lock()
	old := st.status
	st.status = status
	current := s.running[a] == st
	s.mu.Unlock()
	if !current || old == status {
		return
	}
	if old.State != status.State || old.Code != status.Code {
		p.cfg.Logger.Info("registration at a phone company", "trunk", a.trunk, "server", a.server, "state", status.State, "code", status.Code, "words", status.Words)
	}
	if p.cfg.Stations.Changed != nil {
		p.cfg.Stations.Changed()
	}
}

// How long one server may take to answer, and how many requests one question may take.
const (
	oneServer  = 8 * time.Second
	maxTries   = 8
	triesOfOne = 3 // with the challenges
)

var errNoServer = errors.New("no server has this name in DNS")

// ask sends a REGISTER to the servers of a name, the next one when one does not answer or says 503 (RFC 3263, 4.3).
func (p *Phones) ask(a membership, q sip.RequestParams, expires time.Duration) upkeep.Event {
	peers, uri, err := p.servers(p.ctx, a.server)
	if a.domain != "" {
		uri = sip.URI{Scheme: "sip", Host: a.domain}
	}
	q.To, q.From = sip.URI{Scheme: uri.Scheme, Host: uri.Host}, sip.Party{User: a.user, Host: uri.Host}
	q.Credentials = &sip.Credentials{User: a.user, Password: a.password}
	var ev upkeep.Event = upkeep.Silence{Words: errText(err, errNoServer)}
	for _, peer := range peers[:min(len(peers), maxTries)] {
		contact := p.sip.Contact(p.token(a.trunk), peer)
		q.Peer = peer
		q.Headers = []sip.Header{
			sip.NewHeader("Contact", "<"+contact.String()+">"), sip.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))),
		}
		res, err := p.request(q)
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

func (p *Phones) request(q sip.RequestParams) (*sip.Response, error) {
	ctx, cancel := context.WithTimeout(p.ctx, oneServer)
	defer cancel()
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

// answerOf reads the final response to a REGISTER for a contact.
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
