package fabric

import (
	"encoding/json"
	"testing"
	"time"

	"strowger/pkg/ledger"
)

// A ledger batch that is spliced reads as one that json.Marshal wrote.
func TestLedgerBatchOnTheWire(t *testing.T) {
	event := ledger.Event{At: 1, Call: "c", Kind: ledger.Message, Text: "INVITE <sip:1@x>"}
	b, err := event.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		l := LedgerJSON{Header: Header{ID: "r", Capability: Capability, Deadline: time.Unix(1, 0).UTC()}, Spool: "<s>", First: 7, Events: []json.RawMessage{}}
		for range n {
			l.Events = append(l.Events, b)
		}
		want, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode("subject", &l, MaxRequest)
		if err != nil || string(got) != string(want) {
			t.Errorf("%d events: %v\n got %s\nwant %s", n, err, got, want)
		}
	}
}
