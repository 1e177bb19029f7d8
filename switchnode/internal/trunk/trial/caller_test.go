package trial

import (
	"log/slog"
	"net"
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

// caller is the leg of a test, and what it posts.
func caller(t *testing.T) (c *Caller, r *Report, inputs chan any) {
	t.Helper()
	relay, err := media.NewRelay(media.Config{Bind: loopback, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	port, err := relay.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, inputs = NewReport("tk_1", "ca_1", "+4930123456"), make(chan any, 8)
	c = NewCaller(r, NewTalk(r, sitecopy.Trunk{Name: "Company"}), nobody{}, func(in any) bool { inputs <- in; return true })
	c.company = port
	return c, r, inputs
}

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	agreed   = sdp.Description{Direction: sdp.SendRecv, Codecs: Offer().Codecs[:1]}
)

// TestAudioFromElsewhere has a company send audio from another address than it said.
func TestAudioFromElsewhere(t *testing.T) {
	c, r, _ := caller(t)
	said, err := sdp.Parse([]byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.company.SetLocal(said.Formats)
	c.company.SetRemote(said, loopback)
	c.Do(call.Accept{Description: agreed})
	elsewhere, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(c.company.Local().Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	for deadline := time.After(10 * time.Second); c.company.Sound().Strangers == 0; {
		if _, err := elsewhere.Write(append([]byte{0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 160)...)); err != nil { // RFC 3550, 5.1
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatal("the port does not see a stranger's packets")
		case <-time.After(time.Millisecond):
		}
	}
	c.Do(call.HangUp{Cause: call.CauseOf(call.Normal, "")})
	for _, s := range r.State().Steps {
		if s.Failed && strings.HasPrefix(s.Words, "audio comes from elsewhere") && strings.Contains(s.Advice, "SDP") {
			return
		}
	}
	t.Errorf("steps: %+v", r.State().Steps)
}

// TestCaller has a company play before its answer, change the call and hang up before anything was heard from it.
func TestCaller(t *testing.T) {
	c, r, inputs := caller(t)
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
