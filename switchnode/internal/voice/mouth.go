package voice

import (
	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/pkg/rtp/resample"
	"strowger/pkg/sdp"
)

// Coding is how samples go to a leg.
type Coding uint8

// The codings: a payload of 20 ms has 160 octets in each.
const (
	Mu   Coding = iota // PCMU
	A                  // PCMA
	Wide               // G.722
	Codings
)

const octets = 160

func (c Coding) payloadType() uint8 { return [Codings]uint8{ptMu, ptA, ptG722}[c] }

// codingOf is the coding of a codec, false if it is none that is made here.
func codingOf(c sdp.Codec) (Coding, bool) {
	if c.Clock != 8000 || c.Channels != 1 {
		return 0, false
	}
	switch c.Name {
	case "PCMU":
		return Mu, true
	case "PCMA":
		return A, true
	case "G722":
		return Wide, true
	}
	return 0, false
}

// spoken says whether a codec is one that can be sent.
func spoken(c sdp.Codec) bool {
	_, ok := codingOf(c)
	return ok
}

// Encoder codes one stream of samples. The zero value is ready.
type Encoder struct {
	down   resample.Down
	narrow []int16
	g722   *g722.Encoder
}

// Encode appends the payload of a frame to dst.
func (e *Encoder) Encode(dst []byte, c Coding, frame []int16) []byte {
	if c == Wide {
		if e.g722 == nil {
			e.g722 = g722.NewEncoder()
		}
		return e.g722.Encode(dst, frame)
	}
	e.narrow = e.down.Append(e.narrow[:0], frame)
	law := g711.Mu
	if c == A {
		law = g711.A
	}
	return law.Encode(dst, e.narrow)
}

// Clone returns an encoder that goes on as this one would.
func (e *Encoder) Clone() Encoder {
	other := Encoder{down: e.down.Clone()}
	if e.g722 != nil {
		state := *e.g722
		other.g722 = &state
	}
	return other
}
