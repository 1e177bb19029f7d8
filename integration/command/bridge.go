package command

import (
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func bridges() noun[rest.Bridge] {
	return noun[rest.Bridge]{
		word: "bridge", kind: ident.Bridge, in: rest.Client.Bridges, by: byName,
		meta:  func(v rest.Bridge) rest.Meta { return v.Meta },
		label: func(v rest.Bridge) string { return v.Name },
		columns: func(names) []column[rest.Bridge] {
			return []column[rest.Bridge]{
				{head: "name", cell: func(v rest.Bridge) string { return v.Name }},
				{head: "state", cell: func(v rest.Bridge) string { return v.State }},
				{head: "live", cell: func(v rest.Bridge) string { return yesNo(v.Live) }},
				{head: "for apps", cell: func(v rest.Bridge) string { return v.URL }},
				{head: "software", detail: true, cell: func(v rest.Bridge) string { return v.Software }},
				{head: "last seen", detail: true, cell: func(v rest.Bridge) string { return clock(v.SeenAt) }},
				{head: "certificate until", detail: true, cell: func(v rest.Bridge) string { return clock(v.NotAfter) }},
				{head: "id", cell: func(v rest.Bridge) string { return v.ID }},
			}
		},
	}
}

type bridgeCmds struct {
	Add    bridgeAdd    `cmd:"" help:"Add a bridge and print the code that enrols it."`
	Code   bridgeCode   `cmd:"" help:"Print a new enrolment code for a bridge; the one before is void."`
	List   bridgeList   `cmd:"" help:"List bridges."`
	Show   bridgeShow   `cmd:"" help:"Show one bridge."`
	Revoke bridgeRevoke `cmd:"" help:"Take trust from a bridge for good: it is cut off at once."`
	Remove bridgeRemove `cmd:"" help:"Remove bridges; an enrolled one is revoked."`
}

type bridgeAdd struct {
	Name string `arg:"" optional:"" default:"bridge" help:"Its name; default ${default}."`
}

// addedBridge is what adding a bridge prints for programs.
type addedBridge struct {
	rest.Bridge
	Enrolment rest.EnrolmentCode `json:"enrolment"`
}

// Run adds a bridge and makes its enrolment code.
func (c *bridgeAdd) Run(e *env) error {
	v, err := e.client.Bridges().Create(e.ctx, rest.Bridge{Name: c.Name})
	if err != nil {
		return err
	}
	code, err := e.client.BridgeCode(e.ctx, v.ID)
	if err != nil {
		return err
	}
	return e.show(addedBridge{v, code}, func() {
		e.say("Added bridge %s (%s).\n\n", v.Name, v.ID)
		e.sayCode("mobile-bridge", "bridge", code)
	})
}

type bridgeCode struct {
	Bridge string `arg:"" help:"Name or id."`
}

// Run makes an enrolment code.
func (c *bridgeCode) Run(e *env) error {
	v, err := bridges().find(e, c.Bridge)
	if err != nil {
		return err
	}
	code, err := e.client.BridgeCode(e.ctx, v.ID)
	if err != nil {
		return err
	}
	return e.show(code, func() { e.sayCode("mobile-bridge", "bridge", code) })
}

type bridgeList struct{}

// Run lists bridges.
func (*bridgeList) Run(e *env) error { return bridges().list(e, nil) }

type bridgeShow struct {
	Bridge string `arg:"" help:"Name or id."`
}

// Run shows a bridge.
func (c *bridgeShow) Run(e *env) error { return bridges().show(e, c.Bridge) }

type bridgeRevoke struct {
	Bridge string `arg:"" help:"Name or id."`
	Reason string `help:"Why, for the record." placeholder:"TEXT"`
}

// Run revokes a bridge.
func (c *bridgeRevoke) Run(e *env) error {
	v, err := bridges().find(e, c.Bridge)
	if err != nil {
		return err
	}
	if v, err = e.client.RevokeBridge(e.ctx, v.ID, c.Reason); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Revoked bridge %s. It stays out for good; its successor needs \"strowger bridge add\".\n", v.Name)
	})
}

type bridgeRemove struct {
	Bridge []string `arg:"" help:"Names or ids."`
}

// Run removes bridges.
func (c *bridgeRemove) Run(e *env) error { return bridges().remove(e, c.Bridge) }
