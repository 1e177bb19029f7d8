package records

import (
	"cmp"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// Cause values of ITU-T Q.850 for what the nodes did not say.
const (
	q850Normal      = 16 // normal call clearing
	q850Unspecified = 31 // normal, unspecified
	q850Max         = 127
)

// Record makes the record of a call from its events, whatever their order; it needs one at least. Each state is decided
// by the anchor's event. The other nodes' count where the anchor has not reported that state, unless it has reported the
// end: then what it left out did not happen.
func Record(events []ledger.NodeEvent) rest.Call {
	events = ledger.Order(events)
	c := rest.Call{ID: events[0].Call, State: "setup", StartedAt: at(events[0])}
	begin(&c, events)
	deciding := byNode(events, c.Anchor, true)
	if first(deciding, ledger.Ended) == nil {
		deciding = append(deciding, byNode(events, c.Anchor, false)...)
	}
	c.Legs, c.Diversions = legs(events), diversions(events, deciding)
	latest := &c.StartedAt
	if e := first(deciding, ledger.Ringing); e != nil {
		latest = after(*latest, *e)
		c.State, c.RingingAt = "ringing", latest
	}
	if e := first(deciding, ledger.Answered); e != nil {
		latest = after(*latest, *e)
		c.State, c.AnsweredAt = "answered", latest
		c.Codec, c.To.Device = answeredBy(*e, c.Legs)
		c.Member = e.To
	}
	if e := end(deciding, c.Anchor); e != nil {
		c.EndedAt = after(*latest, *e)
		finish(&c, *e)
	}
	c.Line = line(events, c.EndedAt)
	return c
}

// line is the trunk that took a call, or the last that did not, by the word of its switch, and what the call costs when it is over. The
// switch that was killed meanwhile has no end of its leg: then the call's counts.
func line(events []ledger.NodeEvent, ended *time.Time) *rest.CallLine {
	var of *ledger.NodeEvent
	for i, e := range events {
		if e.Kind == ledger.Line && e.Line != nil && (of == nil || of.Cause != nil) {
			of = &events[i]
		}
	}
	if of == nil {
		return nil
	}
	l := of.Line
	c := &rest.CallLine{Trunk: l.Trunk, Name: l.Name, Number: l.Number, SIP: l.SIP, Rate: l.Rate, Payer: l.Payer}
	if of.Cause != nil || l.Rate == nil || ended == nil {
		return c
	}
	for _, e := range events {
		if e.Kind == ledger.LegEnded && e.Node == of.Node && e.Leg == of.Leg {
			ended = after(at(*of), e)
		}
	}
	d := ended.Sub(at(*of))
	c.Seconds, c.Cost = l.Rate.Billed(d), l.Rate.Cost(d)
	return c
}

// begin sets who called whom: as dialled by the attempt, as resolved by the admission, or where that was refused. The anchor
// knows the callee best: without the cloud the caller's switch knows only the number. Its word counts whatever the clocks say.
func begin(c *rest.Call, events []ledger.NodeEvent) {
	rank := func(e ledger.NodeEvent) int {
		switch {
		case e.Kind == ledger.Attempt:
			return 0
		case e.Kind == ledger.Refused:
			return 1
		case e.Node != e.Anchor:
			return 2
		}
		return 3
	}
	said := slices.DeleteFunc(slices.Clone(events), func(e ledger.NodeEvent) bool {
		return e.Kind != ledger.Attempt && e.Kind != ledger.Admitted && e.Kind != ledger.Refused
	})
	slices.SortStableFunc(said, func(a, b ledger.NodeEvent) int { return cmp.Compare(rank(a), rank(b)) })
	for _, e := range said {
		if e.From != nil && e.Kind != ledger.Refused { // which may be the word of an anchor, who does not answer for the caller
			c.From = *e.From
		}
		if e.To != nil {
			c.To = *e.To
			if e.Kind == ledger.Attempt && c.Dialled == "" {
				c.Dialled = e.To.Number
			}
		}
		c.Anchor = cmp.Or(e.Anchor, c.Anchor)
		c.Offline = c.Offline || e.Offline
	}
	c.Dialled = cmp.Or(c.Dialled, c.To.Number)
}

// end is the event that ended the call: its end, else a refusal, else, if the anchor never reported, the end of every
// leg of the node that did.
func end(events []ledger.NodeEvent, anchor string) *ledger.NodeEvent {
	if e := first(events, ledger.Ended); e != nil {
		return e
	}
	if e := first(events, ledger.Refused); e != nil {
		return e
	}
	if len(byNode(events, anchor, true)) > 0 {
		return nil
	}
	open := make(map[string]bool)
	var last *ledger.NodeEvent
	for i, e := range events {
		switch e.Kind {
		case ledger.Trying:
			open[e.Leg] = true
		case ledger.LegEnded:
			delete(open, e.Leg)
			last = &events[i]
		}
	}
	if len(open) > 0 {
		return nil
	}
	return last
}

func finish(c *rest.Call, e ledger.NodeEvent) {
	c.State, c.EndedBy = "ended", cmp.Or(e.By, "system")
	c.Cause = cause(e.Cause, c.AnsweredAt != nil)
	if c.AnsweredAt != nil {
		c.Seconds = c.EndedAt.Sub(*c.AnsweredAt).Seconds()
	}
}

// cause is what a node gave, made whole: a record never says 0.
func cause(given *ledger.Cause, answered bool) *ledger.Cause {
	switch {
	case given != nil:
		c := *given
		if c.Q850 < 1 || c.Q850 > q850Max {
			c.Q850 = q850Unspecified
		}
		c.Code = cmp.Or(c.Code, string(errs.Internal))
		return &c
	case answered:
		return &ledger.Cause{Code: "normal", SIP: 200, Q850: q850Normal, Words: "the call ended"}
	}
	return &ledger.Cause{Code: string(errs.Internal), Q850: q850Unspecified, Words: "the node gave no cause"}
}

// legs is the legs of a call in the order in which they appeared. A leg between two nodes is one of each.
func legs(events []ledger.NodeEvent) []rest.CallLeg {
	type key struct{ node, leg string }
	index := make(map[key]int)
	var all []rest.CallLeg
	for _, e := range events {
		if e.Leg == "" || e.Kind == ledger.Message {
			continue
		}
		k := key{e.Node, e.Leg}
		i, ok := index[k]
		if !ok {
			i = len(all)
			index[k] = i
			all = append(all, rest.CallLeg{Leg: e.Leg, Node: e.Node})
		}
		l := &all[i]
		l.Device = cmp.Or(e.Device, l.Device)
		l.Codec = cmp.Or(e.Codec, l.Codec)
		l.Local = cmp.Or(e.Local, l.Local)
		l.Remote = cmp.Or(e.Remote, l.Remote)
		if e.Quality != nil {
			l.Quality = e.Quality
		}
		if e.Kind == ledger.Silent {
			l.Silent = e.Text
		}
		if e.Kind == ledger.LegEnded {
			l.Cause = cause(e.Cause, true)
		}
	}
	return all
}

// transferred is the code of the cause of a step to whom a call was transferred to.
const transferred = "transferred"

// diversions is the steps that a call took to fall-backs, by the word of those that decide, and to whom it was transferred to, by that of
// the transferor's switch, whether it is the anchor or not.
func diversions(events, deciding []ledger.NodeEvent) (all []rest.CallDiversion) {
	told := make(map[string]bool)
	for _, e := range deciding {
		told[e.Node] = true
	}
	for _, e := range events {
		if e.Kind == ledger.Diverted && e.Cause != nil && e.Cause.Code == transferred {
			told[e.Node] = true
		}
	}
	for _, e := range events {
		if e.Kind == ledger.Diverted && e.To != nil && told[e.Node] {
			all = append(all, rest.CallDiversion{At: at(e), From: e.Text, To: *e.To, Cause: cause(e.Cause, false)})
		}
	}
	return all
}

// answeredBy is the codec and the device of the leg that won.
func answeredBy(e ledger.NodeEvent, legs []rest.CallLeg) (codec, device string) {
	codec, device = e.Codec, e.Device
	for _, l := range legs {
		if l.Node == e.Node && l.Leg == e.Leg {
			codec, device = cmp.Or(codec, l.Codec), cmp.Or(device, l.Device)
		}
	}
	return codec, device
}

// byNode is the events of a node, or those of all others.
func byNode(events []ledger.NodeEvent, node string, its bool) []ledger.NodeEvent {
	var some []ledger.NodeEvent
	for _, e := range events {
		if (e.Node == node) == its {
			some = append(some, e)
		}
	}
	return some
}

func first(events []ledger.NodeEvent, k ledger.Kind) *ledger.NodeEvent {
	i := slices.IndexFunc(events, func(e ledger.NodeEvent) bool { return e.Kind == k })
	if i < 0 {
		return nil
	}
	return &events[i]
}

func at(e ledger.NodeEvent) time.Time { return time.UnixMicro(e.At).UTC() }

// after is the time of e, but not before that of the state before: clocks of nodes differ by milliseconds, and are set.
func after(before time.Time, e ledger.NodeEvent) *time.Time {
	t := at(e)
	if t.Before(before) {
		t = before
	}
	return &t
}
