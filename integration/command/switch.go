package command

import (
	"strings"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func switches() noun[rest.Switch] {
	return noun[rest.Switch]{
		word: "switch", kind: ident.Switch, in: rest.Client.Switches, search: switchesBySite,
		meta:  func(v rest.Switch) rest.Meta { return v.Meta },
		label: func(v rest.Switch) string { return v.Name },
		uses:  []ident.Kind{ident.Site},
		columns: func(n names) []column[rest.Switch] {
			return []column[rest.Switch]{
				{head: "name", cell: func(v rest.Switch) string { return v.Name }},
				{head: "site", cell: func(v rest.Switch) string { return n.of(v.Site) }},
				{head: "state", cell: func(v rest.Switch) string { return v.State }},
				{head: "live", cell: func(v rest.Switch) string { return yesNo(v.Live) }},
				{head: "phones at", cell: func(v rest.Switch) string { return strings.Join(v.SIP, ", ") }},
				{head: "links at", detail: true, cell: func(v rest.Switch) string { return strings.Join(v.Addresses, ", ") }},
				{head: "pool", detail: true, cell: func(v rest.Switch) string { return yesNo(v.Pool) }},
				{head: "software", detail: true, cell: func(v rest.Switch) string { return v.Software }},
				{head: "last seen", detail: true, cell: func(v rest.Switch) string { return clock(v.SeenAt) }},
				{head: "certificate until", detail: true, cell: func(v rest.Switch) string { return clock(v.NotAfter) }},
				{head: "id", cell: func(v rest.Switch) string { return v.ID }},
			}
		},
	}
}

// switchesBySite finds the switch of a name, or else those of a site: most have one.
func switchesBySite(e *env, ref string) ([]rest.Switch, error) {
	named, err := e.client.Switches().Page(e.ctx, rest.Filter{"name": ref}, enoughToAsk, "")
	if err != nil || len(named.Items) > 0 {
		return named.Items, err
	}
	found, err := sites().candidates(e, ref)
	if err != nil || len(found) != 1 {
		return nil, err
	}
	there, err := e.client.Switches().Page(e.ctx, rest.Filter{"site": found[0].ID}, enoughToAsk, "")
	return there.Items, err
}

// clock is a time for people, in their zone.
func clock(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

type switchCmds struct {
	Add    switchAdd    `cmd:"" help:"Add a switch and print the code that enrols it."`
	Code   switchCode   `cmd:"" help:"Print a new enrolment code for a switch; the one before is void."`
	List   switchList   `cmd:"" help:"List switches."`
	Show   switchShow   `cmd:"" help:"Show one switch."`
	Set    switchSet    `cmd:"" help:"Change a switch."`
	Renew  switchRenew  `cmd:"" help:"Have a switch renew its certificate now; calls go on."`
	Revoke switchRevoke `cmd:"" help:"Take trust from a switch for good: it is cut off at once."`
	Remove switchRemove `cmd:"" help:"Remove switches; an enrolled one is revoked."`
}

type switchAdd struct {
	Name string `arg:"" optional:"" default:"edge" help:"Its name; default ${default}."`
	Site string `required:"" help:"The site that it serves: code, name or id." placeholder:"SITE"`
	Pool bool   `help:"Also serve apps that have no site."`
}

// added is what adding a switch prints for programs.
type added struct {
	rest.Switch
	Enrolment rest.EnrolmentCode `json:"enrolment"`
}

// Run adds a switch and makes its enrolment code.
func (c *switchAdd) Run(e *env) error {
	site, err := sites().find(e, c.Site)
	if err != nil {
		return err
	}
	v, err := e.client.Switches().Create(e.ctx, rest.Switch{Name: c.Name, Site: site.ID, Pool: c.Pool})
	if err != nil {
		return err
	}
	code, err := e.client.EnrolmentCode(e.ctx, v.ID)
	if err != nil {
		return err
	}
	return e.show(added{v, code}, func() {
		e.say("Added switch %s of site %s (%s).\n\n", v.Name, siteLabel(site), v.ID)
		e.sayCode("switchnode", "switch", code)
	})
}

// sayCode says how the program of a node enrols.
func (e *env) sayCode(program, node string, code rest.EnrolmentCode) {
	e.say("On its machine, before %s:\n\n    %s --cloud %s --enroll %s\n\nThe code works once. Once enrolled, the %s starts without it.\n",
		clock(&code.ExpiresAt), program, e.client.BaseURL, code.Code, node)
}

type switchCode struct {
	Switch string `arg:"" help:"Name or id."`
}

// Run makes an enrolment code.
func (c *switchCode) Run(e *env) error {
	v, err := switches().find(e, c.Switch)
	if err != nil {
		return err
	}
	code, err := e.client.EnrolmentCode(e.ctx, v.ID)
	if err != nil {
		return err
	}
	return e.show(code, func() { e.sayCode("switchnode", "switch", code) })
}

type switchList struct {
	Site  string `help:"Only those of this site: code, name or id." placeholder:"SITE"`
	State string `help:"Only those in this state: new, enrolled or revoked." default:"" enum:",new,enrolled,revoked" placeholder:"STATE"`
}

// Run lists switches.
func (c *switchList) Run(e *env) error {
	filter := rest.Filter{}
	if c.State != "" {
		filter["state"] = c.State
	}
	if err := e.filterBy(filter, "site", c.Site, idOf(sites())); err != nil {
		return err
	}
	return switches().list(e, filter)
}

type switchShow struct {
	Switch string `arg:"" help:"Name or id."`
}

// Run shows a switch.
func (c *switchShow) Run(e *env) error { return switches().show(e, c.Switch) }

type switchSet struct {
	Switch string  `arg:"" help:"Name or id."`
	Name   *string `help:"New name." placeholder:"NAME"`
	Site   *string `help:"New site: code, name or id." placeholder:"SITE"`
	Pool   *bool   `help:"Whether it also serves apps that have no site." negatable:""`
}

// Run changes a switch.
func (c *switchSet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "pool", c.Pool)
	if err := e.putRef(change, "site", c.Site, idOf(sites())); err != nil {
		return err
	}
	return switches().set(e, c.Switch, change)
}

type switchRenew struct {
	Switch string `arg:"" help:"Name or id."`
}

// Run has a switch renew its certificate.
func (c *switchRenew) Run(e *env) error {
	v, err := switches().find(e, c.Switch)
	if err != nil {
		return err
	}
	if v, err = e.client.RenewSwitch(e.ctx, v.ID); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Switch %s renewed its certificate, which is now valid until %s.\n", v.Name, clock(v.NotAfter))
	})
}

type switchRevoke struct {
	Switch string `arg:"" help:"Name or id."`
	Reason string `help:"Why, for the record." placeholder:"TEXT"`
}

// Run revokes a switch.
func (c *switchRevoke) Run(e *env) error {
	v, err := switches().find(e, c.Switch)
	if err != nil {
		return err
	}
	if v, err = e.client.RevokeSwitch(e.ctx, v.ID, c.Reason); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Revoked switch %s. It stays out for good; its successor needs \"strowger switch add\".\n", v.Name)
	})
}

type switchRemove struct {
	Switch []string `arg:"" help:"Names or ids."`
}

// Run removes switches.
func (c *switchRemove) Run(e *env) error { return switches().remove(e, c.Switch) }
