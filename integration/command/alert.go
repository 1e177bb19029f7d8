package command

import (
	"strings"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func alerts() noun[rest.Alert] {
	return noun[rest.Alert]{
		word: "alert", kind: ident.Alert, in: rest.Client.Alerts,
		meta:  func(v rest.Alert) rest.Meta { return v.Meta },
		label: func(v rest.Alert) string { return v.Words },
		uses:  []ident.Kind{ident.Site},
		columns: func(n names) []column[rest.Alert] {
			return []column[rest.Alert]{
				{head: "at", cell: func(v rest.Alert) string { return v.CreatedAt.Local().Format(time.DateTime) }},
				{head: "severity", cell: func(v rest.Alert) string { return v.Severity }},
				{head: "kind", cell: func(v rest.Alert) string { return v.Kind }},
				{head: "site", cell: func(v rest.Alert) string { return n.of(v.Site) }},
				{head: "what", cell: func(v rest.Alert) string { return v.Words }},
				{head: "contacts", detail: true, cell: func(v rest.Alert) string { return strings.Join(v.Contacts, ", ") }},
				{head: "dismissed", detail: true, cell: func(v rest.Alert) string { return yesNo(v.Dismissed) }},
				{head: "about", detail: true, cell: func(v rest.Alert) string { return v.Subject }},
				{head: "call", cell: func(v rest.Alert) string { return v.Call }},
				{head: "id", cell: func(v rest.Alert) string { return v.ID }},
			}
		},
	}
}

type alertCommands struct {
	List    alertList    `cmd:"" help:"List alerts that nobody has dismissed, the oldest first."`
	Show    alertShow    `cmd:"" help:"Show one alert."`
	Dismiss alertDismiss `cmd:"" help:"Say that somebody has seen to alerts."`
}

type alertList struct {
	All   bool   `help:"Those that were dismissed too."`
	Kind  string `help:"Only those of this kind." placeholder:"KIND"`
	Watch bool   `help:"Go on, and show new ones as they come, until Ctrl-C."`
}

// Help teaches by example.
func (*alertList) Help() string {
	return `Every emergency call raises one, with who called, where and when. They can be posted as JSON as well:

    strowger alert list --watch
    strowger alert dismiss al_2al2c2d6wtzi373bszzp5tydos
    strowger org set Acme --alert-url https://example.com/hook`
}

// Run lists alerts.
func (c *alertList) Run(e *env) error {
	filter := rest.Filter{}
	if !c.All {
		filter["dismissed"] = "false"
	}
	if c.Kind != "" {
		filter["kind"] = c.Kind
	}
	if !c.Watch {
		return alerts().list(e, filter)
	}
	known := map[string]bool{}
	for {
		for v, err := range e.client.Alerts().All(e.ctx, filter) {
			if err != nil {
				return err
			}
			if known[v.ID] {
				continue
			}
			known[v.ID] = true
			err := e.show(v, func() {
				e.say("%s  %s  %s  %s\n", v.CreatedAt.Local().Format(time.DateTime), v.Severity, v.Words, v.Call)
			})
			if err != nil {
				return err
			}
		}
		select {
		case <-e.ctx.Done():
			return nil
		case <-time.After(watchInterval):
		}
	}
}

type alertShow struct {
	Alert string `arg:"" help:"Id."`
}

// Run shows an alert.
func (c *alertShow) Run(e *env) error { return alerts().show(e, c.Alert) }

type alertDismiss struct {
	Alert []string `arg:"" help:"Ids."`
}

// Run dismisses alerts.
func (c *alertDismiss) Run(e *env) error {
	for _, id := range c.Alert {
		if err := alerts().set(e, id, change{"dismissed": true}); err != nil {
			return err
		}
	}
	return nil
}
