package spool

import (
	"encoding/json"
	"maps"
	"slices"

	"strowger/pkg/ledger"
)

// openCalls is the calls that began here and have not ended, as the durable events tell. Only the writer changes it.
type openCalls struct {
	calls map[string]bool
	last  int64 // time of the newest event
}

// begin takes the list that a file begins with: it is what all files before it came to.
func (o *openCalls) begin(calls []string) {
	o.calls = make(map[string]bool, len(calls))
	for _, c := range calls {
		o.calls[c] = true
	}
}

func (o *openCalls) note(e opening) {
	if o.calls == nil {
		o.calls = map[string]bool{}
	}
	switch e.Kind {
	case ledger.Attempt, ledger.Admitted:
		o.calls[e.Call] = true
	case ledger.Ended:
		delete(o.calls, e.Call)
	}
	o.last = max(o.last, e.At)
}

// noteJSON notes an event as it is on disk. One that cannot be read opens and ends nothing.
func (o *openCalls) noteJSON(event []byte) {
	var e opening
	if json.Unmarshal(event, &e) == nil {
		o.note(e)
	}
}

func (o *openCalls) list() []string { return slices.Sorted(maps.Keys(o.calls)) }

// opening is what openCalls needs of an event.
type opening struct {
	At   int64       `json:"at"`
	Call string      `json:"call"`
	Kind ledger.Kind `json:"kind"`
}

// Interrupted lists the calls that an earlier run had under way when it was killed, and the time of its last event in
// microseconds. Whoever owns the calls writes their end. It is for the time before Run.
func (s *Spool) Interrupted() (calls []string, last int64) { return s.open.list(), s.open.last }
