package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is records over a store, with the phones dv_alice of sw_x and dv_bob of sw_y, and the clock at t0.
type bench struct {
	*Records
	t       *testing.T
	store   *store.Store
	now     time.Time
	settled []string
	spool   string
	parties chan store.Parties
	stop    func() // Run
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, store: s, now: time.UnixMicro(t0), spool: ident.New(ident.Spool), parties: make(chan store.Parties, 10)}
	g := store.Registry{
		Sites:    []rest.Site{{Meta: rest.Meta{ID: "st_20"}}},
		Switches: []rest.Switch{{Meta: rest.Meta{ID: x}, Site: "st_20"}, {Meta: rest.Meta{ID: y}, Site: "st_20"}},
		Users:    []rest.User{{Meta: rest.Meta{ID: "us_alice"}}, {Meta: rest.Meta{ID: "us_bob"}}},
		Numbers:  []rest.Number{{Meta: rest.Meta{ID: "nm_alice"}, Dial: alice.Number, User: "us_alice"}, {Meta: rest.Meta{ID: "nm_bob"}, Dial: bob.Number, User: "us_bob"}},
		Trunks:   []rest.Trunk{{Meta: rest.Meta{ID: "tk_company"}, Switch: "sw_w", Enabled: true}},
		Devices: []rest.Device{
			{Meta: rest.Meta{ID: "dv_alice"}, User: "us_alice", Kind: designation.DeskPhone, Switch: x, Enabled: true},
			{Meta: rest.Meta{ID: "dv_bob"}, User: "us_bob", Kind: designation.DeskPhone, Switch: y, Enabled: true},
		},
	}
	b.Records = New(Config{
		Store: s, Snapshot: func(string) (*directory.Snapshot, error) { return directory.NewSnapshot(g), nil },
		Settled: func(_, call string) { b.settled = append(b.settled, call) },
		Now:     func() time.Time { return b.now }, Logger: slog.New(slog.DiscardHandler), Parties: b.parties,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// events is a journal as events of a call to deliver.
func events(call string, of []ledger.NodeEvent) []ledger.Event {
	var es []ledger.Event
	for _, e := range of {
		e.Call, e.Seq = call, 0
		es = append(es, e.Event)
	}
	return es
}

// batchOf is events as a node sends them.
func batchOf(spool string, first uint64, es ...ledger.Event) fabric.LedgerJSON {
	q := fabric.LedgerJSON{Spool: spool, First: first}
	for _, e := range es {
		q.Events = append(q.Events, must(json.Marshal(e)))
	}
	return q
}

// deliver appends events of a node and wants them stored through a seq.
func (b *bench) deliver(node string, first, through uint64, es []ledger.Event) fabric.LedgerReply {
	b.t.Helper()
	r, err := b.Append(b.t.Context(), "org_1", node, batchOf(b.spool, first, es...))
	if err != nil || r.StoredThrough != through {
		b.t.Fatalf("stored through %d, %v; want %d", r.StoredThrough, err, through)
	}
	return r
}

func (b *bench) admit(call string, nodes ...string) {
	b.t.Helper()
	b.parties <- store.Parties{Org: "org_1", Call: call, Nodes: nodes}
}

// bad is what was put aside of a node's events, as "seq why".
func (b *bench) bad(node string) []string {
	b.t.Helper()
	events, err := b.store.BadEvents(b.t.Context(), "org_1", node, b.spool)
	if err != nil {
		b.t.Fatal(err)
	}
	var whys []string
	for _, e := range events {
		whys = append(whys, fmt.Sprint(e.Seq, " ", e.Why))
	}
	return whys
}

func TestEventsBecomeARecord(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x, y)
	b.deliver(x, 1, 4, events(call, ofX()[:4]))
	listed, _, err := b.List(t.Context(), "org_1", store.CallQuery{State: "setup", Number: "201001"})
	if err != nil || len(listed) != 1 || listed[0].ID != call || len(b.settled) != 0 {
		t.Errorf("listed %+v, %v; settled %v", listed, err, b.settled)
	}
	for range 2 { // the second time the reply was lost
		b.deliver(y, 1, 6, events(call, ofY()))
		b.deliver(x, 1, 9, events(call, ofX()))
	}
	if !slices.Contains(b.settled, call) {
		t.Error("the broker was not told")
	}
	c, err := b.Get(t.Context(), "org_1", call)
	if err != nil {
		t.Fatal(err)
	}
	if c.Organization != "org_1" || c.State != "ended" || c.Seconds != 5 || len(c.Legs) != 4 || len(c.Ladder) != 15 || c.Ladder[0].Kind != ledger.Attempt {
		t.Errorf("record %+v", c)
	}
	listed, next, err := b.List(t.Context(), "org_1", store.CallQuery{})
	if err != nil || next != "" || len(listed) != 1 {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	c.Legs, c.Ladder = nil, nil
	got, want := must(json.Marshal(listed[0])), must(json.Marshal(c))
	if string(got) != string(want) {
		t.Errorf("listed\n%s\nwant\n%s", got, want)
	}
	if _, err := b.Get(t.Context(), "org_2", call); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("another organization's call: %v", err)
	}
	if len(b.bad(x))+len(b.bad(y)) != 0 {
		t.Errorf("bad events %v %v", b.bad(x), b.bad(y))
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestOnlyPartiesReport(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x, y)
	b.deliver(x, 1, 4, events(call, ofX()[:4]))
	// The event is young: its admission may be on its way. Later it is put aside, and what is behind it goes on.
	own := ident.New(ident.Call)
	forged := append(events(own, ofY()[1:2]), events(call, ofY()[5:])...)
	forged = append(forged, events(own, ofY()[2:3])...)
	b.now = time.UnixMicro(t0 + 5020*ms)
	if r := b.deliver("sw_z", 1, 1, forged); r.RetryAfter == 0 {
		t.Error("no time to try again")
	}
	if r := b.deliver("sw_z", 2, 1, forged[1:]); r.RetryAfter == 0 {
		t.Error("no time to try again")
	}
	b.now = b.now.Add(early)
	b.deliver("sw_z", 2, 3, forged[1:])
	if bad := b.bad("sw_z"); len(bad) != 1 || !strings.HasPrefix(bad[0], "2 node sw_z is no party of call") {
		t.Errorf("bad events %v", bad)
	}
	if c, err := b.Get(t.Context(), "org_1", call); err != nil || c.State != "setup" {
		t.Errorf("a stranger changed the record: %+v, %v", c, err)
	}
}

func TestCallsThatNobodyAdmitted(t *testing.T) {
	for name, order := range map[string][]string{"caller first": {x, y}, "anchor first": {y, x}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.now = b.now.Add(24 * time.Hour) // the cloud was away
			call := ident.New(ident.Call)
			for _, node := range order {
				of := ofX()
				if node == y {
					of = ofY()
				}
				b.deliver(node, 1, uint64(len(of)), events(call, of))
			}
			b.deliver("sw_z", 1, 6, events(call, ofY()))
			if len(b.bad(x))+len(b.bad(y)) != 0 || len(b.bad("sw_z")) != 6 {
				t.Errorf("bad events %v, %v, %v", b.bad(x), b.bad(y), b.bad("sw_z"))
			}
			if c, err := b.Get(t.Context(), "org_1", call); err != nil || c.State != "ended" || len(c.Ladder) != 15 {
				t.Errorf("record %+v, %v", c, err)
			}
		})
	}
}

func TestCallThatTheAnchorRefusedWithoutTheCloud(t *testing.T) {
	b := newBench(t)
	b.now = b.now.Add(24 * time.Hour)
	call := ident.New(ident.Call)
	refused := ev(9, ledger.Refused, func(e *ledger.Event) { e.From = admitted(8).From })
	b.deliver(y, 1, 2, events(call, journal(y, refused, ended(10, "system", nil))))
	b.deliver(x, 1, uint64(len(ofX())), events(call, ofX()))
	if bad := b.bad(x); len(bad) != 0 {
		t.Errorf("bad events of the caller's switch: %q", bad)
	}
}

// The caller's switch and the cloud were killed when the call had just been sent on: nobody remembers the admission but the anchor.
func TestAdmissionThatOnlyTheAnchorKnows(t *testing.T) {
	b := newBench(t)
	b.now = b.now.Add(time.Hour)
	call := ident.New(ident.Call)
	b.deliver(x, 1, 2, events(call, journal(x, attempt(0), ended(9, "system", nil))))
	b.deliver(y, 1, uint64(len(ofY())), events(call, ofY()))
	if bad := b.bad(y); len(bad) != 0 {
		t.Errorf("bad events of the anchor: %q", bad)
	}
	forged := journal("sw_z", anchoredBy(admitted(8), "sw_z")) // it has no phone that could have been called
	b.deliver("sw_z", 1, 1, events(call, forged))
	if bad := b.bad("sw_z"); len(bad) != 1 {
		t.Errorf("bad events of a stranger: %q", bad)
	}
}

// The caller hung up before the anchor had asked for whom the call was: what it reports names nobody.
func TestAnchorThatKnowsNoCaller(t *testing.T) {
	b := newBench(t)
	b.now = b.now.Add(time.Hour)
	call := ident.New(ident.Call)
	b.deliver(y, 1, 1, events(call, journal(y, ended(9, "caller", nil))))
	b.deliver(x, 1, uint64(len(ofX())), events(call, ofX()))
	if bad := b.bad(x); len(bad) != 0 {
		t.Errorf("bad events of the caller's switch: %q", bad)
	}
	b.deliver("sw_z", 1, 1, events(call, journal("sw_z", called(attempt(0), designation.Party{Number: "999"}))))
	if bad := b.bad("sw_z"); len(bad) != 1 {
		t.Errorf("bad events of a stranger: %q", bad)
	}
}

// A switch speaks for its own phones: it cannot make a record in which another switch's phone calls.
func TestForeignCallersArePutAside(t *testing.T) {
	carol := designation.Party{User: "us_carol", Device: "dv_carol", Number: "401001"} // nobody knows her any more
	for name, c := range map[string]struct {
		node     string
		announce []string
		event    ledger.Event
		bad      bool
	}{
		"attempt of another's phone":           {y, nil, attempt(0), true},
		"of one's own":                         {x, nil, attempt(0), false},
		"own phone, another's number":          {y, nil, called(attempt(0), designation.Party{Device: "dv_bob", Number: alice.Number}), true},
		"own phone, another's user":            {y, nil, called(attempt(0), designation.Party{Device: "dv_bob", User: alice.User}), true},
		"no phone, another's number":           {y, nil, called(attempt(0), designation.Party{Number: alice.Number}), true},
		"announced, between others":            {y, []string{y, "sw_z"}, attempt(0), true},
		"announced, of the other party":        {y, []string{x, y}, attempt(0), false},
		"an app, by its own signature":         {y, []string{y, alice.Device}, attempt(0), false},
		"an app, another's number":             {y, []string{y, alice.Device}, called(attempt(0), designation.Party{User: alice.User, Device: alice.Device, Number: "301001"}), true},
		"anchor whose phone is called":         {y, nil, admitted(8), false},
		"anchor whose trunk is used":           {"sw_w", nil, anchoredBy(outside(admitted(8)), "sw_w"), false},
		"anchor without a trunk":               {"sw_z", nil, anchoredBy(outside(admitted(8)), "sw_z"), true},
		"anchor, but the callee is not its":    {"sw_z", nil, anchoredBy(admitted(8), "sw_z"), true},
		"not the anchor":                       {"sw_z", nil, admitted(8), true},
		"a phone that was removed since":       {x, nil, called(attempt(0), carol), false},
		"one who was refused, and so no party": {y, nil, ev(9, ledger.Refused, func(e *ledger.Event) { e.From = &alice }), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.now = b.now.Add(time.Hour)
			call := ident.New(ident.Call)
			if c.announce != nil {
				b.admit(call, c.announce...)
			}
			b.deliver(c.node, 1, 1, events(call, journal(c.node, c.event)))
			if bad := b.bad(c.node); (len(bad) > 0) != c.bad || c.bad && !strings.Contains(bad[0], "names the caller") {
				t.Errorf("put aside: %q, want %t", bad, c.bad)
			}
			if _, err := b.Get(t.Context(), "org_1", call); (err != nil) != c.bad {
				t.Errorf("record: %v", err)
			}
			if c.bad && c.announce == nil { // nor did it take the call from those whose it is
				b.deliver(x, 1, uint64(len(ofX())), events(call, ofX()))
				if bad := b.bad(x); len(bad) > 0 {
					t.Errorf("the caller's switch is put aside: %q", bad)
				}
			}
		})
	}
}

func called(e ledger.Event, by designation.Party) ledger.Event {
	e.From = &by
	return e
}

// outside is a call to the phone network.
func outside(e ledger.Event) ledger.Event {
	e.To = &designation.Party{Number: "+498912345"}
	return e
}

func anchoredBy(e ledger.Event, node string) ledger.Event {
	e.Anchor = node
	return e
}

// What is young may be true: the word of the caller's switch may be on its way.
func TestForeignCallersAreTriedAgain(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	if r := b.deliver(y, 1, 0, events(call, journal(y, attempt(0)))); r.RetryAfter == 0 {
		t.Error("no time to try again")
	}
}

func TestBadEventsDoNotBlockTheRest(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x)
	es := events(call, journal(x, attempt(0), attempt(1), attempt(2), attempt(3), attempt(4), attempt(5), attempt(6), ended(7, "caller", normal)))
	es[1].Call = "ca_1"
	es[2].At = 1 << 62
	es[3].Kind = ""
	es[4].Text = strings.Repeat("x", ledger.MaxEvent)
	es[5].Text = "a\x00b"
	es[6].Seq = 99
	b.deliver(x, 1, 8, es)
	bad := b.bad(x)
	for i, want := range []string{"2 call:", "3 time", "4 kind", "5 has", "6 contains a NUL", "7 says seq 99 in the place of seq 7"} {
		if i >= len(bad) || !strings.HasPrefix(bad[i], want) {
			t.Errorf("bad events %q, want %q", bad, want)
		}
	}
	if c, err := b.Get(t.Context(), "org_1", call); err != nil || c.State != "ended" || len(c.Ladder) != 2 {
		t.Errorf("record %+v, %v", c, err)
	}
	b.deliver(x, 12, 12, es[:1])
	if bad = b.bad(x); bad[len(bad)-1] != "11 3 events, 9 to 11, never arrived" {
		t.Errorf("bad events %q", bad)
	}
}

// A call from the far future would head every list for good.
// TestAlerts stores what nodes raise, of a call or of none, beside the ledger; what is no alert is put aside.
func TestAlerts(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x)
	alert := func(change func(*ledger.Event)) ledger.Event {
		e := ledger.NewAlert(t0, "trunk-down", "warning", "tk_1", "", "the company does not answer")
		change(&e)
		return e
	}
	es := append(events(call, journal(x, attempt(0))),
		alert(func(*ledger.Event) {}), alert(func(e *ledger.Event) { e.Call, e.From = call, &designation.Party{Site: "st_30"} }), alert(func(e *ledger.Event) { e.By = "loud" }),
		alert(func(e *ledger.Event) { e.Text = "" }), alert(func(e *ledger.Event) { e.Sender = "" }), alert(func(e *ledger.Event) { e.Call = "ca_1" }))
	for i := range es {
		es[i].Seq = uint64(i + 1)
	}
	for range 2 { // what comes again is nothing
		if r := b.deliver(x, 1, 7, es); r.StoredThrough != 7 {
			t.Fatalf("stored through %d", r.StoredThrough)
		}
	}
	all, _, err := b.store.Alerts.List(t.Context(), "org_1", store.Query{Limit: 10})
	if len(all) == 2 && all[0].Call != "" { // of one millisecond
		slices.Reverse(all)
	}
	if err != nil || len(all) != 2 || all[0].Kind != "trunk-down" || all[0].Node != x || all[0].Site != "st_20" || all[0].Subject != "tk_1" || all[1].Call != call || all[1].Site != "st_30" {
		t.Errorf("alerts %+v, %v", all, err)
	}
	if bad := b.bad(x); len(bad) != 4 {
		t.Errorf("bad events %q", bad)
	}
	if c, err := b.Get(t.Context(), "org_1", call); err != nil || len(c.Ladder) != 1 {
		t.Errorf("the record: %+v, %v", c, err)
	}
}

func TestEventsFromTheFutureArePutAside(t *testing.T) {
	b := newBench(t)
	e := ev(1, ledger.Attempt, nil)
	e.Call, e.At = ident.New(ident.Call), b.now.Add(maxAhead).UnixMicro()
	b.deliver(x, 1, 1, []ledger.Event{e}) // a clock may be wrong
	e.Call, e.At = ident.New(ident.Call), b.now.Add(maxAhead+time.Second).UnixMicro()
	b.deliver(x, 2, 2, []ledger.Event{e})
	if bad := b.bad(x); len(bad) != 1 || !strings.Contains(bad[0], "yet to come") {
		t.Errorf("bad events %q", bad)
	}
}

func TestACallHasSoManyEvents(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x)
	message := ev(1, ledger.Message, nil)
	message.Call = call
	end := ev(2, ledger.Ended, nil)
	end.Call = call
	const batch = 512
	seq := uint64(1)
	fill := func(e ledger.Event, n int) {
		for ; n > 0; n -= batch {
			b.deliver(x, seq, seq+batch-1, slices.Repeat([]ledger.Event{e}, batch))
			seq += batch
		}
	}
	refused := func(e ledger.Event, want int) {
		t.Helper()
		b.deliver(x, seq, seq, []ledger.Event{e})
		seq++
		if bad := b.bad(x); len(bad) != want || want > 0 && !strings.Contains(bad[want-1], "events already") {
			t.Errorf("bad events %q, want %d", bad, want)
		}
	}
	fill(message, maxChatter)
	refused(message, 1)
	refused(end, 1) // messages take not all the room: a call whose party floods it has an end
	if got, err := b.Get(t.Context(), "org_1", call); err != nil || got.State != "ended" {
		t.Errorf("the call is %s, %v", got.State, err)
	}
	fill(end, maxCallEvents-maxChatter)
	refused(end, len(b.bad(x))+1)
}

func TestDeliveriesThatCannotBeNumberedAreRefused(t *testing.T) {
	b := newBench(t)
	good := events(ident.New(ident.Call), ofX()[:1])
	long := good[0]
	long.Text = strings.Repeat("x", 7<<10)
	for words, q := range map[string]fabric.LedgerJSON{
		"spool:":    batchOf("x", 1, good...),
		"first: 0":  batchOf(b.spool, 0, good...),
		"first: 18": batchOf(b.spool, 1<<64-1, good...),
		"events: 0": batchOf(b.spool, 1),
		"bytes":     batchOf(b.spool, 1, slices.Repeat([]ledger.Event{long}, 40)...),
	} {
		_, err := b.Append(t.Context(), "org_1", x, q)
		if errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// No event from a node, however odd, stops the ledger: it is stored or put aside.
func FuzzRead(f *testing.F) {
	for _, e := range append(ofX(), ofY()...) {
		f.Add(must(json.Marshal(e.Event)))
	}
	f.Add([]byte(`{"at":9e18,"call":"ca_1","kind":"ended","cause":{"q850":-1}}`))
	f.Add([]byte("{\n\"at\":1,\"text\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := read(data, 7, time.UnixMicro(t0))
		if c.Seq != 7 || bytes.ContainsAny(c.JSON, "\n\r") && c.why == "" {
			t.Fatalf("%s is read as %+v", data, c)
		}
		if c.why != "" {
			return
		}
		var again ledger.Event
		if err := json.Unmarshal(c.JSON, &again); err != nil || !utf8.Valid(c.JSON) {
			t.Fatalf("%s is stored as %q: %v", data, c.JSON, err)
		}
		made := Record([]ledger.NodeEvent{{Node: x, Spool: "sp", Event: c.Event.Event}})
		if _, err := json.Marshal(made); err != nil {
			t.Errorf("record of %s: %v", data, err)
		}
	})
}

// A node sends again what it does not know to be stored, and perhaps more: each event is stored once.
func TestWhatIsDeliveredAgainIsStoredOnce(t *testing.T) {
	b := newBench(t)
	call := ident.New(ident.Call)
	b.admit(call, x)
	es := events(call, ofX())
	b.deliver(x, 1, 3, es[:3])
	b.deliver(x, 2, 5, es[1:5])
	b.deliver(x, 1, 3, es[:3]) // late
	b.deliver(x, 1, uint64(len(es)), es)
	c, err := b.Get(t.Context(), "org_1", call)
	if err != nil || len(c.Ladder) != len(es) || len(b.bad(x)) != 0 {
		t.Fatalf("%d events, bad %v, %v", len(c.Ladder), b.bad(x), err)
	}
	for i, e := range c.Ladder {
		if e.Seq != uint64(i+1) || e.Kind != es[i].Kind {
			t.Errorf("event %d is %d %s, want %s", i+1, e.Seq, e.Kind, es[i].Kind)
		}
	}
}

// Deliveries of many nodes at once share transactions, and none is mixed up with another.
func TestDeliveriesAtOnce(t *testing.T) {
	b := newBench(t)
	b.now = b.now.Add(time.Hour)
	var all sync.WaitGroup
	calls := make([]string, 40)
	for i := range calls {
		calls[i] = ident.New(ident.Call)
		all.Go(func() {
			spool, es := ident.New(ident.Spool), events(calls[i], ofX())
			for first := 0; first < len(es); first += 3 {
				rest := es[first:min(first+3, len(es))]
				r, err := b.Append(t.Context(), "org_1", x, batchOf(spool, uint64(first+1), rest...))
				if err != nil || r.StoredThrough != uint64(first+len(rest)) {
					t.Errorf("stored through %d, %v", r.StoredThrough, err)
				}
			}
		})
	}
	all.Wait()
	for _, call := range calls {
		if c, err := b.Get(t.Context(), "org_1", call); err != nil || c.State != "ended" || len(c.Ladder) != len(ofX()) {
			t.Errorf("call %s has %d events: %v", c.State, len(c.Ladder), err)
		}
	}
}

// What is admitted is known to the database before any event comes, and when the cloud stops at once.
func TestPartiesAreWritten(t *testing.T) {
	b := newBench(t)
	known := func(call string) (nodes []string) {
		err := b.store.WriteLedger(t.Context(), nil, func(l store.LedgerTx) error {
			of, err := l.PartiesOf(t.Context(), "org_1", []string{call})
			nodes = of[call]
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return nodes
	}
	call := ident.New(ident.Call)
	b.admit(call, x, y)
	for deadline := time.After(time.Minute); len(known(call)) == 0; {
		select {
		case <-deadline:
			t.Fatal("the parties are not written")
		case <-time.After(partiesWithin / 10):
		}
	}
	call = ident.New(ident.Call)
	b.admit(call, x, y)
	b.stop()
	if nodes := known(call); !slices.Equal(nodes, []string{x, y}) {
		t.Errorf("parties %v", nodes)
	}
}

// A call whose parties are forgotten is over: nobody takes it by naming its id.
func TestOldCallsTakeNoEvents(t *testing.T) {
	b := newBench(t)
	b.now = b.now.Add(time.Hour)
	call := ident.New(ident.Call)
	b.deliver(x, 1, uint64(len(ofX())), events(call, ofX()))
	if _, err := b.store.ForgetEvents(t.Context(), b.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.deliver(y, 1, uint64(len(ofY())), events(call, ofY()))
	if bad := b.bad(y); len(bad) != len(ofY()) || !strings.Contains(bad[0], "so old") {
		t.Errorf("bad events %q", bad)
	}
	if c, err := b.Get(t.Context(), "org_1", call); err != nil || c.State != "ended" || len(c.Ladder) != 0 {
		t.Errorf("record %+v, %v", c, err)
	}
}
