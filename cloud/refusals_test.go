package cloud

import (
	"context"
	"errors"
	"testing"

	"strowger/cloud/internal/broker"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

// TestRefusalAfterOneThatMayBeWritten is not dropped as a repetition of that.
func TestRefusalAfterOneThatMayBeWritten(t *testing.T) {
	through := map[string]uint64{} // by spool
	written := 0
	var answer error
	store := func(_ context.Context, _, _ string, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
		for i := range q.Events {
			if seq := q.First + uint64(i); seq == through[q.Spool]+1 {
				through[q.Spool] = seq
				written++
			}
		}
		return fabric.LedgerReply{StoredThrough: through[q.Spool]}, answer
	}
	var s refusalSpool
	for i, err := range []error{nil, errors.New("the answer to the commit is lost"), nil, nil} {
		answer = err
		if got := s.deliver(t.Context(), broker.Refusal{Events: make([]ledger.Event, 2)}, store); !errors.Is(got, err) {
			t.Errorf("delivery %d: %v", i, got)
		}
		if want := 2 * (i + 1); written != want {
			t.Errorf("%d events are written after delivery %d, want %d", written, i, want)
		}
	}
	if len(through) != 2 {
		t.Errorf("%d spools, want a new one after the error only", len(through))
	}
}
