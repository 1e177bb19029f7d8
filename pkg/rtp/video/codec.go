package video

import (
	"bytes"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"strowger/pkg/errs"
)

// Names of codecs, as in a=rtpmap.
const (
	VP8  = "VP8"
	H264 = "H264"
)

// Clock is that of the timestamps of every codec, in Hz.
const Clock = 90000

// Codec returns the name of ours of a codec that a description names; encoding names are case-insensitive (RFC 8866, 6.6).
func Codec(name string) (codec string, ok bool) {
	for _, c := range []string{VP8, H264} {
		if strings.EqualFold(c, name) {
			return c, true
		}
	}
	return "", false
}

// maxPayload is the largest payload made, in bytes: with SRTP and the headers of a relay it stays below the 1,280 of any path.
const maxPayload = 1150

// Packetizer takes the pictures of one stream apart. It is not safe for concurrent use.
type Packetizer struct{ payloader rtp.Payloader }

// NewPacketizer returns a packetizer of VP8 or H264; others are errs.Invalid.
func NewPacketizer(codec string) (*Packetizer, error) {
	switch codec {
	case VP8:
		return &Packetizer{&codecs.VP8Payloader{EnablePictureID: true}}, nil
	case H264:
		return &Packetizer{&codecs.H264Payloader{}}, nil
	}
	return nil, errs.New(errs.Invalid, "there is no packetizer of %q, only of %s and %s", codec, VP8, H264)
}

// Payloads are those of the packets of a picture, in order; none of one that is empty, and of H.264 parameter sets alone, which
// wait for the picture they are of.
func (p *Packetizer) Payloads(picture []byte) [][]byte {
	return p.payloader.Payload(maxPayload, picture)
}

// depacketizer reads the payloads of one picture.
type depacketizer interface {
	Unmarshal(payload []byte) ([]byte, error)
	IsPartitionHead(payload []byte) bool
}

func newDepacketizer(codec string) depacketizer {
	if codec == H264 {
		return &codecs.H264Packet{}
	}
	return &vp8{}
}

// vp8 knows the beginning of a picture from that of its later partitions, which begin with S=1 as well (RFC 7741, 4.2).
type vp8 struct{ codecs.VP8Packet }

func (*vp8) IsPartitionHead(payload []byte) bool {
	return len(payload) > 0 && payload[0]&0x17 == 0x10
}

// Key says whether a picture can be decoded without those before it.
func Key(codec string, picture []byte) bool {
	if codec == VP8 {
		return len(picture) > 0 && picture[0]&1 == 0 // RFC 6386, 9.1
	}
	for unit := range bytes.SplitSeq(picture, []byte{0, 0, 1}) {
		if len(unit) > 0 && unit[0]&0x1f == 5 { // ITU-T H.264, table 7-1: a slice of an IDR picture
			return true
		}
	}
	return false
}
