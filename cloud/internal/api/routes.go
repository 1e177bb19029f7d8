package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// routes registers every operation.
func (a *API) routes() error {
	a.huma.OpenAPI().Components.Schemas.Map()["Problem"] = problemSchema(a.huma.OpenAPI().Components.Schemas)
	for _, register := range []func() error{
		a.organizations, a.sites, a.switches, a.bridges, a.users, a.devices, a.numbers, a.queueServices, a.schedules, a.groups, a.contacts, a.trunks, a.trunkTests, a.rates, a.lines, a.alerts, a.apiKeys, a.actions, a.appRoutes, a.imports, a.queuedCalls, a.shutSources, a.starCodes,
		a.voicemail, a.own,
	} {
		if err := register(); err != nil {
			return err
		}
	}
	a.callRecords()
	a.callReport()
	return nil
}

func (a *API) organizations() error {
	return register(a, resource[rest.Organization]{
		path: "organizations", noun: "organization", schema: "Organization", wide: true,
		table: a.store.Organizations, meta: func(v *rest.Organization) *rest.Meta { return &v.Meta }, apart: true,
		defaults: rest.NewOrganization(""), filters: []string{"name", "enabled"},
		check: func(ctx context.Context, old, _ *rest.Organization) error {
			if old == nil {
				return wholeInstallation(ctx, "create organizations")
			}
			return nil
		},
		removing: func(ctx context.Context, _ string, _ rest.Organization) error {
			return wholeInstallation(ctx, "delete organizations")
		},
	})
}

// wholeInstallation refuses keys that are limited to one organization.
func wholeInstallation(ctx context.Context, what string) error {
	if key := callerOf(ctx).key; key.Organization != "" {
		return errs.New(errs.Forbidden, "API key %q is limited to one organization and may not %s", key.Name, what)
	}
	return nil
}

func (a *API) sites() error {
	return register(a, resource[rest.Site]{
		path: "sites", noun: "site", schema: "Site",
		table: a.store.Sites, meta: func(v *rest.Site) *rest.Meta { return &v.Meta },
		filters: []string{"name", "code"},
	})
}

func (a *API) switches() error {
	return register(a, resource[rest.Switch]{
		path: "switches", noun: "switch", schema: "Switch",
		table: a.store.Switches, meta: func(v *rest.Switch) *rest.Meta { return &v.Meta },
		filters: []string{"name", "site", "state", "pool"},
		removing: func(ctx context.Context, org string, sw rest.Switch) error {
			if err := a.store.Switches.Unused(ctx, sw.ID); err != nil || sw.State != "enrolled" {
				return err
			}
			return a.nodes.Revoke(ctx, org, sw.ID, "deleted") // it holds a certificate: the others must know
		},
	})
}

func (a *API) bridges() error {
	return register(a, resource[rest.Bridge]{
		path: "bridges", noun: "bridge", schema: "Bridge",
		table: a.store.Bridges, meta: func(v *rest.Bridge) *rest.Meta { return &v.Meta },
		filters: []string{"name", "state"},
		removing: func(ctx context.Context, org string, b rest.Bridge) error {
			if b.State != "enrolled" {
				return nil
			}
			return a.nodes.Revoke(ctx, org, b.ID, "deleted") // it holds a certificate: its connection must be cut
		},
	})
}

func (a *API) users() error {
	return register(a, resource[rest.User]{
		path: "users", noun: "user", schema: "User",
		table: a.store.Users, meta: func(v *rest.User) *rest.Meta { return &v.Meta },
		defaults: rest.NewUser(""), filters: []string{"name", "enabled", "calling", "home_switch"},
		check: a.checkUser,
		removing: func(ctx context.Context, org string, v rest.User) error {
			return cmp.Or(a.store.Unqueued(ctx, org, v.ID), a.store.Ungrouped(ctx, org, v.ID))
		},
	})
}

func (a *API) queueServices() error {
	return register(a, resource[rest.Queue]{
		path: "queues", noun: "queue", schema: "Queue",
		table: a.store.Queues, meta: func(v *rest.Queue) *rest.Meta { return &v.Meta },
		defaults: rest.NewQueue(""), filters: []string{"name", "switch", "enabled"},
		check: func(ctx context.Context, old, v *rest.Queue) error {
			if old == nil {
				old = &rest.Queue{}
			}
			if err := a.checkHours(ctx, old.Hours, v.Hours, callee{id: v.ID, name: v.Name}); err != nil {
				return err
			}
			return a.checkFallbacks(ctx, &old.Policy, &v.Policy, callee{id: v.ID, name: v.Name})
		},
	})
}

func (a *API) schedules() error {
	return register(a, resource[rest.Schedule]{
		path: "schedules", noun: "schedule", schema: "Schedule",
		table: a.store.Schedules, meta: func(v *rest.Schedule) *rest.Meta { return &v.Meta },
		filters: []string{"name", "site", "override"},
		removing: func(ctx context.Context, org string, v rest.Schedule) error {
			return a.store.Unscheduled(ctx, org, v.ID)
		},
	})
}

func (a *API) groups() error {
	return register(a, resource[rest.Group]{
		path: "groups", noun: "group", schema: "Group",
		table: a.store.Groups, meta: func(v *rest.Group) *rest.Meta { return &v.Meta },
		filters: []string{"name", "kind", "code"},
	})
}

func (a *API) contacts() error {
	return register(a, resource[rest.PhoneContact]{
		path: "contacts", noun: "contact", schema: "PhoneContact",
		table: a.store.Contacts, meta: func(v *rest.PhoneContact) *rest.Meta { return &v.Meta },
		filters: []string{"number", "name", "speed_dial"},
	})
}

func (a *API) numbers() error {
	return register(a, resource[rest.Number]{
		path: "numbers", noun: "number", schema: "Number",
		table: a.store.Numbers, meta: func(v *rest.Number) *rest.Meta { return &v.Meta },
		filters: []string{"site", "digits", "user", "queue"},
		check: func(ctx context.Context, old, v *rest.Number) error {
			if old == nil {
				old = &rest.Number{}
			}
			of := callee{id: cmp.Or(v.User, v.Queue), name: "the same user or queue"}
			org, err := a.organization(ctx)
			if err != nil {
				return err
			}
			if u, err := a.store.Users.Get(ctx, org, v.User); err == nil {
				of.user = &u
			}
			return a.checkHours(ctx, old.Hours, v.Hours, of)
		},
	})
}

func (a *API) trunks() error {
	return register(a, resource[rest.Trunk]{
		path: "trunks", noun: "trunk", schema: "Trunk",
		table: a.store.Trunks, meta: func(v *rest.Trunk) *rest.Meta { return &v.Meta },
		defaults: rest.NewTrunk(""), filters: []string{"name", "switch", "enabled"},
		removing: func(ctx context.Context, org string, t rest.Trunk) error { return a.store.Unrouted(ctx, org, t.ID) },
		wrote: func(ctx context.Context, org string, _ *rest.Trunk, asked rest.Trunk, v *rest.Trunk) error {
			if asked.Password == "" {
				return nil
			}
			return a.trunkPass(ctx, org, v.ID, asked.Password)
		},
	})
}

func (a *API) alerts() error {
	return register(a, resource[rest.Alert]{
		path: "alerts", noun: "alert", schema: "Alert",
		table: a.store.Alerts, meta: func(v *rest.Alert) *rest.Meta { return &v.Meta },
		filters: []string{"kind", "severity", "site", "subject", "call", "dismissed"},
		check: func(_ context.Context, old, _ *rest.Alert) error {
			if old == nil {
				return errs.New(errs.Invalid, "alerts are raised by nodes only")
			}
			return nil
		},
	})
}

func (a *API) devices() error {
	return register(a, resource[rest.Device]{
		path: "devices", noun: "device", schema: "Device",
		table: a.store.Devices, meta: func(v *rest.Device) *rest.Meta { return &v.Meta },
		defaults: rest.NewDevice("", ""), filters: []string{"name", "user", "kind", "switch", "username", "enabled"},
		check: checkDevice,
		wrote: func(ctx context.Context, org string, old *rest.Device, asked rest.Device, v *rest.Device) error {
			// The digests cover the username (RFC 7616, 3.4.2): a new one needs a password again.
			renamed := old == nil || old.Username != v.Username
			if v.Kind != designation.DeskPhone || asked.Password == "" && !renamed {
				return nil
			}
			return a.setPassword(ctx, org, v, asked.Password)
		},
	})
}

// checkDevice completes a desk phone and refuses SIP credentials of any other kind.
func checkDevice(_ context.Context, _, v *rest.Device) error {
	if v.Kind == designation.DeskPhone {
		if v.Switch == "" {
			return invalid(rest.FieldWord{Field: "switch", Words: "a desk phone needs its home switch"})
		}
		if v.Username == "" {
			v.Username = strings.ToLower(rand.Text()[:8])
		}
		return nil
	}
	for _, f := range []struct{ field, value string }{{"username", v.Username}, {"password", v.Password}, {"switch", v.Switch}} {
		if f.value != "" {
			return invalid(rest.FieldWord{Field: f.field, Words: "only a desk phone has one"})
		}
	}
	return nil
}

// setPassword stores a desk phone's digests and shows the password this once; an empty one is made up.
func (a *API) setPassword(ctx context.Context, org string, d *rest.Device, password string) error {
	if password == "" {
		password = a.passwords.GeneratePassword()
	}
	if err := a.passwords.SetPassword(ctx, org, *d, password); err != nil {
		return err
	}
	d.Password = password
	return nil
}

func (a *API) apiKeys() error {
	return register(a, resource[rest.APIKey]{
		path: "api-keys", noun: "api-key", schema: "APIKey", wide: true,
		table: a.store.APIKeys, meta: func(v *rest.APIKey) *rest.Meta { return &v.Meta },
		defaults: rest.NewAPIKey(""), filters: []string{"name", "role"},
		check: checkAPIKey,
		wrote: func(ctx context.Context, _ string, old *rest.APIKey, _ rest.APIKey, v *rest.APIKey) error {
			if old != nil {
				return nil
			}
			return a.keys.IssueAPIKey(ctx, v)
		},
		removing: func(ctx context.Context, _ string, k rest.APIKey) error {
			if k.ID == callerOf(ctx).key.ID {
				return errs.New(errs.Conflict, "API key %q is the one that you use: delete it with another", k.Name)
			}
			return nil
		},
	})
}

// checkAPIKey keeps keys within the organization of who makes them, for good.
func checkAPIKey(ctx context.Context, old, v *rest.APIKey) error {
	switch own := callerOf(ctx).key.Organization; {
	case old != nil && v.Organization != old.Organization:
		return invalid(rest.FieldWord{Field: "organization", Words: "a key stays with its organization; make another key"})
	case old == nil && own != "" && v.Organization != "" && v.Organization != own:
		return errs.New(errs.Forbidden, "API key %q is limited to its organization and may not make a key for another", callerOf(ctx).key.Name)
	}
	return nil
}

func problemSchema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[rest.Problem](), false, "Problem")
}
