package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// onLedger runs f in a transaction on the ledger of org_1.
func onLedger(ctx context.Context, t *testing.T, s *Store, f func(l LedgerTx) error) {
	t.Helper()
	must(t, s.WriteLedger(ctx, []string{"org_1", "org_0", "org_1"}, f))
}

// eventsFrom is events of a call of node sw_1, which follow each other in its spool.
func eventsFrom(t *testing.T, first uint64, call string, at int64, kinds ...ledger.Kind) Batch {
	t.Helper()
	b := Batch{Node: "sw_1", Spool: "sp_1", First: first, Through: first + uint64(len(kinds)) - 1}
	for i, k := range kinds {
		e := ledger.Event{Seq: first + uint64(i), At: at, Call: call, Kind: k}
		raw, err := json.Marshal(e)
		must(t, err)
		b.Events = append(b.Events, Event{e, raw})
	}
	return b
}

func TestEventsOfSpools(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		mixed := eventsFrom(t, 1, "ca_1", 1, ledger.Attempt, ledger.Admitted)
		other := eventsFrom(t, 3, "ca_2", 2, ledger.Attempt)
		more := eventsFrom(t, 4, "ca_1", 3, ledger.Trying)
		mixed.Events = append(append(mixed.Events, other.Events...), more.Events...)
		mixed.Bad, mixed.Through = []BadEvent{{Seq: 5, Why: "not a party", Raw: []byte("{}")}}, 5
		onLedger(ctx, t, s, func(l LedgerTx) error {
			for _, b := range []Batch{mixed, eventsFrom(t, 6, "ca_1", 4, ledger.Ended)} {
				if end, err := l.SpoolEnd(ctx, "sw_1", "sp_1"); err != nil || end+1 != b.First {
					t.Errorf("the spool ends at %d, want %d: %v", end, b.First-1, err)
				}
				must(t, l.Append(ctx, "org_1", b))
			}
			return nil
		})
		all, err := s.Events(ctx, "org_1", []string{"ca_1", "ca_2"})
		must(t, err)
		var got []string
		for _, e := range append(all["ca_1"], all["ca_2"]...) {
			got = append(got, fmt.Sprint(e.Node, " ", e.Spool, " ", e.Call, " ", e.Seq, " ", e.Kind))
		}
		want := []string{
			"sw_1 sp_1 ca_1 1 attempt", "sw_1 sp_1 ca_1 2 admitted", "sw_1 sp_1 ca_1 4 trying", "sw_1 sp_1 ca_1 6 ended",
			"sw_1 sp_1 ca_2 3 attempt",
		}
		if !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
		if bad, err := s.BadEvents(ctx, "org_1", "sw_1", "sp_1"); err != nil || len(bad) != 1 || bad[0].Why != "not a party" {
			t.Errorf("bad events %+v, %v", bad, err)
		}
		if other, err := s.Events(ctx, "org_2", []string{"ca_1"}); err != nil || len(other) != 0 {
			t.Errorf("another organization sees %v, %v", other, err)
		}
	})
}

// Two cloud instances that write at once do so one after the other: the later sees what the earlier stored.
func TestLedgersAreWrittenOneAfterTheOther(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		const writers = 4
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for range 5 {
					err := s.WriteLedger(ctx, []string{"org_2", "org_1"}, func(l LedgerTx) error {
						end, err := l.SpoolEnd(ctx, "sw_1", "sp_1")
						if err != nil {
							return err
						}
						return l.Append(ctx, "org_1", eventsFrom(t, end+1, "ca_1", 1, ledger.Message))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if events, err := s.Events(ctx, "org_1", []string{"ca_1"}); err != nil || len(events["ca_1"]) != 5*writers {
			t.Errorf("%d events, %v", len(events["ca_1"]), err)
		}
	})
}

func TestPartiesOfCalls(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		onLedger(ctx, t, s, func(l LedgerTx) error {
			must(t, l.ClaimCall(ctx, "org_1", "ca_1", "sw_2")) // reported before the admission was written
			must(t, l.ClaimCall(ctx, "org_1", "ca_1", "sw_2"))
			must(t, l.AddParties(ctx, []Parties{
				{Org: "org_1", Call: "ca_1", Nodes: []string{"sw_1", "sw_2"}}, {Org: "org_1", Call: "ca_1", Nodes: []string{"sw_1"}},
				{Org: "org_1", Call: "ca_1", Nodes: []string{"sw_intruder", "sw_1"}}, {Org: "org_1", Call: "ca_1", Nodes: []string{"sw_2", "sw_3"}},
			}))
			got, err := l.PartiesOf(ctx, "org_1", []string{"ca_1"})
			must(t, err)
			if !slices.Equal(got["ca_1"], []string{"sw_1", "sw_2", "sw_3"}) {
				t.Errorf("parties %v", got)
			}
			if got, err = l.PartiesOf(ctx, "org_2", []string{"ca_1"}); err != nil || len(got) != 0 {
				t.Errorf("parties in another organization: %v, %v", got, err)
			}
			return nil
		})
	})
}

func TestCallsAreListed(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		start := time.UnixMicro(1_800_000_000_000_000).UTC()
		call := func(i int) rest.Call {
			return rest.Call{
				ID: fmt.Sprint("ca_", i), Organization: "org_1", State: "ended", StartedAt: start.Add(time.Duration(i/2) * time.Second),
				From: designation.Party{User: "us_1", Number: "201001"}, To: designation.Party{User: fmt.Sprint("us_", 2+i%2), Number: fmt.Sprint(301001 + i%2)},
				Dialled: "30 1001", Seconds: 1.5, CallDetail: rest.CallDetail{Legs: []rest.CallLeg{{Leg: "lg_1"}}, Ladder: []ledger.NodeEvent{{Node: "sw_1"}}},
			}
		}
		late := call(5)
		late.State = "ringing"
		onLedger(ctx, t, s, func(l LedgerTx) error {
			for i := range 6 {
				must(t, l.PutCalls(ctx, []CallRecord{{call(i), 3}}))
			}
			must(t, l.PutCalls(ctx, []CallRecord{{late, 4}}))
			n, err := l.CallEvents(ctx, "org_1", []string{"ca_5", "ca_x"})
			if err != nil || n["ca_5"] != 4 || n["ca_x"] != 0 {
				t.Errorf("%v events of a known and an unknown call, %v", n, err)
			}
			return nil
		})

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
		const old = 2 * forgetAtOnce
		b := Batch{Node: "sw_1", Spool: "sp_1", First: 1, Through: old}
		for i := range old {
			b.Events = append(b.Events, eventsFrom(t, uint64(i+1), fmt.Sprint("ca_", i), day, ledger.Attempt).Events...)
		}
		next := eventsFrom(t, old+2, "ca_next", 3*day, ledger.Attempt)
		next.Bad = []BadEvent{{Seq: old + 1, Why: "bad", Raw: []byte("1")}}
		s.now = func() time.Time { return time.UnixMicro(day) }
		onLedger(ctx, t, s, func(l LedgerTx) error {
			must(t, l.Append(ctx, "org_1", b))
			must(t, l.Append(ctx, "org_1", next))
			must(t, l.ClaimCall(ctx, "org_1", "ca_0", "sw_1"))
			s.now = func() time.Time { return time.UnixMicro(3 * day) }
			must(t, l.AddParties(ctx, []Parties{{Org: "org_1", Call: "ca_next", Nodes: []string{"sw_1"}}}))
			return l.PutCalls(ctx, []CallRecord{{rest.Call{ID: "ca_0", Organization: "org_1", State: "ended"}, 1}})
		})
		if n, err := s.ForgetEvents(ctx, time.UnixMicro(day)); err != nil || n != 0 {
			t.Errorf("%d rows were forgotten too early, %v", n, err)
		}
		if n, err := s.ForgetEvents(ctx, time.UnixMicro(2*day)); err != nil || n != old+2 { // a refused one, and a party
			t.Errorf("%d rows were forgotten, want %d: %v", n, old+2, err)
		}
		left, err := s.Events(ctx, "org_1", []string{"ca_0", "ca_next"})
		must(t, err)
		if len(left["ca_0"]) != 0 || len(left["ca_next"]) != 1 {
			t.Errorf("left are %v", left)
		}
		if c, err := s.Call(ctx, "org_1", "ca_0"); err != nil || c.State != "ended" || c.Events != 1 {
			t.Errorf("record %+v, %v", c, err)
		}
		if n, err := s.ForgetEvents(ctx, time.UnixMicro(9*day)); err != nil || n != 2 {
			t.Errorf("%d rows were forgotten at last, %v", n, err)
		}
		onLedger(ctx, t, s, func(l LedgerTx) error {
			if end, err := l.SpoolEnd(ctx, "sw_1", "sp_1"); err != nil || end != old+2 {
				t.Errorf("the spool ends at %d after forgetting, %v", end, err)
			}
			parties, err := l.PartiesOf(ctx, "org_1", []string{"ca_0", "ca_next"})
			if len(parties) != 0 {
				t.Errorf("parties %v", parties)
			}
			return err
		})
	})
}
