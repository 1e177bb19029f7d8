package command

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func numbers() noun[rest.Number] {
	return noun[rest.Number]{
		word: "number", kind: ident.Number, in: rest.Client.Numbers, search: numbersLike,
		meta:  func(v rest.Number) rest.Meta { return v.Meta },
		label: func(v rest.Number) string { return v.Digits },
		uses:  []ident.Kind{ident.Site, ident.User, ident.Queue},
		columns: func(n names) []column[rest.Number] {
			return []column[rest.Number]{
				{head: "digits", cell: func(v rest.Number) string { return v.Digits }},
				{head: "site", cell: func(v rest.Number) string { return n.of(v.Site) }},
				{head: "user or queue", cell: func(v rest.Number) string { return n.of(cmp.Or(v.User, v.Queue)) }},
				{head: "waiting", detail: true, cell: numberQueue},
				{head: "hours", detail: true, cell: func(v rest.Number) string { return hoursText(n, v.Hours) }},
				{head: "dialled", detail: true, cell: func(v rest.Number) string { return dialled(n.env, v) }},
				{head: "id", cell: func(v rest.Number) string { return v.ID }},
			}
		},
	}
}

// dialled is a number as the whole organization dials it: the site code and the extension, or the system number.
func dialled(e *env, v rest.Number) string {
	if v.Site == "" {
		return v.Digits
	}
	site, err := e.client.Sites().Get(e.ctx, v.Site)
	if err != nil {
		return v.Digits
	}
	return site.Code + v.Digits
}

// numbersLike finds numbers by what is dialled: alone, or after a site code.
func numbersLike(e *env, ref string) ([]rest.Number, error) {
	if strings.Trim(ref, "0123456789*#+") != "" {
		return nil, nil
	}
	p, err := e.client.Numbers().Page(e.ctx, rest.Filter{"digits": ref}, enoughToAsk, "")
	if err != nil || len(p.Items) > 0 {
		return p.Items, err
	}
	for site, err := range e.client.Sites().All(e.ctx, nil) {
		if err != nil {
			return nil, err
		}
		extension, ok := strings.CutPrefix(ref, site.Code)
		if !ok || extension == "" {
			continue
		}
		p, err := e.client.Numbers().Page(e.ctx, rest.Filter{"digits": extension, "site": site.ID}, 1, "")
		if err != nil || len(p.Items) > 0 {
			return p.Items, err
		}
	}
	return nil, nil
}

// noteDoubled says what came of a number that was given with the code of its site, which stands before it anyway.
func (e *env) noteDoubled(v rest.Number) {
	all := dialled(e, v)
	code := strings.TrimSuffix(all, v.Digits)
	short, doubled := strings.CutPrefix(v.Digits, code)
	if code == "" || !doubled || len(short) < 3 || short[0] == '0' { // 1001 at site 10 is meant so
		return
	}
	e.say("note: the code %s of the site stands before its extensions anyway, so this one is dialled %s. If %s was meant: strowger number set %s --digits %s\n",
		code, all, v.Digits, all, short)
}

type numberCmds struct {
	Add    numberAdd    `cmd:"" help:"Add a number."`
	List   numberList   `cmd:"" help:"List numbers."`
	Show   numberShow   `cmd:"" help:"Show one number."`
	Set    numberSet    `cmd:"" help:"Change a number."`
	Remove numberRemove `cmd:"" help:"Remove numbers."`
}

type numberAdd struct {
	Digits string `arg:"" help:"What is dialled."`
	Leads
	Site string `help:"Make it an extension of this site: code, name or id." placeholder:"SITE"`
}

// Leads is whom a number leads to.
type Leads struct {
	User    string `help:"Whom it calls: name, number or id." placeholder:"USER" xor:"leads" required:""`
	Service string `help:"The queue whose members it calls, instead of one user: name or id." placeholder:"QUEUE" xor:"leads" required:""`
}

// Run adds a number.
func (c *numberAdd) Run(e *env) error {
	v, name, err := c.number(e)
	if err != nil {
		return err
	}
	v.Digits = c.Digits
	if c.Site != "" {
		site, err := sites().find(e, c.Site)
		if err != nil {
			return err
		}
		v.Site = site.ID
	}
	if v, err = e.client.Numbers().Create(e.ctx, v); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added number %s of %s (%s).\n", dialled(e, v), name, v.ID)
		e.noteDoubled(v)
	})
}

// number is one that leads there, and the name of whom it leads to.
func (l Leads) number(e *env) (v rest.Number, name string, err error) {
	if l.Service != "" {
		q, err := queues().find(e, l.Service)
		return rest.Number{Queue: q.ID}, q.Name, err
	}
	u, err := users().find(e, l.User)
	return rest.Number{User: u.ID}, u.Name, err
}

type numberList struct {
	Site    string `help:"Only extensions of this site: code, name or id." placeholder:"SITE"`
	User    string `help:"Only those of this user: name, number or id." placeholder:"USER"`
	Service string `help:"Only those of this queue: name or id." placeholder:"QUEUE"`
}

// Run lists numbers.
func (c *numberList) Run(e *env) error {
	filter := rest.Filter{}
	if err := e.filterBy(filter, "site", c.Site, idOf(sites())); err != nil {
		return err
	}
	if err := e.filterBy(filter, "user", c.User, idOf(users())); err != nil {
		return err
	}
	if err := e.filterBy(filter, "queue", c.Service, idOf(queues())); err != nil {
		return err
	}
	return numbers().list(e, filter)
}

type numberShow struct {
	Number string `arg:"" help:"Digits, with or without the site code, or id."`
}

// Run shows a number.
func (c *numberShow) Run(e *env) error { return numbers().show(e, c.Number) }

type numberSet struct {
	Number  string  `arg:"" help:"Digits, with or without the site code, or id."`
	Digits  *string `help:"New digits." placeholder:"DIGITS"`
	User    *string `help:"Whom it calls from now on: name, number or id." placeholder:"USER" xor:"leads"`
	Service *string `help:"The queue whose members it calls from now on: name or id." placeholder:"QUEUE" xor:"leads"`
	Site    *string `help:"Site of the extension: code, name or id; empty makes it a number of the organization." placeholder:"SITE"`

	Queue *string        `help:"So many calls to this number may wait while its user is on the phone, 1 to 1000; none: they find the user busy; user: as for the user's other numbers." placeholder:"N|none|user"`
	Wait  *time.Duration `help:"So long at most, 10s to 2h; 0s: 10 minutes." placeholder:"TIME"`
	Hours
}

// Run changes a number.
func (c *numberSet) Run(e *env) error {
	change := change{}
	put(change, "digits", c.Digits)
	if err := e.putRef(change, "user", c.User, idOf(users())); err != nil {
		return err
	}
	if err := e.putRef(change, "queue", c.Service, idOf(queues())); err != nil {
		return err
	}
	switch {
	case c.User != nil:
		change["queue"] = nil
	case c.Service != nil:
		change["user"], change["queue_length"], change["queue_seconds"] = nil, 0, 0
	}
	if err := e.putRef(change, "site", c.Site, idOf(sites())); err != nil {
		return err
	}
	if err := c.queue(change); err != nil {
		return err
	}
	if err := c.Hours.put(e, change); err != nil {
		return err
	}
	return numbers().set(e, c.Number, change)
}

// queue reads whether calls to the number wait.
func (c *numberSet) queue(change change) error {
	if c.Queue != nil {
		length, err := strconv.Atoi(*c.Queue)
		switch {
		case *c.Queue == "none":
			length = rest.NeverWaits
		case *c.Queue == "user":
			length = 0
		case err != nil || length < 1:
			return fmt.Errorf("--queue %q: want a number from 1, none, or user", *c.Queue)
		}
		change["queue_length"] = length
	}
	if c.Wait != nil {
		seconds, err := wholeSeconds("--wait", *c.Wait)
		if err != nil {
			return err
		}
		change["queue_seconds"] = seconds
	}
	return nil
}

// numberQueue is what becomes of calls to a number while its user is on the phone, "" if that is as for the user.
func numberQueue(v rest.Number) string {
	switch v.QueueLength {
	case 0:
		return ""
	case rest.NeverWaits:
		return "none"
	}
	return fmt.Sprintf("%d calls, %v", v.QueueLength, time.Duration(cmp.Or(v.QueueSeconds, 600))*time.Second)
}

type numberRemove struct {
	Number []string `arg:"" help:"Digits, with or without the site code, or ids."`
}

// Run removes numbers.
func (c *numberRemove) Run(e *env) error { return numbers().remove(e, c.Number) }
