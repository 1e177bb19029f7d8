package spool

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/journal"
)

// FuzzScan opens files of any bytes: what was found in one can be read, and no call of it is open that it does not name.
func FuzzScan(f *testing.F) {
	file := func(records ...any) (b []byte) {
		for _, r := range records {
			payload, err := json.Marshal(r)
			if err != nil {
				f.Fatal(err)
			}
			b = journal.Append(b, payload)
		}
		return b
	}
	whole := file(head{Spool: ident.New(ident.Spool), Open: []string{"ca_0"}}, ledger.Event{At: 1, Call: "ca_1", Kind: ledger.Attempt},
		ledger.Event{At: 2, Call: "ca_0", Kind: ledger.Ended}, ledger.Event{At: 3, Call: "ca_1", Kind: ledger.Message, Text: "INVITE"})
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(file(head{Spool: ident.New(ident.Spool)}, "not an event", 7), make([]byte, 64)...))
	f.Add(file(head{Spool: "ca_1"}))
	f.Add(file(ledger.Event{At: 1}))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "0000000000000001"+suffix)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var open openCalls
		seg, torn, err := scan(path, &open)
		if err != nil {
			return
		}
		if seg.end+torn > int64(len(b)) || len(open.calls) > len(b) {
			t.Fatalf("%d and %d torn bytes, %d open calls of %d bytes", seg.end, torn, len(open.calls), len(b))
		}
		if seg.last == 0 {
			return
		}
		events, ends, err := seg.read(seg.last, seg.end, ledger.MaxBatch)
		if err != nil || len(events) == 0 || len(ends) != len(events) || ends[len(ends)-1] > seg.end {
			t.Fatalf("read %d events to %v of %d, which end at %d: %v", len(events), ends, seg.last, seg.end, err)
		}
	})
}
