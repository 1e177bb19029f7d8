package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func trunks() noun[rest.Trunk] {
	return noun[rest.Trunk]{
		word: "trunk", kind: ident.Trunk, in: rest.Client.Trunks, by: byName,
		meta:  func(v rest.Trunk) rest.Meta { return v.Meta },
		label: func(v rest.Trunk) string { return v.Name },
		uses:  []ident.Kind{ident.Switch},
		columns: func(n names) []column[rest.Trunk] {
			return []column[rest.Trunk]{
				{head: "name", cell: func(v rest.Trunk) string { return v.Name }},
				{head: "enabled", cell: func(v rest.Trunk) string { return yesNo(v.Enabled) }},
				{head: "switch", cell: func(v rest.Trunk) string { return n.of(v.Switch) }},
				{head: "servers", cell: func(v rest.Trunk) string { return strings.Join(v.Servers, ", ") }},
				{head: "number", cell: func(v rest.Trunk) string { return v.Number }},
				{head: "order", cell: func(v rest.Trunk) string { return fmt.Sprint(v.Order) }},
				{head: "state", cell: trunkState},
				{head: "transport", detail: true, cell: func(v rest.Trunk) string { return v.Transport }},
				{head: "registers", detail: true, cell: func(v rest.Trunk) string { return yesNo(v.Register) }},
				{head: "asked every", detail: true, cell: func(v rest.Trunk) string { return (time.Duration(v.ProbeSeconds) * time.Second).String() }},
				{head: "codecs", detail: true, cell: func(v rest.Trunk) string { return cmp.Or(strings.Join(v.Codecs, ", "), "as callers offer") }},
				{head: "dtmf", detail: true, cell: func(v rest.Trunk) string { return v.DTMF }},
				{head: "srtp", detail: true, cell: func(v rest.Trunk) string { return v.SRTP }},
				{head: "domain", detail: true, cell: func(v rest.Trunk) string { return v.Domain }},
				{head: "caller id", detail: true, cell: func(v rest.Trunk) string { return v.CallerID }},
				{head: "user name", detail: true, cell: func(v rest.Trunk) string { return v.Username }},
				{head: "channels", detail: true, cell: func(v rest.Trunk) string { return fmt.Sprint(v.Channels) }},
				{head: "weight", detail: true, cell: func(v rest.Trunk) string { return fmt.Sprint(v.Weight) }},
				{head: "id", cell: func(v rest.Trunk) string { return v.ID }},
			}
		},
	}
}

type trunkCommands struct {
	Add    trunkAdd    `cmd:"" help:"Add a line to a phone company, which knows the switch by its address."`
	List   trunkList   `cmd:"" help:"List trunks."`
	Show   trunkShow   `cmd:"" help:"Show one trunk."`
	Set    trunkSet    `cmd:"" help:"Change a trunk."`
	Remove trunkRemove `cmd:"" help:"Remove trunks."`

	Test  trunkTest    `cmd:"" help:"Test a trunk, step by step: its servers and, with a number, a call."`
	Rates rateCommands `cmd:"" help:"What calls by a trunk cost: import, export, show, remove."`
}

// trunkFlags is what a trunk may be given.
type trunkFlags struct {
	Number   *string `help:"Shown to who is called by a user without a phone number of their own: + and the country code first; empty: none." placeholder:"NUMBER"`
	Order    *int    `help:"When it is tried, the lowest first, 0 to 99." placeholder:"N"`
	Weight   *int    `help:"How often it comes first among those of its order, 1 to 100." placeholder:"N"`
	Channels *int    `help:"Calls that it carries at once, both ways; 0: any number. An emergency call that finds all taken has an ordinary one ended." placeholder:"N"`
}

// trunkAccount is how the phone company knows the switch, if not by its address alone.
type trunkAccount struct {
	CallerID *string `help:"Where the phone company looks for the caller: from, or pai: in P-Asserted-Identity, and From names the trunk." name:"caller-id" placeholder:"FORM"`
	Username *string `help:"With which the switch answers challenges; empty: it does not." placeholder:"NAME"`
	Password *string `help:"That goes with it." placeholder:"PASSWORD"`
}

func (f trunkAccount) add(c change) {
	put(c, "caller_id", f.CallerID)
	put(c, "username", f.Username)
	put(c, "password", f.Password)
}

func (f trunkFlags) change() change {
	c := change{}
	put(c, "number", f.Number)
	put(c, "order", f.Order)
	put(c, "weight", f.Weight)
	put(c, "channels", f.Channels)
	return c
}

type trunkAdd struct {
	Name   string   `arg:"" help:"Its name."`
	Switch string   `required:"" help:"The switch that speaks to the phone company: name or id." placeholder:"SWITCH"`
	Server []string `required:"" help:"Server of the phone company, host or host:port; more than once: in the order in which they are tried." placeholder:"HOST"`
	trunkFlags
	trunkAccount
	trunkWay
}

// Run adds a trunk.
func (c *trunkAdd) Run(e *env) error {
	sw, err := switches().find(e, c.Switch)
	if err != nil {
		return err
	}
	v := rest.NewTrunk(c.Name)
	v.Switch, v.Servers = sw.ID, c.Server
	if c.Number != nil {
		v.Number = *c.Number
	}
	if c.Order != nil {
		v.Order = *c.Order
	}
	if c.Weight != nil {
		v.Weight = *c.Weight
	}
	if c.Channels != nil {
		v.Channels = *c.Channels
	}
	if c.CallerID != nil {
		v.CallerID = *c.CallerID
	}
	if c.Username != nil {
		v.Username = *c.Username
	}
	if c.Password != nil {
		v.Password = *c.Password
	}
	if err := c.fill(&v); err != nil {
		return err
	}
	if v, err = e.client.Trunks().Create(e.ctx, v); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added trunk %s of switch %s (%s).\n", v.Name, sw.Name, v.ID)
		e.sayDialling(sw)
	})
}

// sayDialling says what is still missing for calls to phone numbers.
func (e *env) sayDialling(sw rest.Switch) {
	site, err := e.client.Sites().Get(e.ctx, sw.Site)
	if err == nil && site.Country == "" {
		e.say("Next, so that phone numbers can be dialled there: strowger site set %s --country DE --outside 0\n", site.Code)
	}
	e.say("Users call phone numbers once they may: strowger user set USER --calling national\n")
}

type trunkList struct {
	Switch string `help:"Only those of this switch: name or id." placeholder:"SWITCH"`
}

// Run lists trunks.
func (c *trunkList) Run(e *env) error {
	filter := rest.Filter{}
	if err := e.filterBy(filter, "switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	return trunks().list(e, filter)
}

type trunkShow struct {
	Trunk string `arg:"" help:"Name or id."`
}

// Run shows a trunk.
func (c *trunkShow) Run(e *env) error { return trunks().show(e, c.Trunk) }

type trunkSet struct {
	Trunk  string   `arg:"" help:"Name or id."`
	Name   *string  `help:"New name." placeholder:"NAME"`
	Switch *string  `help:"The switch that speaks to the phone company: name or id." placeholder:"SWITCH"`
	Server []string `help:"Server of the phone company, host or host:port; all that there are." placeholder:"HOST"`
	trunkFlags
	trunkAccount
	trunkWay
	Enable  bool `help:"Take calls again." xor:"enabled"`
	Disable bool `help:"Take no calls." xor:"enabled"`
}

// Run changes a trunk.
func (c *trunkSet) Run(e *env) error {
	change := c.trunkFlags.change()
	c.add(change)
	if err := c.trunkWay.change(change); err != nil {
		return err
	}
	put(change, "name", c.Name)
	if len(c.Server) > 0 {
		change["servers"] = slices.Clone(c.Server)
	}
	if err := e.putRef(change, "switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	change.switched(c.Enable, c.Disable)
	return trunks().set(e, c.Trunk, change)
}

type trunkRemove struct {
	Trunk []string `arg:"" help:"Names or ids."`
}

// Run removes trunks.
func (c *trunkRemove) Run(e *env) error { return trunks().remove(e, c.Trunk) }
