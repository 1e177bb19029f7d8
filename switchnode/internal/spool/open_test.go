package spool

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/journal"
)

// write runs a spool over events and leaves the folder as a kill would: what the cloud has stored may be gone.
func (w interrupted) write(t *testing.T, deliver bool, events ...ledger.Event) {
	t.Helper()
	s := w.open(t, deliver)
	ctx, cancel := context.WithCancel(t.Context())
	for _, e := range events {
		if err := s.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	if deliver {
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

type interrupted struct{ dir string }

func (w interrupted) open(t *testing.T, deliver bool) *Spool {
	t.Helper()
	s, err := New(Config{Dir: w.dir, Logger: slog.New(slog.DiscardHandler), SegmentSize: 512, Deliver: func(_ context.Context, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
		if !deliver {
			return fabric.LedgerReply{}, context.DeadlineExceeded
		}
		return fabric.LedgerReply{StoredThrough: q.First + uint64(len(q.Events)) - 1}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInterruptedCallsAreFound(t *testing.T) {
	w := interrupted{t.TempDir()}
	var events []ledger.Event
	for i := range 40 { // several segments
		id := fmt.Sprintf("ca_%02d", i)
		events = append(events, ledger.Event{Call: id, At: int64(i + 1), Kind: ledger.Attempt})
		if i%4 != 0 {
			events = append(events, ledger.Event{Call: id, At: int64(i + 1), Kind: ledger.Ended})
		}
	}
	w.write(t, false, events...)
	calls, last := w.open(t, false).Interrupted()
	if want := []string{"ca_00", "ca_04", "ca_08", "ca_12", "ca_16", "ca_20", "ca_24", "ca_28", "ca_32", "ca_36"}; !slices.Equal(calls, want) || last != 40 {
		t.Fatalf("interrupted %q at %d, want %q at 40", calls, last, want)
	}
	w.write(t, true) // a run that is killed before it has written anything
	// The next run ends some; those that it did not stay open, although the files that began them are delivered and gone.
	w.write(t, true, ledger.Event{Call: "ca_00", At: 50, Kind: ledger.Ended}, ledger.Event{Call: "ca_99", At: 51, Kind: ledger.Admitted})
	w.write(t, false, ledger.Event{Call: "ca_98", At: 60, Kind: ledger.Attempt})
	want := []string{"ca_04", "ca_08", "ca_12", "ca_16", "ca_20", "ca_24", "ca_28", "ca_32", "ca_36", "ca_98", "ca_99"}
	if calls, _ := w.open(t, false).Interrupted(); !slices.Equal(calls, want) {
		t.Fatalf("after the second run: %q, want %q", calls, want)
	}
}

// What another release wrote goes out as it is, and what is no event keeps its place.
func TestEventsOfAnotherRelease(t *testing.T) {
	dir := t.TempDir()
	const newer = `{"at":1,"call":"ca_1","kind":"message","text":"hello","mood":"sunny"}`
	var file []byte
	for _, payload := range []string{`{"spool":"` + ident.New(ident.Spool) + `"}`, newer, `{"at":"noon"}`, newer} {
		file = journal.Append(file, []byte(payload))
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000001"+suffix), file, 0o600); err != nil {
		t.Fatal(err)
	}
	sent := make(chan fabric.LedgerJSON, 1)
	s, err := New(Config{Dir: dir, Logger: slog.New(slog.DiscardHandler), Deliver: func(_ context.Context, q fabric.LedgerJSON) (fabric.LedgerReply, error) {
		sent <- q
		return fabric.LedgerReply{StoredThrough: 3}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	q := <-sent
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var odd ledger.Event
	if len(q.Events) != 3 || string(q.Events[0]) != newer || string(q.Events[2]) != newer {
		t.Fatalf("sent %s", q.Events)
	}
	if err := json.Unmarshal(q.Events[1], &odd); err != nil || odd.Kind != unreadable || odd.Text == "" {
		t.Errorf("in place of what is no event: %s, %v", q.Events[1], err)
	}
}
