package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func users() noun[rest.User] {
	return noun[rest.User]{
		word: "user", kind: ident.User, in: rest.Client.Users, by: byName, search: usersByNumber,
		meta:  func(v rest.User) rest.Meta { return v.Meta },
		label: func(v rest.User) string { return v.Name },
		uses:  []ident.Kind{ident.Switch, ident.Number},
		columns: func(n names) []column[rest.User] {
			return slices.Concat([]column[rest.User]{
				{head: "name", cell: func(v rest.User) string { return v.Name }},
				{head: "numbers", cell: func(v rest.User) string { return numbersOf(n, v.ID) }},
				{head: "enabled", cell: func(v rest.User) string { return yesNo(v.Enabled) }},
				{head: "may call", cell: func(v rest.User) string { return v.Calling }},
				{head: "home switch", detail: true, cell: func(v rest.User) string { return n.of(v.HomeSwitch) }},
			}, policyColumns(), wishColumns(n), []column[rest.User]{
				{head: "id", cell: func(v rest.User) string { return v.ID }},
			})
		},
	}
}

// usersByNumber finds the users that a number leads to.
func usersByNumber(e *env, ref string) ([]rest.User, error) {
	found, err := numbersLike(e, ref)
	if err != nil {
		return nil, err
	}
	var us []rest.User
	seen := map[string]bool{}
	for _, n := range found {
		if seen[n.User] {
			continue
		}
		seen[n.User] = true
		u, err := e.client.Users().Get(e.ctx, n.User)
		if err != nil {
			return nil, err
		}
		us = append(us, u)
	}
	return us, nil
}

// numbersOf is the numbers of a user as the organization dials them.
func numbersOf(n names, user string) string {
	all := n.dials[user]
	if len(n.dials) > 0 {
		return strings.Join(all, ", ")
	}
	for v, err := range n.env.client.Numbers().All(n.env.ctx, rest.Filter{"user": user}) {
		if err != nil {
			break // shown without
		}
		all = append(all, v.Dial)
	}
	return strings.Join(all, ", ")
}

type userCommands struct {
	Add       userAdd       `cmd:"" help:"Add a user, with a number and a desk phone if wanted."`
	List      userList      `cmd:"" help:"List users."`
	Show      userShow      `cmd:"" help:"Show one user."`
	Set       userSet       `cmd:"" help:"Change a user."`
	Ring      userRing      `cmd:"" help:"Set and show when each device of a user rings, and for how long."`
	DND       userDND       `cmd:"" name:"dnd" help:"Do not disturb: refuse calls to a user, with words to callers."`
	Fallback  userFallback  `cmd:"" help:"Where calls go that a user does not answer."`
	Forward   userForward   `cmd:"" help:"Where the user has calls go: always, or before the fall-backs; and the hours of the user."`
	Block     userBlock     `cmd:"" help:"Refuse some callers."`
	Rule      userRule      `cmd:"" help:"What becomes of calls of some callers, or at some hours."`
	Speed     userSpeed     `cmd:"" help:"Numbers by two digits."`
	Queue     userQueue     `cmd:"" help:"Let callers wait while a user is on the phone."`
	Voicemail userVoicemail `cmd:"" help:"Take messages for a user who is not reached."`
	Remove    userRemove    `cmd:"" help:"Remove users that have no numbers and devices."`
}

type userAdd struct {
	Name     string `arg:"" help:"Name that other parties see."`
	Number   string `help:"Give the user this number: an extension with --site, else a number of the organization." placeholder:"DIGITS"`
	Site     string `help:"Site of the extension: code, name or id." placeholder:"SITE"`
	Phone    bool   `help:"Give the user a desk phone and print its SIP account."`
	Switch   string `help:"Switch of the phone, name or id. Default: the site's only one." placeholder:"SWITCH"`
	Internal bool   `help:"May call the organization's numbers." default:"true" negatable:""`
}

// Help teaches by example.
func (*userAdd) Help() string {
	return "Example: strowger user add Anna --number 1001 --site 20 --phone"
}

// newUser is what adding a user prints for programs.
type newUser struct {
	User   rest.User    `json:"user"`
	Number *rest.Number `json:"number,omitempty"`
	Device *sipAccount  `json:"device,omitempty"`
}

// Run adds a user with all that was asked for, or nothing.
func (c *userAdd) Run(e *env) (err error) {
	if c.Site != "" && c.Number == "" && !c.Phone {
		return errs.New(errs.Invalid, "--site says where the --number or the --phone is: name one of them")
	}
	var site rest.Site
	if c.Site != "" {
		if site, err = sites().find(e, c.Site); err != nil {
			return err
		}
	}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			if failed := undo[i](); failed != nil {
				err = errors.Join(err, fmt.Errorf("take back what was made: %w", failed))
			}
		}
	}()
	user := rest.NewUser(c.Name)
	if !c.Internal {
		user.Calling = "none"
	}
	var out newUser
	if out.User, err = e.client.Users().Create(e.ctx, user); err != nil {
		return err
	}
	undo = append(undo, func() error { return e.client.Users().Delete(e.ctx, out.User.ID, 0) })
	if c.Number != "" {
		n, err := e.client.Numbers().Create(e.ctx, rest.Number{Site: site.ID, Digits: c.Number, User: out.User.ID})
		if err != nil {
			return err
		}
		out.Number = &n
		undo = append(undo, func() error { return e.client.Numbers().Delete(e.ctx, n.ID, 0) })
	}
	if c.Phone {
		if out.Device, err = addPhone(e, out.User, "desk phone", c.Switch, site.ID, ""); err != nil {
			return err
		}
	}
	return e.show(out, func() { c.tell(e, out) })
}

func (c *userAdd) tell(e *env, out newUser) {
	e.say("Added user %s (%s).\n", out.User.Name, out.User.ID)
	if out.Number != nil {
		e.say("Number: %s.\n", dialled(e, *out.Number))
		e.noteDoubled(*out.Number)
	}
	if out.Device != nil {
		out.Device.tell(e)
	}
}

type userList struct {
	Switch string `help:"Only those at home on this switch by the admin's choice: name or id." placeholder:"SWITCH"`
}

// Run lists users.
func (c *userList) Run(e *env) error {
	filter := rest.Filter{}
	if err := e.filterBy(filter, "home_switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	return users().list(e, filter)
}

type userShow struct {
	User string `arg:"" help:"Name, number or id."`
}

// Run shows a user.
func (c *userShow) Run(e *env) error { return users().show(e, c.User) }

type userSet struct {
	User       string  `arg:"" help:"Name, number or id."`
	Name       *string `help:"New name." placeholder:"NAME"`
	Calling    *string `help:"Whom the user may call: none, internal (the organization's numbers), national (and phone numbers of the country) or international (and all others)." placeholder:"CLASS"`
	Priority   *int    `help:"Priority of the user's own calls, 0 to 9; see strowger user dnd." placeholder:"N"`
	HomeSwitch *string `help:"Switch that anchors the user's calls, name or id; empty: that of the first desk phone." placeholder:"SWITCH"`
	Lamp       *string `help:"Who sees whether the user is on the phone: public (everybody), private (who may pick up their calls); empty: as the organization says." placeholder:"WHO"`
	Intercom   *bool   `help:"The user's desk phones answer a colleague's *80 by themselves." negatable:""`

	CallWaiting *bool `help:"While the user is in a call others ring, too." negatable:""`
	Enable      bool  `help:"Let the user call and be called again." xor:"enabled"`
	Disable     bool  `help:"Refuse all calls from and to the user." xor:"enabled"`
}

// Help teaches by example.
func (*userSet) Help() string {
	return `Example: strowger user set Anna --no-call-waiting --intercom`
}

// Run changes a user.
func (c *userSet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "calling", c.Calling)
	put(change, "priority", c.Priority)
	put(change, "lamp", c.Lamp)
	if c.Intercom != nil {
		change["no_intercom"] = !*c.Intercom
	}
	if c.CallWaiting != nil {
		change["no_call_waiting"] = !*c.CallWaiting
	}
	change.switched(c.Enable, c.Disable)
	if err := e.putRef(change, "home_switch", c.HomeSwitch, idOf(switches())); err != nil {
		return err
	}
	return users().set(e, c.User, change)
}

type userRemove struct {
	User []string `arg:"" help:"Names, numbers or ids."`
	All  bool     `help:"Also remove their numbers and devices."`
}

// Run removes users.
func (c *userRemove) Run(e *env) error {
	for _, ref := range c.User {
		if !c.All {
			if err := removeUnused(e, ref); err != nil {
				return err
			}
			continue
		}
		u, err := users().find(e, ref)
		if err != nil {
			return err
		}
		if err := removeAll(e, e.client.Numbers(), u.ID, func(v rest.Number) string { return v.ID }); err != nil {
			return err
		}
		if err := removeAll(e, e.client.Devices(), u.ID, func(v rest.Device) string { return v.ID }); err != nil {
			return err
		}
		if err := users().remove(e, []string{u.ID}); err != nil {
			return err
		}
	}
	return nil
}

// removeUnused removes a user, or says what uses it and how that is removed.
func removeUnused(e *env, ref string) error {
	err := users().remove(e, []string{ref})
	if errs.CodeOf(err) != errs.Conflict {
		return err
	}
	u, unknown := users().find(e, ref)
	if unknown != nil {
		return err
	}
	var used []string
	for v, failed := range e.client.Numbers().All(e.ctx, rest.Filter{"user": u.ID}) {
		if failed != nil {
			return err
		}
		used = append(used, "strowger number remove "+dialled(e, v))
	}
	for v, failed := range e.client.Devices().All(e.ctx, rest.Filter{"user": u.ID}) {
		if failed != nil {
			return err
		}
		used = append(used, fmt.Sprintf("strowger device remove %s (%s)", v.ID, v.Name))
	}
	if used == nil {
		return err
	}
	return errs.New(errs.Conflict, "user %s has %d numbers and devices: remove them with it by strowger user remove --all %q, or one by one: %s",
		ref, len(used), ref, strings.Join(used, "; "))
}

// removeAll removes a user's objects of one kind.
func removeAll[T any](e *env, in rest.Collection[T], user string, id func(T) string) error {
	var ids []string
	for v, err := range in.All(e.ctx, rest.Filter{"user": user}) {
		if err != nil {
			return err
		}
		ids = append(ids, id(v))
	}
	for _, id := range ids {
		if err := in.Delete(e.ctx, id, 0); err != nil {
			return err
		}
	}
	return nil
}
