package command

import (
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func groups() noun[rest.Group] {
	return noun[rest.Group]{
		word: "group", kind: ident.Group, in: rest.Client.Groups, by: byName,
		meta:  func(v rest.Group) rest.Meta { return v.Meta },
		label: func(v rest.Group) string { return v.Name },
		uses:  []ident.Kind{ident.User},
		columns: func(n names) []column[rest.Group] {
			return []column[rest.Group]{
				{head: "name", cell: func(v rest.Group) string { return v.Name }},
				{head: "kind", cell: func(v rest.Group) string { return v.Kind }},
				{head: "code", cell: func(v rest.Group) string { return v.Code }},
				{head: "members", cell: func(v rest.Group) string { return n.all(v.Members) }},
				{head: "others", detail: true, cell: func(v rest.Group) string { return n.all(v.Others) }},
				{head: "id", cell: func(v rest.Group) string { return v.ID }},
			}
		},
	}
}

// groupCommands are for users who pick up each other's calls, or are paged together.
type groupCommands struct {
	Add    groupAdd    `cmd:"" help:"Add a group."`
	List   groupList   `cmd:"" help:"List groups."`
	Show   groupShow   `cmd:"" help:"Show one group."`
	Set    groupSet    `cmd:"" help:"Change a group."`
	Remove groupRemove `cmd:"" help:"Remove groups."`
}

type groupAdd struct {
	Name    string   `arg:"" help:"Its name."`
	Kind    string   `help:"${enum}: who may pick up whose calls, or whose phones say what one says to all. Default: ${default}." enum:"pickup,paging" default:"pickup"`
	Code    string   `help:"Dialled after a star code, 1 to 4 digits; empty: the group is not dialled." placeholder:"DIGITS"`
	Members []string `help:"Users whose calls are picked up, or who are paged: names, numbers or ids." placeholder:"USER,..."`
	Others  []string `help:"Users who may pick up or page, and are no members." placeholder:"USER,..."`
}

// Help teaches by example.
func (*groupAdd) Help() string {
	return `Of users in no pick-up group everybody at the site may answer the calls.

    strowger group add Sales --members Anna,Ben --others 1003
    strowger group add Floor --kind paging --code 1 --members Anna,Ben`
}

// Run adds a group.
func (c *groupAdd) Run(e *env) (err error) {
	v := rest.Group{Name: c.Name, Kind: c.Kind, Code: c.Code}
	if v.Members, err = memberIDs(e, c.Members); err != nil {
		return err
	}
	if v.Others, err = memberIDs(e, c.Others); err != nil {
		return err
	}
	if v, err = e.client.Groups().Create(e.ctx, v); err != nil {
		return err
	}
	return groups().one(e, v)
}

type groupList struct{}

// Run lists groups.
func (*groupList) Run(e *env) error { return groups().list(e, nil) }

type groupShow struct {
	Group string `arg:"" help:"Name or id."`
}

// Run shows a group.
func (c *groupShow) Run(e *env) error { return groups().show(e, c.Group) }

type groupSet struct {
	Group   string   `arg:"" help:"Name or id."`
	Name    *string  `help:"New name." placeholder:"NAME"`
	Code    *string  `help:"Dialled after a star code, 1 to 4 digits; empty: the group is not dialled." placeholder:"DIGITS"`
	Members []string `help:"Members, in the place of those before." placeholder:"USER,..."`
	Others  []string `help:"Users who may pick up or page besides, in the place of those before." placeholder:"USER,..."`
}

// Run changes a group.
func (c *groupSet) Run(e *env) (err error) {
	change := change{}
	put(change, "name", c.Name)
	put(change, "code", c.Code)
	for field, who := range map[string][]string{"members": c.Members, "others": c.Others} {
		if who == nil {
			continue
		}
		if change[field], err = memberIDs(e, who); err != nil {
			return err
		}
	}
	return groups().set(e, c.Group, change)
}

type groupRemove struct {
	Group []string `arg:"" help:"Names or ids."`
}

// Run removes groups.
func (c *groupRemove) Run(e *env) error { return groups().remove(e, c.Group) }
