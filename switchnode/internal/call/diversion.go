package call

import (
	"strowger/pkg/errs"
)

// renewed is what there is to ring at a fall-back.
type renewed struct {
	at       Fallback
	branches []Branch
}

// divert finds what there is to ring at a fall-back. Breadth limits what rings at once (RFC 5393, 5.3.3), and what rang before
// is over: each attempt has all of it.
func (s *Session) divert(a Divert) {
	f := a.To
	if f.Renew == nil {
		s.divertTo(renewed{f, f.Branches()})
		return
	}
	s.asking.Go(func() { s.renewed <- renewed{f, f.Renew(s.ctx, a.Of)} })
}

func (s *Session) divertTo(r renewed) {
	branches := r.branches
	s.to, s.first, s.branches = r.at.To, LegID(len(s.call.legs)), len(branches)
	switch {
	case s.branches == 0:
		s.step(Diverted{Cause: CauseOf(errs.Offline, "")})
	case s.branches > s.cfg.Breadth:
		s.step(Diverted{Cause: CauseOf(errs.TooWide, "")})
	default:
		s.step(Diverted{Branches: branches})
	}
}

// breadth is a branch's share of the call's Max-Breadth: over all branches it stays the same (RFC 5393, 5.3.3). A branch
// with a delay counts, since the others may still ring when it starts.
func (s *Session) breadth(id LegID) int {
	branches := max(s.branches, 1) // a guest forks nothing
	share := s.cfg.Breadth / branches
	if int(id-s.first) < s.cfg.Breadth%branches {
		share++
	}
	return share
}
