package phone

import (
	"sync"

	"strowger/mobile-bridge/sdk"
)

// Voice is the audio of an app: it says something, and keeps what it hears.
type Voice struct {
	*sdk.Recording

	mu    sync.Mutex
	heard []int16
}

// NewVoice returns audio that says samples, 8,000 a second. It is for one call.
func NewVoice(say []int16) *Voice {
	pcm := make([]byte, 0, 2*len(say))
	for _, s := range say {
		pcm = append(pcm, byte(s), byte(s>>8))
	}
	return &Voice{Recording: sdk.NewRecording(pcm)}
}

// Play keeps what the other side says.
func (v *Voice) Play(pcm []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for ; len(pcm) > 1; pcm = pcm[2:] {
		v.heard = append(v.heard, int16(pcm[0])|int16(pcm[1])<<8)
	}
}

// Heard is what came so far.
func (v *Voice) Heard() []int16 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]int16(nil), v.heard...)
}
