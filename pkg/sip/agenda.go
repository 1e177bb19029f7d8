package sip

import "container/heap"

// agenda holds the transactions that wait for the time, the next one first.
type agenda []*txn

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i+1, j+1
}

// Push is called by heap only.
func (a *agenda) Push(x any) {
	t := x.(*txn)
	*a = append(*a, t)
	t.place = len(*a)
}

// Pop is called by heap only.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	t := (*a)[last]
	(*a)[last] = nil
	*a, t.place = (*a)[:last], 0
	return t
}

// put enters, moves or removes a transaction, as its machine says.
func (a *agenda) put(t *txn) {
	due := t.machine.next()
	switch {
	case due.IsZero() && t.place > 0:
		heap.Remove(a, t.place-1)
	case due.IsZero(), due.Equal(t.due) && t.place > 0:
	case t.place > 0:
		t.due = due
		heap.Fix(a, t.place-1)
	default:
		t.due = due
		heap.Push(a, t)
	}
}
