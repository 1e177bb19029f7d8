package sdk

import (
	"sync"
	"time"
)

// Audio is the microphone and the loudspeaker of a call. Samples are linear, 16 bits each with the low byte first, one channel,
// 8,000 a second. None of its methods may block.
type Audio interface {
	// Start is called when the call is connected. From now on the audio gives what it hears to Call.Speak: a frame of 20 ms (320
	// bytes) each 20 ms.
	Start(c *Call)
	// Play takes what the other side says, in order, most often 20 ms at a time. What was lost on the way is silence.
	Play(pcm []byte)
	// Stop is called once, after the last Play, of audio that was started.
	Stop()
}

// Echo is Audio that says what it hears.
type Echo struct{ call *Call }

// NewEcho returns an echo. It is for one call.
func NewEcho() *Echo { return new(Echo) }

// Start begins.
func (e *Echo) Start(c *Call) { e.call = c }

// Play says it.
func (e *Echo) Play(pcm []byte) { e.call.Speak(pcm) }

// Stop ends.
func (*Echo) Stop() {}

// Recording is Audio that plays a recording to the other side, and then silence. What the other side says is not kept.
type Recording struct {
	pcm  []byte
	stop chan struct{}
	work sync.WaitGroup
}

// NewRecording returns audio that says samples, in the form of Audio. It is for one call.
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
					next := make([]byte, 2*samples)
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
