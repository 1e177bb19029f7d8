package sdk

import (
	"sync"
	"time"
)

// Audio is the microphone and the loudspeaker of a call. Samples are linear, 16 bits each with the low byte first, one channel,
// 8,000 a second, or 16,000 of a phone with SetWideband. None of its methods may block.
type Audio interface {
	// Start is called when the call is connected, or before that with EarlyMedia. From now on the audio gives what it hears to Call.Speak:
	// a frame of 20 ms (320 bytes, or 640) each 20 ms.
	Start(c *Call)
	// Play takes what the other side says, in order, most often 20 ms at a time. What was lost on the way is silence.
	Play(pcm []byte)
	// Stop is called once, after the last Play, of audio that was started.
	Stop()
}

// Frames is the microphone and the loudspeaker of a call whose app encodes and decodes itself, as phones do in hardware. None of
// its methods may block.
type Frames interface {
	// Start is called when the call is connected, or before that with EarlyMedia. From now on the app gives frames of Call.Codec to
	// Call.SpeakFrame; that may be another one once the callee has answered who was waited for.
	Start(c *Call)
	// PlayFrame takes what the other side says, in order. What was lost on the way shows in the numbers.
	PlayFrame(f *Frame)
	// Stop is called once, after the last PlayFrame, of frames that were started.
	Stop()
}

// Frame is a frame of what the other side says.
type Frame struct {
	Codec     string // of this frame; the other side may change among those that were agreed on
	Payload   []byte
	Sequence  int   // of its packet, 0 to 65535
	Timestamp int64 // RTP: 48,000 a second for Opus, else 8,000; 32 bits
}

// Echo is Audio, or Frames, that says what it hears; and Video that sends what it sees. Who wants a key picture of it wants one of
// the other side: see KeyframeWanted and Call.WantKeyframe.
type Echo struct{ call *Call }

// NewEcho returns an echo. It is for one call.
func NewEcho() *Echo { return new(Echo) }

// Start begins.
func (e *Echo) Start(c *Call) { e.call = c }

// Play says it.
func (e *Echo) Play(pcm []byte) { e.call.Speak(pcm) }

// PlayFrame says it, if it is of the codec that is spoken.
func (e *Echo) PlayFrame(f *Frame) {
	if f.Codec == e.call.Codec() {
		e.call.SpeakFrame(f.Payload)
	}
}

// ShowPicture sends it, if the other side takes its codec.
func (e *Echo) ShowPicture(picture *Picture) {
	if picture.Codec == e.call.VideoCodec() {
		e.call.SendPicture(picture.Data, (picture.Timestamp*100+8)/9) // microseconds, rounded up: it comes out as the same timestamp
	}
}

// Stop ends.
func (*Echo) Stop() {}

// Recording is Audio that plays a recording to the other side, and then silence. What the other side says is not kept.
type Recording struct {
	pcm  []byte
	stop chan struct{}
	work sync.WaitGroup
}

// NewRecording returns audio that says samples, in the form of Audio and at the rate of the phone. It is for one call.
func NewRecording(pcm []byte) *Recording { return &Recording{pcm: pcm, stop: make(chan struct{})} }

// Start begins to speak.
func (r *Recording) Start(c *Call) {
	r.work.Go(func() {
		ticker := time.NewTicker(frame)
		defer ticker.Stop()
		began, said := time.Now(), 0
		for {
			select {
			case <-r.stop:
				return
			case now := <-ticker.C: // late on a busy machine: what is due by now
				for ; said < int(now.Sub(began)/frame); said++ {
					next := make([]byte, c.frameSize())
					r.pcm = r.pcm[copy(next, r.pcm):]
					c.Speak(next)
				}
			}
		}
	})
}

// Play takes no notice.
func (*Recording) Play([]byte) {}

// Stop ends.
func (r *Recording) Stop() {
	close(r.stop)
	r.work.Wait()
}
