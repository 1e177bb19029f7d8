package command

import (
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func contacts() noun[rest.PhoneContact] {
	return noun[rest.PhoneContact]{
		word: "contact", kind: ident.Contact, in: rest.Client.Contacts,
		by:    func(ref string) []rest.Filter { return []rest.Filter{{"number": ref}, {"name": ref}} },
		meta:  func(v rest.PhoneContact) rest.Meta { return v.Meta },
		label: func(v rest.PhoneContact) string { return v.Name },
		columns: func(names) []column[rest.PhoneContact] {
			return []column[rest.PhoneContact]{
				{head: "name", cell: func(v rest.PhoneContact) string { return v.Name }},
				{head: "number", cell: func(v rest.PhoneContact) string { return v.Number }},
				{head: "speed dial", cell: func(v rest.PhoneContact) string { return v.SpeedDial }},
				{head: "id", cell: func(v rest.PhoneContact) string { return v.ID }},
			}
		},
	}
}

// contactCommands are for the organization's phone book.
type contactCommands struct {
	Add    contactAdd    `cmd:"" help:"Add a number to the phone book."`
	List   contactList   `cmd:"" help:"List the phone book."`
	Show   contactShow   `cmd:"" help:"Show one number of it."`
	Set    contactSet    `cmd:"" help:"Change one."`
	Remove contactRemove `cmd:"" help:"Remove numbers from the phone book."`
}

type contactAdd struct {
	Number string  `arg:"" help:"Phone number, as +4930123456; with --speed, anything that can be dialled."`
	Name   string  `arg:"" help:"What phones show when it calls."`
	Speed  *string `help:"Two digits by which everybody in the organization calls it, after *0." placeholder:"DIGITS"`
}

// Help teaches by example.
func (*contactAdd) Help() string {
	return `    strowger contact add +4930123456 "Weber, tax adviser"
    strowger contact add 301000 "Front desk" --speed 10           *010 calls it from every phone`
}

// Run adds to the phone book.
func (c *contactAdd) Run(e *env) error {
	v := rest.PhoneContact{Number: c.Number, Name: c.Name}
	if c.Speed != nil {
		v.SpeedDial = *c.Speed
	}
	if err := checkSpeed(v.SpeedDial); err != nil {
		return err
	}
	v, err := e.client.Contacts().Create(e.ctx, v)
	if err != nil {
		return err
	}
	return contacts().one(e, v)
}

// checkSpeed refuses what is not two digits, in the words of the flag.
func checkSpeed(digits string) error {
	if digits != "" && (len(digits) != 2 || strings.Trim(digits, "0123456789") != "") {
		return errs.New(errs.Invalid, "--speed %q: want two digits, 00 to 99", digits)
	}
	return nil
}

type contactList struct{}

// Run lists the phone book.
func (*contactList) Run(e *env) error { return contacts().list(e, nil) }

type contactShow struct {
	Contact string `arg:"" help:"Number, name or id."`
}

// Run shows one.
func (c *contactShow) Run(e *env) error { return contacts().show(e, c.Contact) }

type contactSet struct {
	Contact string  `arg:"" help:"Number, name or id."`
	Number  *string `help:"New number." placeholder:"NUMBER"`
	Name    *string `help:"New name." placeholder:"NAME"`
	Speed   *string `help:"Two digits by which everybody calls it; empty: none." placeholder:"DIGITS"`
}

// Run changes one.
func (c *contactSet) Run(e *env) error {
	change := change{}
	if c.Speed != nil {
		if err := checkSpeed(*c.Speed); err != nil {
			return err
		}
	}
	put(change, "number", c.Number)
	put(change, "name", c.Name)
	put(change, "speed_dial", c.Speed)
	return contacts().set(e, c.Contact, change)
}

type contactRemove struct {
	Contact []string `arg:"" help:"Numbers, names or ids."`
}

// Run removes some.
func (c *contactRemove) Run(e *env) error { return contacts().remove(e, c.Contact) }
