package command

import (
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func keys() noun[rest.APIKey] {
	return noun[rest.APIKey]{
		word: "key", kind: ident.APIKey, in: rest.Client.APIKeys, by: byName,
		meta:  func(v rest.APIKey) rest.Meta { return v.Meta },
		label: func(v rest.APIKey) string { return v.Name },
		columns: func(n names) []column[rest.APIKey] {
			return []column[rest.APIKey]{
				{head: "name", cell: func(v rest.APIKey) string { return v.Name }},
				{head: "role", cell: func(v rest.APIKey) string { return v.Role }},
				{head: "organization", cell: func(v rest.APIKey) string {
					if v.Organization == "" {
						return "all"
					}
					return n.of(v.Organization)
				}},
				{head: "last used", cell: func(v rest.APIKey) string { return clock(v.UsedAt) }},
				{head: "id", cell: func(v rest.APIKey) string { return v.ID }},
			}
		},
	}
}

type keyCommands struct {
	Add    keyAdd    `cmd:"" help:"Add an API key and print it once; --organization limits it to one."`
	List   keyList   `cmd:"" help:"List API keys."`
	Show   keyShow   `cmd:"" help:"Show one API key."`
	Set    keySet    `cmd:"" help:"Change an API key."`
	Remove keyRemove `cmd:"" help:"Remove API keys: they stop working at once."`
}

type keyAdd struct {
	Name string `arg:"" help:"Its name: who uses it, for what."`
	Role string `help:"What it may do: admin (everything) or reader (only read). Default: ${default}." default:"reader" enum:"admin,reader" placeholder:"ROLE"`
}

// Run adds an API key.
func (c *keyAdd) Run(e *env) error {
	v, err := e.client.APIKeys().Create(e.ctx, rest.APIKey{Name: c.Name, Role: c.Role})
	if err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added API key %s (%s). It is not shown again:\n\n    %s\n", v.Name, v.ID, v.Secret)
	})
}

type keyList struct {
	Role string `help:"Only those with this role: admin or reader." placeholder:"ROLE"`
}

// Run lists API keys.
func (c *keyList) Run(e *env) error {
	filter := rest.Filter{}
	if c.Role != "" {
		filter["role"] = c.Role
	}
	return keys().list(e, filter)
}

type keyShow struct {
	Key string `arg:"" name:"api-key" help:"Name or id."`
}

// Run shows an API key.
func (c *keyShow) Run(e *env) error { return keys().show(e, c.Key) }

type keySet struct {
	Key  string  `arg:"" name:"api-key" help:"Name or id."`
	Name *string `help:"New name." placeholder:"NAME"`
	Role *string `help:"What it may do: admin or reader." placeholder:"ROLE"`
}

// Run changes an API key.
func (c *keySet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "role", c.Role)
	return keys().set(e, c.Key, change)
}

type keyRemove struct {
	Key []string `arg:"" name:"api-key" help:"Names or ids."`
}

// Run removes API keys.
func (c *keyRemove) Run(e *env) error { return keys().remove(e, c.Key) }
