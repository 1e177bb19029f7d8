package sdk

import (
	"sync"

	"strowger/pkg/rtp/video"
)

// Names of the codecs of video, as Picture and VideoStatistics have them.
const (
	VP8  = video.VP8
	H264 = video.H264
)

// Video is the screen of a call. The app encodes and decodes pictures, as phones do in hardware. None of its methods may block.
type Video interface {
	// ShowPicture takes what the other side's camera sees, in order. Every picture can be decoded: those that would need one that was
	// lost do not come, and the other side is asked for a key picture.
	ShowPicture(picture *Picture)
}

// Picture is an encoded picture of the other side's camera.
type Picture struct {
	Codec     string
	Data      []byte // of H264 a byte stream (annex B)
	Key       bool   // it can be decoded without those before it
	Timestamp int64  // RTP: 90,000 a second, 32 bits
}

// VideoStatistics is how the video of a call fares.
type VideoStatistics struct {
	Codec       string // that is sent; empty while nothing is
	Sent        int64  // pictures
	SentPackets int64
	Shown       int64 // pictures
	Received    int64 // packets
	Lost        int64 // packets that did not come in time, even when they were asked for again
	KeysWanted  int64 // key pictures that the other side asked for
	KeysAsked   int64 // and that we did
}

// SetVideo says which codecs of video the app has in calls from now on; at first there are none, and video is refused.
func (p *Phone) SetVideo(vp8, h264 bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound.video = nil
	for _, f := range videoPayloads {
		if f.Name == VP8 && vp8 || f.Name == H264 && h264 {
			p.sound.video = append(p.sound.video, f)
		}
	}
}

// sight is the video of a call, whichever goroutine it comes from.
type sight struct {
	mu     sync.Mutex
	screen Video
	camera *camera // of media that are up
	source uint32  // that comes, 0 before one does
	shown  bool    // it is to be shown
	offers bool    // the other side's camera is on
	stats  VideoStatistics
}

// StartVideo shows the other side on v, and has it see this side if camera is true. Before the call is connected it says how it
// will be answered; in a call the two sides agree anew, and VideoChanged follows, also when nothing comes of it.
func (c *Call) StartVideo(v Video, camera bool) {
	c.sight.mu.Lock()
	c.sight.screen = v
	c.sight.mu.Unlock()
	c.do(func() { c.picture(true, camera) })
}

// StopVideo ends it, both ways.
func (c *Call) StopVideo() { c.do(func() { c.picture(false, false) }) }

// OffersVideo says whether the other side's camera is on.
func (c *Call) OffersVideo() bool {
	c.sight.mu.Lock()
	defer c.sight.mu.Unlock()
	return c.sight.offers
}

// VideoCodec is what SendPicture takes: VP8 or H264; empty while the other side sees nothing.
func (c *Call) VideoCodec() string { return c.VideoStatistics().Codec }

// SendPicture shows the other side a picture of VideoCodec: of H264 a byte stream (annex B). micros is when it was taken, in
// microseconds from any beginning. The first one, and one soon after each KeyframeWanted, must be a key picture. While the other
// side sees nothing it does nothing.
func (c *Call) SendPicture(data []byte, micros int64) {
	c.sight.mu.Lock()
	camera := c.sight.camera
	c.sight.mu.Unlock()
	if camera != nil {
		camera.send(data, micros)
	}
}

// WantKeyframe asks the other side for a key picture, as an app does whose decoder lost its way. The SDK asks by itself when packets
// are lost.
func (c *Call) WantKeyframe() {
	c.sight.mu.Lock()
	camera, source := c.sight.camera, c.sight.source
	c.sight.mu.Unlock()
	if camera != nil && source != 0 {
		camera.media.askKey(source)
	}
}

// VideoStatistics returns how the video fares, or fared.
func (c *Call) VideoStatistics() *VideoStatistics {
	c.sight.mu.Lock()
	defer c.sight.mu.Unlock()
	s := c.sight.stats
	return &s
}
