package voice

import (
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/conceal"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/pkg/rtp/jitter"
	"strowger/pkg/rtp/opus"
	"strowger/pkg/rtp/resample"
)

// The payload types of an End. They are its own: the relay has those of the leg at the other end.
const (
	ptMu       = 0
	ptA        = 8
	ptG722     = 9
	ptOpus     = 111
	ptKeys     = 101
	ptOpusKeys = 102
)

// ear makes samples of the packets of a leg. The zero value is ready. It is not safe for concurrent use.
type ear struct {
	buffer  jitter.Buffer
	conceal conceal.Concealer
	up      resample.Up
	g722    *g722.Decoder
	opus    *opus.Decoder
	heard   []int16 // that have not been taken
	narrow  []int16
	lost    [Rate * 20 / 1000]int16
	bad     uint64 // packets that could not be decoded
}

// put takes a packet of speech.
func (e *ear) put(h rtp.Header, payload []byte, at time.Time) {
	ticks, clock := len(payload), 8000 // RFC 3551, 4.5.2: G.722 too
	if h.PT == ptOpus {
		ticks, clock = opus.Ticks(payload), opus.Clock
	}
	e.buffer.Put(h, payload, ticks, clock, at)
}

// quiet is the loudest of a frame that nobody misses: -50 dBm0 or so.
const quiet = 100

// surplus is how much may be held beyond what is needed before speech is left out that somebody might miss.
const surplus = 80 * time.Millisecond

// take fills a frame with what is to be heard now. It is false, and the frame silent, if nothing is.
func (e *ear) take(frame []int16, at time.Time) bool {
	for len(e.heard) < len(frame) {
		p, verdict := e.buffer.Take(at)
		if verdict == jitter.Quiet {
			break
		}
		e.hear(p, verdict == jitter.Lost)
	}
	n := copy(frame, e.heard)
	e.heard = append(e.heard[:0], e.heard[n:]...)
	clear(frame[n:])
	return n > 0
}

// hear adds what a packet has to say, or what conceals that it did not come.
func (e *ear) hear(p jitter.Packet, lost bool) {
	from := len(e.heard)
	if !lost {
		e.decode(p)
		if len(e.heard) == from {
			e.bad++
			lost = true
		}
	}
	if lost {
		n := int(p.Ticks) * Rate / e.clockOf(p)
		n = min(max(n, 1), len(e.lost))
		e.conceal.Lost(e.lost[:n])
		e.heard = append(e.heard, e.lost[:n]...)
		return
	}
	said := e.heard[from:]
	e.conceal.Good(said)
	length := time.Duration(len(said)) * time.Second / Rate
	if most := e.buffer.Surplus(); most >= length && (most > surplus || loudest(said) < quiet) {
		e.heard = e.heard[:from]
		e.buffer.Shortened(length)
	}
}

// clockOf is that of a packet's ticks, in Hz. One that was lost is of the stream that is heard.
func (e *ear) clockOf(p jitter.Packet) int {
	if p.Payload == nil {
		return e.buffer.Clock()
	}
	if p.PT == ptOpus {
		return opus.Clock
	}
	return 8000
}

func (e *ear) decode(p jitter.Packet) {
	switch p.PT {
	case ptMu:
		e.narrow = g711.Mu.Decode(e.narrow[:0], p.Payload)
		e.heard = e.up.Append(e.heard, e.narrow)
	case ptA:
		e.narrow = g711.A.Decode(e.narrow[:0], p.Payload)
		e.heard = e.up.Append(e.heard, e.narrow)
	case ptG722:
		if e.g722 == nil {
			e.g722 = g722.NewDecoder()
		}
		e.heard = e.g722.Decode(e.heard, p.Payload)
	case ptOpus:
		if e.opus == nil {
			d, err := opus.NewDecoder()
			if err != nil {
				return
			}
			e.opus = d
		}
		if samples, err := e.opus.Decode(p.Payload); err == nil {
			e.heard = append(e.heard, samples...)
		}
	}
}

func loudest(samples []int16) (most int) {
	for _, s := range samples {
		most = max(most, int(s), -int(s))
	}
	return most
}
