package mailbox

import (
	"encoding/binary"

	"strowger/pkg/rtp/g722"
)

// rate of the samples of a message, in Hz.
const rate = 16000

// MaxSpeech is how much speech of a message is carried or sent at once, in bytes of G.722: five minutes and some.
const MaxSpeech = 310 * rate / 2

// WAVType is the media type of a WAV file.
const WAVType = "audio/wav"

// WAV is speech, in G.722, as a RIFF WAVE file of 16-bit samples, 16,000 a second.
func WAV(speech []byte) []byte {
	samples := g722.NewDecoder().Decode(nil, speech)
	b := make([]byte, 0, 44+2*len(samples))
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // linear
	b = le.AppendUint16(b, 1) // one channel
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, 2*rate)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(2*len(samples)))
	for _, v := range samples {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}
