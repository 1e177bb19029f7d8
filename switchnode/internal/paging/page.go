// Package paging is loudspeakers: what one says is heard at many phones at once, and nobody at these is heard.
//
//	page := paging.New(clock, relay)
//	conversation.Overhear(page.Say)
//	leg, err := page.Speaker(session) // the caller of the call to one phone
//	<-page.Changed()
//	page.Close()
//
// What is said is coded once for each codec, and each phone is told that nothing is received from it (a=sendonly). A phone that sends all
// the same is not listened to.
package paging

import (
	"sync"
	"time"

	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/voice"
)

// held is how many frames of what is said wait for the next tick; when there are more the oldest goes.
const held = 10

// Page is what one says to many. It is safe for concurrent use.
type Page struct {
	clock *voice.Clock
	relay *media.Relay

	changed chan struct{} // capacity 1

	mu       sync.Mutex // guards what follows
	said     [][voice.Frame]int16
	speakers map[*speaker]bool // whether it is heard there
	moving   bool
	over     bool

	encoders [voice.Codings]voice.Encoder // of the clock's goroutine, as what follows
	coded    [voice.Codings][]byte
	now      []*speaker
}

// New returns a page that nobody hears yet. The clock moves it from the first speaker to Close.
func New(clock *voice.Clock, relay *media.Relay) *Page {
	return &Page{clock: clock, relay: relay, changed: make(chan struct{}, 1), speakers: map[*speaker]bool{}}
}

// Offer is what each phone is offered.
func Offer() sdp.Description {
	d := voice.Offered()
	d.Direction = sdp.SendOnly // RFC 3264, 5.1: we only send
	return d
}

// Say has all hear 20 ms.
func (p *Page) Say(frame []int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.said) == held {
		p.said = append(p.said[:0], p.said[1:]...)
	}
	p.said = append(p.said, [voice.Frame]int16(frame))
}

// Speaker makes the caller's leg of the call to a phone, or to another switch, at which the page is to be heard.
func (p *Page) Speaker(s *call.Session) (call.Leg, error) {
	end, err := voice.Open(p.relay)
	if err != nil {
		return nil, err
	}
	l := &speaker{page: p, end: end, post: s.PosterOf(call.Caller)}
	p.mu.Lock()
	begins, over := !p.moving, p.over
	if !over {
		p.speakers[l], p.moving = false, true
	}
	p.mu.Unlock()
	switch {
	case over:
		l.post(ends{})
	case begins:
		p.clock.Add(p)
	}
	return l, nil
}

// Changed gets a value when Reach may be another.
func (p *Page) Changed() <-chan struct{} { return p.changed }

// Reach is at how many speakers the page is heard, and how many are called.
func (p *Page) Reach() (heard, called int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, up := range p.speakers {
		if up {
			heard++
		} else {
			called++
		}
	}
	return heard, called
}

// Close ends the page: the calls to all phones end. No Tick may call it.
func (p *Page) Close() {
	p.mu.Lock()
	moved := p.moving
	p.over, p.moving = true, false
	for l := range p.speakers {
		l.post(ends{})
	}
	p.mu.Unlock()
	if moved {
		p.clock.Remove(p)
	}
}

// heardAt notes that a phone has answered.
func (p *Page) heardAt(l *speaker) {
	p.mu.Lock()
	if _, called := p.speakers[l]; called {
		p.speakers[l] = true
	}
	p.mu.Unlock()
	p.tell()
}

// left forgets a speaker.
func (p *Page) left(l *speaker) {
	p.mu.Lock()
	delete(p.speakers, l)
	p.mu.Unlock()
	p.tell()
}

func (p *Page) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Tick moves 20 ms of what is said.
func (p *Page) Tick(time.Time) {
	var frame [voice.Frame]int16 // silence, if nothing was said
	p.mu.Lock()
	if len(p.said) > 0 {
		frame = p.said[0]
		p.said = append(p.said[:0], p.said[1:]...)
	}
	p.now = p.now[:0]
	for l, up := range p.speakers {
		if up {
			p.now = append(p.now, l)
		}
	}
	p.mu.Unlock()
	for c := range p.coded {
		p.coded[c] = p.coded[c][:0]
	}
	for _, l := range p.now {
		coding, ok := l.end.Heard()
		if !ok {
			l.end.Pass()
			continue
		}
		if len(p.coded[coding]) == 0 {
			p.coded[coding] = p.encoders[coding].Encode(p.coded[coding], coding, frame[:])
		}
		l.end.SayCoded(coding, p.coded[coding])
	}
	clear(p.now)
}
