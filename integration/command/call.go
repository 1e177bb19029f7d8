package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

type callCommands struct {
	List callList `cmd:"" help:"List call records, the newest first."`
	Show callShow `cmd:"" help:"Show one call: its record, its legs and its ladder."`

	Report callReport `cmd:"" help:"Sum up calls by trunks, and what they cost."`
}

type callList struct {
	Number string `help:"Only calls from or to this number." placeholder:"DIGITS"`
	User   string `help:"Only calls of this user: name, number or id." placeholder:"USER"`
	State  string `help:"Only calls in this state: setup, ringing, answered or ended." default:"" enum:",setup,ringing,answered,ended" placeholder:"STATE"`
	Since  string `help:"Only calls that started since: 90m, 24h, or 2026-11-22T08:00:00Z." placeholder:"WHEN"`
	Until  string `help:"Only calls that started before: as --since." placeholder:"WHEN"`
	Limit  int    `help:"At most so many. Default: ${default}." default:"20" placeholder:"N"`
}

// Run lists calls.
func (c *callList) Run(e *env) error {
	if c.Limit < 1 {
		return errs.New(errs.Invalid, "--limit %d: want 1 or more", c.Limit)
	}
	filter, err := c.filter(e)
	if err != nil {
		return err
	}
	calls := []rest.Call{}
	for cursor := ""; ; {
		p, err := e.client.Calls().Page(e.ctx, filter, min(c.Limit-len(calls), rest.MaxPage), cursor)
		if err != nil {
			return err
		}
		calls = append(calls, p.Items...)
		if cursor = p.Next; cursor == "" || len(calls) >= c.Limit {
			break
		}
	}
	return e.show(calls, func() { table(e.out, callColumns(e.now()), calls, "there is no call") })
}

func (c *callList) filter(e *env) (rest.Filter, error) {
	f := rest.Filter{}
	for field, value := range map[string]string{"number": c.Number, "state": c.State} {
		if value != "" {
			f[field] = value
		}
	}
	for field, text := range map[string]string{"since": c.Since, "until": c.Until} {
		if text == "" {
			continue
		}
		at, err := when(text, e.now())
		if err != nil {
			return nil, errs.New(errs.Invalid, "--%s %q: want a time ago like 90m, or a time like 2026-11-22T08:00:00Z", field, text)
		}
		f[field] = at.UTC().Format(time.RFC3339)
	}
	return f, e.filterBy(f, "user", c.User, idOf(users()))
}

// when reads a time, or how long ago it was.
func when(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	return time.Parse(time.RFC3339, text)
}

func callColumns(now time.Time) []column[rest.Call] {
	return []column[rest.Call]{
		{head: "started", cell: func(v rest.Call) string { return clock(&v.StartedAt) }},
		{head: "from", cell: func(v rest.Call) string { return party(v.From) }},
		{head: "to", widest: 48, cell: func(v rest.Call) string {
			if to := party(v.To); to != "" {
				return to + answerer(v)
			}
			return v.Dialled // nobody has it
		}},
		{head: "dialled", detail: true, cell: func(v rest.Call) string { return v.Dialled }},
		{head: "signature", detail: true, cell: func(v rest.Call) string { return v.From.Signature }},
		{head: "state", cell: func(v rest.Call) string { return v.State }},
		{head: "ringing", detail: true, cell: func(v rest.Call) string { return clock(v.RingingAt) }},
		{head: "answered", detail: true, cell: func(v rest.Call) string { return clock(v.AnsweredAt) }},
		{head: "diverted", detail: true, cell: diversionText},
		{head: "ended at", detail: true, cell: func(v rest.Call) string { return clock(v.EndedAt) }},
		{head: "seconds", cell: func(v rest.Call) string { return seconds(v, now) }},
		{head: "cost", cell: costText},
		{head: "trunk", detail: true, cell: lineText},
		{head: "codec", detail: true, cell: func(v rest.Call) string { return v.Codec }},
		{head: "without cloud", cell: func(v rest.Call) string {
			if v.Offline {
				return "yes"
			}
			return ""
		}},
		{head: "end", cell: ending},
		{head: "id", cell: func(v rest.Call) string { return v.ID }},
	}
}

// answerer is who answered a call that went on to another.
func answerer(v rest.Call) string {
	switch {
	case v.AnsweredAt == nil:
		return ""
	case v.Member != nil:
		return " (answered by " + v.Member.Name + ")"
	case len(v.Diversions) == 0:
		return ""
	}
	by := v.Diversions[len(v.Diversions)-1].To
	if by.Number == v.To.Number {
		return ""
	}
	return " (answered by " + party(by) + ")"
}

// seconds is how long a call was talked, or is by now; "-" if that is yet to come.
func seconds(v rest.Call, now time.Time) string {
	long := v.Seconds
	switch {
	case v.EndedAt != nil:
	case v.AnsweredAt == nil:
		return "-"
	default:
		long = max(0, now.Sub(*v.AnsweredAt).Seconds())
	}
	return strconv.FormatFloat(long, 'f', 1, 64)
}

func party(p designation.Party) string { return strings.TrimSpace(p.Number + " " + p.Name) }

// diversionText is how a call went to fall-backs.
func diversionText(v rest.Call) string {
	var steps []string
	for _, d := range v.Diversions {
		step := fmt.Sprintf("%s from %s to %s", clock(&d.At), d.From, party(d.To))
		if d.Cause != nil {
			step += ": " + causeText(*d.Cause)
		}
		steps = append(steps, step)
	}
	return strings.Join(steps, "; ")
}

// ending is who ended a call and why.
func ending(v rest.Call) string {
	if v.Cause == nil {
		return ""
	}
	by := ""
	if v.EndedBy != "" {
		by = v.EndedBy + ": "
	}
	return by + causeText(*v.Cause)
}

func causeText(c ledger.Cause) string {
	words := c.Words
	if words == "" {
		words = c.Code
	}
	numbers := fmt.Sprintf("Q.850 %d", c.Q850)
	if c.SIP != 0 {
		numbers = fmt.Sprintf("SIP %d, %s", c.SIP, numbers)
	}
	return words + " (" + numbers + ")"
}

type callShow struct {
	ID string `arg:"" help:"Id of the call."`
}

// Run shows a call.
func (c *callShow) Run(e *env) error {
	call, err := e.client.Calls().Get(e.ctx, c.ID)
	if err != nil {
		return err
	}
	var failed error
	if err := e.show(call, func() { failed = e.tellCall(call) }); err != nil {
		return err
	}
	return failed
}

// tellCall prints a record with its legs and its ladder.
func (e *env) tellCall(call rest.Call) error {
	card(e.out, callColumns(e.now()), call)
	known := e.names()
	if len(call.Legs) > 0 {
		e.say("\n")
		table(e.out, legColumns(known), call.Legs, "")
	}
	for _, l := range call.Legs {
		if l.Silent != "" {
			e.say("one-way audio: %s\n", l.Silent)
		}
	}
	if len(call.Ladder) == 0 {
		return nil
	}
	e.say("\n")
	for _, event := range call.Ladder {
		for _, id := range []string{event.Node, event.Device, event.Anchor} {
			known.of(id)
		}
	}
	return ledger.Ladder(e.out, call.Ladder, known.known)
}

func legColumns(n names) []column[rest.CallLeg] {
	quality := func(text func(q ledger.QualityFigures) string) func(rest.CallLeg) string {
		return func(v rest.CallLeg) string {
			if v.Quality == nil {
				return ""
			}
			return text(*v.Quality)
		}
	}
	return []column[rest.CallLeg]{
		{head: "leg", cell: func(v rest.CallLeg) string { return n.of(v.Device) }},
		{head: "on", cell: func(v rest.CallLeg) string { return n.of(v.Node) }},
		{head: "codec", cell: func(v rest.CallLeg) string { return v.Codec }},
		{head: "here", cell: func(v rest.CallLeg) string { return v.Local }},
		{head: "there", cell: func(v rest.CallLeg) string { return v.Remote }},
		{head: "encryption", cell: quality(func(q ledger.QualityFigures) string { return q.Encryption })},
		{head: "packets in/out", cell: quality(func(q ledger.QualityFigures) string {
			return fmt.Sprintf("%d/%d", q.PacketsReceived, q.PacketsSent)
		})},
		{head: "lost", cell: quality(func(q ledger.QualityFigures) string { return strconv.FormatInt(q.LostReceived, 10) })},
		{head: "jitter", cell: quality(func(q ledger.QualityFigures) string { return fmt.Sprintf("%.1f ms", q.JitterReceived) })},
		{head: "round trip", cell: quality(func(q ledger.QualityFigures) string {
			if q.RoundTrip == 0 {
				return ""
			}
			return fmt.Sprintf("%.1f ms", q.RoundTrip)
		})},
	}
}
