package command

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

type queueCommands struct {
	Add    queueAdd    `cmd:"" help:"Add a queue: several users who answer the calls to its numbers."`
	Show   queueShow   `cmd:"" help:"Show a queue, or all of them."`
	Set    queueSet    `cmd:"" help:"Change a queue."`
	Delete queueDelete `cmd:"" help:"Delete queues."`
	List   queueList   `cmd:"" help:"Show the calls that wait now, for whom, and how long they may have to."`
	Move   queueMove   `cmd:"" help:"Put a waiting call at another place."`
	Remove queueRemove `cmd:"" help:"Take a waiting call out: it goes to the fall-back, or ends."`
}

// callee is whom calls wait for; nobody named: anyone.
type callee struct {
	User  string `help:"Only those who wait for this user: name, number or id." placeholder:"USER" xor:"whom"`
	Queue string `help:"Only those of this queue: name or id." placeholder:"QUEUE" xor:"whom"`
}

// id is that of the user or queue, "" for anyone.
func (c callee) id(e *env) (string, error) {
	if c.Queue != "" {
		q, err := queues().find(e, c.Queue)
		return q.ID, err
	}
	if c.User == "" {
		return "", nil
	}
	u, err := users().find(e, c.User)
	return u.ID, err
}

type queueList struct {
	callee
	Watch bool `help:"Go on, and show it again whenever it changed, until Ctrl-C."`
}

// watchInterval is how often the switches are asked.
const watchInterval = time.Second

// Help teaches by example.
func (*queueList) Help() string {
	return `Calls wait for users whose queue is on (strowger user queue), and for the members of queues (strowger queue add).

    strowger queue list --watch
    strowger queue move ca_2al2c2d6wtzi373bszzp5tydos 1
    strowger queue remove ca_2al2c2d6wtzi373bszzp5tydos`
}

// Run lists who waits.
func (c *queueList) Run(e *env) error {
	whom, err := c.id(e)
	if err != nil {
		return err
	}
	var shown *rest.Queues
	for {
		q, err := e.client.Queues(e.ctx)
		if err != nil {
			return err
		}
		q.Items = ofCallee(q.Items, whom)
		if shown == nil || !reflect.DeepEqual(*shown, q) {
			if err := c.show(e, q); err != nil {
				return err
			}
			shown = &q
		}
		if !c.Watch {
			return nil
		}
		select {
		case <-e.ctx.Done():
			return nil
		case <-time.After(watchInterval):
		}
	}
}

func ofCallee(all []rest.QueuedCall, id string) []rest.QueuedCall {
	of := []rest.QueuedCall{}
	for _, v := range all {
		if id == "" || v.To.User == id {
			of = append(of, v)
		}
	}
	return of
}

func (c *queueList) show(e *env, q rest.Queues) error {
	return e.show(q, func() {
		if now := e.now(); c.Watch {
			e.say("%s\n", clock(&now))
		}
		table(e.out, []column[rest.QueuedCall]{
			{head: "for", cell: func(v rest.QueuedCall) string { return party(v.To) }},
			{head: "place", cell: func(v rest.QueuedCall) string { return fmt.Sprint(v.Position) }},
			{head: "caller", cell: func(v rest.QueuedCall) string { return party(v.From) + rankText(v) }},
			{head: "waits since", cell: func(v rest.QueuedCall) string { return clock(&v.Since) }},
			{head: "expected", cell: expectedWait},
			{head: "until", cell: func(v rest.QueuedCall) string { return clock(&v.Until) }},
			{head: "switch", cell: func(v rest.QueuedCall) string { return v.SwitchName }},
			{head: "call", cell: func(v rest.QueuedCall) string { return v.Call }},
		}, q.Items, "nobody waits")
		if q.More > 0 {
			e.say("and %d more\n", q.More)
		}
		if len(q.Away) > 0 {
			e.say("not known of %s: no answer\n", strings.Join(q.Away, ", "))
		}
	})
}

func rankText(v rest.QueuedCall) string {
	switch {
	case v.Emergency:
		return " (emergency)"
	case v.Away:
		return " (away: is called back)"
	case v.Priority > 0:
		return fmt.Sprintf(" (priority %d)", v.Priority)
	}
	return ""
}

func expectedWait(v rest.QueuedCall) string {
	if v.WaitSeconds == nil {
		return "unknown"
	}
	return (time.Duration(*v.WaitSeconds) * time.Second).String()
}

type queueMove struct {
	Call     string `arg:"" help:"Id of the call, as queue list shows it."`
	Position int    `arg:"" help:"Where it is to stand: 1 is the head. Calls of higher priority stay before it."`
}

// Run moves a waiting call.
func (c *queueMove) Run(e *env) error {
	if c.Position < 1 {
		return errs.New(errs.Invalid, "position %d: want 1, the head, or more", c.Position)
	}
	return reorder(e, c.Call, e.client.MoveQueued(e.ctx, c.Call, c.Position))
}

type queueRemove struct {
	Call string `arg:"" optional:"" help:"Id of the call, as queue list shows it."`
	All  bool   `help:"All that wait, or all of --user or --queue."`
	callee
}

// Help teaches by example.
func (*queueRemove) Help() string {
	return `A call that is taken out goes where those go that waited as long as they may (--late of user queue and queue set), or ends. Who hung up
and was to be called back is not.

    strowger queue remove ca_2al2c2d6wtzi373bszzp5tydos
    strowger queue remove --all --queue Sales`
}

// Run removes a waiting call, or all.
func (c *queueRemove) Run(e *env) error {
	switch named := c.User != "" || c.Queue != ""; {
	case c.All && c.Call != "":
		return errs.New(errs.Invalid, "both a call and --all: name one of them")
	case c.All:
		return c.empty(e)
	case c.Call == "" && !named:
		return errs.New(errs.Invalid, "which call? \"strowger queue list\" shows them; --all: all of them")
	case named:
		return errs.New(errs.Invalid, "--user and --queue are for --all: whose calls are all taken out")
	}
	return reorder(e, c.Call, e.client.RemoveQueued(e.ctx, c.Call))
}

// emptied bounds how often the list is read again, which has those only that there is room for.
const emptied = 100

// empty removes all who wait now. Who leaves meanwhile is gone too, however that was.
func (c *queueRemove) empty(e *env) error {
	whom, err := c.id(e)
	if err != nil {
		return err
	}
	removed := 0
	for range emptied {
		q, err := e.client.Queues(e.ctx)
		if err != nil {
			return err
		}
		all := ofCallee(q.Items, whom)
		for _, v := range all {
			switch err := e.client.RemoveQueued(e.ctx, v.Call); {
			case err == nil:
				removed++
			case errs.CodeOf(err) != errs.NotFound:
				return err
			}
		}
		if len(all) == 0 || q.More == 0 {
			break
		}
	}
	return e.show(map[string]int{"removed": removed}, func() { e.say("Taken out: %d.\n", removed) })
}

// reorder shows who waits after a change.
func reorder(e *env, call string, err error) error {
	if ident.Check(ident.Call, call) != nil && err != nil {
		return errs.New(errs.Invalid, "%q is not the id of a call: \"strowger queue list\" shows them", call)
	}
	if err != nil {
		return err
	}
	return (&queueList{}).Run(e)
}

type userQueue struct {
	User     string         `arg:"" help:"Name, number or id."`
	Length   *int           `help:"So many calls may wait while the user is on the phone, 1 to 1000; 0: they find the user busy." placeholder:"N"`
	Wait     *time.Duration `help:"So long at most, 10s to 2h; 0s: 10 minutes." placeholder:"TIME"`
	Full     *string        `help:"Where calls go that find the queue full: a number as the user would dial it, or a user; empty: where those of a busy user go." placeholder:"WHERE"`
	Language *string        `help:"What callers who wait are told in: en, zh; empty: the language of the switch." placeholder:"TAG"`
	Late     *string        `help:"Where calls go that waited as long as they may; empty: where those of a busy user go." placeholder:"WHERE"`
}

// Help teaches by example.
func (*userQueue) Help() string {
	return `Calls wait in the order in which they came, those of higher priority first (strowger user set --priority). Callers are told
their place, and the time that it may take once some calls have shown how long they last. When the user hangs up, the first in
line rings.

Five callers may wait, for three minutes; whoever is left then goes to the reception:

    strowger user queue Anna --length 5 --wait 3m --late 1000

No queue any more:

    strowger user queue Anna --length 0`
}

// Run sets and shows a user's queue.
func (c *userQueue) Run(e *env) error {
	change := change{}
	put(change, "queue_length", c.Length)
	put(change, "queue_language", c.Language)
	if c.Wait != nil {
		seconds, err := wholeSeconds("--wait", *c.Wait)
		if err != nil {
			return err
		}
		change["queue_seconds"] = seconds
	}
	for field, ref := range map[string]*string{"fallback_queue_full": c.Full, "fallback_queue_time": c.Late} {
		to, err := fallbackNumber(e, ref)
		if err != nil {
			return err
		}
		put(change, field, to)
	}
	if len(change) > 0 {
		return users().set(e, c.User, change)
	}
	u, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	return e.show(u, func() { e.say("Queue of %s: %s\n", u.Name, queueText(u.Policy)) })
}

func queueText(v rest.Policy) string {
	if v.QueueLength == 0 {
		return ""
	}
	wait := time.Duration(cmp.Or(v.QueueSeconds, 600)) * time.Second
	text := fmt.Sprintf("%d calls, %v", v.QueueLength, wait)
	if v.QueueLanguage != "" {
		text += ", in " + v.QueueLanguage
	}
	for _, f := range []struct{ on, to string }{{"full", v.FallbackQueueFull}, {"too late", v.FallbackQueueTime}} {
		if f.to != "" {
			text += fmt.Sprintf(", %s: %s", f.on, f.to)
		}
	}
	return text
}
