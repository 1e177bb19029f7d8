package prompt

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

const (
	frame = 20 * time.Millisecond // of a packet
	late  = 100 * time.Millisecond
)

// Listener is where packets go: a media.Port.
type Listener interface {
	// Hears returns the first format, of those that the leg wants to get, which fits.
	Hears(fits func(sdp.Codec) bool) (sdp.Format, bool)
	// Ready says whether it can hear: what is to be said waits for it.
	Ready() bool
	// Play sends a packet, with a clock in Hz.
	Play(packet []byte, clock int)
}

// Player plays to all who listen. It is safe for concurrent use.
type Player struct {
	library *Library
	wake    chan struct{} // capacity 1: somebody listens

	mu      sync.Mutex // guards what follows
	streams map[Listener]*stream
}

// NewPlayer returns a player of the library's clips. Run plays them.
func NewPlayer(l *Library) *Player {
	return &Player{library: l, wake: make(chan struct{}, 1), streams: map[Listener]*stream{}}
}

// Play has a leg hear a sound, in place of the one before.
func (p *Player) Play(port *media.Port, s call.Sound) { p.play(port, s) }

func (p *Player) play(to Listener, s call.Sound) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.streams[to]
	switch {
	case s.Kind == call.Silence && at != nil:
		at.over.Store(true)
		delete(p.streams, to)
	case s.Kind == call.Silence:
	case at != nil:
		at.become(s)
	default:
		format, ok := to.Hears(playable)
		if !ok {
			return
		}
		p.streams[to] = newStream(p.library, to, format, s)
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// Listeners is how many hear something now.
func (p *Player) Listeners() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.streams)
}

// Run plays until ctx ends.
func (p *Player) Run(ctx context.Context) error {
	var streams []*stream
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		timer, next := time.NewTimer(0), time.Now()
		for playing := true; playing; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
			}
			streams = p.now(streams[:0])
			for _, s := range streams {
				s.send()
			}
			clear(streams) // who has gone is not kept
			playing = len(streams) > 0
			if next = next.Add(frame); time.Since(next) > late {
				next = time.Now() // the machine stood still: what was not sent in time is not sent
			}
			timer.Reset(time.Until(next))
		}
		timer.Stop()
	}
}

// now is who listens, appended to streams.
func (p *Player) now(streams []*stream) []*stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.streams {
		streams = append(streams, s)
	}
	return streams
}

// When a caller is told where they stand: at once, when it has changed but not sooner than soonest after they were told last, and
// anyway after again. In packets of 20 ms.
const (
	soonest = 5 * 50
	again   = 30 * 50
)

// stream is what one leg hears. All but over belongs to the player's goroutine and, under mu, to who changes the sound.
type stream struct {
	library *Library
	to      Listener
	coding  coding
	header  rtp.Header
	packet  []byte
	over    atomic.Bool

	mu     sync.Mutex // guards what follows
	sound  call.Sound
	parts  [][]byte // being said, coded
	loop   []byte   // between that
	at     int      // octet of the loop
	told   int      // position that was said last, 0 for none
	silent int      // packets since
}

func newStream(l *Library, to Listener, f sdp.Format, sound call.Sound) *stream {
	s := &stream{
		library: l, to: to, coding: codingOf(f.Codec), packet: make([]byte, 0, rtp.MinPacket+octets),
		header: rtp.Header{PT: f.PT, Marker: true, SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32()), Timestamp: rand.Uint32()},
	}
	s.become(sound)
	return s
}

// become changes the sound. What is being said is said to its end, unless the callee is alerted.
func (s *stream) become(sound call.Sound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(Languages(), sound.Language) { // none is set, or one of a later release
		sound.Language = s.library.language
	}
	if sound.Kind != s.sound.Kind {
		s.parts, s.at, s.told = nil, 0, 0
		s.loop = s.library.tone.in(s.coding)
		if sound.Kind == call.OnHold || sound.Kind == call.Music {
			s.loop = s.library.clips[musicName].in(s.coding)
		}
	}
	s.sound = sound
}

// next is the payload of the next packet.
func (s *stream) next() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parts) == 0 && s.sound.Kind == call.OnHold {
		s.tell()
	}
	if len(s.parts) > 0 {
		payload := s.parts[0][:octets]
		if s.parts[0] = s.parts[0][octets:]; len(s.parts[0]) == 0 {
			s.parts = s.parts[1:]
		}
		return payload
	}
	payload := s.loop[s.at : s.at+octets]
	s.at = (s.at + octets) % len(s.loop)
	return payload
}

// tell begins to say where the caller stands, if it is time.
func (s *stream) tell() {
	s.silent++
	first, due := s.told == 0, s.silent >= again
	if !first && !due && (s.silent < soonest || s.told == s.sound.Position) {
		return
	}
	s.told, s.silent = s.sound.Position, 0
	names := announcement(s.sound.Language, s.sound.Standing)
	if first {
		why := busyName
		if s.sound.Crowded {
			why = fullName
		}
		names = slices.Insert(names, 0, why)
	}
	if s.sound.Keeps && (first || due) { // not with each step of a line that moves fast
		names = append(names, backName)
	}
	for _, c := range s.library.say(s.sound.Language, names...) {
		s.parts = append(s.parts, c.in(s.coding))
	}
}

// send sends the next packet.
func (s *stream) send() {
	if !s.to.Ready() {
		return
	}
	payload := s.next()
	if s.over.Load() {
		return
	}
	s.packet = s.header.Append(s.packet[:0], payload)
	s.to.Play(s.packet, rate)
	s.header.Marker = false
	s.header.Sequence++
	s.header.Timestamp += octets
}
