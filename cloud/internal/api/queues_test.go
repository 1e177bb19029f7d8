package api

import (
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// TestQueuedCalls lists, moves and removes calls that wait, and says what is wrong.
func TestQueuedCalls(t *testing.T) {
	s := newService(t)
	o := s.office("Acme", "20")
	s.waiting.calls = []rest.QueuedCall{{Call: "ca_1", Position: 1}, {Call: "ca_2", Position: 2}}
	c := s.client
	c.Organization = o.org.ID
	if q := must(c.Queues(t.Context()))(t); len(q.Items) != 2 || q.Items[1].Call != "ca_2" {
		t.Errorf("listed: %+v", q)
	}
	if err := c.MoveQueued(t.Context(), "ca_2", 1); err != nil || s.waiting.calls[1].Position != 1 {
		t.Errorf("moved: %v, %+v", err, s.waiting.calls)
	}
	if err := c.RemoveQueued(t.Context(), "ca_1"); err != nil || len(s.waiting.calls) != 1 {
		t.Errorf("removed: %v, %+v", err, s.waiting.calls)
	}
	for _, bad := range []struct {
		err  error
		want errs.Code
	}{
		{c.MoveQueued(t.Context(), "ca_1", 1), errs.NotFound},
		{c.RemoveQueued(t.Context(), "ca_1"), errs.NotFound},
		{c.MoveQueued(t.Context(), "ca_2", 0), errs.Invalid},
	} {
		if errs.CodeOf(bad.err) != bad.want {
			t.Errorf("%v, want %s", bad.err, bad.want)
		}
	}
	reader := s.as(rest.APIKey{Name: "wallboard", Role: "reader"})
	reader.Organization = o.org.ID
	if err := reader.RemoveQueued(t.Context(), "ca_2"); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("a key that may only read removes: %v", err)
	}
}
