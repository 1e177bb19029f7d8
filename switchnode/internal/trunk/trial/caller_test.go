package trial

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/sdp"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

// nobody plays.
type nobody struct{}

func (nobody) Play(*media.Port, call.Sound) {}

// TestCaller has a company play before its answer, change the call and hang up before anything was heard from it.
func TestCaller(t *testing.T) {
	relay, err := media.NewRelay(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	port, err := relay.Open()
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport("tk_1", "ca_1", "+4930123456")
	inputs := make(chan any, 8)
	c := NewCaller(r, NewTalk(r, sitecopy.Trunk{Name: "Company"}), nobody{}, func(in any) bool { inputs <- in; return true })
	c.company = port
	agreed := sdp.Description{Direction: sdp.SendRecv, Codecs: Offer().Codecs[:1]}
	c.Do(call.Preview{Description: agreed})
	c.Do(call.Accept{Description: agreed})
	c.Do(call.Offer{Description: agreed})
	if evs := c.Handle(<-inputs); len(evs) != 1 {
		t.Errorf("what the company changes comes to %v", evs)
	} else if a, ok := evs[0].(call.OfferAccepted); !ok || len(a.Description.Codecs) != 1 {
		t.Errorf("what the company changes comes to %+v", evs[0])
	}
	c.Do(call.HangUp{Cause: call.CauseOf(call.Normal, "")})
	if evs := c.Handle(<-inputs); len(evs) != 1 || evs[0] != call.Event(call.Closed{Leg: call.Caller}) {
		t.Errorf("the end comes to %v", evs)
	}
	var said []string
	for _, s := range r.State().Steps {
		said = append(said, s.Words)
	}
	for i, want := range []string{"before the answer, in PCMA", "audio is PCMA", "no audio comes from the company", "no audio was sent: the company does not say where to", "the call is over"} {
		if i >= len(said) || !strings.Contains(said[i], want) {
			t.Fatalf("steps %q, want %q as number %d", said, want, i)
		}
	}
}
