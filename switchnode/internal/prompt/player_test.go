package prompt

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// ear keeps what it hears.
type ear struct {
	codecs []sdp.Format
	absent atomic.Bool // there is no way to it

	mu      sync.Mutex
	headers []rtp.Header
	heard   []byte
	at      []time.Time
}

func (e *ear) Hears(fits func(sdp.Codec) bool) (sdp.Format, bool) {
	for _, f := range e.codecs {
		if fits(f.Codec) {
			return f, true
		}
	}
	return sdp.Format{}, false
}

func (e *ear) Ready() bool { return !e.absent.Load() }

func (e *ear) Play(packet []byte, clock int) {
	h, payload, err := rtp.Parse(packet)
	if err != nil || clock != rate {
		panic(fmt.Sprint(clock, err))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.headers, e.heard, e.at = append(e.headers, h), append(e.heard, payload...), append(e.at, time.Now())
}

// packets is how many it has heard.
func (e *ear) packets() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.headers)
}

var (
	speaksMu   = []sdp.Format{{Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}, PT: 96}, {Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}, PT: 0}}
	speaksWide = []sdp.Format{{Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}, PT: 9}, {Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}, PT: 8}}
	speaksOpus = speaksMu[:1]
)

// playing runs a player in a bubble.
func playing(t *testing.T, act func(p *Player, l *Library)) {
	l := library(t)
	synctest.Test(t, func(t *testing.T) {
		p := NewPlayer(l)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		act(p, l)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// pass lets time pass, and all that it brings happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (l *Library) coded(k coding, names ...string) (b []byte) {
	for _, c := range l.say("en", names...) {
		b = append(b, c.in(k)...)
	}
	return b
}

func waits(place int) call.Sound {
	return call.Sound{Kind: call.OnHold, Standing: call.Standing{Position: place}}
}

// A caller hears who is busy and where they stand, then music; where they stand again when it changes, and every half a minute.
func TestWhatACallerHears(t *testing.T) {
	playing(t, func(p *Player, l *Library) {
		e := &ear{codecs: speaksMu}
		p.play(e, waits(2))
		pass(7 * time.Second)
		p.play(e, waits(1))
		pass(40 * time.Second)
		p.play(e, call.Sound{Kind: call.RingingTone})
		pass(2 * time.Second)
		p.play(e, call.Sound{})
		pass(time.Second)

		e.mu.Lock()
		rest := e.heard
		e.mu.Unlock()
		hears := func(what string, want []byte) {
			t.Helper()
			if !bytes.HasPrefix(rest, want) {
				t.Fatalf("no %s with %d octets left", what, len(rest))
			}
			rest = rest[len(want):]
		}
		music := l.clips[musicName].in(mu)
		at := 0
		plays := func(packets int) {
			t.Helper()
			for range packets {
				hears("music", music[at:at+octets])
				at = (at + octets) % len(music)
			}
		}
		hears("first place", l.coded(mu, "busy", "position", "2"))
		plays(soonest - 1)
		hears("second place", l.coded(mu, "position", "1"))
		plays(again - 1)
		hears("the place again", l.coded(mu, "position", "1"))
		tone := bytes.Index(rest, l.tone.in(mu)[:rate])
		plays(tone / octets)
		hears("tone", l.tone.in(mu)[:2*rate])
		if len(rest) > octets || e.packets() > 49*50+2 || e.packets() < 49*50 {
			t.Errorf("%d packets in 49 s, %d octets after the end", e.packets(), len(rest))
		}
	})
}

// Who may be called back is told so at first and every half a minute, but not with each step of the line.
func TestCallBackIsOffered(t *testing.T) {
	l := library(t)
	s := newStream(l, nowhere{}, speaksMu[1], call.Sound{})
	for step, c := range []struct {
		position, passes int
		keeps            bool
		want             []string
	}{
		{2, 0, true, []string{"busy", "position", "2", "back"}},
		{1, soonest, true, []string{"position", "1"}},
		{1, again, true, []string{"position", "1", "back"}},
		{1, again, false, []string{"position", "1"}},
	} {
		sound := waits(c.position)
		sound.Keeps = c.keeps
		s.become(sound)
		s.silent += c.passes
		s.tell()
		if said := bytes.Join(s.parts, nil); !bytes.Equal(said, l.coded(mu, c.want...)) {
			t.Errorf("%d: says %d octets, want %q", step+1, len(said), c.want)
		}
		s.parts = nil
	}
}

// Who cannot hear yet misses no word.
func TestPlayWaitsForTheWay(t *testing.T) {
	playing(t, func(p *Player, l *Library) {
		e := &ear{codecs: speaksMu}
		e.absent.Store(true)
		p.play(e, waits(2))
		pass(time.Second)
		if n := e.packets(); n > 0 {
			t.Errorf("%d packets went nowhere", n)
		}
		e.absent.Store(false)
		pass(time.Second)
		p.play(e, call.Sound{})
		e.mu.Lock()
		defer e.mu.Unlock()
		if said := l.coded(mu, "busy"); len(e.heard) < rate/2 || !bytes.HasPrefix(said, e.heard[:rate/2]) {
			t.Errorf("%d octets are not the beginning", len(e.heard))
		}
	})
}

// Packets come every 20 ms, as one stream that begins with a marker.
func TestPackets(t *testing.T) {
	playing(t, func(p *Player, _ *Library) {
		e := &ear{codecs: speaksWide}
		p.play(e, waits(1))
		pass(time.Second)
		p.play(e, call.Sound{})
		pass(time.Second)
		e.mu.Lock()
		defer e.mu.Unlock()
		for i, h := range e.headers {
			first := e.headers[0]
			want := rtp.Header{PT: 9, Marker: i == 0, SSRC: first.SSRC, Sequence: first.Sequence + uint16(i), Timestamp: first.Timestamp + uint32(i*octets)}
			if h != want || e.at[i].Sub(e.at[0]) != time.Duration(i)*frame {
				t.Fatalf("packet %d after %v: %+v, want %+v", i, e.at[i].Sub(e.at[0]), h, want)
			}
		}
		if n := len(e.headers); n < 50 {
			t.Errorf("%d packets in a second", n)
		}
	})
}

// Nobody hears more than one stream, nothing comes after the end, and who has no codec for it hears nothing.
func TestManyListeners(t *testing.T) {
	playing(t, func(p *Player, _ *Library) {
		ears := make([]*ear, 50)
		for i := range ears {
			ears[i] = &ear{codecs: speaksMu}
			p.play(ears[i], waits(i+1))
			p.play(ears[i], waits(i+2))
		}
		deaf := &ear{codecs: speaksOpus}
		p.play(deaf, waits(1))
		if n := p.Listeners(); n != 50 {
			t.Errorf("%d listen", n)
		}
		pass(time.Second)
		var heard [50]int
		for i, e := range ears {
			p.play(e, call.Sound{})
			p.play(e, call.Sound{})
			if heard[i] = e.packets(); heard[i] < 49 || heard[i] > 51 {
				t.Errorf("listener %d got %d packets in a second", i, heard[i])
			}
		}
		pass(time.Minute)
		for i, e := range ears {
			if e.packets() != heard[i] {
				t.Errorf("listener %d got %d packets after the end", i, e.packets()-heard[i])
			}
		}
		late := &ear{codecs: speaksMu} // after a time in which nobody listened
		p.play(late, waits(1))
		pass(time.Second)
		if n := late.packets(); n < 49 || n > 51 || deaf.packets() > 0 || p.Listeners() != 1 {
			t.Errorf("%d packets later, %d for one without a codec, %d listen", n, deaf.packets(), p.Listeners())
		}
	})
}

// BenchmarkPacket is the work for one packet of one of 1,000 who wait.
func BenchmarkPacket(b *testing.B) {
	l := library(b)
	streams := make([]*stream, 1000)
	for i := range streams {
		streams[i] = newStream(l, nowhere{}, speaksMu[1], waits(i+1))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		streams[i%len(streams)].send()
	}
}

type nowhere struct{}

func (nowhere) Hears(func(sdp.Codec) bool) (sdp.Format, bool) { return sdp.Format{}, true }
func (nowhere) Ready() bool                                   { return true }
func (nowhere) Play([]byte, int)                              {}
