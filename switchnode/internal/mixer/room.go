// Package mixer is rooms in which everybody hears everybody else: three who talk, announcements, later conferences.
//
//	room := mixer.NewRoom(clock, relay)
//	seat, err := room.Seat()
//	media.Bridge(leg.Port(), seat.Port())
//	room.Announce(library.Samples("en", "three")...)
//	seat.Leave()
//	room.Close()
//
// A seat may be taken and left at any time. Once in 20 ms the room listens to all seats and adds up those that say something. Who says
// something hears the sum without their own part, in a coding of their own; all others hear the same sum, which is coded once for each
// codec. So a seat that is silent costs the decoding of what comes, and a packet. A sum that is louder than a sample can be is made softer, for
// as long as it is.
//
// Keys that one seat presses are pressed for the others: one of them may be a machine.
package mixer

import (
	"slices"
	"sync"
	"time"

	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/voice"
)

const (
	// hang is how many frames a seat is added for after its last speech: words have gaps.
	hang = 15
	// settle is how many frames more it has a coding of its own. What it hears is what all do by then, and its decoder has come to where those
	// of the others are.
	settle = 25
)

// level is the mean of squares above which a frame is speech: -56 dBm0 or so.
const level = 32 * 32

// Room is where seats hear each other. It is safe for concurrent use.
type Room struct {
	clock *voice.Clock
	relay *media.Relay

	mu        sync.Mutex // guards what follows
	seats     []*Seat
	announced [][]int16
	open      bool

	mixing // of the clock's goroutine
}

// mixing is what a tick needs.
type mixing struct {
	now       []*Seat
	sum, part [voice.Frame]int32
	all       mix
	coded     [voice.Codings][]byte // of all; empty: not yet in this tick
	own       []byte
}

// mix is one of the sums, on its way to who hears it.
type mix struct {
	limiter  limiter
	frame    [voice.Frame]int16
	encoders [voice.Codings]voice.Encoder
}

// Seat is a place in a room.
type Seat struct {
	room *Room
	end  *voice.End

	heard [voice.Frame]int16
	since int // frames since it said something
	own   *mix
}

// NewRoom returns an empty room. The clock moves it from the first seat to Close.
func NewRoom(clock *voice.Clock, relay *media.Relay) *Room {
	return &Room{clock: clock, relay: relay}
}

// Seat takes a place. The room hears it when a leg's port is bridged to its own.
func (r *Room) Seat() (*Seat, error) {
	end, err := voice.Open(r.relay)
	if err != nil {
		return nil, err
	}
	s := &Seat{room: r, end: end, since: hang + settle}
	r.mu.Lock()
	r.seats = append(r.seats, s)
	begins := !r.open
	r.open = true
	r.mu.Unlock()
	if begins {
		r.clock.Add(r)
	}
	return s, nil
}

// Port is for media.Bridge.
func (s *Seat) Port() *media.Port { return s.end.Port() }

// Press takes a key of the seat's leg that came by another way than with the media.
func (s *Seat) Press(digit byte) { s.end.Press(digit) }

// Leave gives the place up. It may be called more than once.
func (s *Seat) Leave() {
	r := s.room
	r.mu.Lock()
	r.seats = slices.DeleteFunc(r.seats, func(o *Seat) bool { return o == s })
	r.mu.Unlock()
	s.end.Close()
}

// Seats is how many there are.
func (r *Room) Seats() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seats)
}

// Announce has all hear clips, after those that they hear already. Samples are of voice.Rate, and must not change.
func (r *Room) Announce(clips ...[]int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range clips {
		if len(c) > 0 {
			r.announced = append(r.announced, c)
		}
	}
}

// Close ends the room: all leave. No Tick may call it.
func (r *Room) Close() {
	r.clock.Remove(r)
	r.mu.Lock()
	all := r.seats
	r.seats, r.open = nil, false
	r.mu.Unlock()
	for _, s := range all {
		s.end.Close()
	}
}

// Tick moves 20 ms of speech.
func (r *Room) Tick(at time.Time) {
	clear(r.sum[:])
	r.mu.Lock()
	r.now = append(r.now[:0], r.seats...)
	r.announce()
	r.mu.Unlock()
	for _, s := range r.now {
		s.listen(at)
		if s.since < hang {
			for i, v := range s.heard {
				r.sum[i] += int32(v)
			}
		}
	}
	for c := range r.coded {
		r.coded[c] = r.coded[c][:0]
	}
	for _, s := range r.now { // before the encoders of all go on: who begins to speak goes on from where they are
		if s.since < hang+settle {
			r.sayOwn(s)
		}
	}
	r.all.limiter.limit(r.all.frame[:], r.sum[:])
	for _, s := range r.now {
		if s.since >= hang+settle {
			r.say(s)
		}
	}
	r.passKeys()
	clear(r.now) // who has left is not kept
}

// announce adds what is being announced. It is called with r.mu held.
func (r *Room) announce() {
	for at := 0; at < len(r.sum) && len(r.announced) > 0; {
		n := min(len(r.sum)-at, len(r.announced[0]))
		for i, v := range r.announced[0][:n] {
			r.sum[at+i] += int32(v)
		}
		at += n
		if r.announced[0] = r.announced[0][n:]; len(r.announced[0]) == 0 {
			r.announced = r.announced[1:]
		}
	}
}

// listen hears what the seat says.
func (s *Seat) listen(at time.Time) {
	if s.end.Listen(s.heard[:], at) && speaks(s.heard[:]) {
		s.since = 0
	} else if s.since < hang+settle {
		s.since++
	}
}

func speaks(frame []int16) bool {
	var power int64
	for _, v := range frame {
		power += int64(v) * int64(v)
	}
	return power > level*int64(len(frame))
}

// sayOwn has a seat that says something, or did, hear the others.
func (r *Room) sayOwn(s *Seat) {
	coding, ok := s.end.Heard()
	if !ok {
		s.end.Pass()
		return
	}
	if s.own == nil {
		s.own = &mix{limiter: r.all.limiter}
		for c := range s.own.encoders {
			s.own.encoders[c] = r.all.encoders[c].Clone()
		}
	}
	if s.since < hang {
		for i := range r.part {
			r.part[i] = r.sum[i] - int32(s.heard[i])
		}
	} else {
		r.part = r.sum
	}
	s.own.limiter.limit(s.own.frame[:], r.part[:])
	r.own = s.own.encoders[coding].Encode(r.own[:0], coding, s.own.frame[:])
	s.end.SayCoded(coding, r.own)
}

// say has a seat that says nothing hear all.
func (r *Room) say(s *Seat) {
	s.own = nil
	coding, ok := s.end.Heard()
	if !ok {
		s.end.Pass()
		return
	}
	if len(r.coded[coding]) == 0 {
		r.coded[coding] = r.all.encoders[coding].Encode(r.coded[coding], coding, r.all.frame[:])
	}
	s.end.SayCoded(coding, r.coded[coding])
}

// passKeys has the others hear the keys that a seat pressed.
func (r *Room) passKeys() {
	for _, s := range r.now {
		select {
		case digit := <-s.end.Keys():
			for _, o := range r.now {
				if o != s {
					o.end.Port().Press(digit, 0)
				}
			}
		default:
		}
	}
}
