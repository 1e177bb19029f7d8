package mixer

import (
	"context"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"strowger/pkg/sdp"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/voice"
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

var (
	pcmu   = sdp.Format{PT: 0, Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}}
	pcma   = sdp.Format{PT: 8, Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}}
	wide   = sdp.Format{PT: 9, Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}}
	events = sdp.Format{PT: 101, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}}
)

// phone is a party at a seat, which says a tone: an end of its own, so that no socket is needed.
type phone struct {
	*voice.End
	seat  *Seat
	hz    float64
	loud  float64
	said  int
	heard []int16
}

// seat has a phone with one codec take a seat.
func seat(t testing.TB, r *Room, f sdp.Format, hz float64) *phone {
	t.Helper()
	e, err := voice.Open(r.relay)
	if err != nil {
		t.Fatal(err)
	}
	formats := []sdp.Format{f, events}
	e.Port().SetLocal(formats)
	e.Port().SetRemote(sdp.Session{Formats: formats, Direction: sdp.SendRecv, Flow: 1}, netip.Addr{})
	s, err := r.Seat()
	if err != nil {
		t.Fatal(err)
	}
	media.Bridge(e.Port(), s.Port())
	return &phone{End: e, seat: s, hz: hz, loud: 6000}
}

// talk has phones talk and listen for so many frames.
func talk(frames int, phones ...*phone) {
	frame := make([]int16, voice.Frame)
	for range frames {
		for _, p := range phones {
			for i := range frame {
				frame[i] = int16(p.loud * math.Sin(2*math.Pi*p.hz*float64(p.said+i)/voice.Rate))
			}
			p.said += len(frame)
			p.Say(frame)
			p.Listen(frame, time.Now())
			p.heard = append(p.heard, frame...)
		}
		<-time.After(20 * time.Millisecond)
	}
	synctest.Wait()
}

// level is how strong a tone is in samples, in their units.
func (p *phone) level(hz float64, frames int) float64 {
	s := p.heard[len(p.heard)-frames*voice.Frame:]
	var re, im float64
	for i, v := range s {
		w := 2 * math.Pi * hz * float64(i) / voice.Rate
		re += float64(v) * math.Cos(w)
		im += float64(v) * math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(s))
}

// inRoom runs a test in a bubble, with a room that is moved.
func inRoom(t *testing.T, test func(t *testing.T, r *Room)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		clock, relay := voice.NewClock(), newRelay(t)
		go clock.Run(ctx)
		r := NewRoom(clock, relay)
		test(t, r)
		r.Close()
		if n := clock.Moved(); n != 0 {
			t.Errorf("the clock moves %d", n)
		}
		cancel()
		relay.Close()
		synctest.Wait()
	})
}

// TestEachHearsTheOthers has three talk, in three codecs, and then one of them leave, and another come.
func TestEachHearsTheOthers(t *testing.T) {
	inRoom(t, func(t *testing.T, r *Room) {
		a, b, c := seat(t, r, pcmu, 500), seat(t, r, pcma, 800), seat(t, r, wide, 1300)
		hears := func(frames int, phones ...*phone) {
			t.Helper()
			for _, p := range phones {
				for _, q := range []*phone{a, b, c} {
					l, among := p.level(q.hz, frames), p != q && slices.Contains(phones, q)
					if among && l < 5000 || !among && l > 150 {
						t.Errorf("who says %v Hz hears %v Hz at %.0f of 6000", p.hz, q.hz, l)
					}
				}
			}
		}
		talk(100, a, b, c)
		hears(40, a, b, c)
		b.seat.Leave()
		talk(60, a, c)
		hears(30, a, c)
		if r.Seats() != 2 {
			t.Errorf("%d seats", r.Seats())
		}
		b = seat(t, r, wide, 2100)
		talk(100, a, b, c)
		hears(40, a, b, c)
	})
}

// Who is silent hears all, and what they hear is coded once for each codec.
func TestSilentSeatsShare(t *testing.T) {
	inRoom(t, func(t *testing.T, r *Room) {
		speaker := seat(t, r, wide, 700)
		var silent []*phone
		for _, f := range []sdp.Format{pcmu, pcmu, wide, wide, pcma} {
			p := seat(t, r, f, 0)
			p.loud = 0
			silent = append(silent, p)
		}
		all := append([]*phone{speaker}, silent...)
		talk(100, all...)
		for i, p := range silent {
			if l := p.level(700, 40); l < 5500 || l > 6500 {
				t.Errorf("%d hears %.0f of 6000", i, l)
			}
			if p.seat.own != nil {
				t.Errorf("%d has a coding of its own", i)
			}
		}
		if l := speaker.level(700, 40); l > 60 {
			t.Errorf("who speaks hears itself at %.0f", l)
		}
		if speaker.seat.own == nil {
			t.Error("who speaks hears what all do")
		}
		// Roles change, in mid-word: nothing but the tone is heard by who came from a coding of their own to that of all.
		speaker.loud, silent[2].loud, silent[2].hz = 0, 6000, 1900
		talk(120, all...)
		if l := speaker.level(1900, 40); l < 5500 || speaker.seat.own != nil {
			t.Errorf("who is silent now hears %.0f of 6000", l)
		}
		if l := silent[2].level(1900, 40); l > 60 {
			t.Errorf("who speaks now hears itself at %.0f", l)
		}
	})
}

func TestAnnouncement(t *testing.T) {
	inRoom(t, func(t *testing.T, r *Room) {
		a, b := seat(t, r, pcmu, 500), seat(t, r, wide, 900)
		talk(50, a, b)
		said := make([]int16, 60*voice.Frame)
		for i := range said {
			said[i] = int16(6000 * math.Sin(2*math.Pi*1700*float64(i)/voice.Rate))
		}
		r.Announce(said[:30*voice.Frame+7], nil, said[30*voice.Frame+7:])
		talk(50, a, b)
		for _, p := range []*phone{a, b} {
			if l := p.level(1700, 30); l < 5000 {
				t.Errorf("the announcement is heard at %.0f of 6000", l)
			}
		}
		talk(70, a, b)
		if l := a.level(1700, 30); l > 60 {
			t.Errorf("it goes on at %.0f", l)
		}
	})
}

// Many who shout at once do not wrap around, and their tones stay tones: what clips makes tones of its own.
func TestShouting(t *testing.T) {
	inRoom(t, func(t *testing.T, r *Room) {
		var all []*phone
		for i := range 6 {
			p := seat(t, r, wide, float64(500+300*i))
			p.loud = 16000
			all = append(all, p)
		}
		listener := seat(t, r, wide, 0)
		listener.loud = 0
		talk(100, append(all, listener)...)
		least := math.Inf(1)
		for _, p := range all {
			least = min(least, listener.level(p.hz, 40))
		}
		harmonic := max(listener.level(3000, 40), listener.level(2600, 40), listener.level(350, 40))
		if least < 3000 || harmonic > least/10 {
			t.Errorf("the weakest tone is heard at %.0f, what nobody said at %.0f", least, harmonic)
		}
	})
}

func TestKeysPass(t *testing.T) {
	inRoom(t, func(t *testing.T, r *Room) {
		a, b := seat(t, r, pcmu, 500), seat(t, r, wide, 900)
		talk(20, a, b)
		a.seat.Press('7')
		talk(40, a, b)
		select {
		case k := <-b.Keys():
			if k != '7' {
				t.Errorf("key %c", k)
			}
		default:
			t.Error("no key came")
		}
		if len(a.Keys()) != 0 {
			t.Error("who pressed it hears it")
		}
	})
}

// Whatever is said: samples are the sum, or softer, and never of the other sign.
func TestLimiter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l limiter
		for range rapid.IntRange(1, 20).Draw(t, "frames") {
			loud := rapid.IntRange(0, 32767*20).Draw(t, "loud")
			sums, frame := make([]int32, voice.Frame), make([]int16, voice.Frame)
			for i := range sums {
				sums[i] = int32(float64(loud) * math.Sin(float64(i)*0.3))
			}
			l.limit(frame, sums)
			for i, v := range frame {
				if abs(int32(v)) > abs(sums[i])+1 || int64(v)*int64(sums[i]) < 0 {
					t.Fatalf("%d became %d", sums[i], v)
				}
			}
		}
		// After a second of whispering it is as loud as said.
		quiet, frame := make([]int32, voice.Frame), make([]int16, voice.Frame)
		for i := range quiet {
			quiet[i] = 1000
		}
		for range 250 {
			l.limit(frame, quiet)
		}
		if frame[0] != 1000 {
			t.Fatalf("1000 is heard as %d", frame[0])
		}
	})
}

func abs(v int32) int32 { return max(v, -v) }

// Seats come and go while the room talks.
func TestComeAndGo(t *testing.T) {
	clock, relay := voice.NewClock(), newRelay(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); clock.Run(ctx) }()
	r := NewRoom(clock, relay)
	for i := range 300 {
		p := seat(t, r, []sdp.Format{pcmu, pcma, wide}[i%3], 500)
		p.Say(make([]int16, voice.Frame))
		if i%4 != 0 {
			p.seat.Leave()
		}
		p.Close()
	}
	r.Close()
	cancel()
	<-done
	if n := relay.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}
