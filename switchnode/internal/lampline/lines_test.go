package lampline

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/link"
)

// FuzzDecode reads what another switch says: nothing that only the cloud may say is taken from it.
func FuzzDecode(f *testing.F) {
	for _, m := range []fabric.Lamps{
		{Boot: "bt_1", Turn: 7, Asks: []fabric.LampAsk{{Number: "301001", By: []string{"us_1"}, User: "us_2", Private: true}}},
		{From: "sw_1", Boot: "bt_1", Tells: []fabric.LampTell{{Number: "301001", Version: 3, LampState: fabric.LampState{Dialogs: []fabric.LampDialog{{ID: "lg_1", State: "early"}}}}}},
		{Boot: "bt_1", Sights: []fabric.LampSight{{User: "us_1", Version: 1}}},
	} {
		line, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"asks":[{"number":7}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := Decode(line)
		if err != nil {
			return
		}
		if m.From != "" || len(m.Sights) > 0 {
			t.Errorf("%s is taken as %+v", line, m)
		}
		for _, q := range m.Asks {
			if q.User != "" || q.Private {
				t.Errorf("%s says of a user %+v", line, q)
			}
		}
	})
}

// TestTooMany: more than one message has is not taken.
func TestTooMany(t *testing.T) {
	for _, m := range []fabric.Lamps{
		{Asks: make([]fabric.LampAsk, fabric.MaxLamps+1)}, {Tells: make([]fabric.LampTell, fabric.MaxLamps+1)}, {Asks: []fabric.LampAsk{{By: make([]string, fabric.MaxWatchers+1)}}},
	} {
		line, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(line); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%d asks, %d tells: %v", len(m.Asks), len(m.Tells), err)
		}
	}
}

// TestSwitchThatMoved: a message goes where its switch is by the newest that is known, not where it was when the line began.
func TestSwitchThatMoved(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	dialled := make(chan string, 2)
	l := New(Config{
		Connect: func(_ context.Context, to designation.Node) (*link.Conn, error) {
			dialled <- to.Addresses[0]
			return nil, errs.New(errs.Unreachable, "nobody there")
		},
		Count: func(string) {}, Logger: slog.New(slog.DiscardHandler),
	})
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	for _, at := range []string{"192.0.2.1:7443", "192.0.2.2:7443"} {
		for to := ""; to != at; { // Send drops what comes before Run
			l.Send(designation.Node{ID: "sw_1", Addresses: []string{at}}, fabric.Lamps{})
			select {
			case to = <-dialled:
			case <-time.After(time.Millisecond):
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
