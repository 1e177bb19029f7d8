package directory

import (
	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Recall is the route back to the phone that a call came from, for its callee: nothing else of the caller's rings. That the caller wants
// no calls now does not matter: they asked for this one.
func (s *Snapshot) Recall(r Route) (Route, error) {
	back := Route{From: r.To, To: r.From, Ring: s.Ring(), Priority: r.Priority}
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
