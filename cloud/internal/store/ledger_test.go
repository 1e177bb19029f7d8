package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

func TestEventsAreStoredExactlyOnce(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		batch := func(first uint64, kinds ...ledger.Kind) Batch {
			b := Batch{Node: "sw_1", Spool: "sp_1", First: first, Through: first + uint64(len(kinds)) - 1}
			for i, k := range kinds {
				b.Events = append(b.Events, ledger.Event{Seq: first + uint64(i), At: int64(first), Call: "ca_1", Kind: k})
			}
			return b
		}
		appended := func(b Batch, wantGap uint64) {
			t.Helper()
			if gap, err := s.AppendEvents(ctx, "org_1", b); err != nil || gap != wantGap {
				t.Fatalf("gap %d, %v; want %d", gap, err, wantGap)
			}
		}
		appended(batch(1, ledger.Attempt, ledger.Admitted), 0)
		appended(batch(1, ledger.Attempt, ledger.Admitted), 0)               // the reply was lost
		appended(batch(2, ledger.Refused, ledger.Trying, ledger.Ringing), 0) // overlaps: what is stored stays
		appended(batch(8, ledger.Answered), 3)                               // 5 to 7 never came
		bad := Batch{Node: "sw_1", Spool: "sp_1", First: 9, Through: 9, Bad: []BadEvent{{Seq: 9, Why: "not a party", Raw: []byte("{}")}}}
		appended(bad, 0)
		appended(bad, 0)
		appended(batch(10, ledger.Ended), 0)

		all, err := s.Events(ctx, "org_1", []string{"ca_1"})
		must(t, err)
		events := all["ca_1"]
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprint(e.Seq, " ", e.Kind))
		}
		want := []string{"1 attempt", "2 admitted", "3 trying", "4 ringing", "8 answered", "10 ended"}
		if !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
		if events[0].Node != "sw_1" || events[0].Spool != "sp_1" {
			t.Errorf("event is of %s %s", events[0].Node, events[0].Spool)
		}
		refusedEvents, err := s.BadEvents(ctx, "org_1", "sw_1", "sp_1")
		must(t, err)
		if len(refusedEvents) != 2 || refusedEvents[0].Why != "3 events, 5 to 7, never arrived" || refusedEvents[1].Why != "not a party" {
			t.Errorf("bad events %+v", refusedEvents)
		}
		if other, err := s.Events(ctx, "org_2", []string{"ca_1"}); err != nil || len(other) != 0 {
			t.Errorf("another organization sees %v, %v", other, err)
		}
	})
}

func TestPartiesOfCalls(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		must(t, s.ClaimCall(ctx, "org_1", "ca_1", "sw_2")) // reported before the admission was written
		must(t, s.ClaimCall(ctx, "org_1", "ca_1", "sw_2"))
		must(t, s.AddParties(ctx, []Parties{
			{Org: "org_1", Call: "ca_1", Nodes: []string{"sw_1", "sw_2"}}, {Org: "org_1", Call: "ca_1", Nodes: []string{"sw_1"}},
			{Org: "org_1", Call: "ca_1", Nodes: []string{"sw_intruder", "sw_1"}}, {Org: "org_1", Call: "ca_1", Nodes: []string{"sw_2", "sw_3"}},
		}))
		got, err := s.PartiesOf(ctx, "org_1", []string{"ca_1"})
		must(t, err)
		if !slices.Equal(got["ca_1"], []string{"sw_1", "sw_2", "sw_3"}) {
			t.Errorf("parties %v", got)
		}
		if got, err = s.PartiesOf(ctx, "org_2", []string{"ca_1"}); err != nil || len(got) != 0 {
			t.Errorf("parties in another organization: %v, %v", got, err)
		}
	})
}

func TestCallsAreListed(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		start := time.UnixMicro(1_800_000_000_000_000).UTC()
		call := func(i int) rest.Call {
			return rest.Call{
				ID: fmt.Sprint("ca_", i), Organization: "org_1", State: "ended", StartedAt: start.Add(time.Duration(i/2) * time.Second),
				From: designation.Party{User: "us_1", Number: "201001"}, To: designation.Party{User: fmt.Sprint("us_", 2+i%2), Number: fmt.Sprint(301001 + i%2)},
				Dialled: "30 1001", Seconds: 1.5, Legs: []rest.CallLeg{{Leg: "lg_1"}}, Ladder: []ledger.NodeEvent{{Node: "sw_1"}},
			}
		}
		for i := range 6 {
			must(t, s.PutCalls(ctx, []CallRecord{{call(i), 3}}))
		}
		late := call(5)
		late.State = "setup"
		must(t, s.PutCalls(ctx, []CallRecord{{late, 2}})) // made of fewer events: the stored one stays
		late.State = "ringing"
		must(t, s.PutCalls(ctx, []CallRecord{{late, 4}}))
		if n, err := s.CallEvents(ctx, "org_1", []string{"ca_5", "ca_x"}); err != nil || n["ca_5"] != 4 || n["ca_x"] != 0 {
			t.Errorf("%v events of a known and an unknown call, %v", n, err)
		}

		list := func(q CallQuery) (ids []string) {
			t.Helper()
			for {
				calls, next, err := s.Calls(ctx, "org_1", q)
				must(t, err)
				for _, c := range calls {
					if c.Legs != nil || c.Ladder != nil {
						t.Errorf("a list has legs or ladder: %+v", c)
					}
					ids = append(ids, c.ID)
				}
				if q.Cursor = next; next == "" {
					return ids
				}
			}
		}
		for _, c := range []struct {
			name string
			q    CallQuery
			want []string
		}{
			{"all, two a page, two of one time", CallQuery{Limit: 2}, []string{"ca_5", "ca_4", "ca_3", "ca_2", "ca_1", "ca_0"}},
			{"all, three a page", CallQuery{Limit: 3}, []string{"ca_5", "ca_4", "ca_3", "ca_2", "ca_1", "ca_0"}},
			{"state", CallQuery{State: "ringing"}, []string{"ca_5"}},
			{"callee's number", CallQuery{Number: "301002", Limit: 1}, []string{"ca_5", "ca_3", "ca_1"}},
			{"callee", CallQuery{User: "us_2"}, []string{"ca_4", "ca_2", "ca_0"}},
			{"caller", CallQuery{User: "us_1", State: "setup"}, nil},
			{"dialled", CallQuery{Number: "30 1001", State: "ringing"}, []string{"ca_5"}},
			{"since and until", CallQuery{Since: start.Add(time.Second), Until: start.Add(2 * time.Second)}, []string{"ca_3", "ca_2"}},
		} {
			if got := list(c.q); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		for _, bad := range []CallQuery{{Limit: -1}, {Cursor: "!"}, {Cursor: encodeCursor("x")}, {Number: "\xff"}} {
			_, _, err := s.Calls(ctx, "org_1", bad)
			refused(t, err, errs.Invalid)
		}
	})
}

func TestOldEventsAreForgotten(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		day := int64(24 * time.Hour / time.Microsecond)
		b := Batch{Node: "sw_1", Spool: "sp_1", First: 1, Through: 2 * forgetAtOnce}
		for seq := range b.Through {
			b.Events = append(b.Events, ledger.Event{Seq: seq + 1, Call: "ca_1", Kind: ledger.Attempt, At: day})
		}
		_, err := s.AppendEvents(ctx, "org_1", b)
		must(t, err)
		s.now = func() time.Time { return time.UnixMicro(day) }
		next := Batch{Node: "sw_1", Spool: "sp_1", First: b.Through + 1, Through: b.Through + 3,
			Events: []ledger.Event{{Seq: b.Through + 3, Call: "ca_2", Kind: ledger.Attempt, At: 3 * day}},
			Bad:    []BadEvent{{Seq: b.Through + 1, Why: "bad", Raw: []byte("1")}, {Seq: b.Through + 2, Why: "bad", Raw: []byte("2")}}}
		_, err = s.AppendEvents(ctx, "org_1", next)
		must(t, err)
		must(t, s.PutCalls(ctx, []CallRecord{{rest.Call{ID: "ca_1", Organization: "org_1", State: "ended"}, int(b.Through)}}))

		if n, err := s.ForgetEvents(ctx, time.UnixMicro(day)); err != nil || n != 0 {
			t.Errorf("%d events were forgotten too early, %v", n, err)
		}
		// The last refused one stays, as the last event does.
		if n, err := s.ForgetEvents(ctx, time.UnixMicro(2*day)); err != nil || n != int64(b.Through)+1 {
			t.Errorf("%d events were forgotten, want %d: %v", n, b.Through+1, err)
		}
		left, err := s.Events(ctx, "org_1", []string{"ca_1", "ca_2"})
		must(t, err)
		if len(left["ca_1"]) != 0 || len(left["ca_2"]) != 1 {
			t.Errorf("left are %v", left)
		}
		if c, err := s.Call(ctx, "org_1", "ca_1"); err != nil || c.State != "ended" || c.Events != int(b.Through) {
			t.Errorf("record %+v, %v", c, err)
		}
		if n, err := s.ForgetEvents(ctx, time.UnixMicro(9*day)); err != nil || n != 0 {
			t.Errorf("%d ends of spools were forgotten, %v", n, err)
		}
		if gap, err := s.AppendEvents(ctx, "org_1", Batch{Node: "sw_1", Spool: "sp_1", First: b.Through + 4, Through: b.Through + 4}); err != nil || gap != 0 {
			t.Errorf("a gap of %d events after forgetting, %v", gap, err)
		}
	})
}
