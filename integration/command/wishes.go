package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

type userForward struct {
	User        string         `arg:"" help:"Name, number or id."`
	Always      *string        `help:"Where all calls go, before anything rings; empty: nowhere." placeholder:"WHERE"`
	Busy        *string        `help:"Where calls go while the user is busy; empty: to the fall-back." placeholder:"WHERE"`
	NoAnswer    *string        `help:"Where calls go that nobody answers; empty: to the fall-back." placeholder:"WHERE"`
	Unreachable *string        `help:"Where calls go when no device can ring; empty: to the fall-back." placeholder:"WHERE"`
	After       *time.Duration `help:"How long it rings before nobody answers, 5s to 5m; 0s: as ever." placeholder:"TIME"`
	Schedule    *string        `help:"Ring in the open hours of this schedule only: name or id; empty: always." placeholder:"SCHEDULE"`
	Closed      *string        `help:"Where calls go in its other hours; empty: to the fall-back." placeholder:"WHERE"`
	Off         bool           `help:"End all forwards of the user, and their hours."`
}

// Help teaches by example.
func (*userForward) Help() string {
	return `A forward is the user's own, from here, their phone or their app. It counts in the place of the fall-back that an
administrator set (strowger user fallback), until it is taken back.

    strowger user forward Anna --always 1002
    strowger user forward Anna --always ''                        ends that one, --off all
    strowger user forward Anna --no-answer Ben --after 15s
    strowger user forward Anna --schedule Office --closed 1000

A phone number outside is dialled as the user would, who must be allowed to (strowger user set --calling) and pays for the calls; whose calls go
there, and how many at once, say the guards (strowger guard set --forwards):

    strowger user forward Anna --busy +4915123456789`
}

// Run sets forwards, or shows what the user wishes.
func (c *userForward) Run(e *env) error {
	change := change{}
	for field, where := range map[string]*string{
		"forward_always": c.Always, "forward_busy": c.Busy, "forward_no_answer": c.NoAnswer, "forward_unreachable": c.Unreachable, "closed_to": c.Closed,
	} {
		to, err := fallbackNumber(e, where)
		if err != nil {
			return err
		}
		put(change, field, to)
	}
	if c.Off {
		if len(change) > 0 || c.After != nil || c.Schedule != nil {
			return errs.New(errs.Invalid, "--off ends all forwards of the user; to end one, name it with nothing: --always ''")
		}
		for _, field := range []string{"forward_always", "forward_busy", "forward_no_answer", "forward_unreachable", "schedule", "closed_to", "closed_words", "forward_seconds"} {
			change[field] = nil
		}
	}
	if c.After != nil {
		if *c.After != 0 && (*c.After < wish.MinSeconds*time.Second || *c.After > wish.MaxSeconds*time.Second) {
			return errs.New(errs.Invalid, "--after %v: want 5s to 5m, or 0s for as long as the organization says", *c.After)
		}
		seconds, err := wholeSeconds("--after", *c.After)
		if err != nil {
			return err
		}
		change["forward_seconds"] = seconds
	}
	if err := e.putRef(change, "schedule", c.Schedule, idOf(schedules())); err != nil {
		return err
	}
	if len(change) == 0 {
		return users().show(e, c.User)
	}
	return users().set(e, c.User, change)
}

type userBlock struct {
	User   string   `arg:"" help:"Name, number or id."`
	Caller []string `arg:"" optional:"" help:"Numbers, extensions of the user's office, beginnings of either as +4930*, or withheld."`
	Off    bool     `help:"Let them call again."`
	Words  *string  `help:"What they are told; empty: that the user takes no calls from the number." placeholder:"WORDS"`
}

// Help teaches by example.
func (*userBlock) Help() string {
	return `Nothing rings when somebody calls who is blocked; they are refused, and the record says so.
In the shell, put what ends in * into quotes. Somebody is no longer blocked when what blocks them is named as "user show" has it.

    strowger user block Anna 1003 +4930123456 '+44870*' withheld --words "please write"
    strowger user block Anna withheld --off
    strowger user block Anna`
}

// Run blocks callers.
func (c *userBlock) Run(e *env) error {
	if len(c.Caller) == 0 && c.Words == nil {
		return users().show(e, c.User)
	}
	return editUser(e, c.User, func(u *rest.User) (change, error) {
		set := wish.Change{Block: c.Caller}
		if c.Off {
			set = wish.Change{Unblock: c.Caller}
		}
		if err := set.Apply(&u.Wishes, &u.DND); err != nil {
			return nil, err
		}
		change := change{"blocked": u.Blocked}
		put(change, "blocked_words", c.Words)
		return change, nil
	})
}

type userRule struct {
	User     string  `arg:"" help:"Name, number or id."`
	Caller   string  `help:"Who calls: a number, an extension of the user's office, a beginning of either as +4930*, withheld, outside or inside; left out: everybody." placeholder:"CALLER"`
	Schedule string  `help:"Only in the open hours of this schedule: name or id." placeholder:"SCHEDULE"`
	Closed   bool    `help:"In its closed hours instead."`
	Ring     bool    `help:"Ring, whatever do not disturb, forwards and hours say." xor:"do"`
	Forward  *string `help:"Send the call there." placeholder:"WHERE" xor:"do"`
	Refuse   *string `help:"Refuse the call with these words." placeholder:"WORDS" xor:"do"`
	Clear    bool    `help:"Remove all rules." xor:"do"`
}

// Help teaches by example.
func (*userRule) Help() string {
	return `Of the rules of a user the first that fits a call decides; a new one comes last.

    strowger user rule Anna --caller 1000 --ring
    strowger user rule Anna --caller outside --schedule Office --closed --forward 1002
    strowger user rule Anna --clear`
}

// Run adds a rule, or removes all.
func (c *userRule) Run(e *env) error {
	rule := wish.Rule{Caller: wish.Plain(c.Caller), Closed: c.Closed}
	switch {
	case c.Clear:
		return users().set(e, c.User, change{"caller_rules": nil})
	case c.Ring:
		rule.Do = wish.Ring
	case c.Refuse != nil:
		rule.Do, rule.Words = wish.Refuse, *c.Refuse
	case c.Forward != nil:
		to, err := fallbackNumber(e, c.Forward)
		if err != nil {
			return err
		}
		rule.Do, rule.To = wish.Forward, *to
	default:
		return users().show(e, c.User)
	}
	if c.Schedule != "" {
		v, err := schedules().find(e, c.Schedule)
		if err != nil {
			return err
		}
		rule.Schedule = v.ID
	}
	return editUser(e, c.User, func(u *rest.User) (change, error) {
		return change{"caller_rules": append(u.Rules, rule)}, nil
	})
}

type userSpeed struct {
	User   string  `arg:"" help:"Name, number or id."`
	Code   string  `arg:"" optional:"" help:"Two digits, 00 to 99."`
	Number *string `arg:"" optional:"" help:"What they call; left out: nothing any more."`
}

// Help teaches by example.
func (*userSpeed) Help() string {
	return `    strowger user speed Anna 07 +4930123456
    strowger user speed Anna 07
    strowger user speed Anna`
}

// Run sets a number for speed dialling.
func (c *userSpeed) Run(e *env) error {
	if c.Code == "" {
		return users().show(e, c.User)
	}
	return editUser(e, c.User, func(u *rest.User) (change, error) {
		number := ""
		if c.Number != nil {
			number = *c.Number
		}
		if err := (wish.Change{SpeedDial: map[string]string{c.Code: number}}).Apply(&u.Wishes, &u.DND); err != nil {
			return nil, err
		}
		return change{"speed_dial": u.SpeedDial}, nil
	})
}

// editUser changes a user by what they have.
func editUser(e *env, ref string, edit func(*rest.User) (change, error)) error {
	u, err := users().find(e, ref)
	if err != nil {
		return err
	}
	change, err := edit(&u)
	if err != nil {
		return err
	}
	if u, err = e.client.Users().Update(e.ctx, u.ID, u.Version, change); err != nil {
		return err
	}
	return users().one(e, u)
}

// wishColumns is what a user wishes of calls.
func wishColumns(n names) []column[rest.User] {
	return []column[rest.User]{
		{head: "forward", detail: true, cell: func(v rest.User) string { return forwardText(v.Wishes) }},
		{head: "rules", detail: true, cell: func(v rest.User) string { return rulesText(n, v.Rules) }},
		{head: "voicemail", detail: true, cell: mailboxText},
		{head: "blocked", detail: true, cell: func(v rest.User) string { return strings.Join(v.Blocked, ", ") }},
		{head: "speed dial", detail: true, cell: func(v rest.User) string {
			var all []string
			for _, code := range slices.Sorted(maps.Keys(v.SpeedDial)) {
				all = append(all, code+": "+v.SpeedDial[code])
			}
			return strings.Join(all, ", ")
		}},
		{head: "hours", detail: true, cell: func(v rest.User) string {
			return hoursText(n, v.Hours)
		}},
		{head: "lamp", detail: true, cell: func(v rest.User) string { return v.Lamp }},
		{head: "intercom", detail: true, cell: func(v rest.User) string {
			if v.NoIntercom {
				return "no"
			}
			return ""
		}},
	}
}

func forwardText(w wish.Wishes) string {
	var all []string
	for _, f := range []struct{ on, to string }{
		{"always", w.ForwardAlways}, {"no answer", w.ForwardNoAnswer}, {"busy", w.ForwardBusy}, {"unreachable", w.ForwardUnreachable},
	} {
		if f.to != "" {
			all = append(all, f.on+": "+f.to)
		}
	}
	if w.ForwardSeconds > 0 {
		all = append(all, fmt.Sprintf("after %d s", w.ForwardSeconds))
	}
	return strings.Join(all, ", ")
}

func rulesText(n names, rules []wish.Rule) string {
	var all []string
	for _, r := range rules {
		text := r.Caller
		if text == "" {
			text = "everybody"
		}
		if r.Schedule != "" {
			text += " while " + n.of(r.Schedule) + map[bool]string{false: " is open", true: " is closed"}[r.Closed]
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s: %s %s%s", text, r.Do, r.To, r.Words)))
	}
	return strings.Join(all, "; ")
}

func schedules() noun[rest.Schedule] {
	return noun[rest.Schedule]{
		word: "schedule", kind: ident.Schedule, in: rest.Client.Schedules, by: byName, listed: "schedule show",
		meta:  func(v rest.Schedule) rest.Meta { return v.Meta },
		label: func(v rest.Schedule) string { return v.Name },
		columns: func(n names) []column[rest.Schedule] {
			return []column[rest.Schedule]{
				{head: "name", cell: func(v rest.Schedule) string { return v.Name }},
				{head: "now", cell: scheduleState},
				{head: "open", cell: openingsText},
				{head: "holidays", detail: true, cell: holidaysText},
				{head: "opened by", detail: true, cell: func(v rest.Schedule) string { return n.all(v.Users) }},
				{head: "clocks of", cell: func(v rest.Schedule) string { return v.Zone }},
				{head: "id", cell: func(v rest.Schedule) string { return v.ID }},
			}
		},
	}
}

func scheduleState(v rest.Schedule) string {
	text := map[bool]string{false: "closed", true: "open"}[v.Open]
	switch {
	case v.Override != "":
		text += ", overridden"
	case v.ChangesAt != nil:
		text += " until " + clock(v.ChangesAt)
	}
	return text
}

func openingsText(v rest.Schedule) string {
	var all []string
	for _, o := range v.Weekly {
		all = append(all, strings.TrimSpace(o.Days+" "+o.Hours))
	}
	return strings.Join(all, ", ")
}

func holidaysText(v rest.Schedule) string {
	var all []string
	for _, h := range v.Holidays {
		all = append(all, strings.TrimSpace(h.Date+" "+h.Hours))
	}
	return strings.Join(all, ", ")
}

// noSuchDay refuses what is neither days and hours.
func noSuchDay(text string) error {
	return errs.New(errs.Invalid, "%q: want days and hours, as in \"mon-fri 09:00-17:30\"", text)
}
