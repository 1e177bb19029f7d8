package sipside

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/trunk/upkeep"
)

// watchTrunks tells people of trunks that are lost, and of those that are back, until ctx ends.
func (p *Phones) watchTrunks(ctx context.Context) {
	watches := map[string]*upkeep.Watch{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.stations.noted:
		case <-timer.C:
		}
		if next := p.lookAtTrunks(time.Now(), watches); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// lookAtTrunks says when to look again if nothing happens until then; the zero time: never.
func (p *Phones) lookAtTrunks(now time.Time, watches map[string]*upkeep.Watch) (next time.Time) {
	all := p.cfg.Trunks()
	for id := range watches {
		if !slices.ContainsFunc(all, func(t sitecopy.Trunk) bool { return t.ID == id }) {
			delete(watches, id)
		}
	}
	for _, t := range all {
		w := watches[t.ID]
		if w == nil {
			w = &upkeep.Watch{}
			watches[t.ID] = w
		}
		names, servers := p.stations.of(t.ID)
		since := w.Since()
		notice, at := w.Look(now, servers)
		switch notice {
		case upkeep.Lost:
			p.cfg.Stations.Alert("warning", t.ID, lostWords(t.Name, names, servers))
		case upkeep.Back:
			p.cfg.Stations.Alert("info", t.ID, fmt.Sprintf("trunk %s is back: it was lost for %s", t.Name, now.Sub(since).Round(time.Second)))
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// of is the servers of a trunk, in the order of their names, and how the switch gets on with each.
func (s *stations) of(trunk string) (names []string, servers []upkeep.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[string]*upkeep.Server{}
	for d, st := range s.running {
		if d.trunk != trunk {
			continue
		}
		v := by[d.server]
		if v == nil {
			v = &upkeep.Server{}
			by[d.server], names = v, append(names, d.server)
		}
		status := st.status
		if d.every > 0 {
			v.Health = &status
		} else {
			v.Registration = &status
		}
	}
	slices.Sort(names)
	for _, name := range names {
		servers = append(servers, *by[name])
	}
	return names, servers
}

// lostWords says why a trunk is lost, by each of its servers.
func lostWords(name string, names []string, servers []upkeep.Server) string {
	reasons := make([]string, len(servers))
	for i, s := range servers {
		switch r := s.Registration; {
		case r != nil && r.State == upkeep.Refused:
			reasons[i] = fmt.Sprintf("%s refuses the registration (%d %s)", names[i], r.Code, shortened(r.Words))
		case r != nil && r.State == upkeep.Unreachable:
			reasons[i] = fmt.Sprintf("%s cannot be registered at (%s)", names[i], cmp.Or(shortened(r.Words), "no answer"))
		default:
			h := s.Health
			why := shortened(h.Words)
			if h.Code != 0 {
				why = fmt.Sprintf("%d %s", h.Code, why)
			}
			reasons[i] = fmt.Sprintf("%s is down (%s)", names[i], cmp.Or(why, "no answer"))
		}
	}
	words := fmt.Sprintf("trunk %s is lost: %s; calls go by other trunks first, where there are any", name, strings.Join(reasons, ", "))
	return strings.ToValidUTF8(words[:min(len(words), maxWords)], "")
}

// maxWords is how many bytes are said of a lost trunk: it may have many servers.
const maxWords = 900
