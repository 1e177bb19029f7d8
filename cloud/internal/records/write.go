package records

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
)

const (
	retryAfter    = time.Second            // before an event is sent again that came too early
	maxTogether   = 64                     // deliveries in one transaction
	partiesWithin = 200 * time.Millisecond // written after it if no delivery comes; other instances know them then
	maxParties    = 1 << 12                // waiting to be written
	writeTimeout  = 5 * time.Second
)

// delivery is events of one spool on their way to the database.
type delivery struct {
	ctx       context.Context // ends when nobody waits for the answer
	org, node string
	spool     string
	first     uint64
	events    []candidate
	done      chan struct{} // closed when the fields below stand

	reply fabric.LedgerReply
	err   error
	batch store.Batch
	gap   uint64
	made  []store.CallRecord
}

// Append stores events that a node delivers, and brings the records of their calls up to date. It replies after the
// commit, and needs Run for it; the same events again change nothing. An event that is not right, or of a call that the
// node is no party of, is put aside and counts as stored, so that it holds up no other.
func (r *Records) Append(ctx context.Context, org, node string, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
	if err := check(q); err != nil {
		return fabric.LedgerReply{}, err
	}
	d := &delivery{ctx: ctx, org: org, node: node, spool: q.Spool, first: q.First, done: make(chan struct{})}
	now := r.cfg.Now()
	for i, raw := range q.Events {
		d.events = append(d.events, read(raw, q.First+uint64(i), now))
	}
	select {
	case r.deliveries <- d:
	case <-ctx.Done():
		return fabric.LedgerReply{}, ctx.Err()
	}
	select {
	case <-d.done:
		return d.reply, d.err
	case <-ctx.Done():
		return fabric.LedgerReply{}, ctx.Err()
	}
}

// check refuses a delivery whose events cannot even be numbered.
func check(q fabric.LedgerJSON) error {
	if err := ident.Check(ident.Spool, q.Spool); err != nil {
		return errs.New(errs.Invalid, "spool: %w", err)
	}
	if q.First < 1 || q.First > math.MaxInt64-ledger.MaxBatch {
		return errs.New(errs.Invalid, "first: %d is not the seq of an event", q.First)
	}
	size := 0
	for _, e := range q.Events {
		size += len(e)
	}
	if len(q.Events) == 0 || size > ledger.MaxBatch {
		return errs.New(errs.Invalid, "events: %d of %d bytes together, not 1 or more of at most %d bytes", len(q.Events), size, ledger.MaxBatch)
	}
	return nil
}

// Run writes until ctx ends, and then the parties of what was admitted: the events of these calls are still to come.
func (r *Records) Run(ctx context.Context) error {
	var parties []store.Parties
	var due <-chan time.Time
	for ctx.Err() == nil {
		var ds []*delivery
		select {
		case p := <-r.cfg.Parties:
			if parties = append(parties, p); due == nil {
				due = time.After(partiesWithin)
			}
			if len(parties) < maxParties {
				continue
			}
		case d := <-r.deliveries:
			ds = r.together(d)
		case <-due:
		case <-ctx.Done():
			continue
		}
		r.write(ctx, r.announced(parties), ds)
		parties, due = parties[:0], nil
	}
	if parties = r.announced(parties); len(parties) > 0 {
		r.write(context.WithoutCancel(ctx), parties, nil)
	}
	return nil
}

// together takes what else was delivered meanwhile.
func (r *Records) together(first *delivery) []*delivery {
	ds := []*delivery{first}
	for len(ds) < maxTogether {
		select {
		case d := <-r.deliveries:
			ds = append(ds, d)
		default:
			return ds
		}
	}
	return ds
}

// announced adds to the parties those that wait: an admission comes before its events.
func (r *Records) announced(parties []store.Parties) []store.Parties {
	for range len(r.cfg.Parties) { // Run is the only receiver
		parties = append(parties, <-r.cfg.Parties)
	}
	return parties
}

// write stores deliveries and answers them. When the transaction fails each has one of its own: one that cannot be stored
// holds up no other.
func (r *Records) write(ctx context.Context, parties []store.Parties, ds []*delivery) {
	err := r.commit(ctx, parties, ds)
	if err != nil && len(parties) > 0 && len(ds) > 0 {
		err = r.commit(ctx, parties, nil)
	}
	switch {
	case errs.CodeOf(err) == errs.CloudAway: // which is told once
		r.cfg.Logger.Debug("the call ledger cannot be written", "error", err)
	case err != nil && len(parties) > 0:
		r.cfg.Logger.Error("parties of calls cannot be written; records will judge by what nodes report", "calls", len(parties), "error", err)
	}
	for _, d := range ds {
		if d.err != nil && len(ds)+len(parties) > 1 && d.ctx.Err() == nil {
			d.err = r.commit(ctx, nil, []*delivery{d})
		}
		if d.err == nil {
			r.told(d)
		}
		close(d.done)
	}
}

// commit stores parties and deliveries in one transaction, and sets the outcome of each.
func (r *Records) commit(ctx context.Context, parties []store.Parties, ds []*delivery) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var orgs []string
	for _, p := range parties {
		orgs = append(orgs, p.Org)
	}
	for _, d := range ds {
		orgs = append(orgs, d.org)
	}
	err := r.cfg.Store.WriteLedger(ctx, orgs, func(tx store.LedgerTx) error {
		if err := tx.AddParties(ctx, parties); err != nil {
			return err
		}
		for _, d := range ds {
			if err := r.take(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	for _, d := range ds {
		d.err = err
	}
	return err
}

// take stores one delivery.
func (r *Records) take(ctx context.Context, tx store.LedgerTx, d *delivery) error {
	end, err := tx.SpoolEnd(ctx, d.node, d.spool)
	if err != nil {
		return err
	}
	d.gap, d.made = 0, nil
	d.batch = store.Batch{Node: d.node, Spool: d.spool, First: d.first, Through: d.first - 1}
	events := d.events
	if d.first > end+1 {
		d.gap = d.first - end - 1
		why := fmt.Sprintf("%d events, %d to %d, never arrived", d.gap, end+1, d.first-1)
		d.batch.Bad = []store.BadEvent{{Seq: d.first - 1, Why: why}}
	} else { // what is stored stays as it is: the reply was lost
		known := min(end+1-d.first, uint64(len(events)))
		d.batch.First, d.batch.Through, events = d.first+known, d.first+known-1, events[known:]
	}
	s := sifter{Records: r, tx: tx, org: d.org, node: d.node}
	if s.of, err = facts(ctx, tx, d.org, callsOf(events)); err != nil {
		return err
	}
	if err := s.sift(ctx, &d.batch, events); err != nil {
		return err
	}
	d.reply = fabric.LedgerReply{StoredThrough: d.batch.Through}
	if d.batch.Through < d.first+uint64(len(d.events))-1 {
		d.reply.RetryAfter = retryAfter
	}
	if d.batch.Through < d.batch.First {
		return nil
	}
	if err := tx.Append(ctx, d.org, d.batch); err != nil {
		return err
	}
	if d.made, err = s.records(ctx, d.batch); err != nil {
		return err
	}
	return tx.PutCalls(ctx, d.made)
}

// callsOf is the calls of events that can be stored, each once.
func callsOf(events []candidate) []string {
	calls := make(map[string]bool)
	for _, c := range events {
		if c.why == "" && c.Kind != ledger.Alert {
			calls[c.Call] = true
		}
	}
	return slices.Sorted(maps.Keys(calls))
}

// facts is what is stored of calls, to judge by.
func facts(ctx context.Context, tx store.LedgerTx, org string, calls []string) (map[string]verdict, error) {
	used, err := tx.CallEvents(ctx, org, calls)
	if err != nil {
		return nil, err
	}
	parties, err := tx.PartiesOf(ctx, org, calls)
	if err != nil {
		return nil, err
	}
	of := make(map[string]verdict, len(calls))
	for _, call := range calls {
		of[call] = verdict{nodes: parties[call], had: used[call], used: used[call]}
	}
	return of, nil
}

// records makes the records of calls that have new events. The record of a call whose events are no longer kept stays.
func (s *sifter) records(ctx context.Context, b store.Batch) ([]store.CallRecord, error) {
	events := make(map[string][]ledger.NodeEvent)
	for _, e := range b.Events {
		events[e.Call] = append(events[e.Call], ledger.NodeEvent{Node: b.Node, Spool: b.Spool, Event: e.Event})
	}
	var older []string
	for call := range events {
		if s.of[call].had > 0 {
			older = append(older, call)
		}
	}
	all, err := s.tx.Events(ctx, s.org, older)
	if err != nil {
		return nil, err
	}
	maps.Copy(events, all)
	var made []store.CallRecord
	for call, es := range events {
		if len(es) < s.of[call].used {
			continue
		}
		c := Record(es)
		c.Organization = s.org
		made = append(made, store.CallRecord{Call: c, Events: len(es)})
	}
	slices.SortFunc(made, func(a, b store.CallRecord) int { return a.StartedAt.Compare(b.StartedAt) })
	return made, nil
}

// told says what a delivery that is stored came to.
func (r *Records) told(d *delivery) {
	if d.gap > 0 {
		r.cfg.Logger.Warn("ledger events never arrived", "org", d.org, "node", d.node, "spool", d.spool, "before", d.first, "events", d.gap)
	}
	for _, b := range d.batch.Bad {
		if b.Seq >= d.first {
			r.cfg.Logger.Warn("ledger event refused", "org", d.org, "node", d.node, "spool", d.spool, "seq", b.Seq, "why", b.Why)
		}
	}
	for _, a := range d.batch.Alerts {
		r.cfg.Logger.Warn("alert", "org", d.org, "node", d.node, "kind", a.Kind, "severity", a.Severity, "call", a.Call, "words", a.Words)
		if r.cfg.Alert != nil {
			r.cfg.Alert(a)
		}
	}
	for _, c := range d.made {
		if r.cfg.Settled != nil && (c.State == "answered" || c.State == "ended") {
			r.cfg.Settled(d.org, c.ID)
		}
	}
}
