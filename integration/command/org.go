package command

import (
	"strconv"
	"strings"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func organizations() noun[rest.Organization] {
	return noun[rest.Organization]{
		word: "org", kind: ident.Organization, in: rest.Client.Organizations, by: byName,
		meta:  func(v rest.Organization) rest.Meta { return v.Meta },
		label: func(v rest.Organization) string { return v.Name },
		columns: func(names) []column[rest.Organization] {
			return []column[rest.Organization]{
				{head: "name", cell: func(v rest.Organization) string { return v.Name }},
				{head: "enabled", cell: func(v rest.Organization) string { return yesNo(v.Enabled) }},
				{head: "lamps", detail: true, cell: func(v rest.Organization) string { return v.Lamps }},
				{head: "rings", cell: func(v rest.Organization) string { return strconv.Itoa(v.RingSeconds) + " s" }},
				{head: "id", cell: func(v rest.Organization) string { return v.ID }},
			}
		},
	}
}

type orgCommands struct {
	Add    orgAdd    `cmd:"" help:"Add an organization."`
	List   orgList   `cmd:"" help:"List organizations."`
	Show   orgShow   `cmd:"" help:"Show one organization."`
	Set    orgSet    `cmd:"" help:"Change an organization."`
	Remove orgRemove `cmd:"" help:"Remove organizations that have nothing in them."`
}

type orgAdd struct {
	Name        string `arg:"" help:"Its name."`
	RingSeconds int    `help:"How long calls ring, 5 to 300 seconds. Default: ${default}." default:"60" placeholder:"SECONDS"`
}

// Run adds an organization.
func (c *orgAdd) Run(e *env) error {
	v := rest.NewOrganization(c.Name)
	v.RingSeconds = c.RingSeconds
	v, err := e.client.Organizations().Create(e.ctx, v)
	if err != nil {
		return err
	}
	return e.show(v, func() { e.say("Added organization %s (%s).\n", v.Name, v.ID) })
}

type orgList struct{}

// Run lists organizations.
func (*orgList) Run(e *env) error { return organizations().list(e, nil) }

type orgShow struct {
	Org string `arg:"" help:"Name or id."`
}

// Run shows an organization.
func (c *orgShow) Run(e *env) error { return organizations().show(e, c.Org) }

type orgSet struct {
	Org         string  `arg:"" help:"Name or id."`
	Name        *string `help:"New name." placeholder:"NAME"`
	RingSeconds *int    `help:"How long calls ring, 5 to 300 seconds." placeholder:"SECONDS"`
	AlertURL    *string `help:"Where alerts are posted as JSON, http or https; empty: nowhere." name:"alert-url" placeholder:"URL"`
	Lamps       *string `help:"private: users see who else is on the phone only where that user says so, or they may pick up their calls; public: all do." placeholder:"WHO"`
	Enable      bool    `help:"Let it call again." xor:"enabled"`
	Disable     bool    `help:"Refuse all its calls." xor:"enabled"`
}

// Run changes an organization.
func (c *orgSet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "ring_seconds", c.RingSeconds)
	put(change, "alert_url", c.AlertURL)
	if c.Lamps != nil {
		change["lamps"] = strings.TrimPrefix(*c.Lamps, "public") // which is what there is without a word
	}
	change.switched(c.Enable, c.Disable)
	return organizations().set(e, c.Org, change)
}

type orgRemove struct {
	Org []string `arg:"" help:"Names or ids."`
}

// Run removes organizations.
func (c *orgRemove) Run(e *env) error { return organizations().remove(e, c.Org) }
