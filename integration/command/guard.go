package command

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/guard"
	"strowger/pkg/rest"
)

type guardCommands struct {
	Show guardShow `cmd:"" help:"Show what may be called in the phone network, and who says so."`
	Set  guardSet  `cmd:"" help:"Change what may be called: by everyone, by a user, or by a trunk."`
	Lift guardLift `cmd:"" help:"Let a user or a trunk call abroad again after an alarm."`

	List    guardList    `cmd:"" help:"Show which addresses are shut out for scanning, and what was refused of late."`
	Unblock guardUnblock `cmd:"" help:"Let an address in again."`
}

// guarded is whose rules are meant.
type guarded struct {
	trunk bool
	who   string // for people
	id    string
	own   *guard.Policy
	org   *guard.Policy // nil for a trunk
	save  func(change) error
}

// rules is what holds, and of what.
func (g guarded) rules() guard.Rules {
	if g.trunk {
		return g.own.Over(guard.Trunks())
	}
	return g.own.Over(g.org.Over(guard.Users()))
}

// guarded finds a user or a trunk, or the organization for "".
func (e *env) guarded(ref string) (guarded, error) {
	org, err := e.ownOrganization()
	if err != nil {
		return guarded{}, err
	}
	if ref == "" {
		return guarded{who: org.Name, id: org.ID, own: org.Guard, save: saves(e, organizations(), org)}, nil
	}
	u, err := users().find(e, ref)
	if err == nil {
		return guarded{who: u.Name, id: u.ID, own: u.Guard, org: org.Guard, save: saves(e, users(), u)}, nil
	}
	if errs.CodeOf(err) != errs.NotFound {
		return guarded{}, err
	}
	t, err := trunks().find(e, ref)
	if errs.CodeOf(err) == errs.NotFound {
		err = errs.New(errs.NotFound, "there is neither a user nor a trunk %q", ref)
	}
	return guarded{trunk: true, who: "trunk " + t.Name, id: t.ID, own: t.Guard, save: saves(e, trunks(), t)}, err
}

func saves[T any](e *env, n noun[T], v T) func(change) error {
	return func(c change) error {
		_, err := n.in(e.client).Update(e.ctx, n.meta(v).ID, n.meta(v).Version, c)
		return err
	}
}

// ownOrganization is the one that the commands are for.
func (e *env) ownOrganization() (rest.Organization, error) {
	if e.client.Organization != "" {
		return e.client.Organizations().Get(e.ctx, e.client.Organization)
	}
	p, err := e.client.Organizations().Page(e.ctx, nil, 2, "")
	if err == nil && len(p.Items) != 1 {
		err = errs.New(errs.Invalid, "there is not just one organization: name it with --organization")
	}
	if err != nil {
		return rest.Organization{}, err
	}
	return p.Items[0], nil
}

type guardShow struct {
	Who string `arg:"" optional:"" help:"A user (name, number or id) or a trunk; nobody: everyone."`
}

// Run shows the rules of somebody.
func (c *guardShow) Run(e *env) error {
	g, err := e.guarded(c.Who)
	if err != nil {
		return err
	}
	return e.guards(g)
}

// rule is a line of the rules.
type rule struct{ name, value, from string }

func (e *env) guards(g guarded) error {
	return e.show(map[string]any{"rules": g.rules(), "own": g.own, "organization": g.org}, func() {
		e.say("Calls of %s to phone numbers:\n", g.who)
		table(e.out, []column[rule]{
			{head: "rule", cell: func(r rule) string { return r.name }},
			{head: "value", cell: func(r rule) string { return r.value }},
			{head: "said by", cell: func(r rule) string { return r.from }},
		}, g.lines(), "")
	})
}

// lines is the rules, each with who says so.
func (g guarded) lines() []rule {
	own, org, r := g.own, g.org, g.rules()
	if own == nil {
		own = &guard.Policy{}
	}
	if org == nil {
		org = &guard.Policy{}
	}
	from := func(byOwn, byOrg bool) string {
		switch {
		case byOwn:
			return g.who
		case byOrg:
			return "the organization"
		}
		return "default"
	}
	all := []rule{
		{"calls in an hour", limitText(r.CallsHour), from(own.CallsHour != nil, org.CallsHour != nil)},
		{"calls in a day", limitText(r.CallsDay), from(own.CallsDay != nil, org.CallsDay != nil)},
		{"cost in an hour", moneyText(r.CostHour), from(own.CostHour != nil, org.CostHour != nil)},
		{"cost in a day", moneyText(r.CostDay), from(own.CostDay != nil, org.CostDay != nil)},
		{"longest call", timeText(r.Longest), from(own.Longest != nil, org.Longest != nil)},
		{"alarm from calls abroad in a day", limitText(r.Alarm), from(own.Alarm != nil, org.Alarm != nil)},
	}
	if g.trunk {
		return all
	}
	return append([]rule{
		{"countries beside the own", strings.Join(r.Countries, ","), from(own.Countries != nil, org.Countries != nil)},
		{"always allowed", cmp.Or(strings.Join(r.Allow, ","), "none"), from(own.Allow != nil, org.Allow != nil)},
		{"denied", cmp.Or(strings.Join(r.Deny, ","), "none"), from(own.Deny != nil, org.Deny != nil)},
		{"kinds", "no premium-rate, shared-cost, personal, pager, satellite numbers that are not allowed", "always"},
		{"calls at once", limitText(r.Together), from(own.Together != nil, org.Together != nil)},
		{"forwards to phone numbers of", r.Forwards, from(own.Forwards != nil, org.Forwards != nil)},
		{"forwarded calls at once", limitText(r.Forwarded), from(own.Forwarded != nil, org.Forwarded != nil)},
		{"night", cmp.Or(r.Night.String(), "never"), from(own.Night != nil, org.Night != nil)},
		{"calls abroad in an hour at night", limitText(r.NightCalls), from(own.NightCalls != nil, org.NightCalls != nil)},
	}, all...)
}

func limitText(n int64) string {
	if n == guard.NoLimit {
		return "no limit"
	}
	return fmt.Sprint(n)
}

func timeText(seconds int64) string {
	if seconds == guard.NoLimit {
		return "no limit"
	}
	return (time.Duration(seconds) * time.Second).String()
}

func moneyText(n int64) string {
	if n == guard.NoLimit {
		return "no limit"
	}
	return fmt.Sprintf("%.2f", float64(n)/1e6)
}

type guardLift struct {
	Who string `arg:"" help:"A user (name, number or id) or a trunk."`
}

// Help teaches by example.
func (*guardLift) Help() string {
	return `Far more calls abroad than usual block all others of that user or trunk until somebody has looked: was it them? The alert says who and
when, the call records to whom.

    strowger alert list
    strowger call list --user Anna
    strowger guard lift Anna`
}

// Run lifts what alarms there were until now.
func (c *guardLift) Run(e *env) error {
	g, err := e.guarded(c.Who)
	if err != nil {
		return err
	}
	p, now := guard.Policy{}, e.now().Unix()
	if g.own != nil {
		p = *g.own
	}
	p.Lifted = &now
	if err := g.save(change{"guard": p}); err != nil {
		return err
	}
	return e.show(p, func() { e.say("Calls abroad of %s go on, as soon as the switches have heard of it.\n", g.who) })
}

type guardSet struct {
	Who        string         `arg:"" optional:"" help:"A user (name, number or id) or a trunk; nobody: everyone."`
	Countries  *[]string      `help:"Countries that may be called beside the own: DE,FR; usual: all but those that fraud is known for; empty: none." placeholder:"LIST"`
	Allow      *[]string      `help:"Beginnings of numbers that may be called, dear or not: +49180,+4970; empty: none." placeholder:"LIST"`
	Deny       *[]string      `help:"Beginnings of numbers that may not; where both fit the longer one decides." placeholder:"LIST"`
	CallsHour  *int64         `help:"Most calls in an hour; 0: no limit." placeholder:"N"`
	CallsDay   *int64         `help:"Most calls in 24 hours; 0: no limit." placeholder:"N"`
	CostHour   *float64       `help:"Most that calls may cost in an hour, in the currency of the rates; 0: no limit." placeholder:"AMOUNT"`
	CostDay    *float64       `help:"Most that calls may cost in 24 hours; 0: no limit." placeholder:"AMOUNT"`
	Together   *int64         `help:"Most calls of a user at once; 0: no limit." placeholder:"N"`
	Forwards   *string        `help:"Whose calls users may forward to phone numbers: of everyone, of callers of the organization (inside), of nobody." placeholder:"WHO"`
	Forwarded  *int64         `help:"Most calls at once that a user forwards to phone numbers; 0: no limit." placeholder:"N"`
	Night      *string        `help:"When it is night at the office: 22:00-06:00; empty: never." placeholder:"SPAN"`
	NightCalls *int64         `help:"Most calls abroad of a user in an hour at night; 0: no limit." placeholder:"N"`
	Alarm      *int64         `help:"So many calls abroad in 24 hours are never unusual; 0: no alarm." placeholder:"N"`
	Longest    *time.Duration `help:"Longest time of a call: 12h, 90m; 0: no limit." placeholder:"TIME"`
	Default    bool           `help:"Forget first what was said here."`
}

// Help teaches by example.
func (*guardSet) Help() string {
	return `The rules hold for calls to phone numbers outside, at the switch of the line, also without the cloud. What is said of a user goes
before what is said of everyone; limits of a trunk count for all its calls together (--longest for each). Emergency calls pass all of them.

Everyone may call 0180 numbers, and Cuba beside the usual countries:

    strowger guard set --allow +49180 --countries usual,CU

Anna, who sells by phone, may call 200 times an hour, five calls at once:

    strowger guard set Anna --calls-hour 200 --calls-day 1500 --together 5

The line of the Rome office may not cost more than 30 a day:

    strowger guard set Company-Rome --cost-day 30

A call of Anna's may last a day:

    strowger guard set Anna --longest 24h

Callers from outside are not forwarded to mobile phones any more, but for Anna's, up to four at once:

    strowger guard set --forwards inside
    strowger guard set Anna --forwards everyone --forwarded 4

As ever again:

    strowger guard set Anna --default`
}

// Run changes the rules of somebody.
func (c *guardSet) Run(e *env) error {
	g, err := e.guarded(c.Who)
	if err != nil {
		return err
	}
	p := guard.Policy{}
	if g.own != nil && !c.Default {
		p = *g.own
	}
	for _, l := range []struct {
		to   *[]string
		from *[]string
	}{{&p.Countries, c.Countries}, {&p.Allow, c.Allow}, {&p.Deny, c.Deny}} {
		if l.from != nil {
			*l.to = slices.DeleteFunc(append([]string{}, *l.from...), func(s string) bool { return s == "" })
		}
	}
	for _, l := range []struct{ to, from **int64 }{
		{&p.CallsHour, &c.CallsHour}, {&p.CallsDay, &c.CallsDay}, {&p.Together, &c.Together}, {&p.Forwarded, &c.Forwarded}, {&p.NightCalls, &c.NightCalls}, {&p.Alarm, &c.Alarm},
	} {
		*l.to = cmp.Or(*l.from, *l.to)
	}
	for _, l := range []struct {
		to   **int64
		from *float64
	}{{&p.CostHour, c.CostHour}, {&p.CostDay, c.CostDay}} {
		if l.from != nil {
			millionths := int64(math.Round(*l.from * 1e6))
			*l.to = &millionths
		}
	}
	if c.Longest != nil {
		seconds := int64(math.Ceil(c.Longest.Seconds()))
		p.Longest = &seconds
	}
	p.Night, p.Forwards = cmp.Or(c.Night, p.Night), cmp.Or(c.Forwards, p.Forwards)
	if err := p.Check(g.trunk); err != nil {
		return err
	}
	if err := g.save(change{"guard": p}); err != nil {
		return err
	}
	g.own = &p
	return e.guards(g)
}
