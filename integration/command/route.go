package command

import (
	"strings"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func routes() noun[rest.Route] {
	return noun[rest.Route]{
		word: "route", kind: ident.Route, in: rest.Client.Routes, by: func(ref string) []rest.Filter { return []rest.Filter{{"prefix": ref}} },
		meta:  func(v rest.Route) rest.Meta { return v.Meta },
		label: func(v rest.Route) string { return v.Prefix },
		uses:  []ident.Kind{ident.Trunk},
		columns: func(n names) []column[rest.Route] {
			return []column[rest.Route]{
				{head: "prefix", cell: func(v rest.Route) string { return v.Prefix }},
				{head: "days", cell: func(v rest.Route) string { return v.Days }},
				{head: "hours", cell: func(v rest.Route) string { return v.Hours }},
				{head: "trunks", cell: func(v rest.Route) string {
					var all []string
					for _, id := range v.Trunks {
						all = append(all, n.of(id))
					}
					return strings.Join(all, ", ")
				}},
				{head: "id", cell: func(v rest.Route) string { return v.ID }},
			}
		},
	}
}

type routeCommands struct {
	Add    routeAdd    `cmd:"" help:"Have some trunks take the calls to the numbers of a prefix."`
	List   routeList   `cmd:"" help:"List routes."`
	Show   routeShow   `cmd:"" help:"Show what would become of a call, and why."`
	Remove routeRemove `cmd:"" help:"Remove routes: every trunk may take these calls again."`
}

type routeAdd struct {
	Prefix string   `required:"" help:"What the numbers begin with: + and the country code first; + for every number." placeholder:"+44"`
	Trunk  []string `required:"" help:"Trunks in the order in which they are tried: names or ids." placeholder:"TRUNK,..."`
	Days   string   `help:"Only on these days." placeholder:"mon-fri"`
	Hours  string   `help:"Only at these hours, UTC." placeholder:"08:00-18:00"`
}

// Run adds a route.
func (c *routeAdd) Run(e *env) error {
	v := rest.Route{Prefix: c.Prefix, Days: c.Days, Hours: c.Hours}
	for _, ref := range c.Trunk {
		t, err := trunks().find(e, ref)
		if err != nil {
			return err
		}
		v.Trunks = append(v.Trunks, t.ID)
	}
	v, err := e.client.Routes().Create(e.ctx, v)
	if err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added the route of %s (%s).\nTry it: strowger route show NUMBER --from USER\n", v.Prefix, v.ID)
	})
}

type routeList struct{}

// Run lists routes.
func (c *routeList) Run(e *env) error { return routes().list(e, rest.Filter{}) }

type routeShow struct {
	Number string `arg:"" help:"As the user dials it."`
	From   string `required:"" help:"Who calls: name, number or id." placeholder:"USER"`
}

// Run explains a call.
func (c *routeShow) Run(e *env) error {
	u, err := users().find(e, c.From)
	if err != nil {
		return err
	}
	v, err := e.client.ExplainRoute(e.ctx, u.ID, c.Number)
	if err != nil {
		return err
	}
	return e.show(v, func() {
		for _, w := range v.Words {
			e.say("%s\n", w)
		}
		known := e.names()
		for i, l := range v.Lines {
			e.say("  %d. trunk %s of switch %s, order %d: %s\n", i+1, l.Name, known.of(l.Switch), l.Order, l.Words)
		}
		if len(v.Lines) > 1 {
			e.say("The next one is tried when one refuses with a 5xx or 408, cannot be reached, or is silent.\n")
		}
	})
}

type routeRemove struct {
	Route []string `arg:"" help:"Prefixes or ids."`
}

// Run removes routes.
func (c *routeRemove) Run(e *env) error { return routes().remove(e, c.Route) }
