package command

import (
	"strings"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// fewNames is how many objects may be named one by one; for more, all names are read at once.
const fewNames = 10

// names tells what people call the objects that ids name.
type names struct {
	env   *env
	known map[string]string
	dials map[string][]string // of users and queues, once they were loaded
}

func (e *env) names() names {
	return names{env: e, known: map[string]string{}, dials: map[string][]string{}}
}

// of is the name of an id; what cannot be named is shown as its id.
func (n names) of(id string) string {
	if id == "" {
		return ""
	}
	name, ok := n.known[id]
	if !ok {
		name = n.ask(id)
		n.known[id] = name
	}
	return name
}

// all is the names of ids.
func (n names) all(ids []string) string {
	var words []string
	for _, id := range ids {
		words = append(words, n.of(id))
	}
	return strings.Join(words, ", ")
}

func (n names) ask(id string) string {
	var name string
	var err error
	switch c, ctx := n.env.client, n.env.ctx; ident.KindOf(id) {
	case ident.Organization:
		var v rest.Organization
		v, err = c.Organizations().Get(ctx, id)
		name = v.Name
	case ident.Site:
		var v rest.Site
		v, err = c.Sites().Get(ctx, id)
		name = siteLabel(v)
	case ident.Switch:
		var v rest.Switch
		v, err = c.Switches().Get(ctx, id)
		name = v.Name
	case ident.Queue:
		var v rest.Queue
		v, err = c.QueueServices().Get(ctx, id)
		name = v.Name
	case ident.Schedule:
		var v rest.Schedule
		v, err = c.Schedules().Get(ctx, id)
		name = v.Name
	case ident.Trunk:
		var v rest.Trunk
		v, err = c.Trunks().Get(ctx, id)
		name = v.Name
	case ident.User:
		var v rest.User
		v, err = c.Users().Get(ctx, id)
		name = v.Name
	case ident.Device:
		var v rest.Device
		v, err = c.Devices().Get(ctx, id)
		name = deviceLabel(v)
	}
	if err != nil || name == "" {
		return id
	}
	return name
}

// load reads the names of every object of some kinds. What fails here is asked for again one by one.
func (n names) load(kinds []ident.Kind) {
	for _, k := range kinds {
		switch c := n.env.client; k {
		case ident.Site:
			loadNames(n, c.Sites(), func(v rest.Site) (string, string) { return v.ID, siteLabel(v) })
		case ident.Switch:
			loadNames(n, c.Switches(), func(v rest.Switch) (string, string) { return v.ID, v.Name })
		case ident.Queue:
			loadNames(n, c.QueueServices(), func(v rest.Queue) (string, string) { return v.ID, v.Name })
		case ident.Trunk:
			loadNames(n, c.Trunks(), func(v rest.Trunk) (string, string) { return v.ID, v.Name })
		case ident.Number:
			for v, err := range c.Numbers().All(n.env.ctx, nil) {
				if err != nil {
					clear(n.dials)
					break
				}
				n.dials[v.User] = append(n.dials[v.User], v.Dial)
			}
		case ident.User:
			loadNames(n, c.Users(), func(v rest.User) (string, string) { return v.ID, v.Name })
		}
	}
}

func loadNames[T any](n names, in rest.Collection[T], name func(T) (id, name string)) {
	for v, err := range in.All(n.env.ctx, nil) {
		if err != nil {
			return
		}
		id, text := name(v)
		n.known[id] = text
	}
}
