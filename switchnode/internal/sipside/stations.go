package sipside

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/trunk/upkeep"
)

// Stations is what the phone side needs to keep the lines to phone companies.
type Stations struct {
	Secret  []byte // of the contacts that are registered there: see token
	Changed func() // State says something new
	// Alert tells people that a trunk is lost (severity "warning"), or back ("info").
	Alert func(severity, trunk, words string)
}

// duty is what is done at one server of a trunk while nobody calls: the switch is registered there, or, where every is not 0, it asks
// at that interval whether the server is there. Another password is another duty.
type duty struct {
	way

	trunk, domain, user, password string
	every                         time.Duration
}

// place is where only one duty of a kind is done at a time: the next waits until the last one has taken its contact back, which is
// the same.
type place struct {
	trunk, server string
	probe         bool
}

func (d duty) place() place { return place{d.trunk, d.server, d.every > 0} }

// machine is what decides when a duty is to be done: of package upkeep.
type machine interface {
	Step(time.Time, upkeep.Event) []upkeep.Action
	Status() upkeep.Status
}

// station is a duty that is done.
type station struct {
	cancel context.CancelFunc
	done   chan struct{}
	status upkeep.Status // guarded by stations.mu
}

// stations are the duties of a switch at phone companies.
type stations struct {
	wake  chan struct{} // capacity 1: the trunks changed
	noted chan struct{} // capacity 1: a status changed

	mu      sync.Mutex
	closed  bool
	running map[duty]*station
	last    map[place]chan struct{} // closed when the last duty there is done
}

func newStations() stations {
	return stations{wake: make(chan struct{}, 1), noted: make(chan struct{}, 1), running: map[duty]*station{}, last: map[place]chan struct{}{}}
}

// TrunksChanged has the new trunks looked at.
func (p *Phones) TrunksChanged() {
	nudge(p.stations.wake)
}

// nudge wakes who waits on a channel of capacity 1, unless it will look anyway.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// State is how the switch gets on with the servers of its trunks.
func (p *Phones) State() []fabric.TrunkServer {
	s := &p.stations
	s.mu.Lock()
	defer s.mu.Unlock()
	type server struct{ trunk, server string }
	all := map[server]fabric.TrunkServer{}
	for d, st := range s.running {
		at := server{d.trunk, d.server}
		v := all[at]
		v.Trunk, v.Server = d.trunk, d.server
		if d.every > 0 {
			v.Health, v.HealthSince = string(st.status.State), st.status.Since
			v.HealthCode, v.HealthWords = st.status.Code, shortened(st.status.Words)
		} else {
			v.Registration, v.Since, v.Until = string(st.status.State), st.status.Since, st.status.Until
			v.Retry, v.Code, v.Words = st.status.Retry, st.status.Code, shortened(st.status.Words)
		}
		all[at] = v
	}
	return slices.SortedFunc(maps.Values(all), func(a, b fabric.TrunkServer) int {
		return cmp.Or(strings.Compare(a.Trunk, b.Trunk), strings.Compare(a.Server, b.Server))
	})
}

// sound says whether calls may go to a server of a trunk before others: it is not down, and the switch is registered there if it has
// to be.
func (s *stations) sound(trunk, server string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, st := range s.running {
		state := st.status.State
		if d.trunk == trunk && d.server == server && (d.every > 0 && state == upkeep.Down || d.every == 0 && state != upkeep.Registered) {
			return false
		}
	}
	return true
}

// keepTrunks does what the trunks want, until ctx ends.
func (p *Phones) keepTrunks(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-p.sip.Running():
	}
	for {
		p.station(ctx)
		select {
		case <-ctx.Done():
			return
		case <-p.stations.wake:
		}
	}
}

// duties is what there is to do.
func (p *Phones) duties() map[duty]bool {
	wanted := map[duty]bool{}
	for _, t := range p.cfg.Trunks() {
		for _, server := range t.Servers {
			d := duty{way: wayTo(t, server), trunk: t.ID, domain: t.Domain, every: t.Probe}
			if t.Probe > 0 {
				wanted[d] = true
			}
			if t.Register {
				d.user, d.password, d.every = t.User, p.cfg.Password(t.ID), 0
				wanted[d] = true
			}
		}
	}
	return wanted
}

// station begins the duties that are new, and ends those that are no more.
func (p *Phones) station(ctx context.Context) {
	wanted := p.duties()
	s := &p.stations
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for d, st := range s.running {
		if !wanted[d] {
			st.cancel()
			delete(s.running, d)
		}
	}
	for d := range wanted {
		if s.running[d] == nil {
			own, cancel := context.WithCancel(ctx)
			st := &station{cancel: cancel, done: make(chan struct{})}
			before := s.last[d.place()]
			s.running[d], s.last[d.place()] = st, st.done
			p.work.Go(func() {
				defer s.finish(d, st)
				if before != nil {
					<-before
				}
				p.stay(own, d, st)
			})
		}
	}
}

func (s *stations) finish(d duty, st *station) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(st.done)
	if s.last[d.place()] == st.done {
		delete(s.last, d.place())
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

// begin makes the machine of a duty, and says when it is first done: not all questions at once.
func (d duty) begin() (m machine, first time.Duration) {
	if d.every > 0 {
		return upkeep.NewHealth(time.Now(), d.every, rand.Float64), time.Duration(rand.Float64() * float64(d.every))
	}
	return upkeep.NewRegistration(time.Now(), rand.Float64), 0
}

// stay does a duty until ctx ends.
func (p *Phones) stay(ctx context.Context, d duty, st *station) {
	m, first := d.begin()
	p.note(d, st, m.Status())
	q := sip.RequestParams{Method: "REGISTER", CallID: ident.New(ident.Request), Seq: 1}
	timer := time.NewTimer(first)
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
		for _, act := range m.Step(time.Now(), ev) {
			switch act := act.(type) {
			case upkeep.Ended:
				return
			case upkeep.Wait:
				timer.Reset(time.Until(act.Until))
			case upkeep.Send:
				next := q
				p.work.Go(func() { answers <- p.ask(d, next, act.Expires) })
				q.Seq += maxTries * triesOfOne // it uses no more
			}
		}
		p.note(d, st, m.Status())
	}
}

// note keeps a status, and tells of a new one.
func (p *Phones) note(d duty, st *station, status upkeep.Status) {
	s := &p.stations
	s.mu.Lock()
	old := st.status
	st.status = status
	current := s.running[d] == st
	s.mu.Unlock()
	if !current || old == status {
		return
	}
	if old.State != status.State || old.Code != status.Code {
		p.cfg.Logger.Info("server of a phone company", "trunk", d.trunk, "server", d.server, "state", status.State, "code", status.Code, "words", status.Words)
	}
	nudge(s.noted)
	if p.cfg.Stations.Changed != nil {
		p.cfg.Stations.Changed()
	}
}
