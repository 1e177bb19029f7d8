package cloud

import (
	"context"
	"errors"
	"slices"

	"strowger/cloud/internal/directory"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

// lampWorkers pass on what switches say of lamps.
const lampWorkers = 4

// lamp passes on what a switch says of lamps to those who are to know: questions and sights to the home of the user, answers to who asked. A switch asks for its own users, and tells of users whose lamps it knows.
// Of a user without a home one of the switches that are there is chosen, the same for all who ask.
func (c *instance) lamp(ctx context.Context, s fabric.Subject, q fabric.Lamps) (fabric.Reply, error) {
	snapshot, err := c.directory.Snapshot(s.Org)
	if err != nil {
		return fabric.Reply{}, err
	}
	if err := q.Check(); err != nil {
		return fabric.Reply{}, err
	}
	to := map[string]*fabric.Lamps{}
	at := func(node string) *fabric.Lamps {
		if to[node] == nil {
			to[node] = &fabric.Lamps{From: s.ID, Boot: q.Boot, Turn: q.Turn}
		}
		return to[node]
	}
	refused := fabric.Lamps{From: fabric.Workers, Boot: fabric.Workers, Turn: q.Turn}
	for _, a := range q.Asks {
		v, err := snapshot.LampOf(a.Number)
		home := ""
		by := slices.DeleteFunc(slices.Clone(a.By), func(user string) bool { return !snapshot.Belongs(user, s.ID) })
		if err == nil && len(by) == 0 {
			err = errs.New(errs.Forbidden, "nobody who watches %s has a phone at this switch", a.Number)
		}
		if err == nil {
			home, err = c.lampHome(snapshot, v.User, v.Home)
		}
		if err != nil {
			refused.Tells = append(refused.Tells, fabric.LampTell{Number: a.Number, Error: errs.From(err)})
			continue
		}
		if a = (fabric.LampAsk{Number: a.Number, By: by}); v.Home == "" {
			a.User, a.Name, a.Private, a.Reachable = v.User, v.Name, v.Private, v.Reachable
		}
		m := at(home)
		m.Asks = append(m.Asks, a)
	}
	for _, v := range q.Sights {
		home, known := snapshot.LampHome(v.User)
		if !known {
			continue // nobody watches them, and nobody is to keep what is said of them
		}
		if home, err := c.lampHome(snapshot, v.User, home); err == nil && home != s.ID {
			m := at(home)
			m.Sights = append(m.Sights, v)
		}
	}
	for _, t := range q.Tells { // of others than its own a switch knows nothing
		v, err := snapshot.LampOf(t.Number)
		if err == nil {
			v.Home, err = c.lampHome(snapshot, v.User, v.Home)
		}
		if err != nil || v.Home != s.ID {
			continue
		}
		m := at(q.To)
		m.Tells = append(m.Tells, t)
	}
	if len(refused.Tells) > 0 {
		err = c.passLamps(ctx, snapshot, s.ID, refused)
	}
	for node, m := range to {
		err = errors.Join(err, c.passLamps(ctx, snapshot, node, *m))
	}
	return fabric.Reply{}, err
}

// passLamps sends lamps to a switch; nobody waits for them.
func (c *instance) passLamps(ctx context.Context, s *directory.Snapshot, node string, m fabric.Lamps) error {
	if v, ok := s.Switch(node); !ok || !v.Enrolled {
		return nil
	}
	return fabric.Publish(ctx, c.exchange.Client(), fabric.SubjectLamps(s.ID(), node), m)
}

// lampHome is the switch that knows all calls of a user.
func (c *instance) lampHome(s *directory.Snapshot, user, home string) (string, error) {
	if home != "" {
		return home, nil
	}
	return c.broker.LampHome(s, user)
}
