package directory

import (
	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// Recall is the route back to the phone that a call came from, for its callee: nothing else of the caller's rings. That the caller wants
// no calls now does not matter: they asked for this one.
func (s *Snapshot) Recall(r Route) (Route, error) {
	back := Route{From: r.To, To: r.From, Ring: s.Ring(), Priority: r.Priority}
	if r.From.Trunk != "" {
		return back, s.recallOutside(&back)
	}
	u := s.devices.get(r.From.Device)
	if u == nil {
		return back, errs.New(errs.Gone, "the phone that %s called from is not there any more", r.From.Number)
	}
	d := u.device(r.From.Device)
	back.Home = d.switchID
	if err := s.silent(u, d, d.switchID); err != nil {
		return back, err
	}
	b := d.branch(u, r.From.Number)
	b.Delay = 0
	if d.kind == designation.DeskPhone {
		back.Phones = []designation.Branch{b}
	} else {
		back.Apps = []App{{Branch: b, Thumbprint: d.app.thumbprint, Seal: d.app.seal}}
	}
	return back, nil
}

// recallOutside is the way back to somebody outside: by the trunk that they came by, to the number that they showed, and as the number that
// they called. Anybody can claim to have a number: one of another country is called back for a callee only who may call there.
func (s *Snapshot) recallOutside(back *Route) error {
	t := s.trunk(back.To.Trunk)
	switch {
	case t == nil || !t.Enabled:
		return errs.New(errs.NoLine, "the trunk that %s called by is not there any more", back.To.Number)
	case !back.To.Callable():
		return errs.New(errs.Forbidden, "%q shows no number that can be called back", back.To.Number)
	}
	n, ok := s.plan(s.siteOf(t.Switch)).Read(back.To.Number)
	if u := s.users.get(back.From.User); !ok || u == nil || n.Class == e164.International && u.calling < callsInternational {
		return errs.New(errs.Forbidden, "%s is not a number of the own country, where %s may not call", back.To.Number, back.From.Name)
	}
	b := designation.Branch{Kind: designation.Trunk, Number: back.To.Number, Trunks: []string{t.ID}}
	if e164.Written(back.From.Number) {
		b.Shown = back.From.Number
	}
	back.Home, back.Phones = t.Switch, []designation.Branch{b}
	return nil
}
