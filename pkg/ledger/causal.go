package ledger

import (
	"cmp"
	"maps"
	"slices"
)

// Order sorts the events of a call so that nothing stands before its cause: each node's events as it wrote them, and what a
// node received, with all that it did from then on, after the record of its sending. Beyond that they are sorted by time,
// which alone would mislead: the clocks of nodes differ. What order they are given in changes nothing.
func Order(events []NodeEvent) []NodeEvent {
	sorted := make([]NodeEvent, 0, len(events))
	for _, l := range inOrder(events, participants(events)) {
		sorted = append(sorted, l.event)
	}
	return sorted
}

// line is an event on its way to its place.
type line struct {
	event    NodeEvent
	from, to string // ends of a message: ids of nodes where they are some, "" for a note
	send     *line  // of a message that was received: the sender's record of it
	placed   bool
}

func (l *line) received() bool { return l.from != "" && l.to == l.event.Node }

func inOrder(events []NodeEvent, nodes map[string]string) []*line {
	lines := asWritten(events)
	for _, l := range lines {
		if e := l.event; e.Kind == Message && e.Sender != "" && e.Receiver != "" {
			if from, to := cmp.Or(nodes[e.Sender], e.Sender), cmp.Or(nodes[e.Receiver], e.Receiver); from != to {
				l.from, l.to = from, to
			}
		}
	}
	pair(lines)
	var heads [][]*line // what is left of each node's
	for rest := lines; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(l *line) bool { return l.event.Node != rest[0].event.Node })
		if n < 0 {
			n = len(rest)
		}
		heads, rest = append(heads, rest[:n]), rest[n:]
	}
	ordered := make([]*line, 0, len(lines))
	for len(ordered) < len(lines) {
		i := next(heads)
		l := heads[i][0]
		heads[i], l.placed = heads[i][1:], true
		ordered = append(ordered, l)
	}
	return ordered
}

// next says whose line comes next: of those whose cause is placed the one with the lowest time. Records that contradict
// each other leave none; then the lowest time alone decides.
func next(heads [][]*line) int {
	best, lowest := -1, -1
	for i, h := range heads { // sorted by node, which decides between equal times
		if len(h) == 0 {
			continue
		}
		l := h[0]
		if lowest < 0 || l.event.At < heads[lowest][0].event.At {
			lowest = i
		}
		if (l.send == nil || l.send.placed) && (best < 0 || l.event.At < heads[best][0].event.At) {
			best = i
		}
	}
	if best < 0 {
		return lowest
	}
	return best
}

// asWritten sorts events by node and, within it, as the node wrote them: spools by their first time, events by number.
func asWritten(events []NodeEvent) []*line {
	type spool struct{ node, id string }
	begin := map[spool]int64{}
	lines := make([]*line, 0, len(events))
	for _, e := range events {
		s := spool{e.Node, e.Spool}
		if at, ok := begin[s]; !ok || e.At < at {
			begin[s] = e.At
		}
		lines = append(lines, &line{event: e})
	}
	slices.SortStableFunc(lines, func(a, b *line) int {
		x, y := a.event, b.event
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(begin[spool{x.Node, x.Spool}], begin[spool{y.Node, y.Spool}]),
			cmp.Compare(x.Spool, y.Spool), cmp.Compare(x.Seq, y.Seq), cmp.Compare(x.At, y.At))
	})
	for i := 1; i < len(lines); i++ {
		// A node writes an attempt ahead of the INVITE that it is, so that a crash leaves no INVITE without an end.
		a, m := lines[i-1].event, lines[i].event
		if a.Kind == Attempt && m.Kind == Message && m.Node == a.Node && m.At <= a.At {
			lines[i-1], lines[i] = lines[i], lines[i-1]
		}
	}
	return lines
}

// pair finds, for each receiver's record of a message, the sender's record of it: the first goes with the first.
func pair(lines []*line) {
	type arrow struct{ from, to, text string }
	open := map[arrow][]*line{}
	for _, l := range lines {
		if l.from == l.event.Node {
			a := arrow{l.from, l.to, l.event.Text}
			open[a] = append(open[a], l)
		}
	}
	for _, l := range lines {
		if a := (arrow{l.from, l.to, l.event.Text}); l.received() && len(open[a]) > 0 {
			l.send, open[a] = open[a][0], open[a][1:]
		}
	}
}

// participants finds the node behind each name of a node in messages: it is an end of all that the node wrote. Where that
// leaves two, it is the one that is no other node's name. Ids of nodes stand for themselves.
func participants(events []NodeEvent) map[string]string {
	candidates := map[string][]string{} // by node
	for _, e := range events {
		if e.Kind != Message || e.Node == "" || e.Sender == "" || e.Receiver == "" || e.Sender == e.Receiver {
			continue
		}
		if ends, ok := candidates[e.Node]; ok {
			candidates[e.Node] = slices.DeleteFunc(ends, func(s string) bool { return s != e.Sender && s != e.Receiver })
		} else {
			candidates[e.Node] = []string{e.Sender, e.Receiver}
		}
	}
	known := map[string]string{}
	for again := true; again; {
		again = false
		for _, node := range slices.Sorted(maps.Keys(candidates)) {
			ends := slices.DeleteFunc(candidates[node], func(s string) bool { return known[s] != "" && known[s] != node })
			if candidates[node] = ends; len(ends) == 1 && known[ends[0]] == "" {
				known[ends[0]], again = node, true
			}
		}
	}
	for node := range candidates {
		known[node] = node
	}
	return known
}
