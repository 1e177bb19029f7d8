package ledger

import (
	"cmp"
	"slices"
)

// row is one line of a ladder: a message, or what a node noted. A message that both ends recorded is one row.
type row struct {
	event   NodeEvent
	node    string // name of who wrote it
	from    string // names of the ends of a message, "" for a note
	to      string
	writers []string // ids of the nodes that recorded it
	emitted bool
}

// arrange puts events in an order in which nothing stands above its cause: each node's events as it wrote them, and
// nothing that a receiver did after a message above that message. Beyond that they are sorted by time, which alone
// would mislead: the clocks of nodes differ.
func arrange(events []NodeEvent, name func(string) string) []*row {
	rows := asWritten(events, name)
	sent := sends(rows)
	sequences := map[string][]*row{} // by node id
	for _, r := range rows {
		node := r.event.Node
		if send := sent[r]; send != nil {
			send.writers = append(send.writers, node)
			r = send
		}
		sequences[node] = append(sequences[node], r)
	}
	var ordered []*row
	for r := earliest(sequences); r != nil; r = earliest(sequences) {
		r.emitted = true
		ordered = append(ordered, r)
		for node, s := range sequences {
			for len(s) > 0 && s[0].emitted {
				s = s[1:]
			}
			sequences[node] = s
		}
	}
	return ordered
}

// asWritten sorts events by node and, within it, as the node wrote them: spools by their first time, events by number.
func asWritten(events []NodeEvent, name func(string) string) []*row {
	type spool struct{ node, id string }
	begin := map[spool]int64{}
	for _, e := range events {
		s := spool{e.Node, e.Spool}
		if at, ok := begin[s]; !ok || e.At < at {
			begin[s] = e.At
		}
	}
	rows := make([]*row, 0, len(events))
	for _, e := range events {
		r := &row{event: e, node: name(e.Node), writers: []string{e.Node}}
		if from, to := name(e.Sender), name(e.Receiver); e.Kind == Message && from != "" && to != "" && from != to {
			r.from, r.to = from, to
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		x, y := a.event, b.event
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(begin[spool{x.Node, x.Spool}], begin[spool{y.Node, y.Spool}]),
			cmp.Compare(x.Spool, y.Spool), cmp.Compare(x.Seq, y.Seq), cmp.Compare(x.At, y.At))
	})
	return rows
}

// sends finds, for each receiver's record of a message, the sender's record of it: the first goes with the first.
func sends(rows []*row) map[*row]*row {
	type arrow struct{ from, to, text string }
	open := map[arrow][]*row{}
	for _, r := range rows {
		if r.from != "" && r.node == r.from {
			a := arrow{r.from, r.to, r.event.Text}
			open[a] = append(open[a], r)
		}
	}
	sent := map[*row]*row{}
	for _, r := range rows {
		a := arrow{r.from, r.to, r.event.Text}
		if r.from != "" && r.node == r.to && len(open[a]) > 0 {
			sent[r], open[a] = open[a][0], open[a][1:]
		}
	}
	return sent
}

// earliest is the row to write next: of the rows that are first with all who recorded them, the one with the lowest
// time. Records that contradict each other leave none; then the lowest time alone decides.
func earliest(sequences map[string][]*row) *row {
	var best, lowest *row
	for _, s := range sequences {
		if len(s) == 0 {
			continue
		}
		r := s[0]
		if lowest == nil || before(r, lowest) {
			lowest = r
		}
		first := !slices.ContainsFunc(r.writers, func(node string) bool { return sequences[node][0] != r })
		if first && (best == nil || before(r, best)) {
			best = r
		}
	}
	if best == nil {
		return lowest
	}
	return best
}

func before(a, b *row) bool {
	return cmp.Or(cmp.Compare(a.event.At, b.event.At), cmp.Compare(a.event.Node, b.event.Node)) < 0
}
