package phone

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a phone until the test ends.
func start(t *testing.T, cfg Config) *Phone {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return p
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// connect has a call b directly and returns both ends when b rings.
func connect(t *testing.T, ctx context.Context, a, b Config) (caller, callee *Call) {
	t.Helper()
	to := start(t, b)
	a.Server = to.Address()
	from := start(t, a)
	caller, err := from.Dial(ctx, b.User)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case callee = <-to.Incoming():
	case <-ctx.Done():
		t.Fatal("the other phone did not ring")
	}
	return caller, callee
}

func wait(t *testing.T, c *Call, k Kind) Event {
	t.Helper()
	e, err := c.Wait(deadline(t), k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// babble is noise that rises and falls like speech, the same for one seed.
func babble(seed uint64, seconds int) []int16 {
	r := rand.New(rand.NewPCG(seed, 0))
	s := make([]int16, seconds*rate)
	low := 0.0
	for i := range s {
		low += 0.3 * (r.NormFloat64() - low)
		s[i] = int16(9000 * low * (1.2 + math.Sin(float64(i)/1500)))
	}
	return s
}

// hears polls until a call has heard as much as was said.
func hears(t *testing.T, c *Call, said []int16) Similarity {
	t.Helper()
	ctx := deadline(t)
	for len(c.Heard()) < len(said)+rate/10 {
		select {
		case <-ctx.Done():
			t.Fatalf("heard %d samples of %d", len(c.Heard()), len(said))
		case <-time.After(frame):
		}
	}
	return Compare(said, c.Heard())
}

func TestCallWithAudioBothWays(t *testing.T) {
	for _, law := range []string{"PCMU", "PCMA"} {
		t.Run(law, func(t *testing.T) {
			ann, bob := babble(1, 1), babble(2, 1)
			caller, callee := connect(t, deadline(t), Config{User: "1001", Name: "Ann", Say: ann, Codecs: []sdp.Codec{{Name: law, Clock: 8000, Channels: 1}}},
				Config{User: "1002", Say: bob, Policy: Answer, After: 10 * frame})
			if e := wait(t, caller, Progress); e.Code != 180 {
				t.Errorf("the caller saw %s, want 180", e)
			}
			wait(t, caller, Answered)
			wait(t, callee, Answered)
			if s := hears(t, callee, ann); s.Score < 0.95 {
				t.Errorf("the callee heard %+v of the caller", s)
			}
			if s := hears(t, caller, bob); s.Score < 0.95 {
				t.Errorf("the caller heard %+v of the callee", s)
			}
			if s := Compare(bob, callee.Heard()); s.Score > 0.5 {
				t.Errorf("the callee heard itself: %+v", s)
			}
			if caller.Codec() != law || callee.Codec() != law {
				t.Errorf("codecs %s and %s, want %s", caller.Codec(), callee.Codec(), law)
			}
			caller.HangUp()
			if e := wait(t, callee, Ended); e.Code != 200 {
				t.Errorf("the callee saw %s", e)
			}
			<-caller.Done()
			<-callee.Done()
			if q := callee.Quality(); q.Lost != 0 || q.Received < 50 {
				t.Errorf("quality %+v", q)
			}
		})
	}
}

func TestHoldAndResume(t *testing.T) {
	caller, callee := connect(t, deadline(t), Config{User: "1001", Say: Sine(440, 60)}, Config{User: "1002", Say: Sine(1000, 60)})
	wait(t, callee, Incoming)
	callee.Answer()
	wait(t, caller, Answered)
	wait(t, callee, Answered)
	caller.Hold()
	wait(t, caller, OnHold)
	wait(t, callee, Held)
	before := caller.Quality().Received
	<-time.After(10 * frame)
	if got := caller.Quality().Received - before; got > 3 { // some may have been on their way
		t.Errorf("%d packets came during the hold", got)
	}
	caller.Resume()
	wait(t, callee, Resumed)
	wait(t, caller, OffHold)
	if s := hears(t, caller, make([]int16, len(caller.Heard())+rate/4)); s.Score != 0 {
		t.Errorf("silence is like %+v", s)
	}
	if hz, purity := Tone(caller.Heard()[len(caller.Heard())-rate/5:], rate); math.Abs(hz-1000) > 2 || purity < 0.9 {
		t.Errorf("after the hold: %.1f Hz, purity %.2f", hz, purity)
	}
	callee.HangUp()
	wait(t, caller, Ended)
}

func TestDigits(t *testing.T) {
	for name, info := range map[string]bool{"telephone-event": false, "INFO": true} {
		t.Run(name, func(t *testing.T) {
			caller, callee := connect(t, deadline(t), Config{User: "1001", InfoDTMF: info}, Config{User: "1002", Policy: Answer})
			wait(t, caller, Answered)
			wait(t, callee, Answered)
			for _, key := range []byte("19*#D") {
				caller.SendDTMF(key)
			}
			ctx := deadline(t)
			for {
				var keys strings.Builder
				for _, e := range callee.Events() {
					if e.Kind == Digit {
						keys.WriteString(e.Words)
					}
				}
				if keys.String() == "19*#D" {
					break
				}
				select {
				case <-ctx.Done():
					t.Fatalf("got the digits %q", keys.String())
				case <-time.After(frame):
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for policy, code := range map[Policy]int{Busy: 486, Decline: 603} {
		to := start(t, Config{User: "1002", Policy: policy})
		from := start(t, Config{User: "1001", Server: to.Address()})
		c, err := from.Dial(t.Context(), "1002")
		if err != nil {
			t.Fatal(err)
		}
		if e := wait(t, c, Ended); e.Code != code {
			t.Errorf("the caller saw %s, want %d", e, code)
		}
		if _, err := c.Wait(t.Context(), Answered); err == nil {
			t.Error("waiting for an answer that never comes is no error")
		}
	}
	caller, callee := connect(t, deadline(t), Config{User: "1001"}, Config{User: "1002"})
	callee.Decline(480, "Not Now")
	if e := wait(t, caller, Ended); e.Code != 480 || e.Words != "Not Now" {
		t.Errorf("the caller saw %s", e)
	}
	caller, callee = connect(t, deadline(t), Config{User: "1001"}, Config{User: "1002"})
	wait(t, caller, Progress)
	caller.HangUp()
	if e := wait(t, callee, Ended); e.Code != 487 {
		t.Errorf("the callee saw %s", e)
	}
	opus := Config{User: "1001", Codecs: []sdp.Codec{{Name: "opus", Clock: 48000, Channels: 2}}}
	to := start(t, Config{User: "1002"})
	opus.Server = to.Address()
	c, err := start(t, opus).Dial(t.Context(), "1002")
	if err != nil {
		t.Fatal(err)
	}
	if e := wait(t, c, Ended); e.Code != 488 {
		t.Errorf("without a common codec the caller saw %s", e)
	}
}

// registrar is the other end of Register.
type registrar struct {
	tries chan *sip.Request
	reply func(*sip.Request, sip.Respond)
}

func (r registrar) Invite(*sip.Dialog) {}
func (r registrar) Register(req *sip.Request, _ sip.Peer, respond sip.Respond) {
	r.tries <- req
	r.reply(req, respond)
}

func TestRegister(t *testing.T) {
	for transport, listen := range map[string]func(*sip.Endpoint, string) (netip.AddrPort, error){
		sip.UDP: (*sip.Endpoint).ListenUDP, sip.TCP: (*sip.Endpoint).ListenTCP,
	} {
		t.Run(transport, func(t *testing.T) { testRegister(t, transport, listen) })
	}
}

func testRegister(t *testing.T, transport string, listen func(*sip.Endpoint, string) (netip.AddrPort, error)) {
	r := registrar{tries: make(chan *sip.Request, 4), reply: func(req *sip.Request, respond sip.Respond) {
		if len(req.GetHeaders("Authorization")) == 0 {
			respond(401, "Unauthorized", sip.NewHeader("WWW-Authenticate", `Digest realm="org", nonce="abc", algorithm=SHA-256, qop="auth"`))
			return
		}
		respond(200, "OK", req.GetHeaders("Contact")[0])
	}}
	e := sip.NewEndpoint(sip.Config{Name: "registrar", Handler: r, Logger: slog.New(slog.DiscardHandler)})
	at, err := listen(e, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })

	p := start(t, Config{User: "1001", Password: "secret", Server: at.String(), Transport: transport, Policy: Busy})
	if err := p.Register(deadline(t)); err != nil {
		t.Fatal(err)
	}
	first, second := <-r.tries, <-r.tries
	if first.CallID().Value() != second.CallID().Value() || second.CSeq().SeqNo != first.CSeq().SeqNo+1 {
		t.Error("the second REGISTER is not the first with credentials")
	}
	callRegistered(t, e, second)
	if err := p.Unregister(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if third := <-r.tries; third.CSeq().SeqNo != second.CSeq().SeqNo+1 {
		t.Errorf("CSeq %d after %d", third.CSeq().SeqNo, second.CSeq().SeqNo)
	}
	stranger := start(t, Config{User: "1001", Server: at.String(), Transport: transport})
	if err := stranger.Register(deadline(t)); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a password: %v", err)
	}
}

// callRegistered calls a busy phone where its REGISTER came from.
func callRegistered(t *testing.T, e *sip.Endpoint, register *sip.Request) {
	inputs := make(chan sip.Input, 16)
	d := e.NewDialog(sip.InviteParams{
		To: register.Contact().Address, From: sip.Party{User: "1002"},
		Peer:  sip.Peer{Transport: register.Transport(), Addr: netip.MustParseAddrPort(register.Source())},
		Owner: func(_ *sip.Dialog, in sip.Input) bool { inputs <- in; return true },
	})
	d.Invite(nil)
	for {
		select {
		case in := <-inputs:
			for _, ev := range d.Handle(in) {
				switch ev := ev.(type) {
				case sip.Refused:
					if ev.Code != 486 {
						t.Errorf("the phone answered %d", ev.Code)
					}
				case sip.Closed:
					return
				default:
					t.Fatalf("%T%+v", ev, ev)
				}
			}
		case <-deadline(t).Done():
			t.Fatal("the phone was not reached")
		}
	}
}

func TestCompare(t *testing.T) {
	said := babble(3, 2)
	heard := append(make([]int16, 700), said...)
	if s := Compare(said, heard); s.Score < 0.9999 || s.Delay != 700 {
		t.Errorf("the same, later: %+v", s)
	}
	for i := rate; i < rate+rate/2; i++ {
		heard[i] = 0
	}
	if s := Compare(said, heard); s.Score < 0.9999 || s.Missing < rate/2-20 || s.Missing > rate/2+20 || s.Delay != 700 {
		t.Errorf("a quarter lost: %+v", s)
	}
	if s := Compare(said, heard[rate+rate/2:]); s.Score < 0.9999 || s.Missing < rate || s.Delay != 700-rate-rate/2 {
		t.Errorf("only the end came: %+v", s)
	}
	copy(heard[rate:rate+rate/2], babble(4, 1))
	if s := Compare(said, heard); s.Score > 0.85 {
		t.Errorf("something else for a quarter: %+v", s)
	}
	if s := Compare(said, babble(4, 3)); s.Score > 0.3 {
		t.Errorf("something else: %+v", s)
	}
	for name, nothing := range map[string][]int16{"nothing": nil, "silence": make([]int16, 3*rate)} {
		if s := Compare(said, nothing); s.Score != 0 || s.Missing < len(said)-50 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestTone(t *testing.T) {
	for _, hz := range []float64{200, 440, 1004, 3000} {
		if got, purity := Tone(Sine(hz, 1), rate); math.Abs(got-hz) > 0.5 || purity < 0.99 {
			t.Errorf("%.0f Hz is taken for %.1f, purity %.2f", hz, got, purity)
		}
	}
	if _, purity := Tone(babble(5, 1), rate); purity > 0.2 {
		t.Errorf("noise has purity %.2f", purity)
	}
	if hz, purity := Tone(make([]int16, rate), rate); hz != 0 || purity != 0 {
		t.Error("silence has a tone")
	}
}

func TestReadWAV(t *testing.T) {
	file := func(rate uint32, chunks ...string) []byte {
		b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
		b = binary.LittleEndian.AppendUint32(b, rate)
		b = append(b, "\x80\x3e\x00\x00\x02\x00\x10\x00"...)
		for _, c := range chunks {
			b = append(b, c...)
		}
		return b
	}
	got, err := ReadWAV(bytes.NewReader(file(8000, "LIST\x03\x00\x00\x00abc\x00", "data\x04\x00\x00\x00\x01\x00\xff\xff")))
	if err != nil || len(got) != 2 || got[0] != 1 || got[1] != -1 {
		t.Errorf("%v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"rate": file(44100, "data\x04\x00\x00\x00\x01\x00\xff\xff"), "short": file(8000, "data\x04\x00\x00\x00\x01"),
		"no data": file(8000), "nothing": nil,
	} {
		if _, err := ReadWAV(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
