package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func queues() noun[rest.Queue] {
	return noun[rest.Queue]{
		word: "queue", kind: ident.Queue, in: rest.Client.QueueServices, by: byName, listed: "queue show",
		meta:  func(v rest.Queue) rest.Meta { return v.Meta },
		label: func(v rest.Queue) string { return v.Name },
		uses:  []ident.Kind{ident.Switch, ident.User},
		columns: func(n names) []column[rest.Queue] {
			return []column[rest.Queue]{
				{head: "name", cell: func(v rest.Queue) string { return v.Name }},
				{head: "switch", cell: func(v rest.Queue) string { return n.of(v.Switch) }},
				{head: "members", cell: func(v rest.Queue) string {
					var all []string
					for _, id := range v.Members {
						all = append(all, n.of(id))
					}
					return strings.Join(all, ", ")
				}},
				{head: "ring", cell: huntText},
				{head: "enabled", cell: func(v rest.Queue) string { return yesNo(v.Enabled) }},
				{head: "waiting", cell: func(v rest.Queue) string { return queueText(v.Policy) }},
				{head: "fall-back", detail: true, cell: func(v rest.Queue) string { return fallbackText(v.Policy, "after hours") }},
				{head: "hours", detail: true, cell: func(v rest.Queue) string { return hoursText(n, v.Hours) }},
				{head: "closed", detail: true, cell: func(v rest.Queue) string { return disturb(v.Policy) }},
				{head: "id", cell: func(v rest.Queue) string { return v.ID }},
			}
		},
	}
}

func huntText(v rest.Queue) string {
	step := time.Duration(v.StepSeconds) * time.Second
	switch v.Ring {
	case designation.HuntOrder:
		return fmt.Sprintf("in order, %v apart", step)
	case designation.HuntRound:
		return fmt.Sprintf("each call from the next on, %v apart", step)
	case designation.HuntIdle:
		return fmt.Sprintf("longest idle first, %v apart", step)
	}
	return "all at once"
}

// Waiting is how calls wait for the members of a queue.
type Waiting struct {
	Ring     *string        `help:"How members ring who are free: all at once; in order, one --step after another; who has had no call for longest first; or each call from the member behind the one with whom the last began." enum:"all,order,idle,round-robin" placeholder:"all|order|idle|round-robin"`
	Step     *time.Duration `help:"How long after one member the next rings, 1s to 60s." placeholder:"TIME"`
	For      *time.Duration `help:"Ring so long before the call goes to --no-answer or ends, 5s to 5m; 0s: as long as the organization says." placeholder:"TIME"`
	Length   *int           `help:"So many calls may wait while no member is free, 1 to 1000; 10 unless you say otherwise." placeholder:"N"`
	Wait     *time.Duration `help:"So long at most, 10s to 2h; 0s: 10 minutes." placeholder:"TIME"`
	Language *string        `help:"What callers who wait are told in: en, zh; empty: the language of the switch." placeholder:"TAG"`
	Full     *string        `help:"Where calls go that find the queue full: a number as it is dialled at the switch, or a user; empty: they end." placeholder:"WHERE"`
	Late     *string        `help:"Where calls go that waited as long as they may; empty: they end." placeholder:"WHERE"`
	NoAnswer *string        `help:"Where calls go that no member answers." placeholder:"WHERE"`
	Nobody   *string        `help:"Where calls go when no member can be called." placeholder:"WHERE"`
	Closed   *bool          `help:"Take no calls: they go to --after-hours." negatable:""`
	Words    *string        `help:"What callers are told while it is closed." placeholder:"WORDS"`
	After    *string        `name:"after-hours" help:"Where calls go while the queue is closed." placeholder:"WHERE"`
}

// fields is what was given, as the API has it.
func (w Waiting) fields(e *env) (change, error) {
	fields := change{}
	put(fields, "ring", w.Ring)
	put(fields, "queue_length", w.Length)
	put(fields, "queue_language", w.Language)
	put(fields, "dnd", w.Closed)
	put(fields, "dnd_words", w.Words)
	for field, d := range map[string]*time.Duration{"step_seconds": w.Step, "ring_seconds": w.For, "queue_seconds": w.Wait} {
		if d == nil {
			continue
		}
		seconds, err := wholeSeconds(field, *d)
		if err != nil {
			return nil, err
		}
		fields[field] = seconds
	}
	for field, ref := range map[string]*string{
		"fallback_queue_full": w.Full, "fallback_queue_time": w.Late, "fallback_no_answer": w.NoAnswer,
		"fallback_unreachable": w.Nobody, "fallback_dnd": w.After,
	} {
		to, err := fallbackNumber(e, ref)
		if err != nil {
			return nil, err
		}
		put(fields, field, to)
	}
	return fields, nil
}

// memberIDs is the ids of users that people name.
func memberIDs(e *env, refs []string) ([]string, error) {
	ids := []string{}
	for _, ref := range refs {
		u, err := users().find(e, ref)
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
	}
	return ids, nil
}

type queueAdd struct {
	Name    string   `arg:"" help:"What callers and records call it."`
	Switch  string   `required:"" help:"Where callers wait, and members have their desk phones: name or id." placeholder:"SWITCH"`
	Members []string `required:"" help:"Users who answer, in the order in which they ring: names, numbers or ids." placeholder:"USER,..."`
	Waiting
}

// Help teaches by example.
func (*queueAdd) Help() string {
	return `Who calls a number of a queue talks to the member who answers. Members ring who are free: not on a call, and not set to do not disturb.
While none is, callers wait in their order, with music; the first in line rings at whoever becomes free.

    strowger queue add Sales --switch Berlin --members Anna,Ben,Cid
    strowger number add +4930200 --service Sales

Anna first, 10 seconds later Ben too; 20 callers may wait, for 5 minutes, and then get the reception:

    strowger queue set Sales --members Anna,Ben --ring order --step 10s --length 20 --wait 5m --late 1000`
}

// Run adds a queue.
func (c *queueAdd) Run(e *env) error {
	sw, err := switches().find(e, c.Switch)
	if err != nil {
		return err
	}
	v := rest.NewQueue(c.Name)
	v.Switch = sw.ID
	if v.Members, err = memberIDs(e, c.Members); err != nil {
		return err
	}
	more, err := c.fields(e)
	if err != nil {
		return err
	}
	b, err := json.Marshal(more)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return err
	}
	if v, err = e.client.QueueServices().Create(e.ctx, v); err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added queue %s (%s).\nGive it a number: strowger number add DIGITS --service %q\n", v.Name, v.ID, v.Name)
	})
}

type queueShow struct {
	Queue string `arg:"" optional:"" help:"Name or id; none: all queues."`
}

// Run shows a queue, or all.
func (c *queueShow) Run(e *env) error {
	if c.Queue == "" {
		return queues().list(e, rest.Filter{})
	}
	return queues().show(e, c.Queue)
}

type queueSet struct {
	Queue   string   `arg:"" help:"Name or id."`
	Name    *string  `help:"New name." placeholder:"NAME"`
	Switch  *string  `help:"Where callers wait, and members have their desk phones: name or id." placeholder:"SWITCH"`
	Members []string `help:"Users who answer, in the place of those before." placeholder:"USER,..."`
	Enable  bool     `help:"Enable it." xor:"able"`
	Disable bool     `help:"Disable it: calls are refused." xor:"able"`
	Waiting
	Hours
}

// Run changes a queue.
func (c *queueSet) Run(e *env) error {
	change, err := c.fields(e)
	if err != nil {
		return err
	}
	put(change, "name", c.Name)
	change.switched(c.Enable, c.Disable)
	if err := c.Hours.put(e, change); err != nil {
		return err
	}
	if err := e.putRef(change, "switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	if c.Members != nil {
		if change["members"], err = memberIDs(e, c.Members); err != nil {
			return err
		}
	}
	return queues().set(e, c.Queue, change)
}

type queueDelete struct {
	Queue []string `arg:"" help:"Names or ids."`
}

// Run deletes queues.
func (c *queueDelete) Run(e *env) error { return queues().remove(e, c.Queue) }
