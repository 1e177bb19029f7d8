package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

type userRing struct {
	User   string         `arg:"" help:"Name, number or id."`
	Device string         `help:"Set when this device of the user's rings: SIP user, name or id." placeholder:"DEVICE"`
	After  *time.Duration `help:"Ring it so long after the call came, 0s to 60s." placeholder:"TIME" xor:"when"`
	Never  bool           `help:"Do not ring it; it may still call." xor:"when"`
	For    *time.Duration `help:"Ring so long before the call goes to the fall-back or ends, 5s to 5m; 0s: as long as the organization says." placeholder:"TIME"`
}

// Help teaches by example.
func (*userRing) Help() string {
	return `All devices of a user ring at once, and the first to answer has the call. A device with --after rings so much later, unless the
ones before it are out: busy, not registered, or not to be woken. Then it rings at once.

The desk phone, and after 10 seconds the app, 25 seconds in all:

    strowger user ring Anna --device Anna-app --after 10s --for 25s

The old phone in the hall no more:

    strowger user ring Anna --device 201001-2 --never

What is set:

    strowger user ring Anna`
}

// ringing is when the devices of a user ring, for programs.
type ringing struct {
	User    rest.User     `json:"user"`
	Devices []rest.Device `json:"devices"` // in the order in which they ring
}

// Run sets and shows when the devices of a user ring.
func (c *userRing) Run(e *env) error {
	set := c.After != nil || c.Never
	if set != (c.Device != "") {
		return errs.New(errs.Invalid, "--device names which device rings --after a time, or --never: give both or neither")
	}
	u, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	if set {
		if err := c.setDevice(e, u); err != nil {
			return err
		}
	}
	if c.For != nil {
		seconds, err := wholeSeconds("--for", *c.For)
		if err != nil {
			return err
		}
		if seconds != 0 && (seconds < 5 || seconds > 300) {
			return errs.New(errs.Invalid, "--for %v: want 5s to 5m, or 0s for as long as the organization says", *c.For)
		}
		if u, err = e.client.Users().Update(e.ctx, u.ID, u.Version, map[string]any{"ring_seconds": seconds}); err != nil {
			return err
		}
	}
	out := ringing{User: u, Devices: []rest.Device{}}
	for d, err := range e.client.Devices().All(e.ctx, rest.Filter{"user": u.ID}) {
		if err != nil {
			return err
		}
		out.Devices = append(out.Devices, d)
	}
	last := func(d rest.Device) int { // who never rings
		if d.DelaySeconds == rest.NeverRings {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out.Devices, func(a, b rest.Device) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a.DelaySeconds, b.DelaySeconds))
	})
	return e.show(out, func() {
		how := ringTime(u)
		if org, err := e.client.Organizations().Get(e.ctx, u.Organization); err == nil && u.RingSeconds == 0 {
			how += ", " + (time.Duration(org.RingSeconds) * time.Second).String()
		}
		e.say("A call to %s rings %s:\n\n", u.Name, how)
		table(e.out, []column[rest.Device]{
			{head: "rings", cell: ringsAfter},
			{head: "device", cell: deviceLabel},
			{head: "kind", cell: func(v rest.Device) string { return string(v.Kind) }},
			{head: "reachable", cell: reachability},
		}, out.Devices, "no device")
		if len(out.Devices) > 0 && last(out.Devices[0]) == 1 {
			e.say("\nNo device of %s ever rings: callers hear that nobody can be reached.\n", u.Name)
		}
	})
}

func (c *userRing) setDevice(e *env, u rest.User) error {
	d, err := deviceOf(e, u, c.Device)
	if err != nil {
		return err
	}
	after := rest.NeverRings
	if !c.Never {
		if after, err = wholeSeconds("--after", *c.After); err != nil {
			return err
		}
		if after < 0 || after > 60 {
			return errs.New(errs.Invalid, "--after %v: want 0s to 60s", *c.After)
		}
	}
	_, err = e.client.Devices().Update(e.ctx, d.ID, d.Version, map[string]any{"delay_seconds": after})
	return err
}

// deviceOf is a device of a user, by what people call it. Another user may have one of the same name.
func deviceOf(e *env, u rest.User, ref string) (rest.Device, error) {
	var found []rest.Device
	for d, err := range e.client.Devices().All(e.ctx, rest.Filter{"user": u.ID}) {
		if err != nil {
			return d, err
		}
		if d.ID == ref || d.Username == ref || d.Name == ref {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return rest.Device{}, errs.New(errs.NotFound, "%s has no device %q; \"strowger user ring %s\" shows what there is", u.Name, ref, u.Name)
	}
	return rest.Device{}, errs.New(errs.Conflict, "%s has %d devices %q: give the id of one, as %s", u.Name, len(found), ref, found[0].ID)
}

func wholeSeconds(flag string, d time.Duration) (int, error) {
	if d%time.Second != 0 {
		return 0, errs.New(errs.Invalid, "%s %v: want whole seconds", flag, d)
	}
	return int(d / time.Second), nil
}

func ringsAfter(v rest.Device) string {
	switch v.DelaySeconds {
	case rest.NeverRings:
		return "never"
	case 0:
		return "at once"
	}
	return fmt.Sprintf("after %d s", v.DelaySeconds)
}

func ringTime(u rest.User) string {
	if u.RingSeconds == 0 {
		return "as long as the organization says"
	}
	return fmt.Sprintf("%d s", u.RingSeconds)
}

type userDND struct {
	User   string  `arg:"" help:"Name, number or id."`
	On     bool    `help:"Refuse calls." xor:"dnd"`
	Off    bool    `help:"Let calls ring again." xor:"dnd"`
	Words  *string `help:"What callers are told; empty: that the user does not want to be disturbed." placeholder:"WORDS"`
	Except *int    `help:"Calls of at least this priority, 1 to 9, ring all the same; 0: none do." placeholder:"PRIORITY"`
}

// Help teaches by example.
func (*userDND) Help() string {
	return `A call to a user who is not to be disturbed goes to the fall-back for that (strowger user fallback --dnd), or the caller is told so.

    strowger user dnd Anna --on --words "in a meeting until 3"
    strowger user dnd Anna --off

Those whose calls have a priority may come through:

    strowger user set Boss --priority 5
    strowger user dnd Anna --on --except 5`
}

// Run sets do not disturb.
func (c *userDND) Run(e *env) error {
	change := change{}
	if c.On || c.Off {
		change["dnd"] = c.On
	}
	put(change, "dnd_words", c.Words)
	put(change, "dnd_priority", c.Except)
	if len(change) == 0 {
		u, err := users().find(e, c.User)
		if err != nil {
			return err
		}
		return e.show(u, func() { e.say("Do not disturb of %s: %s\n", u.Name, disturb(u.Policy)) })
	}
	return users().set(e, c.User, change)
}

type userFallback struct {
	User        string  `arg:"" help:"Name, number or id."`
	To          *string `help:"Send every call that is not answered there: a number as the user would dial it, or a user; empty: end it." placeholder:"WHERE"`
	NoAnswer    *string `help:"Where calls go that nobody answers." placeholder:"WHERE"`
	Busy        *string `help:"Where calls go while the user is busy." placeholder:"WHERE"`
	DND         *string `name:"dnd" help:"Where calls go that are not to disturb." placeholder:"WHERE"`
	Unreachable *string `help:"Where calls go when no device can ring." placeholder:"WHERE"`
}

// Help teaches by example.
func (*userFallback) Help() string {
	return `A call that a user does not answer goes to the fall-back. Who declines a call ends it.

All to the reception, but those that find the line busy to a colleague:

    strowger user fallback Anna --to 1000 --busy 1002

None any more:

    strowger user fallback Anna --to ''

The fall-back's own fall-back comes next, never one to whom the call went before.`
}

// Run sets where calls go that are not answered.
func (c *userFallback) Run(e *env) error {
	change := change{}
	for field, number := range map[string]*string{
		"fallback_no_answer": c.NoAnswer, "fallback_busy": c.Busy, "fallback_dnd": c.DND, "fallback_unreachable": c.Unreachable,
	} {
		to, err := fallbackNumber(e, cmp.Or(number, c.To))
		if err != nil {
			return err
		}
		put(change, field, to)
	}
	if len(change) == 0 {
		return users().show(e, c.User)
	}
	return users().set(e, c.User, change)
}

// fallbackNumber is the number that people mean by ref, which may name a user. The cloud looks whether somebody has it.
func fallbackNumber(e *env, ref *string) (*string, error) {
	if ref == nil || *ref == "" {
		return ref, nil
	}
	if strings.Trim(*ref, "0123456789*#+") == "" {
		return ref, nil
	}
	u, err := users().find(e, *ref)
	if err != nil {
		return nil, err
	}
	p, err := e.client.Numbers().Page(e.ctx, rest.Filter{"user": u.ID}, 1, "")
	if err != nil {
		return nil, err
	}
	if len(p.Items) == 0 {
		return nil, errs.New(errs.NotFound, "%s has no number that a call could go to: strowger number add", u.Name)
	}
	return &p.Items[0].Dial, nil
}

// policyColumns is what becomes of calls to a user.
func policyColumns() []column[rest.User] {
	return []column[rest.User]{
		{head: "rings for", detail: true, cell: func(v rest.User) string {
			if v.RingSeconds == 0 {
				return ""
			}
			return ringTime(v)
		}},
		{head: "priority", detail: true, cell: func(v rest.User) string {
			if v.Priority == 0 {
				return ""
			}
			return fmt.Sprint(v.Priority)
		}},
		{head: "do not disturb", detail: true, cell: func(v rest.User) string { return disturb(v.Policy) }},
		{head: "fall-back", detail: true, cell: func(v rest.User) string { return fallbackText(v.Policy, "do not disturb") }},
		{head: "queue", detail: true, cell: func(v rest.User) string { return queueText(v.Policy) }},
	}
}

func disturb(v rest.Policy) string {
	text := "yes"
	switch {
	case !v.DND && v.DNDWords == "" && v.DNDPriority == 0:
		return "no"
	case !v.DND:
		text = "no; when it is on"
	}
	if v.DNDWords != "" {
		text += fmt.Sprintf(", %q", v.DNDWords)
	}
	if v.DNDPriority > 0 {
		text += fmt.Sprintf(", except calls of priority %d and above", v.DNDPriority)
	}
	return text
}

// fallbackText says where calls go instead; dnd is what the fall-back of do not disturb is called.
func fallbackText(v rest.Policy, dnd string) string {
	var all []string
	for _, f := range []struct{ on, to string }{
		{"no answer", v.FallbackNoAnswer}, {"busy", v.FallbackBusy}, {dnd, v.FallbackDND}, {"unreachable", v.FallbackUnreachable},
	} {
		if f.to != "" {
			all = append(all, f.on+": "+f.to)
		}
	}
	return strings.Join(all, ", ")
}
