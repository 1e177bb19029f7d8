package voice

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRelay(t testing.TB) *media.Relay {
	t.Helper()
	r, err := media.NewRelay(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// other is the leg at the other end: another End, so that no socket is needed. It agrees to formats.
func other(t testing.TB, r *media.Relay, formats ...sdp.Format) *End {
	t.Helper()
	e, err := Open(r)
	if err != nil {
		t.Fatal(err)
	}
	e.port.SetLocal(formats)
	e.port.SetRemote(sdp.Session{Formats: formats, Direction: sdp.SendRecv, Flow: flowNumber}, netip.Addr{})
	return e
}

var (
	pcmu   = sdp.Format{PT: ptMu, Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}}
	pcma   = sdp.Format{PT: ptA, Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}}
	wide   = sdp.Format{PT: ptG722, Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}}
	opus48 = sdp.Format{PT: ptOpus, Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}}
	events = sdp.Format{PT: ptKeys, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}}
)

func sine(hz float64, n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return s
}

// strength is how much of samples is a tone, from 0 to 1.
func strength(s []int16, hz float64) float64 {
	var re, im, power float64
	for i, v := range s {
		w := 2 * math.Pi * hz * float64(i) / Rate
		re += float64(v) * math.Cos(w)
		im += float64(v) * math.Sin(w)
		power += float64(v) * float64(v)
	}
	return 2 * (re*re + im*im) / (float64(len(s))*power + 1)
}

// TestSayAndListen has two ends talk in each codec that is sent here.
func TestSayAndListen(t *testing.T) {
	for _, f := range []sdp.Format{pcmu, pcma, wide} {
		synctest.Test(t, func(t *testing.T) {
			r := newRelay(t)
			defer r.Close()
			a, err := Open(r)
			if err != nil {
				t.Fatal(err)
			}
			b := other(t, r, f, events)
			media.Bridge(a.Port(), b.Port())
			tone, back := sine(700, 100*Frame), sine(1300, 100*Frame)
			var heardA, heardB []int16
			frame := make([]int16, Frame)
			for i := range 100 {
				a.Say(tone[i*Frame : (i+1)*Frame])
				b.Say(back[i*Frame : (i+1)*Frame])
				time.Sleep(20 * time.Millisecond)
				a.Listen(frame, time.Now())
				heardA = append(heardA, frame...)
				b.Listen(frame, time.Now())
				heardB = append(heardB, frame...)
			}
			if s := strength(heardB[50*Frame:], 700); s < 0.98 {
				t.Errorf("%s: there %.3f of it is the tone", f, s)
			}
			if s := strength(heardA[50*Frame:], 1300); s < 0.98 {
				t.Errorf("%s: here %.3f of it is the tone", f, s)
			}
		})
	}
}

// Who hears Opus only is not spoken to; what is on hold neither.
func TestNobodyHears(t *testing.T) {
	r := newRelay(t)
	a, err := Open(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.Say(sine(700, Frame)) {
		t.Error("nobody is there, and heard")
	}
	b := other(t, r, opus48, events)
	media.Bridge(a.Port(), b.Port())
	if a.Say(sine(700, Frame)) {
		t.Error("Opus is spoken")
	}
	c := other(t, r, wide)
	media.Bridge(a.Port(), c.Port())
	if coding, ok := a.Heard(); !ok || coding != Wide {
		t.Errorf("coding %d, %v", coding, ok)
	}
	c.port.SetRemote(sdp.Session{Formats: []sdp.Format{wide}, Direction: sdp.SendOnly, Flow: flowNumber}, netip.Addr{})
	if _, ok := a.Heard(); ok {
		t.Error("who does not want to hear is spoken to")
	}
}

// What was offered and not agreed is not sent: RFC 3264, 6.1.
func TestOnlyWhatWasAgreed(t *testing.T) {
	r := newRelay(t)
	a, _ := Open(r)
	b := other(t, r, wide, pcmu, events)
	media.Bridge(a.Port(), b.Port())
	b.port.SetLocal([]sdp.Format{pcmu, events})
	if coding, ok := a.Heard(); !ok || coding != Mu {
		t.Errorf("coding %d, %v", coding, ok)
	}
}

func TestAnswer(t *testing.T) {
	offer := sdp.Description{Codecs: []sdp.Codec{opus48.Codec, pcma.Codec, wide.Codec, events.Codec}, Direction: sdp.SendOnly}
	got, err := Answer(offer)
	if err != nil || sdp.Names(got.Codecs) != "PCMA/8000 telephone-event/8000" || got.Direction != sdp.RecvOnly {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = Answer(sdp.Description{Codecs: []sdp.Codec{opus48.Codec, events.Codec}})
	if errs.From(err).Code != errs.NoCommonCodec || errs.From(err).Words == "" {
		t.Errorf("Opus alone: %v", err)
	}
}

// press sends the packets of a telephone event.
func press(e *End, digit byte) {
	code, _ := rtp.DigitCode(digit)
	h := e.header
	h.PT = ptKeys
	for i := range 6 {
		h.Sequence++
		e.receive(h.Append(nil, rtp.Event{Code: code, End: i > 2, Volume: 10, Duration: uint16(160 * (i + 1))}.Append(nil)))
	}
	e.header.Sequence, e.header.Timestamp = h.Sequence+1, h.Timestamp+8*160
}

// world is a service and a session that calls it.
type world struct {
	t      *testing.T
	relay  *media.Relay
	clock  *Clock
	leg    call.Leg
	phone  *End
	posted chan any
	ctx    context.Context
	hangUp context.CancelFunc
	events []call.Event
}

// dial begins a call to a script, in a bubble.
func dial(t *testing.T, run func(context.Context, *Conversation) ledger.Cause, formats ...sdp.Format) *world {
	w := &world{t: t, relay: newRelay(t), clock: NewClock(), posted: make(chan any, 64)}
	w.ctx, w.hangUp = context.WithCancel(t.Context())
	go w.clock.Run(w.ctx)
	s := &Service{Clock: w.clock, Relay: w.relay, Run: run}
	w.phone = other(t, w.relay, formats...)
	var err error
	w.leg, err = s.Dial(call.Setup{Context: w.ctx, Leg: 1, Post: func(in any) bool { w.posted <- in; return true }})
	if err != nil {
		t.Fatal(err)
	}
	w.leg.Do(call.Start{Leg: 1, Offer: sdp.Session{Formats: formats, Direction: sdp.SendRecv}.Description()})
	w.handle()
	media.Bridge(w.leg.Port(), w.phone.port)
	return w
}

// handle handles one input, and returns what comes of it.
func (w *world) handle() []call.Event {
	w.t.Helper()
	evs := w.leg.Handle(<-w.posted)
	w.events = append(w.events, evs...)
	return evs
}

// talk has the phone say a frame each 20 ms, and returns what it hears.
func (w *world) talk(frames int, say func(i int) []int16) (heard []int16) {
	frame, silence := make([]int16, Frame), make([]int16, Frame)
	for i := range frames {
		said := silence
		if say != nil {
			said = say(i)
		}
		w.phone.Say(said)
		w.phone.Listen(frame, time.Now())
		heard = append(heard, frame...)
		<-time.After(20 * time.Millisecond)
	}
	return heard
}

func TestServicePlaysAndHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dial(t, func(ctx context.Context, c *Conversation) ledger.Cause {
			if key, ok := c.Play(ctx, sine(440, 50*Frame), sine(880, 50*Frame)); ok {
				t.Errorf("key %c", key)
			}
			return Done()
		}, wide, events)
		if _, ok := w.events[0].(call.Answered); !ok {
			t.Fatalf("events %+v", w.events)
		}
		heard := w.talk(115, nil)
		if a, b := strength(heard[10*Frame:40*Frame], 440), strength(heard[60*Frame:90*Frame], 880); a < 0.95 || b < 0.95 {
			t.Errorf("of the two tones %.2f and %.2f are heard", a, b)
		}
		evs := w.handle()
		if up, ok := evs[0].(call.HungUp); !ok || up.Cause.Code != string(call.Normal) || len(evs) != 2 {
			t.Errorf("events %+v", evs)
		}
		if n := w.clock.Moved(); n != 0 {
			t.Errorf("the clock moves %d", n)
		}
		w.hangUp()
		synctest.Wait()
	})
}

func TestKeysInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var digits string
		var key byte
		w := dial(t, func(ctx context.Context, c *Conversation) ledger.Cause {
			key, _ = c.Play(ctx, sine(440, 500*Frame))
			digits = c.Digits(ctx, 4, '#', 2*time.Second, key)
			return Done()
		}, pcmu, events)
		w.talk(20, nil)
		press(w.phone, '4')
		w.talk(10, nil)
		press(w.phone, '2')
		w.talk(10, nil)
		w.leg.Do(call.Press{Leg: 1, Digit: '7'})
		w.talk(10, nil)
		press(w.phone, '#')
		w.talk(10, nil)
		w.handle()
		if key != '4' || digits != "427" {
			t.Errorf("key %c, digits %q", key, digits)
		}
		w.hangUp()
		synctest.Wait()
	})
}

// A recording begins shortly before the speech, its length is without the silence that ended it, and hanging up ends the script.
func TestTape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second Taped
		var said []int16
		told := false
		write := func(all []int16) error {
			said = append(said, all...)
			return nil
		}
		w := dial(t, func(ctx context.Context, c *Conversation) ledger.Cause {
			first, _ = c.Tape(ctx, 10*time.Second, time.Second, write)
			second, _ = c.Tape(ctx, time.Minute, 0, write)
			told = ctx.Err() != nil
			return Done()
		}, pcma, events)
		tone := sine(600, Frame)
		w.talk(200, func(i int) []int16 {
			if 40 <= i && i < 100 {
				return tone
			}
			return make([]int16, Frame)
		})
		if n := first.Length; first.Ending != Fell || !first.Spoken || n < 58*Frame || n > lead+68*Frame || len(said) < n {
			t.Fatalf("%+v of 60 frames (%d samples), %d written", first, 60*Frame, len(said))
		}
		if all := said[lead : lead+55*Frame]; strength(all, 600) < 0.95 {
			t.Errorf("of what was said %.2f is recorded", strength(all, 600))
		}
		w.talk(20, func(int) []int16 { return tone })
		w.leg.Do(call.HangUp{Leg: 1})
		evs := w.handle()
		if len(evs) != 1 || !told || second.Ending != Parted || !second.Spoken {
			t.Errorf("events %+v, told %v, ending %d", evs, told, second.Ending)
		}
		w.hangUp()
		synctest.Wait()
	})
}

// TestSilentTape: who says nothing leaves nothing, and a disk that is full ends the recording.
func TestSilentTape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent, failed Taped
		full, written := errors.New("full"), 0
		var err error
		w := dial(t, func(ctx context.Context, c *Conversation) ledger.Cause {
			silent, _ = c.Tape(ctx, 10*time.Second, time.Second, func(all []int16) error { written += len(all); return nil })
			failed, err = c.Tape(ctx, 10*time.Second, time.Second, func([]int16) error { return full })
			return Done()
		}, pcma, events)
		w.talk(75, func(int) []int16 { return make([]int16, Frame) })
		if silent.Ending != Fell || silent.Spoken || silent.Length != 0 || written != 0 {
			t.Errorf("%+v, %d samples written", silent, written)
		}
		tone := sine(600, Frame)
		w.talk(75, func(int) []int16 { return tone })
		w.handle()
		if !errors.Is(err, full) || !failed.Spoken {
			t.Errorf("%+v, %v", failed, err)
		}
		w.hangUp()
		synctest.Wait()
	})
}

// A CANCEL that comes before the answer, or crosses it, ends the leg once.
func TestCancel(t *testing.T) {
	r := newRelay(t)
	s := &Service{Clock: NewClock(), Relay: r, Run: func(context.Context, *Conversation) ledger.Cause {
		t.Error("the script ran")
		return Done()
	}}
	posted := make(chan any, 8)
	l, err := s.Dial(call.Setup{Context: t.Context(), Leg: 1, Post: func(in any) bool { posted <- in; return true }})
	if err != nil {
		t.Fatal(err)
	}
	l.Do(call.Start{Leg: 1, Offer: Offered()})
	l.Do(call.Cancel{Leg: 1, Cause: call.CauseOf(errs.CallerLeft, "")})
	if evs := l.Handle(<-posted); len(evs) != 0 {
		t.Errorf("answered all the same: %+v", evs)
	}
	if evs := l.Handle(<-posted); len(evs) != 2 {
		t.Errorf("events %+v", evs)
	}
	if n := r.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}

// Whatever a leg sends, an end listens.
func FuzzEnd(f *testing.F) {
	f.Add(rtp.Header{PT: ptMu, SSRC: 1}.Append(nil, make([]byte, 160)), uint8(3))
	f.Add(rtp.Header{PT: ptOpus, SSRC: 1, Timestamp: 960}.Append(nil, []byte{0x48, 1, 2}), uint8(9))
	f.Add(rtp.Header{PT: ptKeys, SSRC: 1, Timestamp: 960}.Append(nil, []byte{5, 10, 1, 2}), uint8(2))
	f.Fuzz(func(t *testing.T, packet []byte, n uint8) {
		e, err := Open(newRelay(t))
		if err != nil {
			t.Fatal(err)
		}
		frame, at := make([]int16, Frame), time.Now()
		for i := range n {
			if len(packet) > 4 {
				packet[3], packet[4] = i, packet[4]^i
			}
			e.hear(packet, at)
			e.Listen(frame, at)
			at = at.Add(20 * time.Millisecond)
		}
		for range len(e.Keys()) {
			<-e.Keys()
		}
	})
}
