package sdk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/rtp/g722"
)

// packets of Opus: SILK of 20 ms, hybrid of 20 and 10 ms, CELT of 2.5 ms, two and three frames in one packet.
var opusPackets = map[string]int{"\x48\x01\x02": 960, "\x68\x00": 960, "\x60\x00": 480, "\x80\x00": 120, "\x49\x00\x00": 1920, "\x4b\x03\x00": 2880, "\xff\x06\x00": 5760, "": 0, "\xff": 0, "\xff\x3f": 0, "\x5b\x03": 0}

// Whatever comes, a decoder returns samples of the frame's duration or an error, and goes on afterwards.
func FuzzDecoder(f *testing.F) {
	for packet := range opusPackets {
		f.Add([]byte(packet), []byte("\x48\x01\x02"))
	}
	real := libopus(f)
	f.Add(real[0], real[1])
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, codec := range []string{Opus, G722, PCMU, PCMA} {
			d, err := NewDecoder(codec)
			if err != nil {
				t.Fatal(err)
			}
			for _, frame := range [][]byte{first, second} {
				pcm, err := d.Decode(frame)
				clock := map[string]int{Opus: 48000}[codec]
				if clock == 0 {
					clock = 8000
				}
				if want := 2 * ticks(codec, frame) * d.Rate() / clock; err == nil && len(pcm) != want {
					t.Fatalf("%s: %d bytes of samples, want %d", codec, len(pcm), want)
				}
			}
		}
	})
}

func TestNoSuchDecoder(t *testing.T) {
	if d, err := NewDecoder("G729"); err == nil {
		t.Errorf("got %+v", d)
	}
}

// power is that of a tone among samples, as a share of all.
func power(samples []int16, hertz float64, rate int) float64 {
	var in, quad, all float64
	for i, s := range samples {
		sin, cos := math.Sincos(2 * math.Pi * hertz * float64(i) / float64(rate))
		in, quad, all = in+float64(s)*sin, quad+float64(s)*cos, all+float64(s)*float64(s)
	}
	return 2 * (in*in + quad*quad) / (all * float64(len(samples)))
}

func toneOf(hertz float64, rate, n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(12000 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate)))
	}
	return s
}

// A tone stays the tone that it is between the rates, and what the lower one cannot carry is gone.
func TestRates(t *testing.T) {
	for _, hertz := range []float64{300, 1000, 3200} {
		if p := power(new(doubler).next(toneOf(hertz, narrow, 1600))[200:], hertz, wide); p < 0.98 {
			t.Errorf("doubled, %v Hz has %.3f of the power", hertz, p)
		}
		if p := power(new(halver).next(toneOf(hertz, wide, 3200))[100:], hertz, narrow); p < 0.98 {
			t.Errorf("halved, %v Hz has %.3f of the power", hertz, p)
		}
	}
	for _, s := range new(halver).next(toneOf(6000, wide, 3200))[100:] {
		if s > 200 || s < -200 {
			t.Fatalf("6,000 Hz comes through as %d", s)
		}
	}
	h := new(halver) // frames may be cut anywhere
	if n := len(h.next(make([]int16, 3))) + len(h.next(make([]int16, 5))); n != 4 {
		t.Errorf("8 samples became %d", n)
	}
}

func opusCodec() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}}
}

// TestFrames: an app that takes frames speaks the best codec that both have, Opus among them, and gives back what it hears bit by
// bit; a key is pressed in the clock of the codec.
func TestFrames(t *testing.T) {
	keys8, keys48 := codec("audio/telephone-event", "0-15", 101), codec("audio/telephone-event", "0-15", 110)
	keys48.ClockRate = 48000
	for name, c := range map[string]struct {
		formats
		frame []byte
		keys  uint8
		ticks uint32
		tone  uint16 // of a key
	}{
		Opus: {formats{opusCodec(), codec(webrtc.MimeTypeG722, "", 9), keys48, keys8}, []byte("\x48some packet"), 110, 960, 7680},
		G722: {formats{codec(webrtc.MimeTypeG722, "", 9), codec(webrtc.MimeTypePCMU, "", 0), keys8}, bytes.Repeat([]byte{7}, 160), 101, 160, 1280},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.phone.SetFrames(true)
			call, in := w.ringWith("leg_1", c.formats)
			call.AnswerFrames(NewEcho())
			in.connect()
			w.seen.want(Woken, Ringing, Connected)
			var last rtp.Header
			for n := range 3 {
				frame := append(bytes.Clone(c.frame), byte(n))[:len(c.frame)]
				frame[len(frame)-1] = byte(n)
				in.media.say(frame, 0)
				h, _ := in.media.hear(func(h rtp.Header, payload []byte) bool { return bytes.Equal(payload, frame) })
				if n > 0 && (h.Timestamp-last.Timestamp != c.ticks || h.Sequence != last.Sequence+1) {
					t.Errorf("frame %d is of %+v after %+v", n, h, last)
				}
				last = h
			}
			if call.Codec() != name || call.Statistics().Received != 3 {
				t.Errorf("statistics %+v", call.Statistics())
			}
			if err := call.SendDTMF("5"); err != nil {
				t.Fatal(err)
			}
			in.media.hear(func(h rtp.Header, payload []byte) bool {
				e, err := rtp.ParseEvent(payload)
				return h.PT == c.keys && err == nil && e.End && e.Duration == c.tone
			})
		})
	}
}

// samplesHeard is Audio that keeps what it hears.
type samplesHeard chan []byte

func (samplesHeard) Start(*Call)       {}
func (s samplesHeard) Play(pcm []byte) { s <- pcm }
func (samplesHeard) Stop()             {}

// TestSamples: an app that takes samples hears and says G.722 and G.711 at its own rate.
func TestSamples(t *testing.T) {
	for _, wideband := range []bool{false, true} {
		for _, name := range []string{G722, PCMU} {
			t.Run(fmt.Sprintf("%s wideband %v", name, wideband), func(t *testing.T) {
				w := newWorld(t)
				w.phone.SetWideband(wideband)
				offer := formats{codec("audio/"+name, "", map[string]uint8{G722: 9, PCMU: 0}[name])}
				c, in := w.ringWith("leg_1", offer)
				heard := make(samplesHeard, 16)
				c.Answer(heard)
				in.connect()
				w.seen.want(Woken, Ringing, Connected)
				rate := map[bool]int{true: wide, false: narrow}[wideband]
				coded := rateOf(name)
				said := newEncoder(name).Encode(nil, toneOf(1000, coded, coded/2))
				var pcm []byte
				for range 10 {
					in.media.say(said[:160], 0)
					said = said[160:]
					frame := <-heard
					if len(frame) != 2*rate/50 {
						t.Fatalf("%d bytes for 20 ms", len(frame))
					}
					pcm = append(pcm, frame...)
				}
				if p := power(samplesOf(pcm, false)[rate/50:], 1000, rate); p < 0.98 {
					t.Errorf("the tone has %.3f of the power", p)
				}
				var back []byte
				for n, tone := 0, toneOf(1000, rate, rate/5); n < 10; n++ {
					c.Speak(bytesOf(tone[n*rate/50 : (n+1)*rate/50]))
					_, payload := in.media.hear(func(rtp.Header, []byte) bool { return true })
					if len(payload) != 160 {
						t.Fatalf("%d octets for 20 ms", len(payload))
					}
					back = append(back, payload...)
				}
				samples := g711.Mu.Decode(nil, back)
				if name == G722 {
					samples = g722.NewDecoder().Decode(nil, back)
				}
				if p := power(samples[coded/50:], 1000, coded); p < 0.98 {
					t.Errorf("what is said has %.3f of the power in the tone", p)
				}
			})
		}
	}
}

// libopus are 15 packets of 20 ms that libopus 1.3.1 made of a tone of 1,000 Hz, stereo, each after its length in two bytes.
func libopus(t testing.TB) (packets [][]byte) {
	t.Helper()
	b, err := os.ReadFile("testdata/opus-1000hz")
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 2 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		packets, b = append(packets, b[2:n]), b[n:]
	}
	return packets
}

// TestDecoderOfOpus hears the tone that another encoder was given.
func TestDecoderOfOpus(t *testing.T) {
	d, err := NewDecoder(Opus)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []byte
	for _, p := range libopus(t) {
		frame, err := d.Decode(p)
		if err != nil || len(frame) != 640 {
			t.Fatalf("%d bytes, %v", len(frame), err)
		}
		pcm = append(pcm, frame...)
	}
	if p := power(samplesOf(pcm, false)[1600:], 1000, d.Rate()); p < 0.98 {
		t.Errorf("the tone has %.3f of the power", p)
	}
}
