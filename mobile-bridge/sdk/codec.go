package sdk

import (
	"encoding/binary"
	"slices"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
	"strowger/pkg/rtp/opus"
	"strowger/pkg/sdp"
)

// Names of codecs, as Statistics and Frame have them.
const (
	Opus = "opus"
	G722 = "G722"
	PCMU = "PCMU"
	PCMA = "PCMA"
)

// spoken are the codecs that a phone can have.
var spoken = []sdp.Codec{
	{Name: Opus, Clock: 48000, Channels: 2}, {Name: G722, Clock: 8000, Channels: 1},
	{Name: PCMU, Clock: 8000, Channels: 1}, {Name: PCMA, Clock: 8000, Channels: 1},
}

// speaks says whether a phone has a codec; one that takes samples has no Opus, which it could not encode.
func speaks(c sdp.Codec, frames bool) bool {
	return slices.ContainsFunc(spoken, c.Same) && (frames || c.Name != Opus)
}

// spokenNames are the codecs of a phone, for people.
func spokenNames(frames bool) string {
	var all []sdp.Codec
	for _, c := range spoken {
		if speaks(c, frames) {
			all = append(all, c)
		}
	}
	return sdp.Names(all)
}

// ticks is how long a frame lasts, in units of its codec's RTP clock; 0 if it is none.
func ticks(codec string, frame []byte) int {
	if codec != Opus {
		return len(frame) // RFC 3551, 4.5.2: an octet for each tick, of G.722 too
	}
	return opus.Ticks(frame)
}

// encoder makes frames of samples at the codec's rate.
type encoder interface {
	Encode(dst []byte, samples []int16) []byte
}

func newEncoder(codec string) encoder {
	switch codec {
	case PCMU:
		return g711.Mu
	case PCMA:
		return g711.A
	case G722:
		return g722.NewEncoder()
	}
	return nil
}

// Decoder makes samples of the frames of one stream, for apps that take frames. It belongs to one goroutine at a time.
type Decoder struct {
	rate int
	g7xx interface {
		Decode(dst []int16, octets []byte) []int16
	}
	opus *opus.Decoder
}

// NewDecoder returns a decoder of Opus, G722, PCMU or PCMA; other names are errs.Invalid.
func NewDecoder(codec string) (*Decoder, error) {
	switch codec {
	case PCMU:
		return &Decoder{rate: 8000, g7xx: g711.Mu}, nil
	case PCMA:
		return &Decoder{rate: 8000, g7xx: g711.A}, nil
	case G722:
		return &Decoder{rate: g722.Rate, g7xx: g722.NewDecoder()}, nil
	case Opus:
		o, err := opus.NewDecoder()
		if err != nil {
			return nil, err
		}
		return &Decoder{rate: opus.Rate, opus: o}, nil
	}
	return nil, errs.New(errs.Invalid, "there is no decoder of %q, only of %s", codec, strings.Join([]string{Opus, G722, PCMU, PCMA}, ", "))
}

// Rate is how many samples of a second there are: 8,000 for PCMU and PCMA, else 16,000.
func (d *Decoder) Rate() int { return d.rate }

// Decode returns the samples of a frame: linear, 16 bits each with the low byte first, one channel. A frame that is malformed is
// errs.Invalid.
func (d *Decoder) Decode(frame []byte) ([]byte, error) {
	samples, err := d.decode(frame)
	if err != nil {
		return nil, err
	}
	return bytesOf(samples), nil
}

func (d *Decoder) decode(frame []byte) ([]int16, error) {
	if d.opus == nil {
		return d.g7xx.Decode(nil, frame), nil
	}
	return d.opus.Decode(frame)
}

func bytesOf(samples []int16) []byte {
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// samplesOf is nothing but silence if it is not to be heard.
func samplesOf(pcm []byte, silent bool) []int16 {
	samples := make([]int16, len(pcm)/2)
	for i := range samples {
		if !silent {
			samples[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
		}
	}
	return samples
}
