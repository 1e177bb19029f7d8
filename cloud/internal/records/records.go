// Package records takes the call ledger from the nodes and makes call records of it.
package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

const (
	maxCallEvents = 4096             // of one call
	maxChatter    = 3584             // of these when an event is one that a party may cause at will
	maxKind       = 32               // bytes
	retryAfter    = time.Second      // before an event is sent again that came too early
	early         = 30 * time.Second // how long an event may be too early
	maxAhead      = 24 * time.Hour   // of our clock: a call from the far future would head every list for good
)

// Config is what Records works with.
type Config struct {
	Store    *store.Store
	Snapshot func(org string) (*directory.Snapshot, error)
	// Settled, if set, is told of each call that was answered or is over, at least once.
	Settled func(org, call string)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Records is the call records of all organizations. Its methods may be called from any goroutine.
type Records struct{ cfg Config }

// New returns the records that a store holds.
func New(cfg Config) *Records { return &Records{cfg: cfg} }

// Append stores events that a node delivers, and brings the records of their calls up to date. It replies after the
// commit; the same events again change nothing. An event that is not right, or of a call that the node is no party of,
// is put aside and counts as stored, so that it holds up no other.
func (r *Records) Append(ctx context.Context, org, node string, q fabric.Ledger) (fabric.LedgerReply, error) {
	if err := check(q); err != nil {
		return fabric.LedgerReply{}, err
	}
	b, err := r.sift(ctx, org, node, q)
	if err != nil {
		return fabric.LedgerReply{}, err
	}
	reply := fabric.LedgerReply{StoredThrough: b.Through}
	if want := q.First + uint64(len(q.Events)) - 1; b.Through < want {
		reply.RetryAfter = retryAfter
	}
	if b.Through < b.First {
		return reply, nil
	}
	gap, err := r.cfg.Store.AppendEvents(ctx, org, b)
	if err != nil {
		return fabric.LedgerReply{}, err
	}
	if gap > 0 {
		r.cfg.Logger.Warn("ledger events never arrived", "org", org, "node", node, "spool", q.Spool, "before", q.First, "events", gap)
	}
	if err := r.refresh(ctx, org, callsOf(b.Events)); err != nil {
		return fabric.LedgerReply{}, err // the node sends the events again
	}
	return reply, nil
}

// callsOf is the calls of events, each once, but for ids that can be none.
func callsOf(events []ledger.Event) []string {
	calls := make(map[string]bool)
	for _, e := range events {
		if ident.KindOf(e.Call) == ident.Call {
			calls[e.Call] = true
		}
	}
	return slices.Sorted(maps.Keys(calls))
}

// check refuses a delivery whose events cannot even be numbered.
func check(q fabric.Ledger) error {
	if err := ident.Check(ident.Spool, q.Spool); err != nil {
		return errs.New(errs.Invalid, "spool: %w", err)
	}
	if q.First < 1 || q.First > math.MaxInt64-ledger.MaxBatch {
		return errs.New(errs.Invalid, "first: %d is not the seq of an event", q.First)
	}
	size := 0
	for _, e := range q.Events {
		size += e.Size()
	}
	if len(q.Events) == 0 || size > ledger.MaxBatch {
		return errs.New(errs.Invalid, "events: %d of %d bytes together, not 1 or more of at most %d bytes", len(q.Events), size, ledger.MaxBatch)
	}
	return nil
}

// sift divides the events of a delivery into good and bad ones. It stops at one that is too early.
func (r *Records) sift(ctx context.Context, org, node string, q fabric.Ledger) (store.Batch, error) {
	b := store.Batch{Node: node, Spool: q.Spool, First: q.First, Through: q.First - 1}
	party, calls := make(map[string]verdict), callsOf(q.Events)
	used, err := r.cfg.Store.CallEvents(ctx, org, calls)
	if err != nil {
		return b, err
	}
	parties, err := r.cfg.Store.PartiesOf(ctx, org, calls)
	if err != nil {
		return b, err
	}
	for _, e := range q.Events {
		seq := b.Through + 1
		raw, why := faults(e, seq)
		if at := time.UnixMicro(e.At); why == "" && at.Sub(r.cfg.Now()) > maxAhead {
			why = fmt.Sprintf("time %s is yet to come", at.UTC().Format(time.RFC3339))
		}
		if why == "" {
			v, known := party[e.Call]
			var err error
			if !known {
				if v, err = r.judge(ctx, org, node, e.Call, verdict{used: used[e.Call], nodes: parties[e.Call]}); err != nil {
					return b, err
				}
			}
			stranger := v.stranger
			if why = v.why; why == "" {
				why, err = r.falseCaller(org, node, v.nodes, e)
				stranger = why != ""
			}
			if err != nil || stranger && r.isEarly(e) {
				return b, err
			}
			if why == "" {
				why = v.take(e)
			}
			if why == "" && v.claim {
				v.claim = false
				err = r.cfg.Store.ClaimCall(ctx, org, e.Call, node)
			}
			if err != nil {
				return b, err
			}
			party[e.Call] = v
		}
		if why == "" {
			e.Seq = seq
			b.Events = append(b.Events, e)
		} else {
			r.cfg.Logger.Warn("ledger event refused", "org", org, "node", node, "spool", q.Spool, "seq", seq, "call", e.Call, "why", why)
			b.Bad = append(b.Bad, store.BadEvent{Seq: seq, Why: why, Raw: raw})
		}
		b.Through = seq
	}
	return b, nil
}

// faults says what is wrong with an event by itself, "" if nothing.
func faults(e ledger.Event, seq uint64) (raw []byte, why string) {
	raw, err := json.Marshal(e)
	switch {
	case err != nil:
		return nil, err.Error()
	case len(raw) > ledger.MaxEvent:
		return raw[:ledger.MaxEvent], fmt.Sprintf("has %d bytes, at most %d are allowed", len(raw), ledger.MaxEvent)
	case e.Seq != 0 && e.Seq != seq:
		return raw, fmt.Sprintf("says seq %d in the place of seq %d", e.Seq, seq)
	case e.Kind == "" || len(e.Kind) > maxKind:
		return raw, fmt.Sprintf("kind has %d bytes, not 1 to %d", len(e.Kind), maxKind)
	case e.At <= 0 || time.UnixMicro(e.At).Year() > 9999: // what JSON can say, RFC 3339
		return raw, fmt.Sprintf("time %d is not of this age", e.At)
	case bytes.Contains(raw, []byte(`\u0000`)):
		return raw, "contains a NUL character"
	}
	if err := ident.Check(ident.Call, e.Call); err != nil {
		return raw, "call: " + err.Error()
	}
	return raw, ""
}

// verdict says whether a node may report events of a call.
type verdict struct {
	why      string   // "": it may
	stranger bool     // it is no party, as far as is known now
	claim    bool     // it becomes one by its first good event
	nodes    []string // the parties so far
	used     int      // events that the call has
}

// take finds room for an event, or says why there is none.
func (v *verdict) take(e ledger.Event) (why string) {
	if v.used >= maxCallEvents || v.used >= maxChatter && e.Kind.Chatter() {
		return fmt.Sprintf("call %s has %d events already", e.Call, v.used)
	}
	v.used++
	return ""
}

// judge decides whether a node is a party of a call: the broker admitted the call for it; or nobody announced the call
// and the node is the first to report it (without the cloud); or what a party reported makes it one.
func (r *Records) judge(ctx context.Context, org, node, call string, v verdict) (verdict, error) {
	if slices.Contains(v.nodes, node) {
		return v, nil
	}
	if len(v.nodes) > 0 {
		invited, err := r.invited(ctx, org, node, call)
		if err != nil {
			return verdict{}, err
		}
		if !invited {
			return verdict{why: fmt.Sprintf("node %s is no party of call %s", node, call), stranger: true}, nil
		}
	}
	v.claim = true
	return v, nil
}

// falseCaller says what is wrong with the caller that an event names, "" if nothing: a switch speaks for its own phones, or
// repeats what the caller's switch, a party as well, may say. Of a call that came without the cloud it may be the first to
// report; then it is the anchor, and one of its own phones is called.
func (r *Records) falseCaller(org, node string, parties []string, e ledger.Event) (why string, err error) {
	if e.From == nil || e.Kind == ledger.Refused { // that makes no record, and names whom the anchor refused
		return "", nil
	}
	s, err := r.cfg.Snapshot(org)
	if err != nil {
		return "", err
	}
	if lives, known := s.LivesAt(*e.From, append([]string{node}, parties...)...); lives || !known {
		return "", nil
	}
	if e.Kind == ledger.Admitted && e.Anchor == node && e.To != nil {
		if lives, _ := s.LivesAt(*e.To, node); lives {
			return "", nil
		}
	}
	return fmt.Sprintf("node %s names the caller %s %s of another switch", node, e.From.Number, e.From.Device), nil
}

// invited says whether what a party reported names the node: an admission as anchor, or a caller whose home it is. A call
// that the anchor refused has no admission there, but a caller.
func (r *Records) invited(ctx context.Context, org, node, call string) (bool, error) {
	s, err := r.cfg.Snapshot(org)
	if err != nil {
		return false, err
	}
	events, err := r.cfg.Store.Events(ctx, org, []string{call})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(events[call], func(e ledger.NodeEvent) bool {
		return e.Kind == ledger.Admitted && e.Anchor == node ||
			(e.Kind == ledger.Admitted || e.Kind == ledger.Refused) && e.From != nil && s.HomeOf(e.From.Device) == node
	}), nil
}

// isEarly says whether what makes a node a party may still be on its way from another node.
func (r *Records) isEarly(e ledger.Event) bool {
	return r.cfg.Now().Sub(time.UnixMicro(e.At)).Abs() < early
}

// refresh makes the records of calls anew, after their events are committed: of two deliveries at once the later sees the
// events of both.
func (r *Records) refresh(ctx context.Context, org string, calls []string) error {
	events, err := r.cfg.Store.Events(ctx, org, calls)
	if err != nil {
		return err
	}
	made := make([]store.CallRecord, 0, len(calls))
	for _, call := range calls {
		c := Record(events[call])
		c.Organization = org
		made = append(made, store.CallRecord{Call: c, Events: len(events[call])})
	}
	if len(made) == 0 {
		return nil
	}
	if err := r.cfg.Store.PutCalls(ctx, made); err != nil {
		return err
	}
	for _, c := range made {
		if r.cfg.Settled != nil && (c.State == "answered" || c.State == "ended") {
			r.cfg.Settled(org, c.ID)
		}
	}
	return nil
}

// Get returns the record of a call with its legs and its ladder, or errs.NotFound. Of a call whose events are no longer kept
// it is the record as it was stored, with what is left of the ladder.
func (r *Records) Get(ctx context.Context, org, id string) (rest.Call, error) {
	stored, err := r.cfg.Store.Call(ctx, org, id)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return rest.Call{}, err
	}
	all, readErr := r.cfg.Store.Events(ctx, org, []string{id})
	events := all[id]
	switch {
	case readErr != nil:
		return rest.Call{}, readErr
	case len(events) < stored.Events:
		stored.Ladder = ledger.Order(events)
		return stored.Call, nil
	case len(events) == 0:
		return rest.Call{}, errs.New(errs.NotFound, "there is no call %q", id)
	}
	c := Record(events)
	c.Organization, c.Ladder = org, ledger.Order(events)
	return c, nil
}

// List returns call records, the latest first, without legs and ladder, and the cursor of the next page.
func (r *Records) List(ctx context.Context, org string, q store.CallQuery) (calls []rest.Call, next string, err error) {
	return r.cfg.Store.Calls(ctx, org, q)
}
