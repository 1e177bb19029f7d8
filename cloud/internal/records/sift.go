package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
)

// Limits of what nodes report.
const (
	maxCallEvents = 4096             // of one call
	maxChatter    = 3584             // of these when an event is one that a party may cause at will
	maxKind       = 32               // bytes
	early         = 30 * time.Second // how long an event may be too early
	maxAhead      = 24 * time.Hour   // of our clock: a call from the far future would head every list for good
)

// candidate is an event as it was delivered.
type candidate struct {
	store.Event        // with its Seq
	why         string // it cannot be stored, "" if it can
}

// read takes an event apart. It is stored as the node wrote it, unless that would not fit into a line of text.
func read(raw []byte, seq uint64, now time.Time) (c candidate) {
	if len(raw) > ledger.MaxEvent {
		return candidate{badly(raw[:ledger.MaxEvent], seq), fmt.Sprintf("has %d bytes, at most %d are allowed", len(raw), ledger.MaxEvent)}
	}
	err := json.Unmarshal(raw, &c.Event.Event)
	if err != nil {
		return candidate{badly(raw, seq), err.Error()}
	}
	c.JSON = raw
	if !utf8.Valid(raw) || bytes.ContainsAny(raw, "\n\r") {
		if c.JSON, err = json.Marshal(c.Event.Event); err != nil {
			return candidate{badly(raw, seq), err.Error()}
		}
	}
	c.why = faults(c.Event, seq, now)
	c.Seq = seq
	return c
}

// badly is an event that cannot be read.
func badly(raw []byte, seq uint64) store.Event {
	return store.Event{Event: ledger.Event{Seq: seq}, JSON: raw}
}

// faults says what is wrong with an event by itself, "" if nothing.
func faults(e store.Event, seq uint64, now time.Time) (why string) {
	at := time.UnixMicro(e.At)
	switch {
	case e.Seq != 0 && e.Seq != seq:
		return fmt.Sprintf("says seq %d in the place of seq %d", e.Seq, seq)
	case e.Kind == "" || len(e.Kind) > maxKind:
		return fmt.Sprintf("kind has %d bytes, not 1 to %d", len(e.Kind), maxKind)
	case e.At <= 0 || at.Year() > 9999: // what JSON can say, RFC 3339
		return fmt.Sprintf("time %d is not of this age", e.At)
	case bytes.Contains(e.JSON, []byte(`\u0000`)):
		return "contains a NUL character"
	}
	if e.Kind == ledger.Alert {
		if why := badAlert(e.Event); why != "" {
			return why
		}
	}
	if err := ident.Check(ident.Call, e.Call); err != nil && (e.Kind != ledger.Alert || e.Call != "") {
		return "call: " + err.Error()
	}
	if at.Sub(now) > maxAhead {
		return fmt.Sprintf("time %s is yet to come", at.UTC().Format(time.RFC3339))
	}
	return ""
}

// sifter divides the events of a delivery into good and bad ones.
type sifter struct {
	*Records
	tx        store.LedgerTx
	org, node string
	of        map[string]verdict // by call
}

// sift stops at an event that is too early.
func (s *sifter) sift(ctx context.Context, b *store.Batch, events []candidate) error {
	for _, c := range events {
		if c.why == "" && c.Kind == ledger.Alert {
			a, err := s.alert(c.Event.Event)
			if err != nil {
				return err
			}
			b.Alerts, b.Through = append(b.Alerts, a), c.Seq
			continue
		}
		if c.why == "" {
			why, wait, err := s.weigh(ctx, c.Event.Event)
			if err != nil || wait {
				return err
			}
			c.why = why
		}
		if c.why == "" {
			b.Events = append(b.Events, c.Event)
		} else {
			b.Bad = append(b.Bad, store.BadEvent{Seq: c.Seq, Why: c.why, Raw: c.JSON})
		}
		b.Through = c.Seq
	}
	return nil
}

// weigh says why a node may not report an event of a call, "" if it may, or that this is to be asked again later.
func (s *sifter) weigh(ctx context.Context, e ledger.Event) (why string, wait bool, err error) {
	v := s.of[e.Call]
	if !v.judged {
		if v, err = s.judge(ctx, e, v); err != nil {
			return "", false, err
		}
		s.of[e.Call] = v
	}
	why, stranger := v.why, v.stranger
	if why == "" {
		if why, err = s.falseCaller(s.org, s.node, v.nodes, e); err != nil {
			return "", false, err
		}
		stranger = why != ""
	}
	if why == "" {
		if why, err = s.falseLine(s.org, s.node, e); err != nil {
			return "", false, err
		}
	}
	if stranger && s.isEarly(e) {
		return "", true, nil
	}
	if why == "" {
		why = v.take(e)
	}
	if why == "" && v.claim {
		v.claim = false
		err = s.tx.ClaimCall(ctx, s.org, e.Call, s.node)
	}
	s.of[e.Call] = v
	return why, false, err
}

// verdict says whether a node may report events of a call.
type verdict struct {
	judged   bool
	why      string   // "": it may
	stranger bool     // it is no party, as far as is known now
	claim    bool     // it becomes one by its first good event
	nodes    []string // the parties so far
	had      int      // events that its record was made of, before this delivery
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

// judge decides whether the node is a party of the call of an event: the broker admitted the call for it; or nobody announced
// the call and the node is the first to report it (without the cloud); or what a party reported makes it one; or the event
// itself does.
func (s *sifter) judge(ctx context.Context, e ledger.Event, v verdict) (verdict, error) {
	v.judged = true
	switch {
	case slices.Contains(v.nodes, s.node):
		return v, nil
	case len(v.nodes) == 0 && v.used > 0:
		v.why = fmt.Sprintf("call %s is so old that its parties are forgotten", e.Call)
		return v, nil
	case len(v.nodes) > 0:
		invited, err := s.invited(ctx, e, v.nodes)
		if err != nil {
			return v, err
		}
		if !invited {
			v.why, v.stranger = fmt.Sprintf("node %s is no party of call %s", s.node, e.Call), true
			return v, nil
		}
	}
	v.claim = true
	return v, nil
}

// falseCaller says what is wrong with the caller that an event names, "" if nothing: a switch speaks for its own phones, or
// repeats what the caller's switch, a party as well, may say; of an app, what the app has signed. Of a call that came without the cloud it may be the first to
// report; then it is the anchor, and one of its own phones is called.
func (r *Records) falseCaller(org, node string, parties []string, e ledger.Event) (why string, err error) {
	if e.From == nil || e.Kind == ledger.Refused { // that makes no record, and names whom the anchor refused
		return "", nil
	}
	s, err := r.cfg.Snapshot(org)
	if err != nil {
		return "", err
	}
	if e.From.Trunk != "" && e.From.User == "" && e.From.Device == "" && s.Hosts(e.From.Trunk, append([]string{node}, parties...)...) {
		return "", nil // the number is what the phone company says
	}
	if slices.Contains(parties, e.From.Device) && s.Owns(*e.From) {
		return "", nil
	}
	if lives, known := s.LivesAt(*e.From, append([]string{node}, parties...)...); lives || !known {
		return "", nil
	}
	if anchors(s, node, e) {
		return "", nil
	}
	return fmt.Sprintf("node %s names the caller %s %s of another switch", node, e.From.Number, e.From.Device), nil
}

// falseLine says what is wrong with the trunk that an event names, "" if nothing: its switch alone says what a call by it costs.
func (r *Records) falseLine(org, node string, e ledger.Event) (why string, err error) {
	if e.Line == nil {
		return "", nil
	}
	s, err := r.cfg.Snapshot(org)
	if err != nil {
		return "", err
	}
	if sw := s.HostOf(e.Line.Trunk); sw != "" && sw != node {
		return fmt.Sprintf("node %s tells of trunk %s, which is of switch %s", node, e.Line.Trunk, sw), nil
	}
	return "", nil
}

// anchors says whether an event is the admission of a call to one of a node's own phones, or out by its trunks.
func anchors(s *directory.Snapshot, node string, e ledger.Event) bool {
	if e.Kind != ledger.Admitted || e.Anchor != node || e.To == nil {
		return false
	}
	lives, known := s.LivesAt(*e.To, node)
	return lives || !known && s.HasTrunk(node)
}

// invited says whether the node of an event is a party by what the parties reported: an admission names it as anchor, or a caller
// whose home it is. (A call that the anchor refused has no admission there, but a caller.) Else by the event itself, for
// whoever wrote that down may have been killed, or the call was over before it was admitted there: a party's phone calls one
// of the node's, or one of the node's phones calls and nobody named another caller.
func (s *sifter) invited(ctx context.Context, event ledger.Event, parties []string) (bool, error) {
	snapshot, err := s.cfg.Snapshot(s.org)
	if err != nil {
		return false, err
	}
	events, err := s.tx.Events(ctx, s.org, []string{event.Call})
	if err != nil {
		return false, err
	}
	named := false
	for _, e := range events[event.Call] {
		named = named || e.From != nil
		if e.Kind == ledger.Admitted && e.Anchor == s.node ||
			(e.Kind == ledger.Admitted || e.Kind == ledger.Refused) && e.From != nil && (snapshot.HomeOf(e.From.Device) == s.node || snapshot.Hosts(e.From.Trunk, s.node)) {
			return true, nil
		}
	}
	if event.From == nil || event.Kind == ledger.Refused || len(events[event.Call]) == 0 {
		return false, nil
	}
	own, _ := snapshot.LivesAt(*event.From, s.node)
	theirs, _ := snapshot.LivesAt(*event.From, parties...)
	own = own || snapshot.Hosts(event.From.Trunk, s.node)
	return own && !named || theirs && anchors(snapshot, s.node, event), nil
}

// isEarly says whether what makes a node a party may still be on its way from another node.
func (r *Records) isEarly(e ledger.Event) bool {
	return r.cfg.Now().Sub(time.UnixMicro(e.At)).Abs() < early
}
