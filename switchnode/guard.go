package switchnode

import (
	"context"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/guard"
	"strowger/pkg/sitecopy"
	"strowger/pkg/tariff"
	"strowger/switchnode/internal/sipside"
	"strowger/switchnode/internal/toll"
)

// How long an emergency number may be: one that this call is said to be to, as sites have them (rest.Site), and one of those that
// countries have, whatever is said. All other numbers are judged.
const (
	maxHelp = 8
	maxWide = 6
)

// forHelp says whether a number can only be one for help.
func forHelp(number string, emergency bool) bool {
	return !e164.Written(number) && (len(number) <= maxWide || emergency && len(number) <= maxHelp)
}

// guard judges a call that wants to leave by a trunk of this switch. What it was admitted by does not matter: neither the cloud nor
// the switch that brings the call is asked.
func (n *node) guard(ctx context.Context, l sipside.Leaving) (*toll.Permit, error) {
	if forHelp(l.Number, l.Emergency) {
		return nil, nil
	}
	s := n.copy.Snapshot()
	g, home := s.Guards(), s.Dialling().Country
	q := n.asks(l, g, home)
	err := judge(l.From, l.Payer, q.Rules, home, l.Number)
	var p *toll.Permit
	if err == nil {
		p, err = n.tolls.Enter(ctx, q, l.Lives, l.Spent)
	}
	if err != nil {
		n.refused.Add(fabric.Refused{At: n.now(), Who: q.Name, Call: l.Call, Dials: l.Number, Words: err.Error()})
	}
	return p, err
}

// judge says why somebody may not call a number, or payer forward them there, whatever they called before.
func judge(from designation.Party, payer *designation.Party, r guard.Rules, home, number string) error {
	switch {
	case payer != nil:
		if err := r.Forward(payer.Name, from.Trunk != ""); err != nil {
			return err
		}
	case from.Trunk != "":
		return errs.New(errs.GuardOutside, "%s calls from outside, and would call %s at the cost of this office", from.Number, number)
	}
	return r.Number(home, number)
}

// barred says that who calls from outside, and waits, could not be called back. The switch of the trunk judges that call; here it decides what
// the caller is told.
func (n *node) barred(p designation.Plan) bool {
	if p.From.Trunk == "" {
		return false
	}
	s := n.copy.Snapshot()
	g := s.Guards()
	home, ok := s.Back(p.From, p.To.User)
	return !ok || judge(p.To, nil, g.Users[p.To.User].Over(g.Organization.Over(guard.Users())), home, p.From.Number) != nil
}

// asks is what the book is asked for a call.
func (n *node) asks(l sipside.Leaving, g sitecopy.Guards, home string) toll.Ask {
	country, _ := e164.Origin(l.Number)
	pays := l.From
	if l.Payer != nil {
		pays = *l.Payer
	}
	now := n.now().In(n.copy.Snapshot().Zone())
	q := toll.Ask{
		Call: l.Call, User: pays.User, Name: pays.Name, Number: l.Number, Forwarded: l.Payer != nil, Abroad: country != home, Minute: now.Hour()*60 + now.Minute(), Wall: now.Unix(),
	}
	if q.User == "" { // a test
		q.User, q.Name = n.identity.Load().Org, "the organization"
	}
	i, shares := slices.Index(g.Switches, n.identity.Load().Node), len(g.Switches)
	if i < 0 {
		i, shares = 0, 1
	}
	q.Rules = g.Users[q.User].Over(g.Organization.Over(guard.Users())).Share(i, shares)
	for _, t := range l.Trunks {
		q.Lines = append(q.Lines, toll.Line{Trunk: t.ID, Name: t.Name, Rules: g.Trunks[t.ID].Over(guard.Trunks()), Cost: costs(t, l.Rates)})
	}
	return q
}

// costs is what a call by a trunk costs for the guards, nil if the trunk has no rates. They do not let a number pass that its table leaves out:
// they count the dearest rate.
func costs(t sitecopy.Trunk, known map[string]tariff.Rate) func(time.Duration) int64 {
	if rate, ok := known[t.ID]; ok {
		return rate.Cost
	}
	if len(t.Rates) == 0 {
		return nil
	}
	return slices.MaxFunc(t.Rates, tariff.Rate.Cheaper).Cost
}

// alarm tells administrators that calls abroad are blocked.
func (n *node) alarm(a toll.Alarm) { n.raise("fraud", "critical", a.Account, a.Call, a.Words) }
